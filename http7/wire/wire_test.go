package wire

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

// lim is what most tests bound heads with.
var lim = Limits{HeadBytes: 2048, Fields: 20, TargetBytes: 256}

// sample is bytes in, and what they are: see showRequest, showResponse and readBody. A want that
// begins with "!" names a fault, "" means that more bytes are needed.
type sample struct{ what, in, want string }

// feeder gives growing prefixes of one message to a parser, each in a block of its own, and says
// what came of it.
type feeder func(block []byte) (done bool, result string)

// feed gives in to f, cut at the given offsets.
func feed(f feeder, in string, cuts ...int) string {
	for _, c := range append(cuts, len(in)) {
		if done, result := f([]byte(in[:c])); done {
			return result
		}
	}
	return ""
}

// requests returns a feeder for one request head.
func requests(lim *Limits) feeder {
	var p RequestParser
	var r Request
	var h http7.Header
	return func(b []byte) (bool, string) {
		n, f := p.Parse(b, lim, &r, &h)
		if f != nil {
			return true, "!" + f.Name
		}
		if n == 0 {
			return false, ""
		}
		return true, showRequest(&r, &h) + rest(b[n:])
	}
}

// responses returns a feeder for one head of an answer to method.
func responses(lim *Limits, method string) feeder {
	var p ResponseParser
	var r Response
	var h http7.Header
	return func(b []byte) (bool, string) {
		n, f := p.Parse(b, lim, []byte(method), &r, &h)
		if f != nil {
			return true, "!" + f.Name
		}
		if n == 0 {
			return false, ""
		}
		return true, showResponse(&r, &h) + rest(b[n:])
	}
}

// rest shows what follows a head; tests put an "@" there, because how much has come of a body
// depends on the cut.
func rest(b []byte) string {
	if len(b) > 0 && b[0] != '@' {
		return fmt.Sprintf(" behind: %q", b)
	}
	return ""
}

// showRequest writes "METHOD authority path?query frame flags|field;field".
func showRequest(r *Request, h *http7.Header) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %s", r.Method, r.Authority, r.Path)
	if r.Query != nil {
		fmt.Fprintf(&s, "?%s", r.Query)
	}
	s.WriteString(" " + showFrame(r.Frame))
	flag(&s, r.Proto == http7.HTTP10, "1.0")
	flag(&s, r.KeepAlive, "keep")
	flag(&s, r.Continue, "continue")
	flag(&s, r.Trailers, "trailers")
	flag(&s, r.Asterisk, "asterisk")
	flag(&s, r.Absolute, "abs="+string(r.Scheme))
	flag(&s, r.Upgrade != nil, "upgrade="+string(r.Upgrade))
	return s.String() + "|" + showFields(h)
}

// showResponse writes "status reason frame flags|field;field".
func showResponse(r *Response, h *http7.Header) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d %q %s", r.Status, r.Reason, showFrame(r.Frame))
	flag(&s, r.Proto == http7.HTTP10, "1.0")
	flag(&s, r.KeepAlive, "keep")
	return s.String() + "|" + showFields(h)
}

func flag(s *strings.Builder, on bool, name string) {
	if on {
		s.WriteString(" " + name)
	}
}

func showFrame(f Frame) string {
	switch f.Kind {
	case None:
		return "none"
	case Length:
		return fmt.Sprintf("len:%d", f.Length)
	case Chunked:
		return "chunked"
	}
	return "close"
}

// showFields writes the lines of h as they would leave, joined by ";".
func showFields(h *http7.Header) string {
	lines := strings.TrimSuffix(string(h.AppendLines(nil, 0)), "\r\n")
	return strings.ReplaceAll(lines, "\r\n", ";")
}

// everyCut checks that a sample gives the same at once, cut anywhere, and byte by byte.
func everyCut(t *testing.T, s sample, begin func() feeder) {
	t.Helper()
	if got := feed(begin(), s.in); got != s.want {
		t.Errorf("%s: %q\n got %s\nwant %s", s.what, s.in, got, s.want)
		return
	}
	var all []int
	for c := range s.in {
		all = append(all, c)
		if got := feed(begin(), s.in, c); got != s.want {
			t.Errorf("%s: %q cut at %d\n got %s\nwant %s", s.what, s.in, c, got, s.want)
			return
		}
	}
	if len(all) > 4096 {
		return
	}
	if got := feed(begin(), s.in, all...); got != s.want {
		t.Errorf("%s: %q byte by byte\n got %s\nwant %s", s.what, s.in, got, s.want)
	}
}
