//go:build linux && soak

package e2e

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// manyRoutes is a config of n routes to one upstream: 60 % exact paths, 25 % prefixes, 10 % with a
// segment, 5 % with another condition. variant changes all of them a little.
func manyRoutes(n int, endpoint, variant string) string {
	var b strings.Builder
	b.WriteString("[listeners.web]\naddress = \"{ip}:8080\"\n[upstreams.u]\nendpoints = \"" + endpoint + "\"\n")
	for i := range n {
		match := fmt.Sprintf("path = \"/service-%d/items/%d\"", i%97, i)
		switch k := i % 20; {
		case k == 19:
			match = fmt.Sprintf("path = \"/service-%d/other/%d\", headers = { X-Tenant = \"t%d\" }", i%97, i, i)
		case k >= 17:
			match = fmt.Sprintf("path = \"/service-%d/%d/{id}\"", i%97, i)
		case k >= 12:
			match = fmt.Sprintf("path = \"/service-%d/things-%d/*\"", i%97, i)
		}
		fmt.Fprintf(&b, "[[routes]]\nname = \"r%d\"\nupstream = \"u\"\ntimeout = \"%s\"\nmatch = { hosts = \"h%d.example.com\", %s }\n", i, variant, i%50, match)
	}
	b.WriteString("[[routes]]\nmatch.path = \"/load\"\nupstream = \"u\"\n")
	return b.String()
}

// A reload of 10,000 routes takes less than a second, and takes less than 5 ms from the slowest
// hundredth of the requests that come meanwhile.
func TestSoakReloadsOfManyRoutesStealLittle(t *testing.T) {
	const routes, rounds = 10_000, 7
	// The endpoint and the load are in this process: its own collector, on two processors, would hold them up by 10 ms.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	o := newOrigin(t, "o")
	c := start(t, manyRoutes(routes, o.addr, "30s"))
	load := rush{path: "/load", rate: 1000, warmup: 300 * time.Millisecond, run: 2 * time.Second, connections: 64}
	texts := []string{manyRoutes(routes, o.addr, "31s"), manyRoutes(routes, o.addr, "32s")}
	var quiet, busy, takes []time.Duration
	for round := range rounds {
		q := load.on(c)
		unfailing(t, "quiet", q)
		report := load.beside(c)
		end := time.Now().Add(load.warmup + load.run)
		for i := 0; time.Now().Before(end); i++ {
			c.write(texts[i%2])
			began := time.Now()
			c.mustReload()
			takes = append(takes, time.Since(began))
		}
		r := report()
		unfailing(t, "under reloads", r)
		t.Logf("round %d: quiet %s\n under reloads %s", round, summary(q), summary(r))
		quiet, busy = append(quiet, p99(q)), append(busy, p99(r))
	}
	slices.Sort(quiet)
	slices.Sort(busy)
	slices.Sort(takes)
	t.Logf("%d reloads, median %v, slowest %v; p99 quiet %v, under reloads %v", len(takes), takes[len(takes)/2], takes[len(takes)-1], quiet, busy)
	if median := takes[len(takes)/2]; median > time.Second {
		t.Errorf("a reload takes %v", median)
	}
	if stolen := busy[rounds/2] - quiet[rounds/2]; stolen > 5*time.Millisecond {
		t.Errorf("reloads take %v from the slowest hundredth", stolen)
	}
}

func p99(r *bench.Report) time.Duration { return r.Latency.P99 }
