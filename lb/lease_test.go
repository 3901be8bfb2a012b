package lb

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDoneAccountsForEveryResult(t *testing.T) {
	names := []string{"ok", "connect_failed", "reset", "timeout", "bad_answer", "status_5xx", "cancelled", "outrun"}
	for r := range Result(Results) {
		_, u := upstream(t, EWMA, 1)
		l := pick(u, Key{}, Tried{})
		e := l.Endpoint()
		if e.InFlight() != 1 || e.Picked() != 1 {
			t.Errorf("leased: in flight %d, picked %d", e.InFlight(), e.Picked())
		}
		l.Done(Outcome{Result: r, FirstByte: time.Millisecond})
		if e.InFlight() != 0 || e.Picked() != 1 || e.Ended(r) != 1 {
			t.Errorf("%v: in flight %d, picked %d, ended %d", r, e.InFlight(), e.Picked(), e.Ended(r))
		}
		if r.String() != names[r] || r.Failed() != (r != OK && r != Cancelled && r != Outrun) {
			t.Errorf("result %d is %q, failed %v", r, r, r.Failed())
		}
	}
}

func TestDoneOnNoLeaseDoesNothing(t *testing.T) { Lease{}.Done(Outcome{Result: Reset}) }

func TestWhatAnOutcomeDoesToTheLatency(t *testing.T) {
	cases := []struct {
		what  string
		known time.Duration
		o     Outcome
		want  time.Duration
	}{
		{"a first success sets it", 0, took(20 * time.Millisecond), 20 * time.Millisecond},
		{"a slower success raises it", 20 * time.Millisecond, took(22 * time.Millisecond), 22 * time.Millisecond},
		{"a much slower one doubles it", 20 * time.Millisecond, took(90 * time.Millisecond), 40 * time.Millisecond},
		{"from next to nothing to a millisecond", 20 * time.Microsecond, took(90 * time.Millisecond), time.Millisecond},
		{"a faster one 10 s later pulls by 1-1/e", 100 * time.Millisecond, took(10 * time.Millisecond), 43109149 * time.Nanosecond}, // 10 + 90/e
		{"an unmeasured success leaves it", 20 * time.Millisecond, Outcome{}, 20 * time.Millisecond},
		{"a cancelled use leaves it", 20 * time.Millisecond, Outcome{Result: Cancelled, FirstByte: time.Minute}, 20 * time.Millisecond},
		{"an outrun use that was silent for longer is a peak", 20 * time.Millisecond, outrun(90 * time.Millisecond), 90 * time.Millisecond},
		{"a first use that was outrun sets it", 0, outrun(90 * time.Millisecond), 90 * time.Millisecond},
		{"longer than what is left of the average, it raises that", 100 * time.Millisecond, outrun(40 * time.Millisecond), 62072766 * time.Nanosecond}, // 40 + 60/e
		{"shorter, it leaves it", 100 * time.Millisecond, outrun(30 * time.Millisecond), 100 * time.Millisecond},
		{"unmeasured, it leaves it", 20 * time.Millisecond, outrun(0), 20 * time.Millisecond},
		{"a fast failure is charged a second", 20 * time.Millisecond, Outcome{Result: ConnectFailed, FirstByte: 1}, time.Second},
		{"a slow failure counts in full", 20 * time.Millisecond, Outcome{Result: Timeout, FirstByte: 30 * time.Second}, 30 * time.Second},
		{"where success is slow the charge is twice what is left of it", 8 * time.Second, Outcome{Result: Reset}, 6663742 * time.Microsecond}, // 8/e + 2·8/e·(1-1/e)
		{"charges stop doubling at a minute", 500 * time.Second, Outcome{Result: Reset}, 221867770 * time.Microsecond},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			_, u := upstream(t, EWMA, 1)
			e := endpoints(u)[0]
			leaseOn(e).Done(took(c.known))
			time.Sleep(latencyDecay)
			leaseOn(e).Done(c.o)
			if got := e.Latency(); (got - c.want).Abs() > c.want/10000 {
				t.Errorf("%s: %v, want %v", c.what, got, c.want)
			}
		})
	}
}

func outrun(after time.Duration) Outcome { return Outcome{Result: Outrun, FirstByte: after} }

