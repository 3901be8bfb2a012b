//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// divided is a route with three sides.
const divided = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "site"
split = [{ upstream = "v1", weight = 70 }, { upstream = "v2", weight = 25 }, { upstream = "v3", weight = 5 }, { upstream = "v4", weight = 0 }]
{by}
[upstreams.v1]
endpoints = "{v1}"
[upstreams.v2]
endpoints = "{v2}"
[upstreams.v3]
endpoints = "{v3}"
[upstreams.v4]
endpoints = "{v4}"
`

var weights = map[string]float64{"v1": 0.70, "v2": 0.25, "v3": 0.05, "v4": 0}

// startDivided starts a Weir whose sides are endpoints that say their names.
func startDivided(t *testing.T, by string) *child {
	t.Helper()
	var vars []string
	for name := range weights {
		vars = append(vars, name, newRecorder(t, name).addr)
	}
	c := prepare(t, divided, append(vars, "by", by)...)
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	return c
}

// answers makes n requests on a few connections; lines returns further lines of the head of each. It returns who
// answered each.
func (c *child) answers(t *testing.T, n int, lines func(i int) string) []string {
	t.Helper()
	const workers = 4
	who := make([]string, n)
	var running sync.WaitGroup
	for k := range workers {
		running.Go(func() {
			nc, err := net.Dial("tcp", c.at(8080))
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			r := bufio.NewReader(nc)
			for i := k; i < n; i += workers {
				if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n"+lines(i)+"\r\n"); err != nil {
					t.Error(err)
					return
				}
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(res.Body) // what is missing is no name
				who[i] = string(body)
			}
		})
	}
	running.Wait()
	return who
}

// sharesOf compares how often each side answered with its weight.
func sharesOf(t *testing.T, who []string, within float64) {
	t.Helper()
	count := map[string]int{}
	for _, name := range who {
		count[name]++
	}
	t.Logf("%d requests: %v", len(who), count)
	for name, n := range count {
		want, known := weights[name]
		if share := float64(n) / float64(len(who)); !known || math.Abs(share-want) > within || want == 0 {
			t.Errorf("%s answered %.2f %% of %d, want %.2f %%", name, 100*share, len(who), 100*want)
		}
	}
}

func nothing(int) string { return "" }

func user(i int) string { return fmt.Sprintf("Cookie: lang=en; uid=u%d\r\n", i) }

// tolerance is how far shares may be off: half a percent of 100,000, and five standard deviations of the largest side of
// fewer, since each run draws anew.
func tolerance(n int) float64 {
	if n >= 100_000 {
		return 0.005
	}
	return 5 * math.Sqrt(0.7*0.3/float64(n))
}

func testSplit(t *testing.T, n int) {
	for _, test := range []struct {
		name, by string
		lines    func(int) string
	}{
		{"drawn", "", nothing},
		{"by user", `split_by = "cookie:uid"`, user},
		{"by a key that nobody has", `split_by = "header:X-Nobody"`, nothing},
		{"by several", `split_by = ["header:X-User", "query:q"]`, func(i int) string { return fmt.Sprintf("X-User: %d\r\n", i) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startDivided(t, test.by)
			sharesOf(t, c.answers(t, n, test.lines), tolerance(n))
		})
	}
}

func TestSplitsKeepTheirWeights(t *testing.T) {
	t.Parallel()
	testSplit(t, 4000)
}

// testUsersStay sends n requests of n/10 users, and again after reloads.
func testUsersStay(t *testing.T, n int) {
	c := startDivided(t, `split_by = "cookie:uid"`)
	users := n / 10
	of := func(i int) string { return user(i % users) }
	first := c.answers(t, n, of)
	stay := func(when string, again []string) {
		t.Helper()
		for i, name := range again {
			if name != first[i%users] {
				t.Fatalf("%s user %d came to %s, was on %s", when, i%users, name, first[i%users])
			}
		}
	}
	stay("at once", first)
	for when, text := range map[string]string{
		"after a reload":              divided,
		"after a reload with more":    divided + "[[routes]]\nmatch = { path = \"/more\" }\nrespond = { body = \"more\" }\n",
		"after an upstream's change":  strings.Replace(divided, "endpoints = \"{v1}\"", "endpoints = \"{v1}\"\nmax_in_flight = 1000", 1),
		"after the sides are renewed": strings.Replace(divided, "weight = 70 }", "weight = 70}", 1),
	} {
		c.write(text)
		c.mustReload()
		stay(when, c.answers(t, users, of))
	}
	c.write(divided)
	c.mustReload()
	c.cmd.Process.Kill() // nothing is to be kept
	<-c.exited
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	stay("after a restart", c.answers(t, users, of))
	c.moveWeight(t, first, users, of)
}

// moveWeight takes five of a hundred from the first side: only its users move.
func (c *child) moveWeight(t *testing.T, first []string, users int, of func(int) string) {
	t.Helper()
	text := strings.NewReplacer("weight = 70", "weight = 65", "weight = 25", "weight = 30").Replace(divided)
	c.write(text)
	c.mustReload()
	moved := 0
	for i, name := range c.answers(t, users, of) {
		if name != first[i] {
			moved++
		}
		if name != first[i] && (first[i] != "v1" || name != "v2") {
			t.Errorf("user %d moved from %s to %s", i, first[i], name)
		}
	}
	if share := float64(moved) / float64(users); math.Abs(share-0.05) > 5*math.Sqrt(0.05*0.95/float64(users)) {
		t.Errorf("%d of %d users moved, want 5 %%", moved, users)
	}
}

func TestUsersStayOnTheirSide(t *testing.T) {
	t.Parallel()
	testUsersStay(t, 4000)
}
