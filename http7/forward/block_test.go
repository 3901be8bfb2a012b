package forward

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"weir/http7/wire"
)

// decoded writes down what a question's block says.
func decoded(t testing.TB, block []byte) string {
	t.Helper()
	fields, err := hpack.NewDecoder(0, nil).DecodeFull(block)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%s: %s", f.Name, f.Value)
		if f.Sensitive {
			b.WriteString(" (secret)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestHeadsAreWrittenAsHTTP2WantsThem(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("v", 1000)
	for _, test := range []struct {
		name, head      string
		secure, tunnels bool
		want            string
		frame           wire.Frame
	}{
		{"a GET", "GET / HTTP/1.1\r\nHost: a:81\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a:81\n:path: /\n", wire.Frame{}},
		{"over TLS", "POST /x?y HTTP/1.1\r\nHost: a\r\n\r\n", true, false, ":method: POST\n:scheme: https\n:authority: a\n:path: /x?y\n", wire.Frame{}},
		{"another method, Host behind others", "PURGE * HTTP/1.1\r\nX-A: b\r\nHost: a\r\n\r\n", false, false, ":method: PURGE\n:scheme: http\n:authority: a\n:path: *\nx-a: b\n", wire.Frame{}},
		{"repeated fields in their order", "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B:2\r\nX-a:  3 \r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a\n:path: /\nx-a: 1\nx-b: 2\nx-a: 3\n", wire.Frame{}},
		{"known names, long values", "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + long + "\r\nAccept: */*\r\nVia: 1.1 weir\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a\n:path: /\nuser-agent: " + long + "\naccept: */*\nvia: 1.1 weir\n", wire.Frame{}},
		{"secrets", "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nAuthorization: Basic x\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a\n:path: /\ncookie: a=b (secret)\nauthorization: Basic x (secret)\n", wire.Frame{}},
		{"what ends at a hop", "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nUpgrade: y\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a\n:path: /\nte: trailers\n", wire.Frame{}},
		{"another TE", "GET / HTTP/1.1\r\nHost: a\r\nTE: gzip\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:authority: a\n:path: /\n", wire.Frame{}},
		{"a length", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", false, false, ":method: PUT\n:scheme: http\n:authority: a\n:path: /\ncontent-length: 12\n", wire.Frame{Kind: wire.Length, Length: 12}},
		{"chunks", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n", false, false, ":method: PUT\n:scheme: http\n:authority: a\n:path: /\ntrailer: X-T\n", wire.Frame{Kind: wire.Chunked}},
		{"a tunnel", "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n", false, true, ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: a\n:path: /chat\nsec-websocket-version: 13\n", wire.Frame{}},
		{"a choice of tunnels", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a, b\r\n\r\n", false, true, ":method: GET\n:scheme: http\n:authority: a\n:path: /\n", wire.Frame{}},
		{"no Host", "GET / HTTP/1.1\r\nX-A: b\r\n\r\n", false, false, ":method: GET\n:scheme: http\n:path: /\nx-a: b\n", wire.Frame{}},
	} {
		var q question
		n, err := q.read([]byte(test.head+"behind"), test.secure, test.tunnels)
		if err != nil || n != len(test.head) {
			t.Errorf("%s: %d, %v", test.name, n, err)
			continue
		}
		if got := decoded(t, q.block); got != test.want || q.frame != test.frame {
			t.Errorf("%s: %v\n got %s\nwant %s", test.name, q.frame, got, test.want)
		}
	}
}

func TestWhatIsNoHeadIsNotSent(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		"", "GET / HTTP/1.1\r\n", "\r\n\r\n", "GET / HTTP/1.0\r\nA: b\r\n\r\n", "GET  HTTP/1.1\r\nA: b\r\n\r\n", "G ET / HTTP/1.1\r\nA: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA\r\n\r\n", "GET / HTTP/1.1\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nA b: c\r\n\r\n", "GET / HTTP/1.1\r\nA: b\nc\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	} {
		var q question
		if _, err := q.read([]byte(head), false, false); err == nil {
			t.Errorf("%q passes as %s", head, decoded(t, q.block))
		}
	}
}

// FuzzHead: what passes is a block that any endpoint can read, without names that have no place in HTTP/2.
func FuzzHead(f *testing.F) {
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n",
		"PUT /p HTTP/1.1\r\nContent-Length: 7\r\nCookie: a=b; c=d\r\n\r\n",
	} {
		f.Add([]byte(head), false, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, secure, tunnels bool) {
		var q question
		n, err := q.read(b, secure, tunnels)
		if err != nil {
			return
		}
		if n > len(b) || !bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
			t.Fatalf("the head ends at %d", n)
		}
		fields, err := hpack.NewDecoder(0, nil).DecodeFull(q.block)
		if err != nil {
			t.Fatal(err)
		}
		behind := false
		for _, f := range fields {
			if f.IsPseudo() && behind || f.Name != strings.ToLower(f.Name) {
				t.Errorf("%q stands where it must not", f.Name)
			}
			behind = behind || !f.IsPseudo()
			switch f.Name {
			case "connection", "transfer-encoding", "keep-alive", "proxy-connection", "upgrade", "host":
				t.Errorf("%q passes", f.Name)
			}
		}
	})
}

func TestAHeadIsWrittenWithoutAllocating(t *testing.T) {
	head := []byte("GET /a/b?c=d HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.1\r\nVia: 1.1 weir\r\n\r\n")
	q := question{block: make([]byte, 0, 1<<10)}
	if n := testing.AllocsPerRun(1000, func() {
		q = question{block: q.block[:0]}
		_, _ = q.read(head, true, false) // whether it passes others test
	}); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkHead(b *testing.B) {
	head := []byte("GET /a/b?c=d HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.1\r\nVia: 1.1 weir\r\n\r\n")
	q := question{block: make([]byte, 0, 1<<10)}
	b.ReportAllocs()
	for b.Loop() {
		q = question{block: q.block[:0]}
		if _, err := q.read(head, true, false); err != nil {
			b.Fatal(err)
		}
	}
}
