package lb

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestEqualEndpointsShareTheLoadEvenly(t *testing.T) {
	for _, c := range []struct {
		balance string
		n       int
		each    band
	}{
		{RoundRobin, 4, band{24.9, 25.1}},
		{LeastRequests, 4, band{22, 28}},
		{EWMA, 4, band{20, 30}},
		{Random, 4, band{23, 27}},
		{Maglev, 4, band{23, 27}},
		{Ring, 4, band{21, 29}},
		{RoundRobin, 20, band{4.9, 5.1}},
		{LeastRequests, 20, band{3.5, 6.5}},
		{EWMA, 20, band{3, 7}},
		{Random, 20, band{4, 6}},
		{Maglev, 20, band{4, 6}},
		{Ring, 20, band{3.5, 6.5}},
	} {
		t.Run(fmt.Sprint(c.balance, c.n), func(t *testing.T) {
			for _, seed := range seeds {
				r := simulation{
					balance: c.balance, seed: seed, uses: 4000, gap: time.Millisecond,
					stations: among(c.n, steadily(10*time.Millisecond)),
				}.run(t)
				for i := range c.n {
					c.each.expect(t, fmt.Sprint("endpoint ", i), r.share(i))
				}
			}
		})
	}
}

func TestWeightsDivideTheLoad(t *testing.T) {
	for _, c := range []struct {
		balance string
		slack   float64
	}{
		{RoundRobin, 0.1},
		{LeastRequests, 5},
		{EWMA, 8},
		{Random, 2},
		{Maglev, 2},
		{Ring, 4},
	} {
		t.Run(c.balance, func(t *testing.T) {
			for _, seed := range seeds {
				s := simulation{balance: c.balance, seed: seed, uses: 6000, gap: 500 * time.Microsecond}
				s.stations = among(4, steadily(10*time.Millisecond))
				for i := range s.stations {
					s.stations[i].weight = i + 1
				}
				r := s.run(t)
				for i := range s.stations {
					want := 10 * float64(i+1)
					band{want - c.slack, want + c.slack}.expect(t, fmt.Sprint("weight ", i+1), r.share(i))
				}
			}
		})
	}
}

func TestWhatASlowEndpointGets(t *testing.T) {
	for _, c := range []struct {
		balance string
		n       int
		slow    band
	}{
		{RoundRobin, 4, band{24.9, 25.1}},
		{Random, 4, band{23, 27}},
		{LeastRequests, 4, band{0.5, 8}}, // by what is in flight: about 1 in 31
		{EWMA, 4, band{0.01, 4}},         // by latency as well
		{EWMA, 12, band{0.01, 4}},        // two choices: chosen only against nothing better
		{LeastRequests, 12, band{0.1, 6}},
		{Maglev, 12, band{0.5, 6}}, // its keys go on when it has 1.25 times its part in flight
		{Ring, 12, band{0.5, 6}},
	} {
		t.Run(fmt.Sprint(c.balance, c.n), func(t *testing.T) {
			for _, seed := range seeds {
				r := simulation{
					balance: c.balance, seed: seed, uses: 5000, gap: 500 * time.Microsecond,
					stations: among(c.n, steadily(100*time.Millisecond)),
				}.run(t)
				c.slow.expect(t, "the endpoint that is 10 times slower", r.share(0))
			}
		})
	}
}

// Ten endpoints, one of them ten times slower.
func TestTheP99OfEWMAIsAtMostAThirdOfRoundRobins(t *testing.T) {
	for _, c := range []struct {
		what  string
		serve func(time.Duration) service
		lanes int
	}{
		{"steady latencies, any number at once", steadily, 0},
		{"heavy tails, eight at once", heavyTailed, 8}, // the slow one's queue grows while turns are taken
	} {
		for _, seed := range append([]uint64{3}, seeds...) {
			s := simulation{seed: seed, uses: 5000, gap: 2 * time.Millisecond, late: 500}
			s.stations = []station{{weight: 1, serve: c.serve(100 * time.Millisecond), lanes: c.lanes}}
			for range 9 {
				s.stations = append(s.stations, station{weight: 1, serve: c.serve(10 * time.Millisecond), lanes: c.lanes})
			}
			p99 := make(map[string]time.Duration)
			for _, balance := range everyBalancer {
				s.balance = balance
				p99[balance] = s.run(t).quantile(0.99).Round(time.Millisecond)
			}
			t.Logf("%s, seed %d: p99 %v", c.what, seed, p99)
			if 3*p99[EWMA] > p99[RoundRobin] {
				t.Errorf("%s, seed %d: p99 %v with ewma, %v with round_robin", c.what, seed, p99[EWMA], p99[RoundRobin])
			}
		}
	}
}

