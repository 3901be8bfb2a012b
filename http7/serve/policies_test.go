package serve

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
)

var teapot = &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: "teapot", Status: 418, ProxyStatus: "http_request_denied", Title: "Teapot", Detail: "Short and stout."}

// withSteps is a rig whose route has these steps.
func withSteps(steps ...http7.Step) func(*rig) {
	return func(r *rig) { r.route.Steps = steps }
}

func TestNeedGivesAPolicyTheBytesItAskedFor(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789", 10000)
	for _, c := range []struct {
		name    string
		need    int64
		framing string
		body    string
		atLeast int
		whole   bool
	}{
		{"the first byte", 1, "Content-Length: 100000", big, 1, false},
		{"the first 50000", 50000, "Content-Length: 100000", big, 50000, false},
		{"more than there is", 1 << 20, "Content-Length: 100000", big, 100000, true},
		{"everything", -1, "Content-Length: 100000", big, 100000, true},
		{"everything in chunks", -1, "Transfer-Encoding: chunked", "186a0\r\n" + big + "\r\n0\r\nX-Sum: 1\r\n\r\n", 100000, true},
		{"of nothing", -1, "Content-Length: 0", "", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bodies := make(chan http7.Body, 1)
			p := &scripted{
				request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(c.need) },
				resume: func(x *http7.Exchange, why http7.Event) http7.Verdict {
					if why != http7.BodyReady {
						t.Errorf("resumed with %d", why)
					}
					bodies <- http7.Body{Collected: bytes.Clone(x.Body.Collected), Whole: x.Body.Whole}
					return http7.Continue
				},
			}
			o := answering(t, hello)
			cl := newRigWith(t, withSteps(p.step("p.need")), o.addr).client()
			cl.send("POST / HTTP/1.1\r\nHost: a\r\n" + c.framing + "\r\n\r\n")
			go cl.send(c.body)
			cl.want(200, "hello")
			b := <-bodies
			if len(b.Collected) < c.atLeast || !strings.HasPrefix(big, string(b.Collected)) || b.Whole != c.whole {
				t.Errorf("collected %d bytes, whole %v; want %d, %v", len(b.Collected), b.Whole, c.atLeast, c.whole)
			}
			if got := first(o.seen()); len(got) != 1 || !strings.Contains(got[0], c.body[:min(len(c.body), 7)]) || strings.Count(got[0], "9") < len(c.body)/10-2 {
				t.Errorf("the origin saw %.200q", got)
			}
		})
	}
}

func TestABodyThatIsCollectedIsBounded(t *testing.T) {
	t.Parallel()
	p := &scripted{
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(-1) },
		resume:  func(*http7.Exchange, http7.Event) http7.Verdict { return http7.Continue },
	}
	r := newRigWith(t, withSteps(p.step("p.need")), answering(t, hello).addr)
	cl := r.client()
	go cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + strings.Repeat("x", maxCollected+100))
	cl.wantStatus("413")
	eventually(t, "End", func() bool { return p.ends.Load() == 1 })
	if p.resumes.Load() != 0 {
		t.Errorf("resumed with half a body")
	}
}

func TestWaitEndsWithAWakeOrItsTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		until time.Duration // 0: never
		wake  time.Duration // -1: never
		want  http7.Event
		min   time.Duration
	}{
		{"woken", 0, 100 * time.Millisecond, http7.Woken, 100 * time.Millisecond},
		{"woken before it waits", 0, 0, http7.Woken, 0},
		{"woken before its time", time.Minute, 50 * time.Millisecond, http7.Woken, 50 * time.Millisecond},
		{"expired", 100 * time.Millisecond, -1, http7.Expired, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &scripted{
				request: func(x *http7.Exchange) http7.Verdict {
					x.Word = 7
					if w := x.Waker(); c.wake == 0 {
						w.Wake()
					} else if c.wake > 0 {
						time.AfterFunc(c.wake, w.Wake)
					}
					if c.until == 0 {
						return http7.WaitUntil(time.Time{})
					}
					return http7.WaitUntil(time.Now().Add(c.until))
				},
				resume: func(x *http7.Exchange, why http7.Event) http7.Verdict {
					if why != c.want || x.Word != 7 {
						t.Errorf("resumed with %d and word %d", why, x.Word)
					}
					x.Word = 8
					return http7.Continue
				},
				end: func(_ *http7.Exchange, word uint64) {
					if word != 8 {
						t.Errorf("End with word %d", word)
					}
				},
			}
			r := newRigWith(t, withSteps(p.step("p.wait")), answering(t, hello).addr)
			takes(t, c.min, func() { r.say(get) })
			if p.requests.Load() != 1 || p.resumes.Load() != 1 || p.ends.Load() != 1 {
				t.Errorf("%d requests, %d resumes, %d ends", p.requests.Load(), p.resumes.Load(), p.ends.Load())
			}
		})
	}
}

