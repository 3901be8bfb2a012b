//go:build !race

package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/internal/conf"
	"weir/internal/obs"
	"weir/lb"
)

// lean is an origin that answers each head it reads and allocates nothing.
func lean(t testing.TB, answer string) string {
	out, end := []byte(answer), []byte("\r\n\r\n")
	return origin(t, func(c net.Conn) {
		b := make([]byte, 4096)
		for n := 0; ; {
			m, err := c.Read(b[n:])
			if err != nil {
				return
			}
			if n += m; bytes.HasSuffix(b[:n], end) {
				n = 0
				if _, err := c.Write(out); err != nil {
					return
				}
			}
		}
	})
}

// pull makes n requests one behind the other, in buffers that are there already.
func pull(t testing.TB, c net.Conn, request, buf, end []byte, n int) {
	for range n {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(end) || !bytes.HasSuffix(buf[:at], end); {
			m, err := c.Read(buf[at:])
			if err != nil {
				t.Fatal(err)
			}
			at += m
		}
	}
}

// objects returns the heap objects that f makes beyond those of an idle window as long.
func objects(f func()) (extra int64, took time.Duration) {
	count := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Mallocs)
	}
	before, begin := count(), time.Now()
	f()
	took = time.Since(begin)
	middle := count()
	<-time.After(took)
	return (middle - before) - (count() - middle), took
}

const leanAnswer = "HTTP/1.1 200 OK\r\nServer: o\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

func proxiedGetsMakeNoObjects(t *testing.T, n int, change func(*rig)) {
	r := newRigWith(t, func(r *rig) {
		if change != nil {
			change(r)
		}
		cfg := obs.DefaultAccessLog()
		cfg.Path = "-"
		log, err := obs.NewAccessLog(cfg, obs.AccessLogNeeds{Stdout: io.Discard, Catalogue: r.series, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { // the log's writer; ends with ctx
			log.Run(ctx)
			close(done)
		}()
		t.Cleanup(func() { stop(); <-done })
		r.site.AccessLog = log
	}, lean(t, leanAnswer), lean(t, leanAnswer))
	c := r.dial()
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	request := []byte("GET /orders/7?x=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n")
	buf, end := make([]byte, 4096), []byte("hello")
	pull(t, c, request, buf, end, 10_000)
	runtime.GC()
	extra, took := objects(func() { pull(t, c, request, buf, end, n) })
	t.Logf("%d requests in %v: %d heap objects beyond an idle window", n, took, extra)
	if extra >= 500 {
		t.Errorf("%d requests make %d heap objects, want fewer than 500", n, extra)
	}
}

func TestProxiedGetsMakeNoObjects(t *testing.T) { proxiedGetsMakeNoObjects(t, 20_000, nil) }

// eagerToHedge hedges what takes longer than a second, and sends the time that is left.
func eagerToHedge(r *rig) {
	r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Second), Budget: conf.Percent(5)}
	r.route.Timeout = time.Minute
}

func TestGetsThatAreAnsweredBeforeTheirHedgeMakeNoObjects(t *testing.T) {
	proxiedGetsMakeNoObjects(t, 20_000, eagerToHedge)
}

// limited lets an endpoint have so many requests at once, with a queue behind.
func limited(r *rig) {
	cfg := lb.Default()
	cfg.MaxInFlight, cfg.Queue = lb.AtMost(1), &lb.QueueConfig{Size: 10, Timeout: conf.Dur(time.Second)}
	b := lb.DefaultBreaker()
	cfg.Breaker = &b
	for _, m := range r.plan.Upstream.View().Members() {
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: m.Endpoint.Target(), Weight: 1})
	}
	reg := lb.NewRegistry(nil)
	up, err := reg.Adopt("limited", cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	reg.Judge(lb.ByProbe, lb.Ready, "", reg.Endpoints()...)
	r.plan.Upstream = up
}

func TestGetsThatNeedNotWaitMakeNoObjects(t *testing.T) {
	proxiedGetsMakeNoObjects(t, 20_000, limited)
}

// shaped shares requests out by a cookie and logs what conditions read.
func shaped(r *rig) {
	r.plan.Split = &Split{By: hashOn(r.t, "cookie:a"), Sides: []Side{
		{Weight: 1, Plan: r.side("one", lean(r.t, leanAnswer))}, {Weight: 1, Plan: r.side("two", lean(r.t, leanAnswer))},
	}}
	r.site.Reads = NewReads([]string{"header:user-agent", "cookie:a"}, []byte("key"))
	r.route.Paths = []string{"/orders/{id}"}
	r.route.Conditions = []http7.Condition{{On: http7.OnCookie, Name: "a", Test: http7.Equals, Value: "b"}}
}

func TestGetsThatAreSharedOutMakeNoObjects(t *testing.T) { proxiedGetsMakeNoObjects(t, 20_000, shaped) }

func BenchmarkProxiedGetThatIsSharedOut(b *testing.B) {
	benchmarkProxied(b, newRigWith(b, shaped), "GET /orders/7 HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nCookie: a=b\r\n\r\n")
}

func BenchmarkProxiedGet(b *testing.B) { benchmarkProxiedGet(b, newRig(b, lean(b, hello))) }

func BenchmarkProxiedGetThatMayBeHedged(b *testing.B) {
	benchmarkProxiedGet(b, newRigWith(b, eagerToHedge, lean(b, hello)))
}

func benchmarkProxiedGet(b *testing.B, r *rig) {
	benchmarkProxied(b, r, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}

func benchmarkProxied(b *testing.B, r *rig, text string) {
	c := r.dial()
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	request := []byte(text)
	buf, end := make([]byte, 4096), []byte("hello")
	pull(b, c, request, buf, end, 100)
	b.ReportAllocs()
	for b.Loop() {
		pull(b, c, request, buf, end, 1)
	}
}
