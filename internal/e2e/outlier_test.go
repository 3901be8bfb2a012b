//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// booth is an HTTP endpoint in this process whose behaviour can change, and which counts what it is
// asked.
type booth struct {
	addr  string
	asked *atomic.Int64
	serve atomic.Pointer[http.HandlerFunc]
}

func newBooth(t *testing.T, serve http.HandlerFunc) *booth {
	t.Helper()
	b := &booth{}
	b.serve.Store(&serve)
	url, asked := answering200(t, func(w http.ResponseWriter, r *http.Request) { (*b.serve.Load())(w, r) })
	b.addr, b.asked = strings.TrimPrefix(url, "http://"), asked
	return b
}

// statusOf answers with the status and nothing else, after a while.
func statusOf(status int, after time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if after > 0 {
			pause(r, after.Milliseconds())
		}
		w.WriteHeader(status)
	}
}

// across is the config of one http listener before several endpoints, with more keys of the upstream.
func across(more string, booths ...*booth) string {
	var addresses []string
	for _, b := range booths {
		addresses = append(addresses, b.addr)
	}
	return fmt.Sprintf(`
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = %s
%s
`, tomlList(addresses), more)
}

func tomlList(texts []string) string { return `["` + strings.Join(texts, `", "`) + `"]` }

// askedOf adds up what the booths have been asked.
func askedOf(booths ...*booth) (sum int64) {
	for _, b := range booths {
		sum += b.asked.Load()
	}
	return sum
}

func TestEndpointThatFailsAll(t *testing.T) {
	t.Parallel()
	for _, balance := range []string{"ewma", "round_robin"} {
		t.Run(balance, func(t *testing.T) {
			t.Parallel()
			failsAll(t, balance, gently(300), 3*time.Second)
		})
	}
}

// failsAll has one of three endpoints answer 500 to all; nobody probes them. Two seconds into the
// load it must get less than a hundredth of it.
func failsAll(t *testing.T, balance string, rate float64, after time.Duration) {
	bad, good, fine := newBooth(t, statusOf(500, 0)), newBooth(t, hello), newBooth(t, hello)
	c := start(t, across(`balance = "`+balance+`"`, bad, good, fine))
	rush{path: "/", rate: rate, run: 2 * time.Second}.on(c)
	first, all := bad.asked.Load(), askedOf(bad, good, fine)
	r := rush{path: "/", rate: rate, run: after}.on(c)
	share := float64(bad.asked.Load()-first) / float64(askedOf(bad, good, fine)-all)
	t.Logf("%s: the endpoint got %d of the first %d, then %.2f%%; then %s", balance, first, all, 100*share, summary(r))
	if n := r.Failures.Total() - r.Statuses[500]; n != 0 || r.Unsent != 0 {
		t.Errorf("%s: %d failures are no 500, %d unsent: %v", balance, n, r.Unsent, r.FirstFailures)
	}
	if share >= 0.01 {
		t.Errorf("%s: the endpoint that answers 500 gets %.2f%% of the traffic", balance, 100*share)
	}
	if got := r.Statuses[500]; float64(got) >= 0.01*float64(r.Requests) {
		t.Errorf("%s: clients got %d times 500 in %d requests", balance, got, r.Requests)
	}
}