func TestAWaitEndsWithTheRoutesTimeout(t *testing.T) {
	t.Parallel()
	p := &scripted{request: func(*http7.Exchange) http7.Verdict { return http7.WaitUntil(time.Time{}) }}
	r := newRigWith(t, func(r *rig) {
		r.route.Steps, r.route.Timeout = []http7.Step{p.step("p.wait")}, 150*time.Millisecond
	}, answering(t, hello).addr)
	takes(t, 150*time.Millisecond, func() {
		if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") {
			t.Errorf("got %q", got)
		}
	})
	if p.ends.Load() != 1 {
		t.Errorf("%d ends", p.ends.Load())
	}
}

func TestEndIsCalledOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	never := http7.WaitUntil(time.Time{})
	resumed := func(*http7.Exchange, http7.Event) http7.Verdict { return http7.Continue }
	always := func(v http7.Verdict) func(*http7.Exchange) http7.Verdict {
		return func(*http7.Exchange) http7.Verdict { return v }
	}
	const post10 = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
	for _, c := range []struct {
		name    string
		p       *scripted
		request string
		leave   bool // the client goes while the policy waits
		want    string
	}{
		{"it continues", &scripted{}, get, false, "200"},
		{"it refuses", &scripted{request: always(http7.Refuse(teapot))}, get, false, "418"},
		{"it answers", &scripted{request: func(x *http7.Exchange) http7.Verdict {
			x.LocalAnswer(204)
			return http7.Answered()
		}}, get, false, "204"},
		{"it panics", &scripted{request: func(*http7.Exchange) http7.Verdict { panic("policy") }}, get, false, "500"},
		{"it panics when it is resumed", &scripted{request: always(http7.NeedBody(1)), resume: func(*http7.Exchange, http7.Event) http7.Verdict { panic("policy") }}, post10 + "0123456789", false, "500"},
		{"its response panics", &scripted{answer: func(*http7.Exchange) http7.Verdict { panic("policy") }}, get, false, "500"},
		{"its End panics", &scripted{end: func(*http7.Exchange, uint64) { panic("policy") }}, get, false, "200"},
		{"its response refuses", &scripted{answer: always(http7.Refuse(teapot))}, get, false, "418"},
		{"the client leaves while it waits", &scripted{request: always(never), resume: resumed}, get, true, ""},
		{"the body it needs ends early", &scripted{request: always(http7.NeedBody(-1)), resume: resumed}, post10 + "012<fin>", false, "400"},
		{"the body it needs is bad", &scripted{request: always(http7.NeedBody(-1)), resume: resumed}, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", false, "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var behind, before scripted
			r := newRigWith(t, withSteps(before.step("p.a"), c.p.step("p.b"), behind.step("p.c")), answering(t, hello).addr)
			cl := r.client()
			raw, fin := strings.CutSuffix(c.request, "<fin>")
			cl.send(raw)
			if fin {
				_ = cl.Conn.(*net.TCPConn).CloseWrite()
			}
			if c.leave {
				pause(4 * watchAfter) // an end that is there when the watch begins is a half-close
				_ = cl.Close()
			} else {
				status, _, _, err := cl.answer("GET")
				if err != nil || strconv.Itoa(status) != c.want {
					t.Errorf("%d, %v; want %s", status, err, c.want)
				}
				_ = cl.Close()
			}
			r.idle(t)
			for name, p := range map[string]*scripted{"before": &before, "itself": c.p, "behind": &behind} {
				if p.ends.Load() != p.requests.Load() {
					t.Errorf("%s: %d requests, %d ends", name, p.requests.Load(), p.ends.Load())
				}
			}
		})
	}
}

