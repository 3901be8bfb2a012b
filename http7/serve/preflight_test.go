package serve

import (
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/match"
)

// offer answers preflights if it is told to.
type offer struct {
	name    string
	log     *[]string // nil: it is asked by several at once
	answers bool
}

func (p *offer) Request(x *http7.Exchange) http7.Verdict {
	if p.log != nil {
		*p.log = append(*p.log, p.name+" for "+string(x.Preflight))
	}
	if !p.answers {
		return http7.Continue
	}
	x.LocalAnswer(204)
	return http7.Answered()
}

// preflown is what a decider is given: one GET route and one for everything else, each with guards, an authorise
// step and an offer.
type preflown struct {
	log           []string
	site          *Site
	get, everyone *http7.Route
}

func newPreflown(deny string, answers ...string) *preflown {
	w := &preflown{site: &Site{}}
	step := func(name string, stage http7.Stage) http7.Step {
		p := &noted{name: name, log: &w.log}
		if name == deny {
			p.says = []http7.Verdict{http7.Refuse(teapot)}
		}
		return http7.Step{Name: name, Bundle: strings.Split(name, ".")[0], Stage: stage, Request: p, End: p}
	}
	offers := func(name string) http7.Step {
		return http7.Step{Name: name, Stage: http7.Present, Preflight: &offer{name, &w.log, slices.Contains(answers, name)}}
	}
	w.site.Early = []http7.Step{step("edge.guard", http7.Guard), step("edge.identify", http7.Identify)}
	w.get = &http7.Route{ID: 0, Name: "get", Methods: []string{"GET"}, Paths: []string{"/a"}}
	w.get.Steps = []http7.Step{step("g.guard", http7.Guard), step("shared.guard", http7.Guard), step("g.authorise", http7.Authorise), offers("g.cors")}
	w.everyone = &http7.Route{ID: 1, Name: "everyone"}
	w.everyone.Steps = []http7.Step{step("shared.guard", http7.Guard), step("e.guard", http7.Guard), step("e.authorise", http7.Authorise), offers("e.cors")}
	w.site.Plans = []*Plan{{Route: w.get}, {Route: w.everyone}}
	w.site.Table, _ = match.Compile([]*http7.Route{w.get, w.everyone})
	return w
}

// decide decides on OPTIONS /a that asks for a method; "" is no preflight.
func (w *preflown) decide(asks string) (http7.Verdict, *exchange) {
	x := &exchange{site: w.site}
	x.Method, x.Path = []byte("OPTIONS"), []byte("/a")
	if asks != "" {
		x.Preflight = []byte(asks)
	}
	v := http7.Continue
	if x.decider.start(x) != http7.Go {
		v = x.decider.stop
	}
	x.decider.finish(x, nil)
	return v, x
}

func TestAPreflightIsOfferedToTheRouteOfTheMethodThatItAsksFor(t *testing.T) {
	for _, c := range []struct {
		what, deny string
		answers    []string
		without    string // of the route for GET
		asks       string
		act        http7.Act
		fault      *http7.Fault
		route      string
		log        string
	}{
		{"answered by the route of GET", "", []string{"g.cors"}, "", "GET", http7.Reply, nil, "get",
			"edge.guard, g.guard, shared.guard, g.cors for GET"},
		{"answered by the other route", "", []string{"g.cors", "e.cors"}, "", "PUT", http7.Reply, nil, "everyone",
			"edge.guard, shared.guard, e.guard, e.cors for PUT"},
		{"nobody answers: an OPTIONS like others, whose guards run once", "", nil, "", "GET", http7.Go, nil, "everyone",
			"edge.guard, g.guard, shared.guard, g.cors for GET, edge.identify, e.guard, e.authorise"},
		{"nobody answers, and it is the same route", "", nil, "", "PUT", http7.Go, nil, "everyone",
			"edge.guard, shared.guard, e.guard, e.cors for PUT, edge.identify, e.authorise"},
		{"the listener's guard refuses", "edge.guard", []string{"g.cors"}, "", "GET", http7.Reply, teapot, "get",
			"edge.guard"},
		{"the route opts out of that guard", "edge.guard", []string{"g.cors"}, "edge", "GET", http7.Reply, nil, "get",
			"edge.guard, g.guard, shared.guard, g.cors for GET"},
		{"the route's guard refuses", "g.guard", []string{"g.cors"}, "", "GET", http7.Reply, teapot, "get",
			"edge.guard, g.guard"},
		{"who identifies is not asked", "edge.identify", []string{"g.cors"}, "", "GET", http7.Reply, nil, "get",
			"edge.guard, g.guard, shared.guard, g.cors for GET"},
		{"who identifies is asked if nobody answers", "edge.identify", nil, "", "GET", http7.Reply, teapot, "everyone",
			"edge.guard, g.guard, shared.guard, g.cors for GET, edge.identify"},
		{"an OPTIONS that is no preflight", "", []string{"g.cors", "e.cors"}, "", "", http7.Go, nil, "everyone",
			"edge.guard, edge.identify, shared.guard, e.guard, e.authorise"},
	} {
		w := newPreflown(c.deny, c.answers...)
		w.site.Plans[0].Without = []string{c.without}
		v, x := w.decide(c.asks)
		ran := slices.DeleteFunc(slices.Clone(w.log), func(s string) bool { return strings.HasPrefix(s, "end ") })
		if v.Act != c.act || v.Fault != c.fault || x.Route == nil || x.Route.Name != c.route {
			t.Errorf("%s: %+v on route %v; want %v, %v on %s", c.what, v, x.Route, c.act, c.fault, c.route)
		}
		if got := strings.Join(ran, ", "); got != c.log {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.log)
		}
		for _, s := range ran {
			if name, _, offered := strings.Cut(s, " "); !offered && strings.Count(strings.Join(w.log, ","), "end "+name+" ") != 1 {
				t.Errorf("%s: not one End of %s in %v", c.what, name, w.log)
			}
		}
	}
}

