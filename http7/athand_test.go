package http7

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// steps is a Source that gives what a test wrote: a chunk each, "|" for Parked, "!" for a failure.
// It overwrites a chunk when it is asked for the next, as engines do.
type steps struct {
	todo   []string
	given  []byte
	awaits int
	closed int
	asked  int
}

func (s *steps) Next() ([]byte, State, *Fault) {
	s.asked++
	for i := range s.given {
		s.given[i] = '#'
	}
	if len(s.todo) == 0 {
		return nil, End, nil
	}
	switch next := s.todo[0]; next {
	case "|":
		return nil, Parked, nil
	case "!":
		return nil, Failure, UpstreamCut
	default:
		s.todo, s.given = s.todo[1:], []byte(next)
		return s.given, Chunk, nil
	}
}

func (s *steps) Await() {
	s.awaits++
	s.todo = s.todo[1:]
}

func (s *steps) Close() { s.closed++ }

func TestAnswerAtHandCountsWithoutWaitingAndLosesNothing(t *testing.T) {
	long := strings.Repeat("0123456789", 5)
	for _, c := range []struct {
		todo  string // chunks, with spaces between
		n     int
		bytes int
		whole bool
		asked int
		body  string // with what the end was
	}{
		{"", 10, 0, true, 1, "end"},
		{"abc", 10, 3, true, 2, "abc end"},
		{"abc def", 10, 6, true, 3, "abcdef end"},
		{"abc def", 3, 3, false, 1, "abcdef end"},
		{"abc def gh", 4, 6, false, 2, "abcdefgh end"},
		{long + " x", 10, 50, false, 1, long + "x end"},
		{"ab " + long + " x", 10, 52, false, 2, "ab" + long + "x end"},
		{"|", 10, 0, false, 1, "end"},
		{"ab | cd", 10, 2, false, 2, "abcd end"},
		{"!", 10, 0, false, 1, "upstream_cut"},
		{"ab !", 10, 2, false, 2, "ab upstream_cut"},
		{"ab | !", 10, 2, false, 2, "ab upstream_cut"},
		{"ab cd", 0, 0, false, 0, "abcd end"},
	} {
		s := &steps{todo: strings.Fields(c.todo)}
		x := &Exchange{}
		x.LocalAnswer(200).Source = s
		if n, whole := x.AnswerAtHand(c.n); n != c.bytes || whole != c.whole || s.awaits != 0 || s.asked != c.asked {
			t.Errorf("%q for %d: %d bytes, whole %v after %d questions; want %d, %v, %d", c.todo, c.n, n, whole, s.asked, c.bytes, c.whole, c.asked)
		}
		if got := read(x.Answer.Source); got != c.body {
			t.Errorf("%q for %d: then the body is %q, want %q", c.todo, c.n, got, c.body)
		}
		x.Answer.Source.Close()
		if s.closed != 1 {
			t.Errorf("%q: closed %d times", c.todo, s.closed)
		}
	}
}

// read returns a source's body and how it ended.
func read(s Source) string {
	var body []byte
	for {
		chunk, state, f := s.Next()
		switch state {
		case Chunk:
			body = append(body, chunk...)
		case Parked:
			s.Await()
		case End:
			return strings.TrimSpace(string(body) + " end")
		case Failure:
			return strings.TrimSpace(string(body) + " " + f.Name)
		}
	}
}

func TestAnswerAtHandMayBeAskedAgain(t *testing.T) {
	s := &steps{todo: strings.Fields("ab cde fghijklm n |")}
	x := &Exchange{}
	x.LocalAnswer(200).Source = s
	var got []int
	for _, n := range []int{1, 3, 4, 5, 6, 14, 14, 100} {
		b, _ := x.AnswerAtHand(n)
		got = append(got, b)
	}
	if want := []int{2, 5, 5, 5, 13, 14, 14, 14}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if body := read(x.Answer.Source); body != "abcdefghijklmn end" {
		t.Errorf("the body is %q", body)
	}
}

func TestAnAnswerWithoutASourceIsWhole(t *testing.T) {
	x := &Exchange{}
	x.LocalAnswer(204)
	if n, whole := x.AnswerAtHand(10); n != 0 || !whole {
		t.Errorf("%d, %v", n, whole)
	}
}

func TestAnswerAtHandAllocatesNothing(t *testing.T) {
	x := &Exchange{}
	two := &halves{b: bytes.Repeat([]byte("x"), 1000)}
	if n := testing.AllocsPerRun(1000, func() {
		two.at = 0
		x.LocalAnswer(200).Source = two
		if n, whole := x.AnswerAtHand(1024); n != 1000 || !whole {
			t.Fatal(n, whole)
		}
		x.Release()
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

// halves is a Source that gives its bytes in two chunks.
type halves struct {
	b  []byte
	at int
}

func (h *halves) Next() ([]byte, State, *Fault) {
	if h.at == 2 {
		return nil, End, nil
	}
	h.at++
	return h.b[:len(h.b)/2], Chunk, nil
}

func (h *halves) Await() {}
func (h *halves) Close() {}
