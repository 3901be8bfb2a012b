package serve

import (
	"strings"
	"sync/atomic"
	"testing"

	"weir/http7"
)

// stripping is a policy that lets nobody say in a trailer who he is.
type stripping struct {
	requests, answers atomic.Int64
	why               any // it panics with this
}

func (p *stripping) Trailer(x *http7.Exchange, trailer *http7.Header) {
	if p.why != nil {
		panic(p.why)
	}
	if trailer == &x.Trailer {
		p.requests.Add(1)
	} else {
		p.answers.Add(1)
	}
	name, _ := http7.NewName("X-User")
	trailer.Del(name)
}

// step is p as a step of a bundle.
func (p *stripping) step(bundle string, stage http7.Stage) http7.Step {
	return http7.Step{Name: bundle + ".strip", Bundle: bundle, Stage: stage, Trailer: p}
}

// spoofed is a body whose trailer names a user.
const spoofed = "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-User: root\r\n\r\n"

// A field that a policy takes out of the request came back in the trailer section, and reached the endpoint.
func TestNoTrailerOfARequestIsSentOnBeforePoliciesHaveSeenIt(t *testing.T) {
	t.Parallel()
	collecting := (&scripted{
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(-1) },
		resume:  func(*http7.Exchange, http7.Event) http7.Verdict { return http7.Continue },
	}).step("c.body")
	looking := http7.Step{Name: "l.look", Request: filtering{request: func() http7.Filter { return new(looker) }}}
	for _, c := range []struct {
		name  string
		steps []http7.Step
		// first is the answer to the first attempt; "" is 200.
		first string
		later bool // the body comes when it is asked for
	}{
		{"at hand", nil, "", false},
		{"pumped", nil, "", true},
		{"collected", []http7.Step{collecting}, "", false},
		{"collected as it comes", []http7.Step{collecting}, "", true},
		{"filtered", []http7.Step{looking}, "", false},
		{"filtered and pumped", []http7.Step{looking}, "", true},
		{"collected and filtered", []http7.Step{collecting, looking}, "", true},
		{"sent twice", nil, "503 Busy", false},
		{"pumped and sent twice", nil, "503 Busy", true},
		{"filtered and sent twice", []http7.Step{looking}, "503 Busy", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newRecorder(t, answersInTurn(c.first))
			p, early := new(stripping), new(stripping)
			r := newRigWith(t, func(r *rig) {
				r.route.Steps = append(c.steps, p.step("p", http7.Rewrite))
				r.site.Early = []http7.Step{early.step("edge", http7.Identify)}
			}, o.addr)
			cl := r.client()
			cl.upload(c.later, spoofed)
			cl.want(200, "hello")
			whole, _ := o.seen()
			for _, request := range whole {
				if !strings.HasSuffix(request, "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n") {
					t.Errorf("the origin saw %q", request)
				}
			}
			if want := 1 + len(c.first)/8; len(whole) != want || p.requests.Load() != 1 || early.requests.Load() != 1 {
				t.Errorf("%d requests, want %d; the policies were asked %d and %d times", len(whole), want, early.requests.Load(), p.requests.Load())
			}
		})
	}
}

// upload sends a PUT in chunks; later sends the chunks only when they are asked for.
func (c *client) upload(later bool, chunks string) {
	c.t.Helper()
	head := "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	if !later {
		c.send(head + "\r\n" + chunks)
		return
	}
	c.send(head + "Expect: 100-continue\r\n\r\n")
	if interim, err := readHead(c.r); err != nil || interim != string(continueLine) {
		c.t.Fatalf("got %q, %v", interim, err)
	}
	c.send(chunks)
}

// answersInTurn answers the first request with a status, unless it is "", and the others with 200.
func answersInTurn(first string) func(string) string {
	var n atomic.Int64
	return func(request string) string {
		if n.Add(1) == 1 && first != "" {
			return "HTTP/1.1 " + first + "\r\nContent-Length: 0\r\n\r\n"
		}
		return okFor(request)
	}
}

func TestTheTrailersOfAnAnswerPassTheListenersPoliciesLast(t *testing.T) {
	t.Parallel()
	for _, without := range []string{"", "edge"} {
		early, late := new(stripping), new(stripping)
		r := newRigWith(t, func(r *rig) {
			r.site.Early = []http7.Step{early.step("edge", http7.Identify)}
			r.route.Steps = []http7.Step{late.step("p", http7.Present)}
			r.plan.Without = []string{without}
		}, saying(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+spoofed))
		got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if !strings.HasSuffix(got, "0\r\nX-Sum: 1\r\n\r\n") || late.answers.Load() != 1 || early.answers.Load() != int64(1-len(without)/4) {
			t.Errorf("without %q: got %q; the policies were asked %d and %d times", without, got, early.answers.Load(), late.answers.Load())
		}
	}
}

// A panic beside the answer had nobody to catch it, and would have ended the process.
func TestAPolicyThatPanicsOverATrailerCostsItsRequestAlone(t *testing.T) {
	t.Parallel()
	for _, later := range []bool{false, true} {
		var caught atomic.Int64
		r := newRigWith(t, func(r *rig) {
			r.route.Steps = []http7.Step{(&stripping{why: "bug"}).step("p", http7.Rewrite)}
			r.engine.Panicked = func(any, []byte) { caught.Add(1) }
		}, newRecorder(t, okFor).addr)
		cl := r.client()
		cl.upload(later, spoofed)
		cl.want(500, "panic")
		cl.ends()
		if caught.Load() != 1 {
			t.Errorf("later %v: %d panics were told of", later, caught.Load())
		}
	}
}
