//go:build linux && soak

package e2e

import (
	"context"
	enc "encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// throng is clients that ask as often as they are answered, many of them over each connection of HTTP/2.
type throng struct {
	admitted, refused, failed atomic.Int64
	first                     atomic.Int64 // when the first answer came, in ns since begun
	begun                     time.Time
}

func (c *throng) run(url string, connections, each int, span time.Duration) {
	var all sync.WaitGroup
	c.begun = time.Now()
	for range connections {
		transport := &http.Transport{Protocols: new(http.Protocols), MaxConnsPerHost: 1, DialContext: (&net.Dialer{}).DialContext}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		for range each {
			all.Go(func() {
				for time.Since(c.begun) < span {
					c.ask(transport, url)
				}
			})
		}
	}
	all.Wait()
}

func (c *throng) ask(transport *http.Transport, url string) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	resp, err := transport.RoundTrip(q)
	if err != nil {
		c.failed.Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body) // the status says it
	_ = resp.Body.Close()
	c.first.CompareAndSwap(0, int64(time.Since(c.begun)))
	switch {
	case resp.StatusCode == 200:
		c.admitted.Add(1)
	case resp.StatusCode == 429 && resp.Header.Get("Retry-After") != "" && resp.Header.Get("RateLimit") != "":
		c.refused.Add(1)
	default:
		c.failed.Add(1)
	}
}

func TestSoakTenThousandClientsOfOneKeyGetTheBurstAndTheRate(t *testing.T) {
	const rate, burst, span = 1000, 500, 10 * time.Second
	w := start(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
respond = { status = 200, body = "in" }
policies = ["edge"]
[policies.edge]
rate_limit = [{ key = "route", rate = "1000/s", burst = 500 }]
`)
	var c throng
	c.run("http://"+w.at(8080)+"/", 100, 100, span)
	took := time.Since(c.begun)
	asked := span - time.Duration(c.first.Load()) // somebody wanted to be let in all that time
	most := int64(burst + rate*took.Seconds())
	least := int64(0.99 * (burst + rate*asked.Seconds()))
	got := c.admitted.Load()
	t.Logf("%d admitted, %d refused, %d failed in %v; allowed: %d to %d", got, c.refused.Load(), c.failed.Load(), took, least, most)
	if got > most || got < least || c.failed.Load() > 0 {
		t.Errorf("%d admitted, %d failed; want %d to %d", got, c.failed.Load(), least, most)
	}
}

func TestSoakAQuotaSurvivesAKill(t *testing.T) {
	const limit = 2000
	config := `
state_dir = "{dir}/state"
[listeners.web]
address = "{ip}:8080"
[[routes]]
respond = { status = 200, body = "in" }
policies = ["edge"]
[policies.edge.quota]
key = "route"
limit = 2000
per = "month"
`
	w := start(t, config)
	var before, after throng
	before.run("http://"+w.at(8080)+"/", 4, 1, 500*time.Millisecond)
	eventually(t, "what was admitted is written down", func() bool {
		files, _ := filepath.Glob(filepath.Join(w.dir, "state", "quota", "????????????????????????"))
		if len(files) != 1 {
			return false
		}
		text, err := os.ReadFile(files[0])
		return err == nil && len(text) >= 96 && int64(enc.LittleEndian.Uint64(text[len(text)-16:])) == before.admitted.Load()
	})
	_ = w.cmd.Process.Kill()
	<-w.exited
	w.launch(binary, "run", "-c", w.file)
	w.awaitReady()
	after.run("http://"+w.at(8080)+"/", 4, 1, 2*time.Second)
	if got := before.admitted.Load() + after.admitted.Load(); got != limit || before.admitted.Load() == 0 {
		t.Errorf("%d and then %d admitted, want %d together", before.admitted.Load(), after.admitted.Load(), limit)
	}
}

func TestSoakDelayedRequestsComeInTheirOrderAtTheRate(t *testing.T) { bestOf(t, delayed) }

func delayed(t *try) {
	const requests, rate = 60, 20
	w := start(t.T, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
respond = { status = 200, body = "in" }
policies = ["edge"]
[policies.edge]
rate_limit = [{ key = "route", rate = "20/s", burst = 1, on_excess = "delay", max_delay = "4s" }]
`)
	var (
		mu    sync.Mutex
		order []int
		all   sync.WaitGroup
		turns = time.NewTicker(10 * time.Millisecond)
		begun = time.Now()
	)
	defer turns.Stop()
	for i := range requests {
		<-turns.C
		nc := dial(t.T, w.at(8080))
		nc.send("GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n")
		all.Go(func() {
			resp, err := http.ReadResponse(nc.r, nil)
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("request %d: %v, %v", i, resp, err)
				return
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
		})
	}
	all.Wait()
	took, least := time.Since(begun), time.Second*(requests-1)/rate
	if took < least {
		t.Errorf("it took %v, want %v at least", took, least)
	}
	if !slices.IsSorted(order) || took > least+time.Second { // two that come at once may be read in another order
		t.tooSlow("the order is %v, in %v; want %v and hardly more", order, took, least)
	}
}