func TestAPanicIsCountedAndTheProcessLives(t *testing.T) {
	t.Parallel()
	var panics atomic.Int64
	p := &scripted{
		request: func(x *http7.Exchange) http7.Verdict { panic(errors.New("policy")) },
		end:     func(*http7.Exchange, uint64) { panic("again") },
	}
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{p.step("p.panics")}
		r.engine.Panicked = func(any, []byte) { panics.Add(1) }
	}, answering(t, hello).addr)
	for range 3 {
		if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 500 ") || !strings.Contains(got, "Connection: close") {
			t.Fatalf("got %q", got)
		}
	}
	eventually(t, "6 panics are counted", func() bool { return panics.Load() == 6 })
}

func TestARefusalOfAGuardStandsUnlessTheRouteOptsOut(t *testing.T) {
	t.Parallel()
	guard := func(r *rig, p *scripted) {
		r.site.Early = []http7.Step{p.step("edge.guard")}
	}
	for _, c := range []struct {
		name   string
		change func(*rig)
		path   string
		want   string
	}{
		{"it stands", func(*rig) {}, "/", "418"},
		{"the route opts out", func(r *rig) { r.plan.Without = []string{"edge"} }, "/", "200"},
		{"the route opts out of another", func(r *rig) { r.plan.Without = []string{"guard", "other"} }, "/", "418"},
		{"there is no route", func(r *rig) { r.route.Paths = []string{"/x"} }, "/", "418"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
				if x.Route != nil {
					t.Error("a guard runs behind the match")
				}
				return http7.Refuse(teapot)
			}}
			var behind, early scripted
			r := newRigWith(t, func(r *rig) {
				guard(r, p)
				r.site.Early = append(r.site.Early, early.step("edge.identify"))
				r.route.Steps = []http7.Step{behind.step("p.behind")}
				c.change(r)
			}, answering(t, hello).addr)
			got := r.say("GET " + c.path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 "+c.want) {
				t.Errorf("got %q, want %s", got, c.want)
			}
			if early.requests.Load() != 1 || p.ends.Load() != 1 || early.ends.Load() != 1 {
				t.Errorf("%d requests of the next early step, %d and %d ends", early.requests.Load(), p.ends.Load(), early.ends.Load())
			}
			if passed := c.want == "200"; (behind.requests.Load() == 1) != passed {
				t.Errorf("the route's policy ran %d times", behind.requests.Load())
			}
		})
	}
}

func TestResponsePoliciesRunInReverseOnEveryFinalAnswer(t *testing.T) {
	t.Parallel()
	order := make(chan string, 8)
	marks := func(name string) *scripted {
		return &scripted{answer: func(x *http7.Exchange) http7.Verdict {
			order <- name
			x.Answer.Header.Add(mustName("X-"+name), []byte("1"))
			return http7.Continue
		}}
	}
	a, b := marks("a"), marks("b")
	refuse := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		if len(x.Query) > 0 {
			return http7.Refuse(teapot)
		}
		return http7.Continue
	}}
	r := newRigWith(t, withSteps(a.step("p.a"), refuse.step("p.r"), b.step("p.b")), answering(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+hello).addr)
	for _, path := range []string{"/", "/?refused"} {
		got := r.say("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if ran := <-order + <-order; ran != "ba" || len(order) > 0 || !strings.Contains(got, "X-b: 1\r\nX-a: 1\r\n") {
			t.Errorf("%s: order %q, got %q", path, ran, got)
		}
	}
}

func mustName(s string) http7.Name {
	n, ok := http7.NewName(s)
	if !ok {
		panic(s)
	}
	return n
}
