package serve

import (
	"net/http"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/paths"
)

// marking sets a field of answers to what it has seen of the request.
func marking(field string) *scripted {
	name, _ := http7.NewName(field)
	return &scripted{answer: func(x *http7.Exchange) http7.Verdict {
		x.Answer.Header.Set(name, append([]byte("path "), x.Path...))
		return http7.Continue
	}}
}

// answerStep is p as a step that sees answers alone.
func (p *scripted) answerStep(name string, stage http7.Stage) http7.Step {
	return http7.Step{Name: name, Bundle: strings.Split(name, ".")[0], Stage: stage, Response: p}
}

func TestAnswersThatNoRouteTookPassTheListenersSteps(t *testing.T) {
	t.Parallel()
	deny := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		if x.Request.Has(http7.Authorization) {
			return http7.Refuse(teapot)
		}
		return http7.Continue
	}}
	guard := marking("X-Guard")
	for _, c := range []struct {
		name, request string
		status        int
		late, early   string // what the steps have set
	}{
		{"a route", "GET /there HTTP/1.1|Host: a||", 200, "path /there", "path /there"},
		{"no route", "GET /nowhere HTTP/1.1|Host: a||", 404, "path /nowhere", "path /nowhere"},
		{"no route, refused by a guard", "GET /nowhere HTTP/1.1|Host: a|Authorization: x||", 418, "path /nowhere", "path /nowhere"},
		{"a route, refused by a guard", "GET /there HTTP/1.1|Host: a|Authorization: x||", 418, "path /there", "path /there"},
		{"an ambiguous path", "GET /a/../b HTTP/1.1|Host: a||", 400, "path /a/../b", "path /a/../b"},
		{"a method that is not served", "TRACE /a HTTP/1.1|Host: a||", 405, "path /a", "path /a"},
		{"a loop", "", 508, "path /a", "path /a"},
		{"a head that is none", "GET /a HTTP/1.1|Host: a|no colon||", 400, "path /", "path /"},
		{"a route that opts out of both", "GET /free HTTP/1.1|Host: a|Authorization: x||", 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := marking("X-Late")
			r := newRigWith(t, func(r *rig) {
				r.route.Paths = []string{"/there"}
				r.site.Early = []http7.Step{deny.step("edge.deny"), guard.answerStep("edge.guard", http7.Guard)}
				r.site.Late = []http7.Step{p.answerStep("edge.late", http7.Present)}
				r.route.Steps = r.site.Late
				r.also(&http7.Route{Name: "free", Paths: []string{"/free"}})
				r.site.Plans[1].Without = []string{"edge"}
			}, saying(t, hello))
			if c.request == "" {
				c.request = "GET /a HTTP/1.1|Host: a|Via: 1.1 " + r.engine.via + "||"
			}
			cl := r.client()
			cl.send(crlf(c.request))
			status, h, _, err := cl.answer("GET")
			if err != nil || status != c.status || h.Get("X-Late") != c.late || h.Get("X-Guard") != c.early {
				t.Errorf("%d, %v, late %q, early %q; want %d, %q, %q", status, err, h.Get("X-Late"), h.Get("X-Guard"), c.status, c.late, c.early)
			}
		})
	}
}

// A step that fails on an answer that no route has must not take the connection with it unanswered.
func TestAStepThatPanicsOnAnUnroutedAnswerIsA500(t *testing.T) {
	t.Parallel()
	p := &scripted{answer: func(*http7.Exchange) http7.Verdict { panic("on purpose") }}
	r := newRigWith(t, func(r *rig) {
		r.route.Paths = []string{"/there"}
		r.site.Late = []http7.Step{p.answerStep("edge.late", http7.Present)}
		r.engine.Panicked = func(any, []byte) {}
	}, saying(t, hello))
	cl := r.client()
	cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	cl.wantStatus("500")
	cl.ends()
}

