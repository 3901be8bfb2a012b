package serve

import (
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// FuzzH3RequestStreams sends a request stream of any bytes. The endpoint may only get whole requests of HTTP/1, and
// a good request behind it is served.
func FuzzH3RequestStreams(f *testing.F) {
	f.Add(getHead("/"))
	f.Add(getHead("/", "x: 1")[:20])
	f.Add(slices.Concat(postHead("/"), data("body"), headers("x-up: a")))
	f.Add(slices.Concat(postHead("/", "content-length: 2"), data("body")))
	f.Add(slices.Concat(postHead("/"), headers("x-up: a"), data("behind the trailers")))
	f.Add(slices.Concat([]byte{0x21, 0x01, 0x00}, getHead("/"), []byte{0x21, 0x01, 0x00}))
	f.Add(headers(":method: CONNECT", ":authority: a", ":protocol: websocket", ":scheme: https", ":path: /"))
	f.Add(data("x"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		o := newRecorder(t, okFor)
		front := newH3Front(t, newRigWith(t, func(r *rig) {
			once(r)
			r.site.Limits.HeaderTimeout = time.Second
		}, o.addr))
		c := front.raw()
		str := c.open(stream)
		_ = str.Close()
		_, _ = io.ReadAll(str) // whatever it is, it ends
		whole, _ := o.seen()
		for _, request := range whole {
			if _, _, ok := strings.Cut(request, " HTTP/1.1\r\n"); !ok {
				t.Errorf("the endpoint got %q", request)
			}
		}
		good := front.raw()
		str = good.open(getHead("/"))
		_ = str.Close()
		if got := good.outcome(str); got != "200" {
			t.Errorf("a good request behind it came to %s", got)
		}
	})
}

func TestH3GuestsAndPatienceAllocateNothing(t *testing.T) {
	a, h := netip.MustParseAddr("2001:db8::1"), &H3Host{Handshakes: 10}
	g := guests{}
	g.enter(a, h)
	p := patience{left: 1, at: time.Now()}
	if n := testing.AllocsPerRun(1000, func() {
		g.enter(a, h)
		g.busy()
		g.shaken(a)
		g.leave(a)
		p.tried(true, time.Now())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkH3Get is one request at a time, quic-go's client and the endpoint included.
func BenchmarkH3Get(b *testing.B) {
	f := newH3Front(b, newRig(b, saying(b, hello)))
	benchH3(b, f.transport(), h3Request(b, "GET", "/", nil))
}

// BenchmarkH3Bare is the same without Weir: http3's own server answers.
func BenchmarkH3Bare(b *testing.B) {
	r := newRig(b, saying(b, hello))
	f := newH3Front(b, r)
	addr, server := bareH3(b, f)
	f.addr = addr
	defer func() { _ = server.Close() }()
	benchH3(b, f.transport(), h3Request(b, "GET", "/", nil))
}

// bareH3 is http3's own server behind f's certificate.
func bareH3(b *testing.B, f *h3front) (addr string, s *http3.Server) {
	b.Helper()
	tr := f.clientSocket("127.0.0.1")
	s = &http3.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
	}
	ln, err := tr.Listen(f.host.TLS(), nil)
	if err != nil {
		b.Fatal(err)
	}
	go func() { // ends with the server
		for {
			c, err := ln.Accept(b.Context())
			if err != nil {
				return
			}
			go func() { _ = s.ServeQUICConn(c) }() // likewise
		}
	}()
	return tr.Conn.LocalAddr().String(), s
}

func benchH3(b *testing.B, tr http.RoundTripper, req *http.Request) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		res, err := tr.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}
