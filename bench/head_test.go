package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// randomAnswer writes an answer of a random framing and returns the wire text and what must be read of it.
func randomAnswer(r *rand.Rand) (wire string, want answer) {
	var b strings.Builder
	for range r.IntN(3) {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	}
	status := []int{200, 201, 404, 503, 204, 304}[r.IntN(6)]
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for i := range r.IntN(5) {
		fmt.Fprintf(&b, "X-%d: %s\r\n", i, strings.Repeat("v", r.IntN(3000)))
	}
	keep := r.IntN(4) > 0
	if !keep {
		b.WriteString("Connection: close\r\n")
	}
	switch {
	case status == 204 || status == 304:
		b.WriteString("\r\n")
	case r.IntN(2) == 0:
		n := r.IntN(20_000)
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", n, strings.Repeat("b", n))
	default:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for range r.IntN(6) {
			n := 1 + r.IntN(5000)
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, strings.Repeat("c", n))
		}
		b.WriteString("0\r\n")
		for range r.IntN(3) {
			b.WriteString("T: 1\r\n")
		}
		b.WriteString("\r\n")
	}
	return b.String(), answer{status: status, bytes: int64(b.Len()), keep: keep}
}

func TestAnswersOfEveryFramingAreReadToTheirLastByte(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var a answerReader
		for i := range 5 { // on one reader, as on a kept connection
			text, want := randomAnswer(r)
			behind := strings.Repeat("H", r.IntN(2))
			a.begin("GET", false)
			spare, err := a.from(iotest.HalfReader(strings.NewReader(text + behind)))
			if err != nil || a.got.status != want.status || a.got.bytes != want.bytes || a.got.keep != want.keep {
				t.Fatalf("seed %d, answer %d: got %+v, %v; want %+v", seed, i, a.got, err, want)
			}
			if !strings.HasPrefix(behind, spare) {
				t.Fatalf("seed %d, answer %d: %q is left over", seed, i, spare)
			}
		}
	}
}

func TestACutAtAnyByteIsNeverAWholeAnswer(t *testing.T) {
	for _, wire := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	} {
		for n := 1; n < len(wire); n++ {
			got, _, err := readAnswer(strings.NewReader(wire[:n]), "GET")
			if !errors.Is(err, ErrShort) {
				t.Errorf("%q: got %+v, %v; want ErrShort", wire[:n], got, err)
			}
		}
	}
}

func TestAHeadMayBeLargeButNotWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		field int
		ok    bool
	}{{4 << 10, true}, {maxHead / 2, true}, {maxHead - 200, true}, {maxHead, false}, {8 * maxHead, false}} {
		wire := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: " + strings.Repeat("a", c.field) + "\r\n\r\nx"
		for way, src := range map[string]*strings.Reader{"whole": strings.NewReader(wire), "in pieces": strings.NewReader(wire)} {
			var a answerReader
			a.begin("GET", false)
			var err error
			if way == "whole" {
				_, _, err = a.feed([]byte(wire))
			} else {
				_, err = a.from(src)
			}
			if (err == nil) != c.ok || c.ok && a.got.bytes != int64(len(wire)) || cap(a.stash) > 4*maxHead {
				t.Errorf("a field of %d bytes, %s: %+v, %v, %d kept", c.field, way, a.got, err, cap(a.stash))
			}
			if a.begin("GET", false); cap(a.stash) > keepStash {
				t.Errorf("a field of %d bytes, %s: %d are kept for the next answer", c.field, way, cap(a.stash))
			}
		}
	}
}