// A frozen endpoint whose uses are all outrun by hedges looked as fast as it had been before.
func TestAnEndpointThatIsAlwaysOutrunIsFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := upstream(t, EWMA, 1, 1, 1)
		frozen, picked := endpoints(u)[0], 0
		for _, e := range endpoints(u) {
			leaseOn(e).Done(took(10 * time.Millisecond))
		}
		for range 3000 {
			l := pick(u, Key{}, Tried{})
			time.Sleep(10 * time.Millisecond)
			if l.Endpoint() == frozen {
				picked++
				l.Done(outrun(50 * time.Millisecond))
			} else {
				l.Done(took(10 * time.Millisecond))
			}
		}
		if picked > 150 { // of 3000, where an equal share is 1000
			t.Errorf("it is picked %d times", picked)
		}
		if s := frozen.Tally(0); s.Failed != 0 || s.InRow != 0 || s.OK != 1 || frozen.Ended(Outrun) != uint64(picked) {
			t.Errorf("it is held against it: %+v, %d outrun of %d", s, frozen.Ended(Outrun), picked)
		}
	})
}

func TestAnAverageFadesToAFloorAndOutlivesTheWrap(t *testing.T) {
	cases := []struct {
		idle time.Duration
		want time.Duration
	}{
		{0, time.Second},
		{10 * time.Second, 367879441},
		{20 * time.Second, 135335283},
		{24 * time.Hour, time.Microsecond},
		{20 * 24 * time.Hour, time.Microsecond},
	}
	for _, c := range cases {
		var l latency
		l.observe(time.Second, time.Hour)
		if got := time.Duration(l.at(time.Hour + c.idle)); (got - c.want).Abs() > c.want/1000 {
			t.Errorf("idle for %v: %v, want %v", c.idle, got, c.want)
		}
	}
}

func TestAnOvertakenSampleCountsOnlyAsAFailure(t *testing.T) {
	var l latency
	l.observe(50*time.Millisecond, time.Minute)
	l.observe(time.Millisecond, time.Minute-time.Second)
	if l.last().Round(time.Microsecond) != 50*time.Millisecond {
		t.Errorf("a lower sample from the past moved the average to %v", l.last())
	}
	l.observe(80*time.Millisecond, time.Minute-time.Second)
	if l.last().Round(time.Microsecond) != 50*time.Millisecond {
		t.Errorf("a higher sample from the past moved the average to %v", l.last())
	}
	l.charge(80*time.Millisecond, time.Minute-time.Second)
	if l.last().Round(time.Microsecond) != time.Second {
		t.Errorf("a failure from the past was lost: %v", l.last())
	}
}

// A pause holds up all that is in flight; an endpoint that has become slow is slow again and again.
func TestAPauseCountsOnceAndSlownessEachTime(t *testing.T) {
	var l latency
	now := time.Minute
	l.observe(5*time.Millisecond, now)
	now += 10 * time.Millisecond
	for range 50 { // at one moment
		l.observe(80*time.Millisecond, now)
	}
	if l.last().Round(time.Microsecond) != 10*time.Millisecond {
		t.Errorf("behind a pause the average is %v", l.last())
	}
	for range 3 {
		now += 10 * time.Millisecond
		l.observe(80*time.Millisecond, now)
	}
	if l.last().Round(time.Microsecond) != 80*time.Millisecond {
		t.Errorf("after three more slow answers the average is %v", l.last())
	}
}

func TestTriedRemembersTheLastEight(t *testing.T) {
	_, u := upstream(t, EWMA, equal(10)...)
	e := endpoints(u)
	var tried Tried
	tried.Add(nil)
	if tried.Len() != 0 || tried.Has(e[0]) {
		t.Fatal("the zero value is not empty")
	}
	for i := range 8 {
		tried.Add(e[i])
		tried.Add(e[i])
		if tried.Len() != i+1 || !tried.Has(e[i]) || tried.Has(e[i+1]) {
			t.Fatalf("after adding %d: length %d", i, tried.Len())
		}
	}
	before := tried
	tried.Add(e[8])
	if tried.Len() != 8 || tried.Has(e[0]) || !tried.Has(e[1]) || !tried.Has(e[8]) {
		t.Error("a ninth must replace the first")
	}
	if !before.Has(e[0]) || before.Has(e[8]) {
		t.Error("a copy must be a set of its own")
	}
}

func TestStatesHaveNames(t *testing.T) {
	want := []string{"unknown", "ready", "draining", "ejected", "down", "maintenance", "state(6)"}
	for i, name := range want {
		if got := State(i).String(); got != name {
			t.Errorf("state %d is %q, want %q", i, got, name)
		}
	}
}