// An endpoint that fails at once has never anything in flight: whoever looks at that alone sends
// it everything. ewma charges failures, and must not be drawn in.
func TestAnEndpointThatFailsFastDoesNotAttractEWMA(t *testing.T) {
	for _, r := range []Result{ConnectFailed, Reset, Timeout, BadAnswer, Status5xx} {
		for _, c := range []struct {
			n      int
			broken band
		}{
			{2, band{0, 4}},
			{4, band{0, 2}},
			{12, band{0, 2}},
		} {
			t.Run(fmt.Sprint(r, c.n), func(t *testing.T) {
				got := simulation{
					balance: EWMA, seed: 1, uses: 4000, gap: 2 * time.Millisecond,
					stations: among(c.n, failing(r, 50*time.Microsecond)),
				}.run(t)
				c.broken.expect(t, "the endpoint that fails at once", got.share(0))
			})
		}
	}
}

// The others leave such an endpoint to the outlier judgement; it must not draw more than it would
// if it worked, least_requests excepted.
func TestWhatAnEndpointThatFailsFastGetsUntilItIsEjected(t *testing.T) {
	for _, c := range []struct {
		balance string
		broken  band
	}{
		{RoundRobin, band{8.2, 8.5}},
		{Random, band{7, 10}},
		{Maglev, band{7, 10}},
		{Ring, band{6, 12}},
		{LeastRequests, band{8, 40}}, // it is idle whenever somebody looks
	} {
		t.Run(c.balance, func(t *testing.T) {
			got := simulation{
				balance: c.balance, seed: 1, uses: 4000, gap: time.Millisecond,
				stations: among(12, failing(Status5xx, 50*time.Microsecond)),
			}.run(t)
			c.broken.expect(t, "the endpoint that fails at once", got.share(0))
		})
	}
}

func TestAnEndpointThatRecoversGetsItsShareBack(t *testing.T) {
	const trouble = 20 * time.Second
	for what, bad := range map[string]Outcome{
		"slow":   took(200 * time.Millisecond),
		"broken": {Result: ConnectFailed, FirstByte: 100 * time.Microsecond},
	} {
		for _, balance := range everyBalancer {
			t.Run(fmt.Sprint(what, "/", balance), func(t *testing.T) {
				well := steadily(10 * time.Millisecond)
				r := simulation{
					balance: balance, seed: 1, uses: 5000, gap: 20 * time.Millisecond, late: 4000,
					stations: among(4, func(now time.Duration, r *rand.Rand) Outcome {
						if now < trouble {
							return bad
						}
						return well(now, r)
					}),
				}.run(t)
				band{10, 40}.expect(t, "a minute after its trouble, the endpoint", r.share(0))
			})
		}
	}
}

// A frozen endpoint tells nothing for 30 s. It got 133 of 3 and 59 of 10 with ewma while its average
// faded as if it had nothing to do.
func TestAFrozenEndpointHoldsFewUses(t *testing.T) {
	for _, c := range []struct {
		balance  string
		n, holds int // before the first of them times out
	}{
		{EWMA, 3, 40}, {EWMA, 10, 20},
		{LeastRequests, 3, 20}, {LeastRequests, 10, 10},
		{Maglev, 3, 40}, {Maglev, 10, 20},
		{Ring, 3, 40}, {Ring, 10, 20},
	} {
		if raced && c.n == 10 {
			continue
		}
		t.Run(fmt.Sprint(c.balance, c.n), func(t *testing.T) {
			const freeze = 5 * time.Second
			held := 0
			s := simulation{balance: c.balance, seed: 1, uses: 17000, gap: 2 * time.Millisecond}
			s.stations = among(c.n, func(now time.Duration, r *rand.Rand) Outcome {
				if now < freeze {
					return took(10 * time.Millisecond)
				}
				held++
				return Outcome{Result: Timeout, FirstByte: 30 * time.Second}
			})
			s.run(t)
			if held > c.holds {
				t.Errorf("%d of 14,500 uses went to it, want at most %d", held, c.holds)
			}
		})
	}
}

// Log-normal latencies: one use in seventy takes 25 times as long as the median.
func TestHeavyTailsStarveNobody(t *testing.T) {
	for _, c := range []struct {
		balance string
		each    band
	}{
		{RoundRobin, band{9.9, 10.1}},
		{Random, band{8, 12}},
		{LeastRequests, band{7, 13}},
		{EWMA, band{5, 16}},
		{Maglev, band{8, 12}},
		{Ring, band{6.5, 13.5}},
	} {
		t.Run(c.balance, func(t *testing.T) {
			for _, seed := range seeds {
				s := simulation{balance: c.balance, seed: seed, uses: 5000, gap: 2 * time.Millisecond}
				s.stations = among(10, heavyTailed(10*time.Millisecond))
				for i := range s.stations {
					s.stations[i].serve = heavyTailed(10 * time.Millisecond)
				}
				r := s.run(t)
				for i := range s.stations {
					c.each.expect(t, fmt.Sprint("endpoint ", i), r.share(i))
				}
			}
		})
	}
}
