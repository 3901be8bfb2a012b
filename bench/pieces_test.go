package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// sealed is a body of n bytes that shows whether it is whole: its last four are the sum of the others.
func sealed(r *rand.Rand, n int) []byte {
	body := append(make([]byte, 0, n+4), noise[r.IntN(len(noise)-n):][:n]...)
	return binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
}

// noise is what bodies are cut from, at a place of their own each: drawing every byte is most of a test's time.
var noise = func() []byte {
	b := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{53}).Read(b)
	return b
}()

func whole(body []byte) bool {
	n := len(body) - 4
	return n >= 0 && crc32.ChecksumIEEE(body[:n]) == binary.BigEndian.Uint32(body[n:])
}

// chopper answers with sealed bodies of every framing, written in pieces of random lengths, and checks that the
// requests' bodies are whole too.
type chopper struct {
	seed    atomic.Uint64
	spoilt  atomic.Int64 // requests whose body was not whole
	bodies  atomic.Int64 // bytes of answers' bodies
	answers atomic.Int64
}

func (s *chopper) serve(c net.Conn) {
	r := rand.New(rand.NewPCG(s.seed.Add(1), 50))
	in := bufio.NewReader(c)
	for {
		q, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		sent, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		if !whole(sent) {
			s.spoilt.Add(1)
		}
		sizes := []int{0, 1, 100, 5000, 70_000, 300_000}
		body := sealed(r, sizes[r.IntN(len(sizes))])
		s.bodies.Add(int64(len(body)))
		s.answers.Add(1)
		text, ends := framed(r, string(body))
		if !chop(r, c, text) || ends {
			return
		}
	}
}

// framed is body as an answer of a random framing, and whether the end of the connection is a part of it.
func framed(r *rand.Rand, body string) (text string, ends bool) {
	var b strings.Builder
	for range r.IntN(3) {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	}
	b.WriteString("HTTP/1.1 200 OK\r\nX-Pad: " + strings.Repeat("p", r.IntN(4000)) + "\r\n")
	switch r.IntN(5) {
	case 0:
		return b.String() + "\r\n" + body, true
	case 1:
		return b.String() + fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body), true
	case 2:
		return b.String() + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), false
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := 1 + r.IntN(len(body))
		fmt.Fprintf(&b, "%X;ext=\"a\"\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\nX-Trailer: t\r\n\r\n")
	return b.String(), false
}

// chop writes text in pieces, now and then with a pause in which the reader is told that this was all for now.
func chop(r *rand.Rand, c net.Conn, text string) bool {
	for len(text) > 0 {
		n := min(len(text), 1+r.IntN(1+r.IntN(100_000)))
		if _, err := io.WriteString(c, text[:n]); err != nil {
			return false
		}
		if text = text[n:]; r.IntN(20) == 0 {
			<-time.After(time.Millisecond) // a pause of the sender's is the case under test
		}
	}
	return true
}

// sealing is a source of requests with sealed bodies of any length, which want sealed ones back.
type sealing struct{}

func (sealing) Classes() []string { return []string{"all"} }

func (sealing) Maker(Form, string, uint64) Maker {
	return &sealingMaker{random: rand.New(rand.NewPCG(51, 52)), expect: &Expect{Body: whole}}
}

// sealingMaker writes each body over the one before.
type sealingMaker struct {
	random *rand.Rand
	expect *Expect
	body   []byte
}

func (m *sealingMaker) Fill(n int64, r *Request) {
	sizes := []int{0, 10, 40_000, 2 << 20}
	size := sizes[m.random.IntN(3)]
	if n%50 == 7 {
		size = sizes[3]
	}
	m.body = append(m.body[:0], sealed(m.random, size)...)
	*r = Request{Method: "POST", Path: []byte("/"), Body: m.body, Expect: m.expect}
}

func TestWhatComesInPiecesIsPutTogether(t *testing.T) {
	n := int64(300)
	if testing.Short() {
		n = 120 // the race detector's run
	}
	for _, scheme := range []string{"http", "https"} {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fresh %v", scheme, fresh), func(t *testing.T) {
				t.Parallel()
				var s chopper
				at := ""
				if scheme == "http" {
					at = listen(t, func(c *net.TCPConn) { s.serve(c) })
				} else {
					at = secure(t, func(c *tls.Conn) { s.serve(c) })
				}
				r := mustRun(t, Config{
					Target: scheme + "://" + at, TLS: trusting, Connections: 7, Threads: 2, Fresh: fresh, Requests: n, Source: sealing{}, Timeout: 20 * time.Second,
				})
				if r.OK != n || s.spoilt.Load() != 0 || s.answers.Load() != n {
					t.Errorf("ok %d of %d, %v %v; %d requests came spoilt", r.OK, s.answers.Load(), r.Failures, r.FirstFailures, s.spoilt.Load())
				}
				if r.BytesIn < s.bodies.Load() || fresh && r.Opened != n || !fresh && r.Opened >= n {
					t.Errorf("%d bytes in of %d at least, %d opened", r.BytesIn, s.bodies.Load(), r.Opened)
				}
				checkSums(t, r)
			})
		}
	}
}
