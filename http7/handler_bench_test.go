package http7

import (
	"net/netip"
	"testing"
)

const tenFields = "Host: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Referer: https://www.example.com/start\r\nDNT: 1\r\nCookie: session=0123456789abcdef; theme=dark\r\n" +
	"Cache-Control: no-cache\r\nX-Request-Id: 5f3c1a\r\n"

// asked returns an exchange with a GET of /ping and these field lines.
func asked(lines string) *Exchange {
	x := &Exchange{
		Proto: HTTP11, Method: []byte("GET"), Target: []byte("/ping?a=1"), Path: []byte("/ping"), Query: []byte("a=1"),
		Authority: []byte("api.example.com"), Client: netip.MustParseAddr("192.0.2.7"),
		Conn: &Conn{Peer: netip.MustParseAddrPort("192.0.2.7:4711")},
	}
	x.Request = *fill(lines)
	return x
}

func pong(x *Exchange, h Handler) {
	if f := Serve(h, x); f != nil {
		panic(f)
	}
	src := x.Answer.Source
	for s := Chunk; s == Chunk; {
		_, s, _ = src.Next()
	}
	src.Close()
}

func BenchmarkServe(b *testing.B) {
	h := Respond(200, "text/plain", []byte("pong\n"))
	for _, c := range []struct{ what, lines string }{{"bare", "Host: api.example.com\r\n"}, {"ten fields", tenFields}} {
		b.Run(c.what, func(b *testing.B) {
			x := asked(c.lines)
			b.ReportAllocs()
			for b.Loop() {
				pong(x, h)
			}
		})
	}
}

func BenchmarkFaultAnswer(b *testing.B) {
	x := asked(tenFields)
	b.ReportAllocs()
	for b.Loop() {
		FaultAnswer(x, ConnectRefused)
	}
}
