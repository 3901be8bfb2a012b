package lb

import (
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// gated returns an upstream of ready endpoints with a limit each and a breaker, in a synctest bubble.
func gated(t *testing.T, endpoints, limit int, change func(*Config)) (*Registry, *Upstream) {
	t.Helper()
	c := config(LeastRequests, equal(endpoints)...)
	c.MaxInFlight = AtMost(limit)
	if change != nil {
		change(&c)
	}
	r := NewRegistry(nil)
	u := adopt(t, r, c)
	for _, m := range u.View().Members() {
		r.Judge(ByProbe, Ready, "", m.Endpoint)
	}
	pass(time.Second) // until views show it
	return r, u
}

// ends uses u once for each result and returns why the last use could not begin.
func ends(u *Upstream, results ...Result) (last Reason) {
	for _, result := range results {
		l, reason := u.Pick(Key{}, Tried{})
		l.Done(Outcome{Result: result, FirstByte: 5 * time.Millisecond})
		last = reason
	}
	return last
}

func TestTheBudgetOfAnUpstreamIsAFifthOfItsUsesUnlessItSaysMore(t *testing.T) {
	for _, c := range []struct {
		what string
		conf conf.Share
		want int
	}{
		{"nothing is said", conf.Share{}, 200},
		{"10 %", conf.Percent(10), 100},
		{"half", conf.Percent(50), 500},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, u := gated(t, 1, 1, func(cfg *Config) { cfg.RetryBudget = c.conf })
				g := u.Gate()
				for range 1000 {
					g.Begin()
				}
				for range 20 {
					if !g.TakeHedge(0.05) {
						t.Fatal("20 hedges are more than 5 % of 1000")
					}
				}
				got := 20
				for g.TakeRetry() {
					got++
				}
				if got != c.want {
					t.Errorf("%d retries and hedges of 1000 uses, want %d", got, c.want)
				}
				if g.TakeHedge(0.05) {
					t.Error("a hedge although the budget is spent")
				}
				s := g.Stats()
				if s.Hedges != 20 || s.Retries != uint64(c.want-20) || s.RetriesRefused != 1 || s.HedgesRefused != 1 || s.BudgetLeft != 0 {
					t.Errorf("stats are %+v", s)
				}
				pass(11 * time.Second)
				if got := g.Stats().BudgetLeft; got != 30 {
					t.Errorf("after 10 s without a use %d retries are left, want 30", got)
				}
			})
		})
	}
}

func TestABreakerCutsAFailingUpstreamOffAndTriesItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 2, 100, func(c *Config) {
			c.Breaker = &BreakerConfig{FailureRate: conf.Percent(50), MinRequests: 10, Open: conf.Dur(5 * time.Second)}
		})
		if last := ends(u, OK, OK, OK, OK, OK, Reset, Timeout, Status5xx, ConnectFailed, Cancelled, Cancelled); last != Picked {
			t.Fatalf("four failures of nine: %v", last)
		}
		opened := time.Now()
		if last := ends(u, BadAnswer, OK); last != BreakerOpen {
			t.Errorf("after the fifth failure of ten: %v, want breaker_open", last)
		}
		if s := u.Gate().Stats(); s.Breaker != "open" || !s.BreakerSince.Equal(opened) || s.BreakerOpened != 1 || s.BreakerRefused != 1 {
			t.Errorf("stats are %+v, want open since %v", s, opened)
		}
		pass(5 * time.Second)
		var trial []Lease
		for range 3 {
			trial = append(trial, pick(u, Key{}, Tried{}))
		}
		if _, reason := u.Pick(Key{}, Tried{}); reason != BreakerOpen {
			t.Errorf("a fourth use of the trial: %v, want breaker_open", reason)
		}
		for _, l := range trial {
			l.Done(Outcome{})
		}
		if s := u.Gate().Stats(); s.Breaker != "half_open" {
			t.Errorf("after three of ten good outcomes the breaker is %v", s.Breaker)
		}
		ends(u, OK, OK, OK)
		if s := u.Gate().Stats(); s.Breaker != "closed" || s.BreakerUses != 0 {
			t.Errorf("after six of ten good outcomes: %+v, want closed without a use", s)
		}
	})
}

// A use of the trial that finds no endpoint must not keep its place.
func TestATrialThatFindsNoEndpointGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 1, 100, func(c *Config) {
			c.Breaker = &BreakerConfig{FailureRate: conf.Percent(100), MinRequests: 1, Open: conf.Dur(time.Second)}
		})
		ends(u, Reset)
		pass(time.Second)
		var tried Tried
		tried.Add(u.View().Members()[0].Endpoint)
		for range 10 {
			if _, reason := u.Pick(Key{}, tried); reason != AllTried {
				t.Fatalf("a use that has tried all: %v", reason)
			}
		}
		if last := ends(u, OK); last != Picked {
			t.Errorf("then a use of the trial: %v", last)
		}
		if got := u.Gate().Stats().Breaker; got != "closed" {
			t.Errorf("after a good outcome the breaker is %v", got)
		}
	})
}

