//go:build !race

package cache

import (
	"strings"
	"testing"

	"weir/http7"
)

// again readies x for the same request once more, as an engine does with its pool.
func (w *world) again(x *http7.Exchange, r *http7.Header) {
	x.Request.CopyFrom(r)
	x.Method, x.Path, x.Authority = getMethod, aPath, host
	x.Route = w.route
}

var getMethod, aPath, host = []byte("GET"), []byte("/a"), []byte("example.com")

// hitOnce takes a request through the step as the hall does, without a hall.
func (w *world) hitOnce(x *http7.Exchange, r *http7.Header) int {
	w.again(x, r)
	if v := w.p.Request(x); v.Act != http7.Reply {
		w.t.Fatal("no hit")
	}
	w.p.Response(x)
	n := 0
	if src := x.Answer.Source; src != nil {
		for {
			chunk, s, _ := src.Next()
			if s != http7.Chunk {
				break
			}
			n += len(chunk)
		}
	}
	w.p.End(x, 0)
	if src := x.Answer.Source; src != nil {
		src.Close()
		x.Answer.Source = nil
	}
	x.Answer = nil
	x.Release()
	return n
}

const head12 = "Cache-Control: max-age=3600\nETag: \"v\"\nContent-Type: text/html\nLast-Modified: Sat, 01 Jan 2000 00:00:00 GMT\n" +
	"X-A: 1\nX-B: 2\nX-C: 3\nX-D: 4\nX-E: 5\nX-F: 6"

func TestAHitAllocatesNothing(t *testing.T) {
	for _, c := range []struct {
		name, vary string
		size       int
		fields     string
	}{
		{"1 KiB", "", 1 << 10, "Accept: */*"},
		{"one that varies", "\nVary: Accept-Encoding", 1 << 10, "Accept-Encoding: gzip, br"},
		{"200 KiB", "", 200 << 10, ""},
		{"not modified", "", 1 << 10, "If-None-Match: \"v\""},
		{"a part", "", 1 << 10, "Range: bytes=10-20"},
	} {
		w := newBareWorld(t, nil, always(head12+c.vary, strings.Repeat("x", c.size)))
		w.do("GET /a", c.fields)
		var r http7.Header
		addFields(&r, c.fields)
		x := new(http7.Exchange)
		for range 100 {
			w.hitOnce(x, &r)
		}
		if n := testing.AllocsPerRun(1000, func() { w.hitOnce(x, &r) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	w := newBareWorld(b, nil, always(head12, strings.Repeat("x", 1<<10)))
	w.do("GET /a")
	var r http7.Header
	addFields(&r, "Accept: */*\nUser-Agent: x")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := new(http7.Exchange)
		for pb.Next() {
			w.hitOnce(x, &r)
		}
	})
}
