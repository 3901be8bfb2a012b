// Package testkit holds what the tests of several rooms share. Only tests import it.
package testkit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/wire"
)

// Result is what steps made of a request and an answer.
type Result struct {
	// Verdicts are what each call of Request, Resume and Response returned, in order:
	// "edge.headers.request: go".
	Verdicts []string
	// Remarks are x.Verdicts.
	Remarks []string
	// Consumer and RequestID are the facts of x.
	Consumer, RequestID string
	// Request and Answer are the fields, one "name: value" per line as HTTP/1 would send them.
	Request, Answer string
	// Status is the answer's, 0 without one; Body is that of a local answer.
	Status int
	Body   string
}

// Policy runs steps over a request and the endpoint's answer to it, in HTTP/1 with "\n" for line
// ends. An empty answerText means none, unless a step answers. It runs them twice: on an exchange
// filled by the HTTP/1 codec, and on one filled from net/http's types as on HTTP/2. It fails t
// unless verdicts and facts are equal and so are, name by name (case aside), the values in order.
// It returns the first run's result.
//
// Bodies that a step needs are at hand at once; a Wait is woken at once.
func Policy(t testing.TB, steps []http7.Step, requestText, answerText string) Result {
	t.Helper()
	requestText, answerText = crlf(requestText), crlf(answerText)
	one := newRun(steps).onWire(t, requestText, answerText)
	two := newRun(steps).onNetHTTP(t, requestText, answerText)
	a, b := one.result(), two.result()
	demandEqual(t, "verdicts", a.Verdicts, b.Verdicts)
	demandEqual(t, "remarks", a.Remarks, b.Remarks)
	demandEqual(t, "facts", []string{a.Consumer, a.RequestID}, []string{b.Consumer, b.RequestID})
	demandEqual(t, "answer", []string{fmt.Sprint(a.Status), a.Body}, []string{fmt.Sprint(b.Status), b.Body})
	demandEqual(t, "request fields", byName(&one.x.Request), byName(&two.x.Request))
	if one.x.Answer != nil && two.x.Answer != nil {
		demandEqual(t, "answer fields", byName(&one.x.Answer.Header), byName(&two.x.Answer.Header))
	}
	return a
}

func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

func demandEqual(t testing.TB, what string, h1, h2 []string) {
	t.Helper()
	if !slices.Equal(h1, h2) {
		t.Errorf("%s differ\n  filled by h1:       %q\n  filled by net/http: %q", what, h1, h2)
	}
}

// byName returns "name: value" with names in lower case and in their order, the values of one name
// in theirs. Framing is left out: each protocol has its own.
func byName(h *http7.Header) (out []string) {
	for name, value := range h.All() {
		if http7.LookupID(name) != http7.ContentLength {
			out = append(out, strings.ToLower(string(name))+": "+string(value))
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return out
}

// run is one exchange on its way through the steps.
type run struct {
	x        *http7.Exchange
	steps    []http7.Step
	endpoint http7.Answer
	body     []byte
	verdicts []string
}

func newRun(steps []http7.Step) *run {
	peer := netip.MustParseAddrPort("192.0.2.7:4711")
	x := &http7.Exchange{Conn: &http7.Conn{Listener: "web", Peer: peer}, Client: peer.Addr()}
	return &run{x: x, steps: steps}
}

var limits = wire.Limits{HeadBytes: 1 << 16, Fields: 200, TargetBytes: 1 << 15}

func (r *run) onWire(t testing.TB, requestText, answerText string) *run {
	t.Helper()
	var p wire.RequestParser
	var q wire.Request
	n, f := p.Parse([]byte(requestText), &limits, &q, &r.x.Request)
	if n == 0 {
		t.Fatalf("the request is not one: %v", f)
	}
	x := r.x
	x.Proto, x.Method, x.Target, x.Authority, x.Path, x.Query = q.Proto, q.Method, q.Target, q.Authority, q.Path, q.Query
	r.body = []byte(requestText[n:])
	x.Body.Length = int64(len(r.body))
	if answerText == "" {
		return r.do(false)
	}
	var ap wire.ResponseParser
	var s wire.Response
	if n, f := ap.Parse([]byte(answerText), &limits, q.Method, &s, &r.endpoint.Header); n == 0 {
		t.Fatalf("the answer is not one: %v", f)
	}
	r.endpoint.Status, r.endpoint.Length = s.Status, s.Frame.Length
	return r.do(true)
}

func (r *run) onNetHTTP(t testing.TB, requestText, answerText string) *run {
	t.Helper()
	q, err := http.ReadRequest(bufio.NewReader(strings.NewReader(requestText)))
	if err != nil {
		t.Fatalf("the request is not one: %v", err)
	}
	q.ProtoMajor, q.ProtoMinor = 2, 0
	if r.body, err = io.ReadAll(q.Body); err != nil {
		t.Fatalf("the request's body: %v", err)
	}
	http7.FillRequest(r.x, q)
	if answerText == "" {
		return r.do(false)
	}
	s, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answerText)), q)
	if err != nil {
		t.Fatalf("the answer is not one: %v", err)
	}
	http7.FillAnswer(&r.endpoint, s.StatusCode, s.Header)
	return r.do(true)
}

