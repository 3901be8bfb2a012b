package serve

import (
	"log/slog"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/deadline"
)

// BenchmarkHall is what the hall itself costs a request: parse, admit, decide and the head that leaves.
func BenchmarkHall(b *testing.B) {
	r := newRig(b, "127.0.0.1:1")
	c := &conn{e: &Engine{Shared: NewShared(deadline.New(), nil, slog.Default())}, site: r.site}
	c.info = &http7.Conn{Listener: "web"}
	c.tail = appendTail(nil, c.info)
	head := []byte("GET /orders/7?x=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n")
	e := r.plan.Upstream.View().Members()[0].Endpoint
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		x := exchanges.Get().(*exchange)
		x.site, x.Conn, x.Arrival = c.site, c.info, now
		x.parser.Reset()
		if n, f := x.parser.Parse(head, &x.site.Limits.Head, &x.head, &x.Request); n == 0 || f != nil {
			b.Fatal(f)
		}
		x.adopt()
		if f := c.admit(x); f != nil {
			b.Fatal(f)
		}
		if f := c.decide(x); f != nil {
			b.Fatal(f)
		}
		x.out = c.appendRequest(x.out[:0], x, e, 0)
		x.decider.finish(x, nil)
		c.e.release(x)
	}
}
