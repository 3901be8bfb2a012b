package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stubborn is an endpoint that counts requests, of which those for /hold wait until the test ends,
// those for /slow for 100 ms, and those for /busy are answered 503.
type stubborn struct {
	address string
	asked   atomic.Int64
}

func newStubborn(t testing.TB) *stubborn {
	s, held := &stubborn{}, make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		switch r.URL.Path {
		case "/hold":
			<-held
		case "/slow":
			<-time.After(100 * time.Millisecond)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(server.Close)
	t.Cleanup(sync.OnceFunc(func() { close(held) }))
	s.address = server.Listener.Addr().String()
	return s
}

// before starts Weir before s, with more keys of the upstream.
func (s *stubborn) before(t testing.TB, keys string) *rig {
	return start(t, `
listeners.main = { address = "127.0.0.1:0" }
[[routes]]
match = { path = "/*" }
upstream = "orders"
[upstreams.orders]
endpoints = ["`+s.address+`"]
outliers.max_ejected = "off"
`+keys)
}

// counted expects lines in a scrape.
func (r *rig) counted(lines ...string) {
	r.t.Helper()
	scrape := r.metrics()
	for _, want := range lines {
		if name := want[:strings.LastIndexByte(want, ' ')+1]; !strings.Contains(scrape, want+"\n") {
			_, rest, _ := strings.Cut(scrape, name)
			got, _, _ := strings.Cut(rest, "\n")
			r.t.Errorf("got %s%q, want %s", name, got, want)
		}
	}
}

func TestEveryRequestThatAFullUpstreamRefusesIsCountedOnce(t *testing.T) {
	const n = 30
	for _, c := range []struct {
		what, keys string
		want       []string
	}{
		{"no queue", "max_in_flight = 1\nqueue.size = 0\n", []string{
			`weir_upstream_shed_total{upstream="orders",reason="full"} 30`,
			`weir_upstream_shed_total{upstream="orders",reason="timeout"} 0`,
			`weir_upstream_queued_total{upstream="orders"} 0`,
		}},
		{"a wait in vain", "max_in_flight = 1\nqueue.timeout = \"10ms\"\n", []string{
			`weir_upstream_shed_total{upstream="orders",reason="full"} 0`,
			`weir_upstream_shed_total{upstream="orders",reason="timeout"} 30`,
			`weir_upstream_queued_total{upstream="orders"} 30`,
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newStubborn(t)
			r := s.before(t, c.keys)
			held := r.session("main")
			if _, err := io.WriteString(held, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			until(t, "the endpoint is busy", func() bool { return s.asked.Load() == 1 })
			for range n {
				if status, body := r.get("main", "/"); status != 503 || !strings.Contains(body, "overloaded") {
					t.Fatalf("answered %d %q", status, body)
				}
			}
			r.counted(append(c.want, `weir_upstream_shed_total{upstream="orders",reason="standing"} 0`, `weir_upstream_queue_depth{upstream="orders"} 0`)...)
			_ = held.Close()
		})
	}
}

func TestEveryRetryThatTheBudgetRefusesIsCountedOnce(t *testing.T) {
	s := newStubborn(t)
	r := s.before(t, `retry = { attempts = 1, on = ["503"], backoff = "0s" }`)
	const n = 50
	for range n {
		if status, _ := r.get("main", "/busy"); status != 503 {
			t.Fatalf("answered %d", status)
		}
	}
	if got := s.asked.Load(); got != n+30 { // the least budget of 10 s
		t.Errorf("the endpoint was asked %d times", got)
	}
	r.counted(`weir_upstream_retries_total{upstream="orders",reason="503"} 30`, `weir_upstream_retries_total{upstream="orders",reason="budget"} 20`)
}

func TestEveryHedgeThatHasNobodyToAskIsCountedOnce(t *testing.T) {
	s := newStubborn(t)
	r := s.before(t, `hedge = { after = "5ms" }`)
	for range 5 {
		r.says("main", "/slow", "done")
	}
	r.counted(`weir_upstream_hedges_total{upstream="orders",result="refused"} 5`, `weir_upstream_hedges_total{upstream="orders",result="won"} 0`, `weir_upstream_hedges_total{upstream="orders",result="lost"} 0`)
}
