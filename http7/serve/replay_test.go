package serve

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"weir/http7"
)

func TestAReplayKeepsWhatFitsAndNothingOfWhatDoesNot(t *testing.T) {
	for _, test := range []struct {
		what   string
		limit  int
		chunks []string
		kept   string
		whole  bool
	}{
		{"all of it", 10, []string{"abc", "def"}, "abcdef", true},
		{"to the last byte", 6, []string{"abc", "def"}, "abcdef", true},
		{"one byte more", 5, []string{"abc", "def"}, "abc", false},
		{"a first chunk that is too long", 2, []string{"abc"}, "", false},
		{"nothing is recorded behind a loss", 5, []string{"abc", "def", "g"}, "abc", false},
		{"not to be repeated", 0, []string{"a"}, "", false},
		{"no body", 0, nil, "", true},
	} {
		r := replay{limit: test.limit}
		for _, c := range test.chunks {
			r.record([]byte(c))
		}
		if string(r.buf) != test.kept || r.whole() != test.whole || r.at != len(r.buf) {
			t.Errorf("%s: kept %q, whole %v, at %d", test.what, r.buf, r.whole(), r.at)
		}
		r.free()
		if r.buf != nil || r.block != nil || !r.whole() {
			t.Errorf("%s: freed, it still holds %q", test.what, r.buf)
		}
	}
}

func TestAReplayLargerThanItsPooledRoomStillKeepsAll(t *testing.T) {
	r := replay{limit: 1 << 20}
	var want bytes.Buffer
	for i := range 300 {
		c := bytes.Repeat([]byte{byte(i)}, 1000+i)
		want.Write(c)
		r.record(c)
	}
	if !r.whole() || !bytes.Equal(r.buf, want.Bytes()) {
		t.Fatalf("whole %v, %d bytes of %d", r.whole(), len(r.buf), want.Len())
	}
	r.free()
}

func TestTheFramingIsTheAttemptsOwn(t *testing.T) {
	trailer := new(http7.Header)
	trailer.AddRaw([]byte("X-Sum"), []byte("7"))
	for _, test := range []struct {
		chunked bool
		want    string
	}{
		{false, "hello"},
		{true, "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"},
	} {
		r := replay{chunked: test.chunked}
		if got := string(r.appendEnd(r.append(nil, []byte("hello")), trailer)); got != test.want {
			t.Errorf("chunked %v: got %q, want %q", test.chunked, got, test.want)
		}
	}
}

// slice gives a body in pieces of random size, with waits between.
type slice struct {
	rest []byte
	rnd  *rand.Rand
	wait bool
}

func (s *slice) Next() ([]byte, http7.State, *http7.Fault) {
	if len(s.rest) == 0 {
		return nil, http7.End, nil
	}
	if s.wait = !s.wait && s.rnd.IntN(3) == 0; s.wait {
		return nil, http7.Parked, nil
	}
	n := 1 + s.rnd.IntN(min(len(s.rest), 50_000))
	piece := s.rest[:n]
	s.rest = s.rest[n:]
	return piece, http7.Chunk, nil
}

func (s *slice) Await() {}
func (s *slice) Close() {}

// swapper exchanges the case of letters: it changes bytes one by one, as many as there is room for.
type swapper struct{}

func (swapper) Changes() bool { return true }

func (swapper) Write(dst, chunk []byte, _ http7.How) ([]byte, int, bool, *http7.Fault) {
	n := min(len(chunk), cap(dst)-len(dst))
	for _, c := range chunk[:n] {
		dst = append(dst, c^0x20)
	}
	return dst, n, n == len(chunk), nil
}

func TestChainsOfFiltersAgreeWithTheSameDoneAtOnce(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		in := make([]byte, rnd.IntN(200_000))
		for i := range in {
			in[i] = "abcXYZ"[rnd.IntN(6)]
		}
		want := string(in)
		var filters []http7.Filter
		for range rnd.IntN(4) {
			switch rnd.IntN(3) {
			case 0:
				filters = append(filters, swapper{})
				want = strings.Map(func(r rune) rune { return r ^ 0x20 }, want)
			case 1:
				filters = append(filters, new(looker))
			case 2:
				if len(want) > 2000 { // it passes three bytes a call
					continue
				}
				filters = append(filters, new(doubler))
				var b strings.Builder
				for _, c := range []byte(want) {
					b.Write([]byte{c, c})
				}
				want = b.String()
			}
		}
		var p pipe
		p.over(&slice{rest: in, rnd: rnd}, filters)
		var got strings.Builder
		for ended := false; !ended; {
			chunk, s, f := p.Next()
			switch s {
			case http7.Chunk:
				got.Write(chunk)
			case http7.Parked:
				p.Await()
			case http7.End:
				ended = true
			case http7.Failure:
				t.Fatal(f)
			}
		}
		if got.String() != want {
			t.Fatalf("seed %d, %d filters: %d bytes, want %d", seed, len(filters), got.Len(), len(want))
		}
		p.free()
	}
}

// failing passes some bytes and then fails.
type failing struct{ left int }

func (f *failing) Changes() bool { return false }

func (f *failing) Write(_, chunk []byte, _ http7.How) ([]byte, int, bool, *http7.Fault) {
	if f.left -= len(chunk); f.left < 0 {
		return nil, 0, false, http7.BodyTooLarge
	}
	return chunk, len(chunk), true, nil
}

func TestAFilterThatFailsBeforeTheFirstByteIsAnAnswerAndLaterACut(t *testing.T) {
	for _, test := range []struct {
		what   string
		left   int
		answer string
	}{
		{"at once", 0, "HTTP/1.1 413 "},
		{"later", 5, "HTTP/1.1 200 "},
	} {
		p := filtering{answer: func() http7.Filter { return &failing{left: test.left} }}
		pieces := make(chan struct{})
		r := newRigWith(t, func(r *rig) {
			r.route.Steps = []http7.Step{{Name: "t.f", Stage: http7.Present, Response: p}}
		}, inPieces(t, pieces, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nDate: x\r\n\r\nhello", "again"))
		c := r.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		got := ""
		for b := make([]byte, 4096); !strings.Contains(got, "hello"); { // the second piece waits for the first
			n, err := c.Read(b)
			if got += string(b[:n]); err != nil {
				break
			}
		}
		close(pieces)
		rest, _ := io.ReadAll(c) // a cut may be a reset
		got += string(rest)
		if !strings.HasPrefix(got, test.answer) || strings.Contains(got, "again") {
			t.Errorf("%s: got %q", test.what, got)
		}
	}
}

func TestARequestFilterThatFailsIsTheAnswer(t *testing.T) {
	p := filtering{request: func() http7.Filter { return &failing{left: 3} }}
	o := newRecorder(t, okFor)
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{{Name: "t.f", Stage: http7.Rewrite, Request: p}}
	}, o.addr)
	got := r.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") {
		t.Fatalf("got %q", got)
	}
	if whole, _ := o.seen(); len(whole) != 0 {
		t.Fatalf("the origin saw %q", whole)
	}
}

// inPieces is an origin that writes its answer in two pieces, the second when told to.
func inPieces(t *testing.T, next <-chan struct{}, first, second string) string {
	return origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, first)
		<-next
		_, _ = io.WriteString(c, second)
	})
}
