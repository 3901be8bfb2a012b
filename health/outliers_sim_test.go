package health

import (
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

func balancedBy(name string) func(*lb.Config, *OutliersConfig) {
	return func(c *lb.Config, _ *OutliersConfig) { c.Balance = name }
}

func sum(got map[string]int) (n int) {
	for _, k := range got {
		n += k
	}
	return n
}

// An endpoint that answers nothing but 500 must have less than 1 % of the traffic from 2 s on, by
// judgement alone, its returns and their trials included.
func TestAnEndpointThatOnlyFailsLosesItsTraffic(t *testing.T) {
	for _, balance := range []string{lb.EWMA, lb.RoundRobin, lb.LeastRequests, lb.Random, lb.Maglev, lb.Ring} {
		for _, rate := range []int{200, 2000} {
			if raced && rate > 200 && balance != lb.RoundRobin {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				c := newCourt(t, 10, balancedBy(balance))
				c.in(func() {
					healthy := c.failing(nil)
					c.traffic(rate, 5*time.Second, healthy)
					broken := c.failing(map[int]float64{0: 1})
					c.traffic(rate, 2*time.Second, broken)
					got := c.traffic(rate, 30*time.Second, broken)
					share := float64(got[c.endpoint(0).Address()]) / float64(sum(got))
					t.Logf("%s at %d/s: %.3f%% of the traffic from 2 s on", balance, rate, 100*share)
					if share >= 0.01 {
						t.Errorf("%s at %d/s: %.2f%% of the traffic from 2 s to 32 s", balance, rate, 100*share)
					}
					// ewma charges failures so that the endpoint loses its traffic before a row is full.
					if s := c.outliers.Stats()[0]; s.Spared != 0 || balance != lb.EWMA && s.Ejected != 1 {
						t.Errorf("%s at %d/s: %+v", balance, rate, s)
					}
				})
			})
		}
	}
}

func TestEjectionComesWithinMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 10, balancedBy(lb.RoundRobin))
		c.in(func() {
			c.traffic(1000, time.Second, c.failing(nil))
			begin := time.Now()
			c.strike(0, 5, 0, lb.Status5xx)
			if took := c.outliers.Ejections()[0].Since.Sub(begin); took > 5*time.Millisecond {
				t.Errorf("the ejection comes after %v", took)
			}
			if n := len(c.upstream.View().Candidates()); n != 9 {
				t.Errorf("%d endpoints may be picked then", n)
			}
		})
	})
}

// One route fails on all endpoints, from one moment to the next; the other two are served. That is
// no endpoint's fault.
func TestARouteThatFailsEverywhereEjectsNobody(t *testing.T) {
	for _, n := range []int{2, 3, 10} {
		for _, rate := range []int{20, 200, 2000} {
			if raced && rate > 200 {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				c := newCourt(t, n, balancedBy(lb.RoundRobin))
				c.in(func() {
					c.traffic(rate, 5*time.Second, c.failing(nil))
					c.traffic(rate, 25*time.Second, func(_ *lb.Endpoint, route uint32) lb.Result {
						if route == 1 {
							return lb.Status5xx
						}
						return lb.OK
					})
				})
				if s := c.outliers.Stats()[0]; s.Ejections != [Reasons]uint64{} {
					t.Errorf("%d endpoints at %d/s: %+v\n%s", n, rate, s, c.log.String())
				}
			})
		}
	}
}

// One endpoint fails one of three routes, which the others serve.
func TestAnEndpointThatFailsOneRouteIsEjected(t *testing.T) {
	for _, balance := range []string{lb.Random, lb.RoundRobin, lb.LeastRequests} {
		synctest.Test(t, func(t *testing.T) {
			c := newCourt(t, 4, balancedBy(balance))
			c.in(func() {
				c.traffic(300, 5*time.Second, c.failing(nil))
				bad := c.endpoint(2)
				c.traffic(300, 2*time.Second, func(e *lb.Endpoint, route uint32) lb.Result {
					if e == bad && route == 1 {
						return lb.Status5xx
					}
					return lb.OK
				})
				c.expect(balance, lb.Ready, lb.Ready, lb.Ejected, lb.Ready)
			})
		})
	}
}

// A zone of four among ten endpoints goes at once. They look common to each other, but not long.
func TestSeveralThatFailAtOnceAreAllEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 10, balancedBy(lb.RoundRobin))
		c.in(func() {
			c.traffic(1000, 5*time.Second, c.failing(nil))
			broken := c.failing(map[int]float64{0: 1, 1: 1, 2: 1, 3: 1})
			begin := time.Now()
			for c.outliers.Stats()[0].Ejected < 4 && time.Since(begin) < 5*time.Second {
				c.traffic(1000, 10*time.Millisecond, broken)
			}
			t.Logf("four of ten are out after %v", time.Since(begin))
			if time.Since(begin) > time.Second {
				t.Errorf("four of ten are not out after 1 s: %+v", c.outliers.Stats())
			}
			c.expect("the six", lb.Ejected, lb.Ejected, lb.Ejected, lb.Ejected, lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ready, lb.Ready)
		})
	})
}

