//go:build linux && soak

package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSoakMirrorOfIdenticalServers(t *testing.T) { identicalTwins(t, 100_000) }

// shadowed is one route without a mirror, one with a mirror of a tenth, one whose mirror compares, and one whose mirror
// is dead.
const shadowed = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
match = { path = "/none" }
upstream = "live"
[[routes]]
match = { path = "/tenth" }
upstream = "live"
mirror = { upstream = "next", sample = "10%" }
[[routes]]
match = { path = "/compared" }
upstream = "live"
mirror = { upstream = "next", sample = "10%", compare = true }
[[routes]]
match = { path = "/dead" }
upstream = "live"
mirror = { upstream = "dead", sample = "10%" }
[upstreams.live]
endpoints = "{live}"
[upstreams.next]
endpoints = "{next}"
[upstreams.dead]
endpoints = "{ip}:7001"
`

// What a mirror costs Weir for each client's request, as a ratio to none: many short rounds that take turns in another order
// each time on one Weir, so that what else the machine does falls on all of them. A bound is broken by what is over it by
// two standard errors.
func TestSoakMirrorCostsLittle(t *testing.T) {
	const rounds, requests = 120, 3000
	live, next := newRecorder(t, "live"), newRecorder(t, "next")
	c := start(t, shadowed, "live", live.addr, "next", next.addr)
	paths := []string{"/none", "/tenth", "/compared", "/dead"}
	costs := map[string][]float64{}
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(paths)) {
			path := paths[i]
			before := c.cpu()
			n := c.loaded(t, path, requests)
			cost := float64(c.cpu()-before) / float64(n)
			if round > 0 { // the first warms up
				costs[path] = append(costs[path], cost)
			}
		}
	}
	m := c.metrics()
	t.Logf("%v copies, %v dropped since there was no room", m.sum("weir_mirror_sent_total"), m.sum("weir_mirror_dropped_total", `reason="full"`))
	for _, test := range []struct {
		path string
		most float64
	}{{"/tenth", 1.12}, {"/compared", 1.20}, {"/dead", 1.02}} {
		ratios := make([]float64, rounds)
		for i := range ratios {
			ratios[i] = costs[test.path][i] / costs["/none"][i]
		}
		ratio, wide := middle(ratios), standardError(ratios)
		t.Logf("%s: %.1f µs of CPU for a request, %.3f of none, ± %.3f", test.path, middle(costs[test.path])/1e3, ratio, wide)
		if ratio-2*wide > test.most {
			t.Errorf("%s costs %.3f ± %.3f of none, want at most %.2f", test.path, ratio, wide, test.most)
		}
	}
}

// standardError is that of the median, from the middle half of the list.
func standardError(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	sigma := (sorted[len(sorted)*3/4] - sorted[len(sorted)/4]) / 1.349
	return 1.253 * sigma / math.Sqrt(float64(len(sorted)))
}

func middle(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// loaded makes n requests or some more on eight connections, and returns how many.
func (c *child) loaded(t *testing.T, path string, n int64) int64 {
	t.Helper()
	l := newLoad(t)
	l.gets(8, c.at(8080), path)
	l.await(t, n)
	l.stop()
	l.clean(t)
	return l.uses.Load()
}

// cpu returns the processor time that the child has used.
func (c *child) cpu() time.Duration {
	c.t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	var sum int64
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", c.cmd.Process.Pid, task.Name())) // Go keeps its threads
		first, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += n
	}
	return time.Duration(sum)
}