func TestAPreflightForARouteWithoutAnOfferIsAnOPTIONSLikeOthers(t *testing.T) {
	w := newPreflown("g.guard")
	w.get.Steps = w.get.Steps[:3]
	v, x := w.decide("GET")
	if got := strings.Join(w.log, ", "); v.Act != http7.Go || x.Route != w.everyone || strings.Contains(got, "g.guard") {
		t.Errorf("%+v on %v, ran %s", v, x.Route, got)
	}
}

func TestAPreflightThatNoRouteTakesIsNotFound(t *testing.T) {
	w := newPreflown("")
	w.site.Table, _ = match.Compile(nil)
	if v, x := w.decide("GET"); v.Fault != http7.NoRoute || x.Route != nil {
		t.Errorf("%+v on %v", v, x.Route)
	}
}

func TestWhatIsAPreflight(t *testing.T) {
	t.Parallel()
	saw := make(chan string, 1)
	p := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		saw <- string(x.Preflight)
		return http7.Continue
	}}
	o := newRecorder(t, okFor)
	r := newRigWith(t, withSteps(p.step("p.look")), o.addr)
	cl := r.client()
	for _, c := range []struct{ what, request, asks string }{
		{"a preflight", "OPTIONS / HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: PUT||", "PUT"},
		{"another spelling of the names", "OPTIONS / HTTP/1.1|Host: a|origin: https://b|access-control-request-METHOD: PUT||", "PUT"},
		{"without an origin", "OPTIONS / HTTP/1.1|Host: a|Access-Control-Request-Method: PUT||", ""},
		{"without a method", "OPTIONS / HTTP/1.1|Host: a|Origin: https://b||", ""},
		{"two methods", "OPTIONS / HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: PUT|Access-Control-Request-Method: GET||", ""},
		{"a method that is none", "OPTIONS / HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: PUT, GET||", ""},
		{"of another method", "GET / HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: PUT||", ""},
		{"of the whole server", "OPTIONS * HTTP/1.1|Host: a|Origin: https://b|Access-Control-Request-Method: PUT||", ""},
	} {
		cl.send(crlf(c.request))
		cl.want(200, "hello")
		if got := <-saw; got != c.asks {
			t.Errorf("%s: it asks for %q, want %q", c.what, got, c.asks)
		}
	}
}

// The answer passes the steps of the route that was asked for, and the connection lives on.
func TestAnAnsweredPreflightPassesTheResponseSteps(t *testing.T) {
	t.Parallel()
	p := marking("X-Late")
	r := newRigWith(t, func(r *rig) {
		r.route.Methods = []string{"GET"}
		r.route.Steps = []http7.Step{
			p.answerStep("p.mark", http7.Present),
			{Name: "p.cors", Stage: http7.Present, Preflight: &offer{"p.cors", nil, true}},
		}
	}, saying(t, hello))
	cl := r.client()
	for range 2 {
		cl.send("OPTIONS /a HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\nAccess-Control-Request-Method: GET\r\n\r\n")
		status, h, _, err := cl.answer("OPTIONS")
		if err != nil || status != 204 || h.Get("X-Late") != "path /a" {
			t.Fatalf("%d, %v, %v", status, h, err)
		}
	}
	cl.send("OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n")
	cl.wantStatus("404")
}

// A preflight for a route without cors is an OPTIONS like others; the cors of the route that took it as such granted
// what the route of the method that was asked for never had.
func TestOnlyTheRouteThatIsAskedForGivesLeave(t *testing.T) {
	t.Parallel()
	mark := marking("X-Leave")
	offers := http7.Step{Name: "p.cors", Bundle: "p", Stage: http7.Present, Preflight: &offer{"p.cors", nil, true}, Response: mark}
	r := newRigWith(t, func(r *rig) {
		r.route.Methods, r.route.Steps = []string{"OPTIONS", "GET"}, []http7.Step{offers}
		r.also(&http7.Route{Name: "upload", Methods: []string{"PUT"}})
	}, saying(t, hello))
	for _, c := range []struct {
		asks  string
		leave string
		note  string
	}{
		{"GET", "path /a", ""},
		{"PUT", "", "a preflight, taken as OPTIONS: route upload answers no preflight for PUT here"},
		{"PATCH", "", "a preflight, taken as OPTIONS: no route takes PATCH here"},
		{"", "path /a", ""},
	} {
		head := "OPTIONS /a HTTP/1.1|Host: a|Origin: https://b||"
		if c.asks != "" {
			head = strings.TrimSuffix(head, "|") + "Access-Control-Request-Method: " + c.asks + "||"
		}
		cl := r.client()
		cl.send(crlf(head))
		if _, h, _, err := cl.answer("OPTIONS"); err != nil || h.Get("X-Leave") != c.leave {
			t.Errorf("%q: leave %q, %v; want %q", c.asks, h.Get("X-Leave"), err, c.leave)
		}
		e := r.engine.Explain(r.site, asking(head, ""))
		if got := strings.Join(e.Notes, "; "); got != c.note || (e.Request.Preflight == "") != (c.asks != "GET") {
			t.Errorf("%q: explained as for %q, %q; want %q", c.asks, e.Request.Preflight, got, c.note)
		}
	}
}
