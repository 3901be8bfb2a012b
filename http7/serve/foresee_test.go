package serve

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/match"
)

// To find out who a client is may cost a lot: nobody has it done whom a guard refuses on the route that he asks for.
func TestWhomAGuardRefusesNobodyIdentifies(t *testing.T) {
	denied := http7.Refuse(http7.Misdirected)
	for what, c := range map[string]struct {
		guard   http7.Verdict
		mode    http7.Mode
		without []string
		claims  bool // another route is found by them
		said    http7.Act
		log     string
	}{
		"a guard refuses":                    {denied, http7.Enforce, nil, false, http7.Reply, "a.guard"},
		"a guard says nothing":               {http7.Continue, http7.Enforce, nil, false, http7.Go, "a.guard, b.identify, c.route"},
		"a guard only observes":              {denied, http7.Observe, nil, false, http7.Go, "a.guard, b.identify, c.route"},
		"the route opts out":                 {denied, http7.Enforce, []string{"a"}, false, http7.Go, "a.guard, b.identify, c.route"},
		"the route opts out of another":      {denied, http7.Enforce, []string{"b"}, false, http7.Reply, "a.guard"},
		"who asks decides which route it is": {denied, http7.Enforce, nil, true, http7.Reply, "a.guard, b.identify"},
	} {
		t.Run(what, func(t *testing.T) {
			var log []string
			step := func(name string, stage http7.Stage, says http7.Verdict) http7.Step {
				return http7.Step{Name: name, Bundle: name[:1], Stage: stage, Request: &noted{name, &log, []http7.Verdict{says}}}
			}
			guard := step("a.guard", http7.Guard, c.guard)
			guard.Mode = c.mode
			route := &http7.Route{Name: "r", Steps: []http7.Step{step("c.route", http7.Rewrite, http7.Continue)}}
			routes := []*http7.Route{route}
			site := &Site{Early: []http7.Step{guard, step("b.identify", http7.Identify, http7.Continue)}, Plans: []*Plan{{Route: route, Without: c.without}}}
			if c.claims {
				gold := &http7.Route{ID: 1, Name: "gold", Conditions: []http7.Condition{{On: http7.OnClaim, Name: "plan", Value: "gold"}}}
				routes, site.Plans = append(routes, gold), append(site.Plans, &Plan{Route: gold})
			}
			site.Table, _ = match.Compile(routes)
			x := &exchange{site: site}
			x.Path, x.Method = []byte("/"), []byte("GET")
			if act := x.decider.start(x); act != c.said || act == http7.Reply && x.decider.stop.Fault != http7.Misdirected {
				t.Errorf("said %v %v", act, x.decider.stop)
			}
			if got := strings.Join(log, ", "); got != c.log {
				t.Errorf("asked %s, want %s", got, c.log)
			}
			if x.Route == nil || x.Route.Name != "r" {
				t.Errorf("the route is %v", x.Route)
			}
		})
	}
}

// A request that a policy delays must not outlast the grace of a stop.
func TestAWaitEndsWhenTheEngineIsCut(t *testing.T) {
	t.Parallel()
	bothSides(t, func(t *testing.T, start starter) {
		waits := make(chan struct{})
		p := &scripted{
			request: func(*http7.Exchange) http7.Verdict { close(waits); return http7.WaitUntil(time.Now().Add(time.Hour)) },
			resume:  func(*http7.Exchange, http7.Event) http7.Verdict { return http7.WaitUntil(time.Now().Add(time.Hour)) },
		}
		r, client, _ := start(func(r *rig) { r.route.Steps = []http7.Step{p.step("p.waits")} }, func(http.ResponseWriter, *http.Request) {})
		leaver(t, r, client)
		<-waits
		r.engine.Cut()
		eventually(t, "the fault is counted", func() bool { return r.faults("stopping") == 1 })
		if n := p.ends.Load(); n != 1 {
			t.Errorf("the policy's End was called %d times", n)
		}
	})
}
