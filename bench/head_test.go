package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func TestStatusLines(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int // 0: refused
		keep   bool
	}{
		{"HTTP/1.1 200 OK", 200, true},
		{"HTTP/1.1 200 ", 200, true},
		{"HTTP/1.1 200", 200, true},
		{"HTTP/1.0 200 OK", 200, false},
		{"HTTP/1.1 599 Whatever it says", 599, true},
		{"HTTP/1.1 100 Continue", 100, true},
		{"HTTP/1.1 404 Nicht gefunden \xe4", 404, true},
		{"HTTP/1.2 200 OK", 0, false},
		{"HTTP/2.0 200 OK", 0, false},
		{"HTTP/1. 200 OK", 0, false},
		{"http/1.1 200 OK", 0, false},
		{"HTTP/1.1  200 OK", 0, false},
		{"HTTP/1.1\t200 OK", 0, false},
		{"HTTP/1.1 099 OK", 0, false},
		{"HTTP/1.1 600 OK", 0, false},
		{"HTTP/1.1 2000 OK", 0, false},
		{"HTTP/1.1 20x OK", 0, false},
		{"HTTP/1.1 +20 OK", 0, false},
		{"HTTP/1.1 200OK", 0, false},
		{" HTTP/1.1 200 OK", 0, false},
		{"HTTP/1.1 ", 0, false},
		{"", 0, false},
	} {
		m, err := parseStatusLine([]byte(c.line))
		if m.status != c.status || m.keep != c.keep || (err == nil) != (c.status != 0) || err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("%q: got %d, keep %v, %v; want %d, %v", c.line, m.status, m.keep, err, c.status, c.keep)
		}
	}
}

func TestHeadsDecideTheFraming(t *testing.T) {
	const none = untilClose
	for _, c := range []struct {
		fields  string // lines, separated by |
		length  int64
		chunked bool
		keep    bool
		ok      bool
	}{
		{"", none, false, true, true},
		{"Content-Length: 0", 0, false, true, true},
		{"CONTENT-LENGTH:7", 7, false, true, true},
		{"Content-Length:\t 7 \t", 7, false, true, true},
		{"Content-Length: 007", 7, false, true, true},
		{"Content-Length: 999999999999999999", 999999999999999999, false, true, true},
		{"Content-Length: 9999999999999999999", 0, false, false, false},
		{"Content-Length: 7|Content-Length: 7", 7, false, true, true},
		{"Content-Length: 7|Content-Length: 8", 0, false, false, false},
		{"Content-Length: 7, 7", 0, false, false, false},
		{"Content-Length:", 0, false, false, false},
		{"Content-Length: -0", 0, false, false, false},
		{"Content-Length: 0x7", 0, false, false, false},
		{"Content-Length: 7 7", 0, false, false, false},
		{"Transfer-Encoding: chunked", none, true, true, true},
		{"transfer-encoding: CHUNKED", none, true, true, true},
		{"Transfer-Encoding: chunked|Transfer-Encoding: chunked", 0, false, false, false},
		{"Transfer-Encoding: gzip, chunked", 0, false, false, false},
		{"Transfer-Encoding: chunked, chunked", 0, false, false, false},
		{"Transfer-Encoding: identity", 0, false, false, false},
		{"Transfer-Encoding:", 0, false, false, false},
		{"Transfer-Encoding: chunked|Content-Length: 7", 0, false, false, false},
		{"Content-Length: 7|Transfer-Encoding: chunked", 0, false, false, false},
		{"Connection: close", none, false, false, true},
		{"Connection: CLOSE", none, false, false, true},
		{"Connection: keep-alive, close", none, false, false, true},
		{"Connection: upgrade, Keep-Alive", none, false, true, true},
		{"Connection: closed", none, false, true, true},
		{"Connection: not-close", none, false, true, true},
		{"Connection:", none, false, true, true},
		{"Connection: ,,close ,", none, false, false, true},
		{"Content-Lengthy: x", none, false, true, true},
		{"X-Content-Length: x", none, false, true, true},
		{": no name", 0, false, false, false},
		{"No colon", 0, false, false, false},
		{"Space : before", 0, false, false, false},
		{" Leading: space", 0, false, false, false},
		{"\tLeading: tab", 0, false, false, false},
		{"A: b|", 0, false, false, false},
	} {
		head := "HTTP/1.1 200 OK\r\n"
		if c.fields != "" {
			head += strings.ReplaceAll(c.fields, "|", "\r\n") + "\r\n"
		}
		m, err := parseHead([]byte(head))
		if !c.ok {
			if !errors.Is(err, errMalformed) {
				t.Errorf("%s: got %+v, %v; want a refusal", c.fields, m, err)
			}
			continue
		}
		if err != nil || m.length != c.length || m.chunked != c.chunked || m.keep != c.keep {
			t.Errorf("%s: got %+v, %v; want length %d, chunked %v, keep %v", c.fields, m, err, c.length, c.chunked, c.keep)
		}
	}
}

