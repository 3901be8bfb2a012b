package testkit

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// fake is a policy made of functions.
type fake struct {
	request  func(x *http7.Exchange) http7.Verdict
	resume   func(x *http7.Exchange, why http7.Event) http7.Verdict
	response func(x *http7.Exchange) http7.Verdict
	ended    *[]uint64
}

func (f fake) Request(x *http7.Exchange) http7.Verdict { return f.request(x) }
func (f fake) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	return f.resume(x, why)
}
func (f fake) Response(x *http7.Exchange) http7.Verdict { return f.response(x) }
func (f fake) End(x *http7.Exchange, word uint64)       { *f.ended = append(*f.ended, word) }

func named(name string) http7.Name {
	n, ok := http7.NewName(name)
	if !ok {
		panic(name)
	}
	return n
}

const post = "POST /a?b=c HTTP/1.1\nHost: h.example\nX-Many: 1\nCookie: a=b\nx-many: 2\nX_Bad: 1\nContent-Length: 5\n\nhello"
const reply = "HTTP/1.1 201 Created\nSet-Cookie: a=1\nServer: s\nset-cookie: b=2\nContent-Length: 0\n\n"

func TestUneditedMessagesAreTheSameFromBothSides(t *testing.T) {
	r := Policy(t, nil, post, reply)
	if want := "Host: h.example\nX-Many: 1\nCookie: a=b\nx-many: 2\nContent-Length: 5\n"; r.Request != want {
		t.Errorf("request: got %q, want %q", r.Request, want)
	}
	if want := "Set-Cookie: a=1\nServer: s\nset-cookie: b=2\nContent-Length: 0\n"; r.Answer != want || r.Status != 201 {
		t.Errorf("answer: got %d %q, want 201 %q", r.Status, r.Answer, want)
	}
}

func TestAPolicySeesTheSameExchangeFromBothSides(t *testing.T) {
	see := fake{request: func(x *http7.Exchange) http7.Verdict {
		x.Verdicts = append(x.Verdicts, fmt.Sprintf("%s %s %s %s %s %s %d", x.Method, x.Target, x.Authority, x.Path, x.Query, x.Client, x.Body.Length))
		for v := range x.Request.Each(named("X-MANY")) {
			x.Verdicts = append(x.Verdicts, string(v))
		}
		return http7.Continue
	}}
	r := Policy(t, []http7.Step{{Name: "see", Request: see}}, post, "")
	want := []string{"POST /a?b=c h.example /a b=c 192.0.2.7 5", "1", "2"}
	if !slices.Equal(r.Remarks, want) {
		t.Fatalf("got %q, want %q", r.Remarks, want)
	}
}

func TestNeedWaitAndReplyAreServedAndEndIsCalledOnce(t *testing.T) {
	var ended []uint64
	asks := fake{
		ended:   &ended,
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(4) },
		resume: func(x *http7.Exchange, why http7.Event) http7.Verdict {
			x.Word++
			if why == http7.BodyReady {
				x.Consumer = string(x.Body.Collected)
				return http7.Verdict{Act: http7.Wait}
			}
			return http7.Refuse(http7.NoRoute)
		},
	}
	after := fake{
		request: func(*http7.Exchange) http7.Verdict { t.Error("a step behind the reply ran"); return http7.Continue },
		response: func(x *http7.Exchange) http7.Verdict {
			x.Answer.Header.Del(named("Proxy-Status"))
			return http7.Continue
		},
	}
	r := Policy(t, []http7.Step{{Name: "asks", Request: asks, End: asks}, {Name: "after", Request: after, Response: after}}, post, reply)
	if want := []string{"asks: need 4", "asks: wait", "asks: reply no_route", "after: go"}; !slices.Equal(r.Verdicts, want) {
		t.Errorf("verdicts: got %q, want %q", r.Verdicts, want)
	}
	if r.Consumer != "hell" || r.Status != 404 || r.Answer != "Content-Type: application/problem+json\n" || !strings.Contains(r.Body, "no_route") {
		t.Errorf("got %+v", r)
	}
	if !slices.Equal(ended, []uint64{2, 2}) { // one for each of the two runs
		t.Errorf("End was called with %v", ended)
	}
}

// record catches what a failing test would say.
type record struct {
	testing.TB
	errors, skipped string
}

func (r *record) Helper()                           {}
func (r *record) Errorf(format string, args ...any) { r.errors += fmt.Sprintf(format, args...) }
func (r *record) Fatalf(format string, args ...any) {
	r.errors += fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (r *record) Skipf(format string, args ...any) {
	r.skipped += fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failing runs f as a test of its own and returns what it said.
func failing(f func(t testing.TB)) *record {
	r, done := &record{}, make(chan struct{})
	go func() { // ends with f or its Goexit
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestAPolicyThatDependsOnTheProtocolFails(t *testing.T) {
	for what, p := range map[string]fake{
		"verdicts differ": {request: func(x *http7.Exchange) http7.Verdict {
			if x.Proto == http7.HTTP2 {
				return http7.Refuse(http7.NoRoute)
			}
			return http7.Continue
		}},
		"request fields differ": {request: func(x *http7.Exchange) http7.Verdict {
			x.Request.Add(named("X-Proto"), []byte(x.Proto.String()))
			return http7.Continue
		}},
		"remarks differ": {request: func(x *http7.Exchange) http7.Verdict {
			x.Verdicts = append(x.Verdicts, x.Proto.String())
			return http7.Continue
		}},
	} {
		r := failing(func(t testing.TB) { Policy(t, []http7.Step{{Name: "p", Request: p}}, post, "") })
		if !strings.HasPrefix(r.errors, what) {
			t.Errorf("%s: the test said %q", what, r.errors)
		}
	}
}

func TestTextsThatAreNoMessagesFail(t *testing.T) {
	for _, c := range []struct{ request, answer string }{{"GET\n\n", ""}, {post, "HTTP/1.1\n\n"}} {
		if r := failing(func(t testing.TB) { Policy(t, nil, c.request, c.answer) }); !strings.Contains(r.errors, "is not one") {
			t.Errorf("%q, %q: the test said %q", c.request, c.answer, r.errors)
		}
	}
}

func TestAMissingProgramSkipsAndFailsWhereItIsDemanded(t *testing.T) {
	t.Setenv("WEIR_REQUIRE", "")
	if r := failing(func(t testing.TB) { Require(t, "no-such-program") }); !strings.HasPrefix(r.skipped, "no-such-program is not installed") {
		t.Errorf("said %+v", r)
	}
	t.Setenv("WEIR_REQUIRE", "all")
	if r := failing(func(t testing.TB) { Require(t, "no-such-program") }); !strings.HasPrefix(r.errors, "no-such-program is not installed") {
		t.Errorf("said %+v", r)
	}
	if path := Require(t, "go"); path == "" {
		t.Error("no path of a program that is there")
	}
}
