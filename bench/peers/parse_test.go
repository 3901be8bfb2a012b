package peers

import (
	"strings"
	"testing"
)

func TestParentIsReadBehindTheLastParenthesis(t *testing.T) {
	for text, want := range map[string]int{
		"14551 (sh) R 14546 14514 2633 0":       14546,
		"7 (nginx: worker) S 6 6 0":             6,
		"7 (a) b) R 1 (x) S 12 3":               12,
		"9 (tmux: server (1)) S 1 9 9 0 -1 419": 1,
	} {
		if got, ok := parentOf([]byte(text)); !ok || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "7", "7 (a)", "7 (a) S", "7 (a) S x", "7 (a) S -2 1"} {
		if got, ok := parentOf([]byte(text)); ok {
			t.Errorf("%q: got %d, want a refusal", text, got)
		}
	}
}

func TestResidentPagesAreTheSecondField(t *testing.T) {
	if got, ok := residentPages([]byte("5000 1234 900 1 0 700 0\n")); !ok || got != 1234 {
		t.Errorf("got %d, %v; want 1234", got, ok)
	}
	for _, text := range []string{"", "1", "1 x", "1 -5"} {
		if _, ok := residentPages([]byte(text)); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

var answerEnds = []struct {
	name, text string
	end        int
	known, ok  bool
}{
	{"head and body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 41, true, true},
	{"only the head has come", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 41, true, true},
	{"lower case, last of several", "HTTP/1.1 200 OK\r\nDate: x\r\ncache-control: y\r\ncontent-length:7\r\n\r\n", 71, true, true},
	{"a name of the same length", "HTTP/1.1 200 OK\r\nCustomer-Lengt: 3\r\nContent-Length: 0\r\n\r\n", 57, true, true},
	{"half a head", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", 0, false, true},
	{"nothing", "", 0, false, true},
	{"an endless head", strings.Repeat("a", maxHead), 0, false, false},
	{"another status", "HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\n", 0, true, false},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", 0, true, false},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, true, false},
	{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 0, true, false},
	{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, true, false},
	{"a huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 0, true, false},
}

func TestTheEndOfAnAnswerIsFoundFromItsHead(t *testing.T) {
	for _, c := range answerEnds {
		end, known, ok := answerEnd([]byte(c.text))
		if end != c.end || known != c.known || ok != c.ok {
			t.Errorf("%s: got %d, %v, %v; want %d, %v, %v", c.name, end, known, ok, c.end, c.known, c.ok)
		}
	}
}

func TestFindingTheEndAllocatesNothing(t *testing.T) {
	s := Scenarios()[0]
	text := s.answer()
	if n := testing.AllocsPerRun(1000, func() { answerEnd(text) }); n != 0 {
		t.Fatalf("it costs %v allocations", n)
	}
}

func BenchmarkAnswerEnd(b *testing.B) {
	s := Scenarios()[0]
	text := s.answer()
	b.ReportAllocs()
	for b.Loop() {
		answerEnd(text)
	}
}

func FuzzAnswerEnd(f *testing.F) {
	for _, c := range answerEnds {
		if len(c.text) < 200 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end, known, ok := answerEnd(text)
		if known && ok && (end < len("HTTP/1.1 200") || end > len(text)+maxAnswer) {
			t.Fatalf("%q ends at %d", text, end)
		}
		if !known && end != 0 {
			t.Fatalf("%q: an end of %d that is not known", text, end)
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add([]byte("14551 (sh) R 14546 14514 2633 0"))
	f.Add([]byte("5000 1234 900 1 0 700 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, ok := parentOf(text); ok && n < 0 {
			t.Fatalf("%q: parent %d", text, n)
		}
		if n, ok := residentPages(text); ok && n < 0 {
			t.Fatalf("%q: %d pages", text, n)
		}
	})
}