func TestALongBadLineIsQuotedInPart(t *testing.T) {
	_, err := parseStatusLine([]byte(strings.Repeat("x", 5000)))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("the error has %d bytes: it goes into a log", len(fmt.Sprint(err)))
	}
}

func TestChunkSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "000": 0, "a": 10, "F": 15, "fF": 255, "10": 16, "7fffffffffffff": 1<<55 - 1, "123456789abcdef": 0x123456789abcdef,
		"1;": 1, "1;a": 1, "1;a=b;c=\"d\"": 1, "1 ;a": 1, "1\t ;a": 1,
		"": -1, ";": -1, " 1": -1, "1 ": -1, "-1": -1, "+1": -1, "0x1": -1, "g": -1, "1,": -1, "1 1": -1,
		"1234567890abcdef": -1, "ffffffffffffffff": -1,
	} {
		if got, ok := chunkSize([]byte(text)); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
}

func TestDigitsAgreeWithTheLibrary(t *testing.T) {
	// The two parsers of numbers against strconv, where both must take the same texts.
	for range 20_000 {
		n := rand.Int64() >> rand.IntN(63)
		if got, ok := decimal([]byte(strconv.FormatInt(n, 10))); ok != (n < 1e18) || ok && got != n {
			t.Fatalf("decimal(%d) = %d, %v", n, got, ok)
		}
		if got, ok := chunkSize([]byte(strconv.FormatInt(n, 16))); ok != (n < 1<<60) || ok && got != n {
			t.Fatalf("chunkSize(%x) = %x, %v", n, got, ok)
		}
	}
}

func TestListsAreSearchedForWholeTokens(t *testing.T) {
	for list, want := range map[string]bool{
		"close": true, "Close": true, " close ": true, "a,close": true, "a, close,b": true, "\tclose\t,": true,
		"": false, ",": false, "clos": false, "closes": false, "a close": false, "close b": false, "\"close\"": false,
	} {
		if got := hasToken([]byte(list), "close"); got != want {
			t.Errorf("%q: got %v, want %v", list, got, want)
		}
	}
}

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

func TestPipelinedAnswersOfEveryFramingAreReadToTheirLastByte(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		var wire strings.Builder
		var want []answer
		for range 5 {
			text, a := randomAnswer(r)
			wire.WriteString(text)
			want = append(want, a)
		}
		a := newAnswerReader(iotest.HalfReader(strings.NewReader(wire.String())))
		for i := range want {
			if got, err := a.next(false); err != nil || got != want[i] {
				t.Fatalf("seed %d, answer %d: got %+v, %v; want %+v", seed, i, got, err, want[i])
			}
		}
		if a.spare() {
			t.Fatalf("seed %d: bytes are left over", seed)
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
			got, err := newAnswerReader(strings.NewReader(wire[:n])).next(false)
			if !errors.Is(err, errShort) {
				t.Errorf("%q: got %+v, %v; want errShort", wire[:n], got, err)
			}
		}
	}
}

func TestAnEmptyReadIsNoProgress(t *testing.T) {
	// A Reader that returns 0 and nil for ever must not spin the line.
	if _, err := newAnswerReader(nothing{}).next(false); err == nil {
		t.Error("no error")
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestAHeadGrowsTheBufferToItsBoundAndNoFurther(t *testing.T) {
	for _, c := range []struct {
		field int
		ok    bool
	}{{firstBlock, true}, {maxHead / 2, true}, {maxHead - 200, true}, {maxHead, false}, {8 * maxHead, false}} {
		wire := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: " + strings.Repeat("a", c.field) + "\r\n\r\nx"
		a := newAnswerReader(strings.NewReader(wire))
		got, err := a.next(false)
		if (err == nil) != c.ok || c.ok && got.bytes != int64(len(wire)) || len(a.buf) > 2*maxHead {
			t.Errorf("a field of %d bytes: %+v, %v, a buffer of %d", c.field, got, err, len(a.buf))
		}
	}
}
