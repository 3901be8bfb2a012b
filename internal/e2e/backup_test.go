//go:build linux

package e2e

import (
	"slices"
	"testing"
)

// The only endpoint of the first choice dies under load and comes back. Its backup answers for it,
// from the request that finds it dead on, and for no longer than needed. Until that is judged every
// request is tried twice, for which the usual budget is not made.
func TestABackupAnswersWhileTheFirstChoiceIsDead(t *testing.T) {
	t.Parallel()
	first, backup := newOrigin(t, "first"), newOrigin(t, "backup")
	c := start(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["{first}", { address = "{backup}", backup = true }]
retry = { budget = "100%" }
health = { http = { path = "/healthz" }, interval = "50ms", timeout = "1s", rise = 2, fall = 2 }
`, "first", first.addr, "backup", backup.addr)
	w := dial(t, c.at(8080))
	serving := func(when, want string) {
		t.Helper()
		eventually(t, when+", all answers come from "+want, func() bool { return slices.Equal(answering(w, 10), []string{want}) })
	}
	serving("while the first choice is fit", "first")
	before := backup.requests.Load()
	l := newLoad(t)
	l.gets(2, c.at(8080), "/")
	l.await(t, 200)
	if n := backup.requests.Load() - before; n != 0 {
		t.Errorf("the backup got %d requests while the first choice was fit", n)
	}
	first.stop()
	serving("after it has died", "backup")
	l.await(t, 200)
	newOrigin(t, "first", first.addr)
	serving("after it has come back", "first")
	l.await(t, 200)
	l.stop()
	l.clean(t)
}

// A node sends its traffic to its own zone, and as much elsewhere as its zone lacks.
func TestTrafficLeavesTheZoneInProportion(t *testing.T) {
	t.Parallel()
	near, sick, far := newOrigin(t, "near"), newOrigin(t, "sick"), newOrigin(t, "far")
	c := start(t, `
zone = "eu-1a"
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = [
  { address = "{near}", zone = "eu-1a" },
  { address = "{sick}", zone = "eu-1a" },
  { address = "{far}", zone = "eu-1b" },
]
health = { http = { path = "/healthz" }, interval = "50ms", timeout = "1s", rise = 2, fall = 2 }
`, "near", near.addr, "sick", sick.addr, "far", far.addr)
	w := dial(t, c.at(8080))
	eventually(t, "both of the zone serve, and nobody else", func() bool { return slices.Equal(answering(w, 20), []string{"near", "sick"}) })
	sick.fit.Store(false)
	eventually(t, "the other zone helps", func() bool { return slices.Equal(answering(w, 40), []string{"far", "near"}) })

	const n = 600
	stayed, left := near.requests.Load(), far.requests.Load()
	for range n {
		w.get("/")
	}
	stayed, left = near.requests.Load()-stayed, far.requests.Load()-left
	if stayed+left != n || stayed < n*60/100 || stayed > n*80/100 { // 1.4 × one of two
		t.Errorf("with half of the zone fit, %d of %d requests stay and %d leave, want 70 %% to stay", stayed, n, left)
	}
	sick.fit.Store(true)
	eventually(t, "the zone serves alone again", func() bool { return slices.Equal(answering(w, 20), []string{"near", "sick"}) })
}
