package wire

import (
	"bytes"
	"strings"
	"testing"

	"weir/http7"
)

const bareHead = "GET /api/items?page=2 HTTP/1.1\r\nHost: bench.example.com\r\n\r\n"

// browserHead has ten fields, as a browser sends them.
const browserHead = "GET /v1/orders/8131?expand=lines&page=2 HTTP/1.1\r\n" +
	"Host: api.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n" +
	"Accept: application/json, text/plain, */*\r\n" +
	"Accept-Language: en-GB,en;q=0.9,de;q=0.7\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Referer: https://www.example.com/orders?from=2026-01-01\r\n" +
	"Cookie: session=0f8fad5bd9cb469fa165708867289503; theme=dark; consent=all\r\n" +
	"Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI4MTMxIn0.c2lnbmF0dXJlc2lnbmF0dXJl\r\n" +
	"X-Request-Id: 2f1c0f5e-4d0e-4c57-9a4e-6b6f2f1c0f5e\r\n" +
	"Connection: keep-alive\r\n\r\n"

const answerHead = "HTTP/1.1 200 OK\r\n" +
	"Date: Mon, 01 Jun 2026 12:00:00 GMT\r\n" +
	"Content-Type: application/json; charset=utf-8\r\n" +
	"Content-Length: 1024\r\n" +
	"Connection: keep-alive\r\n" +
	"ETag: \"5f3-618\"\r\n" +
	"Cache-Control: no-store\r\n\r\n"

var benchLimits = Limits{HeadBytes: 16 << 10, Fields: 100, TargetBytes: 8 << 10}

// parses returns a function that parses a head again and again.
func parses(tb testing.TB, in string) func() {
	block := []byte(in)
	p, r, h := new(RequestParser), new(Request), new(http7.Header)
	return func() {
		p.Reset()
		if n, f := p.Parse(block, &benchLimits, r, h); n != len(block) {
			tb.Fatalf("%d bytes taken, fault %v", n, f)
		}
	}
}

func parsesAnswer(tb testing.TB) func() {
	block, method := []byte(answerHead), []byte("GET")
	p, r, h := new(ResponseParser), new(Response), new(http7.Header)
	return func() {
		p.Reset()
		if n, f := p.Parse(block, &benchLimits, method, r, h); n != len(block) {
			tb.Fatalf("%d bytes taken, fault %v", n, f)
		}
	}
}

// trickles returns a function that parses a head of n bytes that come one by one.
func trickles(tb testing.TB, n int) func() {
	block := []byte(strings.TrimSuffix(browserHead, "\r\n") + "X: ")
	block = append(block, bytes.Repeat([]byte("x"), n-len(block)-4)...)
	block = append(block, "\r\n\r\n"...)
	lim := &Limits{HeadBytes: n, Fields: 100, TargetBytes: 8 << 10}
	p, r, h := new(RequestParser), new(Request), new(http7.Header)
	return func() {
		p.Reset()
		for i := range len(block) + 1 {
			if n, f := p.Parse(block[:i], lim, r, h); f != nil || n > 0 && i < len(block) {
				tb.Fatalf("%d bytes taken of %d, fault %v", n, i, f)
			}
		}
	}
}

// frames returns a function that reads a body of 1000 chunks of size bytes.
func frames(tb testing.TB, size int) func() {
	var body []byte
	for range 1000 {
		body = AppendChunk(body, bytes.Repeat([]byte("x"), size))
	}
	body = AppendLastChunk(body, nil)
	var fr Framer
	var trailer http7.Header
	return func() {
		fr.Reset(Frame{Kind: Chunked}, &trailer, http7.Upstream)
		for b := body; ; {
			_, n, s, f := fr.Next(b)
			if b = b[n:]; s == http7.End {
				return
			}
			if s != http7.Chunk {
				tb.Fatalf("state %d, fault %v", s, f)
			}
		}
	}
}

func writes() func() {
	p, r, h := new(RequestParser), new(Request), new(http7.Header)
	p.Parse([]byte(browserHead), &benchLimits, r, h)
	var dst []byte
	return func() {
		dst = AppendRequestLine(dst[:0], r.Method, r.Target)
		dst = append(h.AppendLines(dst, 0), "\r\n"...)
		dst = AppendStatusLine(dst, 200, nil)
		dst = AppendChunk(dst, r.Target)
		dst = AppendLastChunk(dst, nil)
	}
}

func TestCodecAllocatesNothing(t *testing.T) {
	for what, f := range map[string]func(){
		"a bare head":          parses(t, bareHead),
		"a browser's head":     parses(t, browserHead),
		"nominated names":      parses(t, get+"Connection: x-a, x-b, close\r\nX-A: 1\r\n\r\n"),
		"an absolute-form":     parses(t, "GET http://a/b?c HTTP/1.1\r\nHost: b\r\n\r\n"),
		"an answer's head":     parsesAnswer(t),
		"a trickled head":      trickles(t, 2000),
		"a chunked body":       frames(t, 10),
		"heads and chunks out": writes(),
	} {
		f() // grows what is kept
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", what, n)
		}
	}
}

func bench(b *testing.B, bytes int, f func()) {
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

func BenchmarkRequestHeadBare(b *testing.B)    { bench(b, len(bareHead), parses(b, bareHead)) }
func BenchmarkRequestHeadBrowser(b *testing.B) { bench(b, len(browserHead), parses(b, browserHead)) }
func BenchmarkResponseHead(b *testing.B)       { bench(b, len(answerHead), parsesAnswer(b)) }
func BenchmarkChunks10(b *testing.B)           { bench(b, 1000*10, frames(b, 10)) }
func BenchmarkChunks1000(b *testing.B)         { bench(b, 1000*1000, frames(b, 1000)) }
func BenchmarkWrite(b *testing.B)              { bench(b, len(browserHead), writes()) }

// The time by byte must not grow with the length: all bytes are looked at once.
func BenchmarkTrickledHead1K(b *testing.B)  { bench(b, 1<<10, trickles(b, 1<<10)) }
func BenchmarkTrickledHead16K(b *testing.B) { bench(b, 16<<10, trickles(b, 16<<10)) }
