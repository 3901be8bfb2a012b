package lb

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleEndpointsGetTheirWeight(t *testing.T) {
	n := 60000
	if raced {
		n = 6000
	}
	cases := []struct{ weights []int }{
		{[]int{1}},
		{[]int{1, 1}},
		{[]int{1, 2}},
		{[]int{5, 1, 1}},
		{[]int{1, 2, 3, 4}},
	}
	for _, balance := range everyBalancer {
		for _, c := range cases {
			t.Run(fmt.Sprint(balance, c.weights), func(t *testing.T) {
				_, u := upstream(t, balance, c.weights...)
				total := 0
				for _, w := range c.weights {
					total += w
				}
				for i, got := range counts(u, n, took(time.Millisecond)) {
					want := float64(n*c.weights[i]) / float64(total)
					if math.Abs(float64(got)-want) > 0.05*float64(n) {
						t.Errorf("endpoint %d of weight %d: %d picks, want about %.0f", i, c.weights[i], got, want)
					}
				}
			})
		}
	}
}

func TestBusyEndpointsHoldTheirWeight(t *testing.T) {
	for _, balance := range []string{LeastRequests, EWMA} {
		_, u := upstream(t, balance, 1, 3)
		for range 4000 {
			pick(u, Key{}, Tried{})
		}
		e := endpoints(u)
		if a, b := e[0].InFlight(), e[1].InFlight(); a < 900 || a > 1100 || a+b != 4000 {
			t.Errorf("%s: 4000 leases held are split %d to %d, want 1000 to 3000", balance, a, b)
		}
	}
}

func TestTwoChoicesSpreadOverMany(t *testing.T) {
	for _, balance := range []string{LeastRequests, EWMA} {
		_, u := upstream(t, balance, equal(100)...)
		for range 10000 {
			pick(u, Key{}, Tried{})
		}
		for _, e := range endpoints(u) {
			if n := e.InFlight(); n < 80 || n > 120 {
				t.Errorf("%s: %s holds %d of 10000 leases over 100 endpoints", balance, e, n)
			}
		}
	}
}

func TestPickNeverReturnsATriedEndpoint(t *testing.T) {
	for _, balance := range everyBalancer {
		for _, n := range []int{1, 2, 3, 5, 8, 40} {
			t.Run(fmt.Sprint(balance, n), func(t *testing.T) {
				_, u := upstream(t, balance, equal(n)...)
				for range 50 {
					var tried Tried
					for range min(n, maxTried) {
						l := pick(u, Key{}, tried)
						if !l.Ok() || tried.Has(l.Endpoint()) {
							t.Fatalf("after %d tries: got %v", tried.Len(), l.Endpoint())
						}
						tried.Add(l.Endpoint())
						l.Done(Outcome{Result: ConnectFailed})
					}
					if l := pick(u, Key{}, tried); n <= maxTried && l.Ok() {
						t.Fatalf("all %d tried, yet got %s", n, l.Endpoint())
					}
				}
			})
		}
	}
}

func TestRoundRobinKeepsItsPlaceAcrossViews(t *testing.T) {
	_, u := upstream(t, RoundRobin, 1, 1, 1)
	seen := make(map[*Endpoint]int)
	for range 300 {
		seen[pick(u, Key{}, Tried{}).Endpoint()]++
		rebuild(u)
	}
	for e, n := range seen {
		if n != 100 {
			t.Errorf("%s: %d of 300 picks with a new view after each", e, n)
		}
	}
}

func TestEWMAPrefersTheFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := upstream(t, EWMA, 1, 1)
		slow, picks := endpoints(u)[0], 0
		for range 10000 {
			l := pick(u, Key{}, Tried{})
			d := time.Millisecond
			if l.Endpoint() == slow {
				d, picks = 20*time.Millisecond, picks+1
			}
			time.Sleep(d)
			l.Done(took(d))
		}
		if picks == 0 || picks > 500 {
			t.Errorf("an endpoint 20 times slower got %d of 10000 uses, want a few", picks)
		}
	})
}