func TestAPathThatIsWrittenOtherwiseIsForwardedAsItIsMatched(t *testing.T) {
	t.Parallel()
	saw := make(chan string, 1)
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		saw <- string(x.Path) + " " + string(x.Target)
		return http7.Continue
	}}
	for _, c := range []struct {
		name, target  string
		rules         paths.Rules
		path, forward string // "" is refused
	}{
		{"as it is", "/v1/a?x=1", paths.Rules{}, "/v1/a", "/v1/a?x=1"},
		{"decoded", "/v%31/a?x=%31", paths.Rules{}, "/v1/a", "/v1/a?x=%31"},
		{"merged", "/v1//a", paths.Rules{EmptySegments: paths.Merge}, "/v1/a", "/v1/a"},
		{"kept", "/v1//a", paths.Rules{EmptySegments: paths.Keep}, "/v1//a", "/v1//a"},
		{"resolved", "/v1/b/../a?", paths.Rules{DotSegments: paths.Resolve}, "/v1/a", "/v1/a?"},
		{"refused", "/v1/b/../a", paths.Rules{}, "", ""},
		{"long", "/v1/" + strings.Repeat("%61", 2000), paths.Rules{}, "/v1/" + strings.Repeat("a", 2000), "/v1/" + strings.Repeat("a", 2000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := answering(t, hello)
			r := newRigWith(t, func(r *rig) {
				r.site.Rules = c.rules
				r.route.Paths = []string{"/v1/*"}
				r.route.Steps = []http7.Step{p.step("p.look")}
			}, o.addr)
			cl := r.client()
			cl.send("GET " + c.target + " HTTP/1.1\r\nHost: a\r\n\r\n")
			if c.path == "" {
				cl.wantStatus("400")
				return
			}
			cl.want(200, "hello")
			if got := <-saw; got != c.path+" "+c.target {
				t.Errorf("the policy saw %.200q", got)
			}
			if got := first(o.seen())[0]; !strings.HasPrefix(got, "GET "+c.forward+" HTTP/1.1\r\n") {
				t.Errorf("the origin saw %.200q", got)
			}
		})
	}
}

func TestASettledPathMakesNoObjects(t *testing.T) {
	x := &exchange{site: &Site{}, out: make([]byte, 0, 4<<10)}
	in := []byte("/v%31/orders/%7e")
	query := []byte("a=b")
	run := func() {
		x.Path, x.Query = in, query
		if f := x.settlePath(); f != nil || string(x.Out) != "/v1/orders/~?a=b" {
			t.Fatalf("%v, %q", f, x.Out)
		}
		x.Release()
	}
	run()
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("settlePath allocates %v times", n)
	}
}

// redirecting is an action as package redirect makes it.
type redirecting struct{ to string }

func (a redirecting) Act(x *http7.Exchange) *http7.Fault {
	if x.Query != nil {
		return http7.HandlerError
	}
	x.LocalAnswer(308).Header.Add(http7.Known(http7.Location), []byte(a.to))
	return nil
}

func TestAnActionAnswersWithoutTheBody(t *testing.T) {
	t.Parallel()
	p := marking("X-Late")
	r := newRigWith(t, func(r *rig) {
		r.plan.Local = redirecting{"https://b/"}
		r.route.Steps = []http7.Step{p.answerStep("p.mark", http7.Present)}
	}, saying(t, hello))
	cl := r.client()
	for _, request := range []string{
		"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		cl.send(request)
		status, h, _, err := cl.answer("GET")
		if err != nil || status != 308 || h.Get("Location") != "https://b/" || !strings.HasPrefix(h.Get("X-Late"), "path /") || h.Get("Content-Length") != "" && h.Get("Content-Length") != "0" {
			t.Fatalf("%d, %v, %v", status, h, err)
		}
	}
	cl.send("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n")
	cl.wantStatus("500")
	cl.send("POST /d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if status, _, _, err := cl.answer("GET"); status != http.StatusPermanentRedirect || err != nil {
		t.Fatalf("the client was asked for its body: %d, %v", status, err)
	}
	cl.ends()
}
