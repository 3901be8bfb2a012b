//go:build linux && soak

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// 60 s of what operators and discovery do, at random and under load, with everything of balancing on:
// lists of endpoints, drains and their end, reloads. No request fails, and nothing is left behind.
func TestSoakOperators(t *testing.T) {
	const steps, pace = 300, 200 * time.Millisecond
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	origins := make([]*origin, 6)
	for i := range origins {
		origins[i] = newOrigin(t, fmt.Sprint("origin ", i))
	}
	config := everything + "connections.idle = \"off\"\n" // so that what is open is in use
	c := prepare(t, strings.ReplaceAll(config, "{attempts}", "2"))
	list := func(n int) {
		random.Shuffle(len(origins), func(i, j int) { origins[i], origins[j] = origins[j], origins[i] })
		quoted := make([]string, n)
		for i := range quoted {
			quoted[i] = fmt.Sprintf(`{ address = %q, weight = %d }`, origins[i].addr, 1+random.IntN(3))
		}
		c.list(quoted...)
	}
	list(6)
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	eventually(t, "all are found", func() bool { return len(c.endpointStates("api")) == 6 })
	before := c.held(t)
	load := newLoad(t)
	load.gets(6, c.at(8080), "/")
	load.gets(2, c.at(8080), "/drip?n=20&ms=20")
	every(pace, steps, func(int) {
		switch random.IntN(5) {
		case 0:
			list(3 + random.IntN(4))
		case 1:
			c.write(strings.ReplaceAll(config, "{attempts}", fmt.Sprint(1+random.IntN(3))))
			c.mustReload()
		case 2: // two of six at most, so that others are fit
			c.ordered("/drain", origins[random.IntN(2)].addr)
		default:
			c.ordered("/undrain", origins[random.IntN(len(origins))].addr)
		}
	})
	load.stop()
	load.clean(t)
	t.Logf("%d requests in %d steps", load.uses.Load(), steps)
	c.holdsNoMoreThan(t, before)
	if n := c.metrics().value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// ordered gives an order by the admin API. An endpoint that discovery has just taken away is unknown.
func (c *child) ordered(path, endpoint string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"upstream": "api", "endpoint": %q}`, endpoint)
	resp, err := http.Post("http://"+c.at(9901)+path, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 && resp.StatusCode != 404 {
		c.t.Errorf("%s of %s: %s", path, endpoint, resp.Status)
	}
}
