package serve

import (
	"bytes"
	"strings"
	"testing"

	"weir/http7"
)

// doubler writes every byte twice, three bytes a call at most, and holds a byte back until flushed.
type doubler struct{ held []byte }

func (d *doubler) Changes() bool { return true }

func (d *doubler) Write(dst, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	taken := min(len(chunk), 3)
	d.held = append(d.held, chunk[:taken]...)
	keep := 1
	if how != http7.More && taken == len(chunk) {
		keep = 0
	}
	for len(d.held) > keep && len(dst)+2 <= cap(dst) {
		dst = append(dst, d.held[0], d.held[0])
		d.held = d.held[1:]
	}
	return dst, taken, taken == len(chunk) && len(d.held) <= keep, nil
}

// looker only looks.
type looker struct{ seen bytes.Buffer }

func (l *looker) Changes() bool { return false }

func (l *looker) Write(_, chunk []byte, _ http7.How) ([]byte, int, bool, *http7.Fault) {
	l.seen.Write(chunk)
	return chunk, len(chunk), true, nil
}

// script is a Source that says what it was told to.
type script struct {
	says []string // "" is Parked
	fail *http7.Fault
}

func (s *script) Next() ([]byte, http7.State, *http7.Fault) {
	if len(s.says) == 0 {
		if s.fail != nil {
			return nil, http7.Failure, s.fail
		}
		return nil, http7.End, nil
	}
	say := s.says[0]
	if say == "" {
		return nil, http7.Parked, nil
	}
	s.says = s.says[1:]
	return []byte(say), http7.Chunk, nil
}

func (s *script) Await() { s.says = s.says[1:] }
func (s *script) Close() {}

// drain reads a source to its end; each wait leaves a "|".
func drain(t *testing.T, src http7.Source) (string, *http7.Fault) {
	t.Helper()
	var b strings.Builder
	for range 10_000 {
		chunk, s, f := src.Next()
		switch s {
		case http7.Chunk:
			b.Write(chunk)
		case http7.Parked:
			b.WriteString("|")
			src.Await()
		case http7.End:
			return b.String(), nil
		case http7.Failure:
			return b.String(), f
		}
	}
	t.Fatal("the source does not end")
	return "", nil
}

func TestFiltersSeeEveryByteInOrder(t *testing.T) {
	for _, c := range []struct {
		what    string
		says    []string
		filters []http7.Filter
		want    string
	}{
		{"one that looks", []string{"ab", "", "c"}, []http7.Filter{new(looker)}, "ab|c"},
		{"one that changes, flushed where the source waits", []string{"abcdefgh", "", "i"}, []http7.Filter{new(doubler)}, "aabbccddeeffgghh|ii"},
		{"two in a row", []string{"abc", "", "d"}, []http7.Filter{new(doubler), new(doubler)}, "aaaabbbbcccc|dddd"},
		{"mixed", []string{"abc"}, []http7.Filter{new(looker), new(doubler), new(looker)}, "aabbcc"},
		{"nothing to pass", nil, []http7.Filter{new(doubler)}, ""},
	} {
		var p pipe
		p.over(&script{says: c.says}, c.filters)
		if got, f := drain(t, &p); got != c.want || f != nil {
			t.Errorf("%s: got %q, %v; want %q", c.what, got, f, c.want)
		}
		p.free()
	}
}

func TestABodyThatIsCutIsCutBehindFiltersToo(t *testing.T) {
	var p pipe
	p.over(&script{says: []string{"abc"}, fail: http7.UpstreamCut}, []http7.Filter{new(looker)})
	if got, f := drain(t, &p); got != "abc" || f != http7.UpstreamCut {
		t.Fatalf("got %q, %v", got, f)
	}
}

// filtering is a policy that puts filters on both bodies.
type filtering struct{ request, answer func() http7.Filter }

func (p filtering) Request(x *http7.Exchange) http7.Verdict {
	if p.request != nil {
		x.Body.Filters = append(x.Body.Filters, p.request())
	}
	return http7.Continue
}

func (p filtering) Response(x *http7.Exchange) http7.Verdict {
	if p.answer != nil {
		x.Answer.Filters = append(x.Answer.Filters, p.answer())
	}
	return http7.Continue
}

func TestAnAnswerThatAFilterChangesLosesItsLengthAndItsStrongValidator(t *testing.T) {
	p := filtering{answer: func() http7.Filter { return new(doubler) }}
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{{Name: "t.f", Stage: http7.Present, Response: p}}
	}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nDate: x\r\n\r\nhello"))
	got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	for _, gone := range []string{"Content-Length", "Accept-Ranges", "ETag: \""} {
		if strings.Contains(head, gone) {
			t.Errorf("the head still has %s: %q", gone, head)
		}
	}
	if !strings.Contains(head, `ETag: W/"a"`) || !strings.Contains(head, "Transfer-Encoding: chunked") {
		t.Errorf("head %q", head)
	}
	if !strings.Contains(body, "hh") || !strings.HasSuffix(body, "0\r\n\r\n") {
		t.Errorf("body %q", body)
	}
}

func TestARequestThatAFilterChangesIsSentChunkedAndOnceMoreAsItLeft(t *testing.T) {
	p := filtering{request: func() http7.Filter { return new(doubler) }}
	o := newRecorder(t, okFor)
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{{Name: "t.f", Stage: http7.Rewrite, Request: p}}
	}, o.addr)
	got := r.say("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc")
	if !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Fatalf("got %q", got)
	}
	whole, _ := o.seen()
	if len(whole) != 1 || strings.Contains(whole[0], "Content-Length") || !strings.Contains(whole[0], "Transfer-Encoding: chunked") {
		t.Fatalf("the origin saw %q", whole)
	}
	if body := whole[0][strings.Index(whole[0], "\r\n\r\n")+4:]; !strings.Contains(body, "aa") || !strings.Contains(body, "cc") {
		t.Fatalf("the origin saw the body %q", body)
	}
}