func TestEWMADoesNotTakeAFastFailureForSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, r := range []Result{ConnectFailed, Reset, BadAnswer, Status5xx} {
			_, u := upstream(t, EWMA, 1, 1, 1)
			broken, picks := endpoints(u)[1], 0
			for range 3000 {
				l := pick(u, Key{}, Tried{})
				o := took(5 * time.Millisecond)
				if l.Endpoint() == broken {
					o, picks = Outcome{Result: r, FirstByte: 50 * time.Microsecond}, picks+1
				}
				time.Sleep(o.FirstByte)
				l.Done(o)
			}
			if picks > 30 {
				t.Errorf("an endpoint that fails at once with %v got %d of 3000 uses", r, picks)
			}
		}
	})
}

func TestEWMATriesASlowEndpointAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := upstream(t, EWMA, 1, 1)
		once := endpoints(u)[0]
		leaseOn(once).Done(took(time.Second)) // one bad moment
		begin := time.Now()
		for time.Since(begin) < 2*time.Minute {
			l := pick(u, Key{}, Tried{})
			if l.Endpoint() == once {
				return
			}
			time.Sleep(10 * time.Millisecond)
			l.Done(took(10 * time.Millisecond))
		}
		t.Error("not tried again within 2 minutes")
	})
}

// An endpoint whose only uses are long sessions never reports a latency. It must neither starve
// nor make one that has failed look attractive.
func TestEWMAWithoutSamplesGoesByWhatIsInFlight(t *testing.T) {
	_, u := upstream(t, EWMA, 1, 1, 1)
	failed := pick(u, Key{}, Tried{})
	failed.Done(Outcome{Result: ConnectFailed, FirstByte: time.Millisecond})
	for range 15 {
		pick(u, Key{}, Tried{})
	}
	for _, e := range endpoints(u) {
		n := e.InFlight()
		if e == failed.Endpoint() && n > 2 || e != failed.Endpoint() && n < 6 {
			t.Errorf("%s holds %d of 15 sessions (the failed one is %s)", e, n, failed.Endpoint())
		}
	}
}

func TestEWMATakesLatenciesBelowAMillisecondForEqual(t *testing.T) {
	_, u := upstream(t, EWMA, 1, 1, 1)
	seed(u, 1)
	for i, d := range []time.Duration{50 * time.Microsecond, 200 * time.Microsecond, 900 * time.Microsecond} {
		leaseOn(endpoints(u)[i]).Done(took(d))
	}
	for i, n := range counts(u, 3000, Outcome{Result: Cancelled}) {
		if n < 850 || n > 1150 {
			t.Errorf("endpoint %d got %d of 3000 uses, want about 1000", i, n)
		}
	}
}

func TestQuickFadeIsFade(t *testing.T) {
	for _, gap := range []int32{0, 1, 17, 3000, 3465, 3466, 10000, 50000, 1000000, math.MaxInt32} {
		want := fade(gap)
		if got := quickFade(gap); math.Abs(got-want) > want/10000 {
			t.Errorf("after %d ms: %v, want %v", gap, got, want)
		}
	}
}

func TestUnknownBalancerIsRefused(t *testing.T) {
	for _, name := range []string{"", "first", "EWMA", "Maglev"} {
		if u, err := NewRegistry(nil).Adopt("orders", config(name, 1)); err == nil {
			t.Errorf("balance = %q: got %v, want an error", name, u)
		}
	}
}

func TestPickOfNothingIsTheZeroLease(t *testing.T) {
	for _, balance := range everyBalancer {
		r, u := upstream(t, balance, equal(20)...)
		r.SetState(Down, endpoints(u)...)
		rebuild(u)
		if l := pick(u, Key{}, Tried{}); l.Ok() || l.Endpoint() != nil {
			t.Errorf("%s: all down, yet got %s", balance, l.Endpoint())
		}
	}
}