func TestTheQuantileIsOfTheLatenciesOfGoodOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 1, 100, nil)
		for i := range 200 {
			l := pick(u, Key{}, Tried{})
			l.Done(Outcome{FirstByte: time.Duration(i+1) * time.Millisecond})
			l = pick(u, Key{}, Tried{})
			l.Done(Outcome{Result: []Result{Reset, Timeout, Cancelled}[i%3], FirstByte: time.Hour})
			l = pick(u, Key{}, Tried{})
			l.Done(Outcome{}) // not measured
		}
		got := u.Gate().Quantile(0.95)
		if got < 184*time.Millisecond || got > 197*time.Millisecond {
			t.Errorf("p95 of 1 to 200 ms is %v", got)
		}
		if got := u.Gate().Quantile(0.999); got != 0 {
			t.Errorf("p99.9 of 200 samples is %v, want none", got)
		}
	})
}

func TestAGateSurvivesReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := DefaultBreaker()
		breaker.MinRequests = 4
		r, u := gated(t, 1, 1, func(c *Config) { c.Breaker = &breaker })
		for range 1000 {
			u.Gate().Begin()
		}
		held := pick(u, Key{}, Tried{})
		var w Waiter
		if !u.Gate().Enter(&w) {
			t.Fatal("there is no queue")
		}
		held.Done(Outcome{Result: Reset})
		<-w.Wake
		ends(u, Reset, Reset)

		c := config(LeastRequests, 1)
		c.MaxInFlight, c.Breaker, c.RetryBudget = AtMost(1), &breaker, conf.Percent(40)
		c.Queue = &QueueConfig{Size: 0, Timeout: conf.Dur(time.Second)}
		next := adopt(t, r, c)
		r.Retire(u)
		if next.Gate() != u.Gate() {
			t.Fatal("another gate")
		}
		s := next.Gate().Stats()
		if s.BudgetLeft != 400 || s.BreakerUses != 3 || s.BreakerFailures != 3 || s.Queued != 1 {
			t.Errorf("after the reload: %+v; want 40 %% of 1000 retries, 3 failures of 3 uses, 1 queued", s)
		}
		if next.Gate().Enter(&w) || next.Gate().Patience() != time.Second {
			t.Error("the queue is as before")
		}
		ends(next, Reset)
		if got := next.Gate().Stats().Breaker; got != "open" {
			t.Errorf("after the fourth failure the breaker is %v", got)
		}
		c.Breaker = nil
		last := adopt(t, r, c)
		r.Retire(next)
		if s := last.Gate().Stats(); s.Breaker != "off" || ends(last, OK) != Picked {
			t.Errorf("without a breaker it is %v", s.Breaker)
		}
	})
}

func TestAnAdaptiveLimitLearnsFromWhatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := gated(t, 1, 1, func(c *Config) { c.MaxInFlight = Adaptive() })
		e := u.View().Members()[0].Endpoint
		var open []Lease
		feed := func(rounds int, o Outcome) {
			for range rounds {
				for {
					l, reason := u.Pick(Key{}, Tried{})
					if reason != Picked {
						break
					}
					open = append(open, l)
				}
				pass(o.FirstByte)
				for _, l := range open {
					l.Done(o)
				}
				open = open[:0]
			}
		}
		first := e.Limit()
		feed(50, Outcome{FirstByte: 10 * time.Millisecond})
		grown := e.Limit()
		if grown < 4*first {
			t.Errorf("500 ms of answers that never take longer take the limit from %d to %d", first, grown)
		}
		feed(50, Outcome{Result: Status5xx, FirstByte: time.Second})
		feed(50, Outcome{Result: Cancelled, FirstByte: time.Second})
		if got := e.Limit(); got != grown {
			t.Errorf("failures and clients that leave take the limit from %d to %d", grown, got)
		}
		feed(20, Outcome{Result: Timeout, FirstByte: 100 * time.Millisecond})
		if got := e.Limit(); got > grown/2 {
			t.Errorf("timeouts take the limit from %d to %d", grown, got)
		}
		fixed := config(LeastRequests, 1)
		fixed.MaxInFlight = AtMost(3)
		next := adopt(t, r, fixed)
		r.Retire(u)
		if got := e.Limit(); got != 3 {
			t.Errorf("with a number it is %d, want 3", got)
		}
		fixed.MaxInFlight = MaxInFlight{}
		adopt(t, r, fixed)
		r.Retire(next)
		if got := e.Limit(); got != 0 {
			t.Errorf("without a limit it is %d, want 0", got)
		}
	})
}
