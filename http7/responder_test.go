package http7

import (
	"fmt"
	"io"
	"testing"
)

// A responder and a handler that says the same can't be told apart.
func TestAResponderAnswersAsTheHandlerDoes(t *testing.T) {
	for _, status := range []int{200, 201, 204, 205, 304, 404, 418, 503, 599} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			for _, body := range []string{"", "hello"} {
				for _, media := range []string{"", "text/plain", " a/b\t"} {
					r, err := NewResponder(status, media, []byte(body))
					if err != nil {
						t.Fatal(err)
					}
					x := asked("Host: a\r\n")
					x.Method = []byte(method)
					Serve(Respond(status, media, []byte(body)), x)
					want := told(x)
					if f := r.Act(x); f != nil {
						t.Fatal(f)
					}
					if got := told(x); got != want || !x.Answer.Local {
						t.Errorf("%s, %d %q %q: got %s, want %s", method, status, media, body, got, want)
					}
				}
			}
		}
	}
}

// told is all of x's answer, which it ends.
func told(x *Exchange) string {
	a := x.Answer
	b, err := io.ReadAll(bodyOf(a.Source))
	a.Source.Close()
	return fmt.Sprintf("%d, length %d, %q, body %q, %v", a.Status, a.Length, a.Header.AppendLines(nil, 0), b, err)
}

// bodyOf reads a Source.
func bodyOf(src Source) io.Reader { return sourceReader{src} }

type sourceReader struct{ src Source }

func (r sourceReader) Read(p []byte) (int, error) {
	chunk, s, f := r.src.Next()
	switch s {
	case Failure:
		return 0, fmt.Errorf("%s", f.Name)
	case End:
		return 0, io.EOF
	}
	return copy(p, chunk), nil
}

func TestAResponderThatCouldNotBeSentIsNotMade(t *testing.T) {
	for _, c := range []struct {
		status int
		media  string
	}{{0, ""}, {100, ""}, {199, "text/plain"}, {1000, ""}, {200, "a\nb"}, {200, "a\x00"}} {
		if r, err := NewResponder(c.status, c.media, nil); r != nil || err == nil {
			t.Errorf("%d %q: %v, %v", c.status, c.media, r, err)
		}
	}
}

func TestARespondersAnswerIsItsOwnEachTime(t *testing.T) {
	r, err := NewResponder(200, "text/plain", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := asked(""), asked("")
	for _, x := range []*Exchange{one, two} {
		if f := r.Act(x); f != nil {
			t.Fatal(f)
		}
	}
	one.Answer.Header.DelID(ContentType)
	if first, second := told(one), told(two); first == second || told(two) == second {
		t.Errorf("%s and %s", first, second)
	}
}

func BenchmarkResponder(b *testing.B) {
	r, err := NewResponder(200, "text/plain", []byte("pong\n"))
	if err != nil {
		b.Fatal(err)
	}
	x := asked(tenFields)
	b.ReportAllocs()
	for b.Loop() {
		r.Act(x)
		for s := Chunk; s == Chunk; {
			_, s, _ = x.Answer.Source.Next()
		}
	}
}
