package lb

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// words are what each judge may say.
var words = [judges][]State{
	ByProbe:    {Unknown, Ready, Down},
	ByTraffic:  {Ready, Ejected},
	ByOperator: {Ready, Draining, Maintenance},
}

func TestTheWorstWordIsTheState(t *testing.T) {
	for _, c := range []struct {
		probe, traffic, operator State
		want                     State
		by                       Judge
	}{
		{Ready, Ready, Ready, Ready, ByProbe},
		{Unknown, Ready, Ready, Unknown, ByProbe},
		{Unknown, Ready, Draining, Draining, ByOperator},
		{Ready, Ready, Draining, Draining, ByOperator},
		{Ready, Ejected, Ready, Ejected, ByTraffic},
		{Unknown, Ejected, Draining, Ejected, ByTraffic},
		{Down, Ejected, Draining, Down, ByProbe},
		{Down, Ready, Draining, Down, ByProbe},
		{Down, Ejected, Maintenance, Maintenance, ByOperator},
		{Ready, Ready, Maintenance, Maintenance, ByOperator},
	} {
		r, u := upstream(t, EWMA, 1)
		e := endpoints(u)[0]
		r.Judge(ByProbe, c.probe, "the probe", e)
		r.Judge(ByTraffic, c.traffic, "the traffic", e)
		r.Judge(ByOperator, c.operator, "the operator", e)
		why := "the " + c.by.String()
		if c.want == Ready {
			why = ""
		}
		if e.State() != c.want || e.Why() != why {
			t.Errorf("%v, %v and %v make %v because of %q, want %v because of %q", c.probe, c.traffic, c.operator, e.State(), e.Why(), c.want, why)
		}
		if e.Says(ByProbe) != c.probe || e.Says(ByTraffic) != c.traffic || e.Says(ByOperator) != c.operator {
			t.Errorf("%v, %v and %v are remembered as %v, %v and %v", c.probe, c.traffic, c.operator, e.Says(ByProbe), e.Says(ByTraffic), e.Says(ByOperator))
		}
	}
}

func TestANewEndpointIsUnknownToTheProbeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := endpoints(adopt(t, NewRegistry(nil), config(EWMA, 1)))[0]
		if e.State() != Unknown || e.Why() != "" || !e.StateSince().Equal(time.Now()) {
			t.Errorf("a new endpoint is %v since %v because of %q", e.State(), e.StateSince(), e.Why())
		}
		if e.Says(ByProbe) != Unknown || e.Says(ByTraffic) != Ready || e.Says(ByOperator) != Ready {
			t.Errorf("its judges say %v, %v, %v", e.Says(ByProbe), e.Says(ByTraffic), e.Says(ByOperator))
		}
	})
}

// What each word does to the state, why it is given and since when it holds.
func TestWordsFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := upstream(t, EWMA, 1)
		e := endpoints(u)[0]
		start := time.Now()
		for _, c := range []struct {
			by      Judge
			says    State
			why     string
			changed int
			state   State
			since   int // seconds
			because string
		}{
			{ByProbe, Down, "connection refused", 1, Down, 1, "connection refused"},
			{ByProbe, Down, "timeout", 0, Down, 1, "timeout"}, // the newest reason of a state that lasts
			{ByTraffic, Ejected, "5 in a row", 0, Down, 1, "timeout"},
			{ByProbe, Ready, "ignored", 1, Ejected, 4, "5 in a row"},
			{ByOperator, Draining, "release", 0, Ejected, 4, "5 in a row"},
			{ByTraffic, Ready, "", 1, Draining, 6, "release"},
			{ByOperator, Maintenance, "disk", 1, Maintenance, 7, "disk"},
			{ByProbe, Down, "refused", 0, Maintenance, 7, "disk"},
			{ByOperator, Ready, "", 1, Down, 9, "refused"},
			{ByProbe, Ready, "", 1, Ready, 10, ""},
			{ByProbe, Ready, "", 0, Ready, 10, ""},
		} {
			time.Sleep(time.Second)
			changed := r.Judge(c.by, c.says, c.why, e)
			since := int(e.StateSince().Sub(start) / time.Second)
			if changed != c.changed || e.State() != c.state || since != c.since || e.Why() != c.because {
				t.Errorf("%v says %v: %d changed, %v since second %d because of %q; want %d, %v, %d, %q",
					c.by, c.says, changed, e.State(), since, e.Why(), c.changed, c.state, c.since, c.because)
			}
		}
	})
}