// All endpoints fail everything: whatever is ejected, each use still gets an endpoint, and no
// endpoint gets more than twice its share.
func TestWhereAllFailTrafficGoesOn(t *testing.T) {
	for _, balance := range []string{lb.EWMA, lb.RoundRobin, lb.LeastRequests} {
		synctest.Test(t, func(t *testing.T) {
			c := newCourt(t, 6, balancedBy(balance))
			c.in(func() {
				c.traffic(500, 5*time.Second, c.failing(nil))
				all := c.failing(map[int]float64{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1})
				got := c.traffic(500, time.Minute, all)
				t.Logf("%s: %v, %+v", balance, got, c.outliers.Stats())
				for address, n := range got {
					if address == "none" || n > 2*30000/6 {
						t.Errorf("%s: %d of 30000 uses for %s", balance, n, address)
					}
				}
				if out := c.outliers.Stats()[0].Ejected; out > 3 {
					t.Errorf("%s: %d of 6 are ejected", balance, out)
				}
				c.traffic(500, time.Minute, c.failing(nil))
				if out := c.outliers.Stats()[0].Ejected; out > 0 {
					t.Errorf("%s: %d are still ejected a minute after the recovery", balance, out)
				}
			})
		})
	}
}

// One endpoint after the other fails, until all but one are ejected: then ejection is no longer
// believed, and the traffic is spread over all again.
func TestInPanicTheEjectedServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 6, func(l *lb.Config, o *OutliersConfig) {
			l.Balance, o.MaxEjected, o.BaseEjection = lb.RoundRobin, conf.Percent(100), conf.Dur(time.Minute)
		})
		c.in(func() {
			c.traffic(600, 5*time.Second, c.failing(nil))
			broken := make(map[int]float64)
			for i := range 6 {
				broken[i] = 1
				c.traffic(600, time.Second, c.failing(broken))
			}
			if out := c.outliers.Stats()[0].Ejected; out != 5 {
				t.Errorf("%d of 6 are ejected, want all but one", out)
			}
			for address, n := range c.traffic(600, 10*time.Second, c.failing(broken)) {
				if n < 800 || n > 1200 {
					t.Errorf("in panic, %d of 6000 uses for %s, want 1000", n, address)
				}
			}
			c.traffic(600, 5*time.Minute, c.failing(nil))
			if out := c.outliers.Stats()[0].Ejected; out != 0 {
				t.Errorf("%d are ejected after the recovery", out)
			}
		})
	})
}

// What fails at random, and as much everywhere, is nobody's fault, however much it is.
func TestCommonFailuresEjectNobody(t *testing.T) {
	for _, share := range []float64{0.01, 0.1, 0.3, 0.6} {
		synctest.Test(t, func(t *testing.T) {
			c := newCourt(t, 5, balancedBy(lb.RoundRobin))
			every := make(map[int]float64)
			for i := range 5 {
				every[i] = share
			}
			lasts := 3 * time.Minute
			if raced {
				lasts = time.Minute
			}
			c.in(func() { c.traffic(500, lasts, c.failing(every)) })
			if s := c.outliers.Stats()[0]; s.Ejections != [Reasons]uint64{} {
				t.Errorf("%.0f%% of all uses fail: %+v\n%s", 100*share, s, c.log.String())
			}
		})
	}
}

func TestAnEndpointWithALowSuccessRateIsEjected(t *testing.T) {
	for _, c := range []struct {
		what   string
		n      int
		shares map[int]float64
		factor float64
		want   []lb.State
	}{
		{"20% fail at one of ten", 10, map[int]float64{3: .2}, 1.9, []lb.State{lb.Ready, lb.Ready, lb.Ready, lb.Ejected}},
		{"20% fail at one of five", 5, map[int]float64{3: .2}, 1.9, []lb.State{lb.Ready, lb.Ready, lb.Ready, lb.Ejected}},
		{"four can't be compared", 4, map[int]float64{3: .2}, 1.9, []lb.State{lb.Ready, lb.Ready, lb.Ready, lb.Ready}},
		{"2% are not worth it", 10, map[int]float64{3: .02}, 1.9, []lb.State{lb.Ready, lb.Ready, lb.Ready, lb.Ready}},
		{"two of twenty", 20, map[int]float64{0: .3, 1: .3}, 1.9, []lb.State{lb.Ejected, lb.Ejected, lb.Ready, lb.Ready}},
		{"off", 10, map[int]float64{3: .2}, 0, []lb.State{lb.Ready, lb.Ready, lb.Ready, lb.Ready}},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, c.n, func(l *lb.Config, o *OutliersConfig) {
				l.Balance, o.SuccessRateDeviation = lb.RoundRobin, c.factor
				o.ConsecutiveErrors = conf.AtMost(1000)
			})
			k.in(func() {
				k.traffic(100*c.n, 11*time.Second, k.failing(c.shares))
				k.expect(c.what, c.want...)
			})
		})
	}
}

// Endpoint 0 gets four times as much of a bad route as the others, as keyed balancers do. It fails
// more than they do, but not on any route.
func TestAnEndpointIsNotPunishedForItsShareOfABadRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 6, func(_ *lb.Config, o *OutliersConfig) { o.ConsecutiveErrors = conf.OffLimit })
		c.in(func() {
			for range 21 {
				for i := range 6 {
					c.use(i, 150, 1, lb.OK)
					bad := 25
					if i == 0 {
						bad = 100
					}
					for range bad {
						result := lb.OK
						if c.random.Float64() < 0.8 {
							result = lb.Status5xx
						}
						c.use(i, 1, 2, result)
					}
				}
				time.Sleep(time.Second)
			}
			if s := c.outliers.Stats()[0]; s.Ejections != [Reasons]uint64{} {
				t.Errorf("%+v\n%s", s, c.log.String())
			}
		})
	})
}
