package bench

import (
	"errors"
	"testing"
)

func TestRequestsAreFramedByTheGenerator(t *testing.T) {
	for _, c := range []struct {
		what string
		r    Request
		want string
	}{
		{"a plain GET", Request{Method: "GET", Path: []byte("/a?b=c")}, "GET /a?b=c HTTP/1.1\r\nHost: h:1\r\n\r\n"},
		{"fields in their order", Request{Method: "GET", Path: []byte("/"), Header: []Field{{"B", "1"}, {"A", "2"}}}, "GET / HTTP/1.1\r\nHost: h:1\r\nB: 1\r\nA: 2\r\n\r\n"},
		{"another host", Request{Method: "GET", Path: []byte("/"), Host: "api"}, "GET / HTTP/1.1\r\nHost: api\r\n\r\n"},
		{"a body", Request{Method: "PATCH", Path: []byte("/"), Body: []byte("hello")}, "PATCH / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\n\r\nhello"},
		{"a POST without one says so", Request{Method: "POST", Path: []byte("/")}, "POST / HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n"},
		{"a DELETE without one does not", Request{Method: "DELETE", Path: []byte("/")}, "DELETE / HTTP/1.1\r\nHost: h:1\r\n\r\n"},
	} {
		if got := AppendRequest(nil, &c.r, "h:1"); string(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestFixedRequestsThatCannotBeSentAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, path string
		header       []Field
	}{
		"no method":                {"", "/", nil},
		"a method with a space":    {"GET /", "/", nil},
		"no path":                  {"GET", "", nil},
		"a path with a space":      {"GET", "/a b", nil},
		"a path with a line":       {"GET", "/a\r\nb", nil},
		"a field without a name":   {"GET", "/", []Field{{"", "x"}}},
		"a name with a colon":      {"GET", "/", []Field{{"A:", "x"}}},
		"a value with a line":      {"GET", "/", []Field{{"A", "x\ny"}}},
		"a framing of one's own":   {"POST", "/", []Field{{"Content-Length", "3"}}},
		"chunks without our doing": {"POST", "/", []Field{{"transfer-encoding", "chunked"}}},
	} {
		if _, err := Fixed(c.method, c.path, c.header, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
}

func TestAnUnexpectedStatusSaysWhatTheProtocolSays(t *testing.T) {
	var e *Expect
	for want, a := range map[string]Answer{
		"status 404":                         {Status: 404},
		"status 503: Unavailable: try later": {Status: 503, Note: "Unavailable: try later"},
	} {
		if err := e.judge(&a); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAFixedRequestIsTheSameInBothForms(t *testing.T) {
	source, err := Fixed("PUT", "/x", []Field{{"Host", "api"}, {"A", "1"}}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if names := source.Classes(); len(names) != 1 {
		t.Errorf("classes %v", names)
	}
	var parts, wire Request
	source.Maker(Parts, "h", 1).Fill(0, &parts)
	source.Maker(Wire, "h", 1).Fill(7, &wire)
	if got := string(AppendRequest(nil, &parts, "h")); parts.Wire != nil || got != string(wire.Wire) || wire.Method != "PUT" {
		t.Errorf("parts make %q, wire is %q", got, wire.Wire)
	}
	maker := source.Maker(Wire, "h", 1)
	if n := testing.AllocsPerRun(1000, func() { maker.Fill(1, &wire) }); n != 0 {
		t.Errorf("a request costs %v allocations", n)
	}
}

func TestExpectationsJudgeAnswers(t *testing.T) {
	created := &Expect{Status: func(s int) bool { return s == 201 || s == 404 }}
	hello := &Expect{Body: func(b []byte) bool { return string(b) == "hello" }}
	for _, c := range []struct {
		what string
		e    *Expect
		a    Answer
		want Kind
		fine bool
	}{
		{"200 is fine", nil, Answer{Status: 200}, 0, true},
		{"399 is fine", nil, Answer{Status: 399}, 0, true},
		{"400 is not", nil, Answer{Status: 400}, Status, false},
		{"a protocol without a status", nil, Answer{}, 0, true},
		{"404 where it is expected", created, Answer{Status: 404}, 0, true},
		{"200 where it is not", created, Answer{Status: 200}, Status, false},
		{"the body", hello, Answer{Status: 200, Body: []byte("hello")}, 0, true},
		{"another body", hello, Answer{Status: 200, Body: []byte("bye")}, Body, false},
		{"another status with the body", hello, Answer{Status: 500, Body: []byte("hello")}, Status, false},
	} {
		err := c.e.judge(&c.a)
		if (err == nil) != c.fine || err != nil && KindOf(err) != c.want {
			t.Errorf("%s: got %v", c.what, err)
		}
	}
}