// A model that knows only the order of the states, against any sequence of words.
func TestTheStateIsTheWorstOfWhatWasSaidLast(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	order := []State{Maintenance, Down, Ejected, Draining, Unknown, Ready}
	r, u := upstream(t, EWMA, 1)
	e := endpoints(u)[0]
	last := [judges]State{Ready, Ready, Ready}
	for i := range 5000 {
		by := Judge(random.IntN(judges))
		said := words[by][random.IntN(len(words[by]))]
		before := e.State()
		changed := r.Judge(by, said, fmt.Sprint(i), e)
		last[by] = said
		want := worst(order, last)
		if e.State() != want || (changed == 1) != (want != before) || (e.Why() == "") != (want == Ready) {
			t.Fatalf("word %d, %v by %v after %v: %v (%d changed, because of %q), want %v", i, said, by, before, e.State(), changed, e.Why(), want)
		}
	}
}

func worst(order []State, said [judges]State) State {
	for _, s := range order {
		for _, one := range said {
			if one == s {
				return s
			}
		}
	}
	return Ready
}

func TestOneCallMovesTheEndpointsOfManyUpstreams(t *testing.T) {
	r := NewRegistry(nil)
	a, errA := r.Adopt("a", config(EWMA, 1, 1))
	b, errB := r.Adopt("b", config(EWMA, 1))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if n := r.Judge(ByProbe, Ready, "", endpoints(a)[0], endpoints(b)[0]); n != 2 {
		t.Errorf("%d changed, want 2", n)
	}
	if candidates(a) != "0" || candidates(b) != "0" || a.View().Ready() != 1 || b.View().Ready() != 1 {
		t.Errorf("candidates %q and %q", candidates(a), candidates(b))
	}
}

func TestSetStateIsTheWordOfWhoeverHasIt(t *testing.T) {
	for s, by := range map[State]Judge{Unknown: ByProbe, Ready: ByProbe, Down: ByProbe, Ejected: ByTraffic, Draining: ByOperator, Maintenance: ByOperator} {
		r, u := upstream(t, EWMA, 1)
		e := endpoints(u)[0]
		r.SetState(s, e)
		if e.State() != s || e.Says(by) != s {
			t.Errorf("set to %v: %v, and the %v says %v", s, e.State(), by, e.Says(by))
		}
	}
}

func TestJudgesHaveNames(t *testing.T) {
	for i, want := range []string{"probe", "traffic", "operator", "judge(3)"} {
		if got := Judge(i).String(); got != want {
			t.Errorf("judge %d is %q, want %q", i, got, want)
		}
	}
}

func TestAnEndpointComesUnderTheOrderThatIsKeptForIt(t *testing.T) {
	r := NewRegistry(nil)
	r.Orders(func(upstream, address, name string) (State, string) {
		switch {
		case upstream == "orders" && address == "10.0.0.2:80" && name == address:
			return Maintenance, "an order"
		case name == "away.test:80":
			return Draining, "an order"
		}
		return Ready, ""
	})
	u := adopt(t, r, config(RoundRobin, 1, 1))
	named := u.registry.endpoint(u, &Place{Address: address(2), Name: "away.test:80"})
	for i, want := range []State{Unknown, Maintenance, Draining} {
		e := append(endpoints(u), named)[i]
		if e.State() != want || e.Says(ByOperator) != max(want, Ready) || (e.Why() == "an order") != (want != Unknown) {
			t.Errorf("%s is %s (%q), and the operator says %s; want %s", e, e.State(), e.Why(), e.Says(ByOperator), want)
		}
	}
	if c := u.View().Candidates(); len(c) != 1 || c[0].Endpoint != endpoints(u)[0] {
		t.Errorf("the first view offers %v", c)
	}
	r.Judge(ByOperator, Ready, "", named)
	if named.State() != Unknown {
		t.Errorf("an order that was taken back leaves the endpoint %s", named.State())
	}
}
