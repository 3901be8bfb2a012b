package serve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/match"
)

// noted is a policy that writes down what happens to it, and says what it was told to.
type noted struct {
	name string
	log  *[]string
	says []http7.Verdict // of Request, then of each Resume
}

func (p *noted) Request(x *http7.Exchange) http7.Verdict {
	x.Word = uint64(len(p.name))
	*p.log = append(*p.log, p.name)
	return p.say(0)
}

func (p *noted) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	*p.log = append(*p.log, fmt.Sprintf("%s resumed %d", p.name, why))
	n := int(x.Word>>8) + 1
	x.Word += 1 << 8
	return p.say(n)
}

func (p *noted) say(n int) http7.Verdict {
	if n < len(p.says) {
		return p.says[n]
	}
	return http7.Continue
}

func (p *noted) End(_ *http7.Exchange, word uint64) {
	*p.log = append(*p.log, fmt.Sprintf("end %s %d", p.name, word&0xff))
}

// deciding runs Decide by hand: early and late steps, resumed with BodyReady whenever one stops.
func deciding(early, late []*noted, without ...string) (said http7.Verdict, log []string, x *exchange) {
	step := func(p *noted) http7.Step {
		p.log = &log
		bundle, _, _ := strings.Cut(p.name, ".")
		return http7.Step{Name: p.name, Bundle: bundle, Request: p, End: p}
	}
	route := &http7.Route{Name: "r"}
	site := &Site{Plans: []*Plan{{Route: route, Without: without}}}
	for _, p := range early {
		site.Early = append(site.Early, step(p))
	}
	for _, p := range late {
		route.Steps = append(route.Steps, step(p))
	}
	site.Table, _ = match.Compile([]*http7.Route{route})
	x = &exchange{site: site}
	x.Path, x.Method = []byte("/"), []byte("GET")
	d := &x.decider
	act := d.start(x)
	for act == http7.Need || act == http7.Wait {
		act = d.resume(x, http7.BodyReady)
	}
	if said.Act = act; act != http7.Go {
		said = d.stop
	}
	d.finish(x, nil)
	return said, log, x
}

func TestDecideRunsEarlyStepsMatchesAndRunsTheRoutes(t *testing.T) {
	need, wait := http7.NeedBody(5), http7.Verdict{Act: http7.Wait}
	denied, other := http7.Refuse(http7.Misdirected), http7.Refuse(http7.BodyTooLarge)
	p := func(name string, says ...http7.Verdict) *noted { return &noted{name: name, says: says} }
	for _, test := range []struct {
		what        string
		early, late []*noted
		without     []string
		said        http7.Verdict
		log         string
	}{
		{"nothing to ask", nil, nil, nil, http7.Continue, ""},
		{"in order, ends in reverse", []*noted{p("a.1")}, []*noted{p("b.1"), p("c.1")}, nil, http7.Continue,
			"a.1, b.1, c.1, end c.1 3, end b.1 3, end a.1 3"},
		{"a refusal stops what is behind it", nil, []*noted{p("b.1", denied), p("c.1")}, nil, denied,
			"b.1, end b.1 3"},
		{"an early refusal waits for the match, and the other early steps run", []*noted{p("a.1", denied), p("a.2")}, []*noted{p("b.1")}, nil, denied,
			"a.1, a.2, end a.2 3, end a.1 3"},
		{"the first of two stands", []*noted{p("a.1", denied), p("b.1", other)}, nil, nil, denied,
			"a.1, b.1, end b.1 3, end a.1 3"},
		{"the route opts out of it", []*noted{p("a.1", denied)}, []*noted{p("b.1")}, []string{"a"}, http7.Continue,
			"a.1, b.1, end b.1 3, end a.1 3"},
		{"the route opts out of one of two", []*noted{p("a.1", denied), p("b.1", other)}, nil, []string{"a"}, other,
			"a.1, b.1, end b.1 3, end a.1 3"},
		{"a step that needs bytes goes on where it stopped", nil, []*noted{p("b.1", need), p("c.1")}, nil, http7.Continue,
			"b.1, b.1 resumed 0, c.1, end c.1 3, end b.1 3"},
		{"a step that waits twice and then refuses", nil, []*noted{p("b.1", wait, need, denied), p("c.1")}, nil, denied,
			"b.1, b.1 resumed 0, b.1 resumed 0, end b.1 3"},
		{"an early step may wait too", []*noted{p("a.1", wait)}, []*noted{p("b.1")}, nil, http7.Continue,
			"a.1, a.1 resumed 0, b.1, end b.1 3, end a.1 3"},
	} {
		said, log, _ := deciding(test.early, test.late, test.without...)
		if said.Act != test.said.Act || said.Fault != test.said.Fault {
			t.Errorf("%s: said %+v, want %+v", test.what, said, test.said)
		}
		if got := strings.Join(log, ", "); got != test.log {
			t.Errorf("%s:\n got %s\nwant %s", test.what, got, test.log)
		}
	}
}

func TestWithoutARouteAnEarlyRefusalIsAnsweredInsteadOfThe404(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		var log []string
		site := &Site{}
		site.Table, _ = match.Compile(nil)
		want := http7.NoRoute
		if refuses {
			want = http7.Misdirected
			site.Early = []http7.Step{{Name: "a.1", Bundle: "a", Request: &noted{name: "a.1", log: &log, says: []http7.Verdict{http7.Refuse(want)}}}}
		}
		x := &exchange{site: site}
		x.Path = []byte("/")
		if act := x.decider.start(x); act != http7.Reply || x.decider.stop.Fault != want {
			t.Errorf("refuses %v: %v %+v", refuses, act, x.decider.stop)
		}
		if x.Route != nil || refuses && !slices.Contains(log, "a.1") {
			t.Errorf("refuses %v: route %v, log %v", refuses, x.Route, log)
		}
	}
}