// do passes the hall: requests in order, the answer in reverse, End for those that were called.
func (r *run) do(answered bool) *run {
	called, words := 0, make([]uint64, len(r.steps))
	for i := range r.steps {
		called = i + 1
		r.x.Word = 0
		goes := r.request(&r.steps[i])
		words[i] = r.x.Word
		if !goes {
			break
		}
	}
	if r.x.Answer == nil && answered {
		r.x.Answer = &r.endpoint
	}
	for _, s := range slices.Backward(r.steps) {
		if s.Response != nil && r.x.Answer != nil {
			r.note(&s, s.Response.Response(r.x))
		}
	}
	for i, s := range r.steps[:called] {
		if s.End != nil {
			s.End.End(r.x, words[i])
		}
	}
	return r
}

// request runs one step until it goes on, which it reports, or answers.
func (r *run) request(s *http7.Step) bool {
	if s.Request == nil {
		return true
	}
	v := s.Request.Request(r.x)
	for r.note(s, v); ; r.note(s, v) {
		switch v.Act {
		case http7.Go:
			return true
		case http7.Need:
			r.collect(v.Bytes)
			v = s.Request.(http7.Resumer).Resume(r.x, http7.BodyReady)
		case http7.Wait:
			v = s.Request.(http7.Resumer).Resume(r.x, http7.Woken)
		case http7.Reply:
			if v.Fault != nil {
				http7.FaultAnswer(r.x, v.Fault)
			}
			return false
		}
	}
}

func (r *run) collect(n int64) {
	if n < 0 || n > int64(len(r.body)) {
		n = int64(len(r.body))
	}
	r.x.Body.Collected, r.x.Body.Whole = r.body[:n], n == int64(len(r.body))
}

var acts = [...]string{http7.Go: "go", http7.Reply: "reply", http7.Need: "need", http7.Wait: "wait"}

func (r *run) note(s *http7.Step, v http7.Verdict) {
	text := s.Name + ": " + acts[v.Act]
	if v.Act == http7.Need {
		text += fmt.Sprint(" ", v.Bytes)
	}
	if v.Fault != nil {
		text += " " + v.Fault.Name
	}
	r.verdicts = append(r.verdicts, text)
}

func (r *run) result() Result {
	x := r.x
	res := Result{
		Verdicts: r.verdicts, Remarks: x.Verdicts, Consumer: x.Consumer, RequestID: string(x.RequestID),
		Request: lines(&x.Request),
	}
	if a := x.Answer; a != nil {
		res.Status, res.Answer = a.Status, lines(&a.Header)
		if a.Local && a.Source != nil {
			res.Body = drain(a.Source)
		}
	}
	return res
}

func lines(h *http7.Header) string {
	return strings.ReplaceAll(string(h.AppendLines(nil, 0)), "\r\n", "\n")
}

func drain(s http7.Source) string {
	var b bytes.Buffer
	for {
		chunk, state, _ := s.Next()
		b.Write(chunk)
		switch state {
		case http7.Parked:
			s.Await()
		case http7.End, http7.Failure:
			s.Close()
			return b.String()
		}
	}
}
