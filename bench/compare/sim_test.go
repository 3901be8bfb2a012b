package compare

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"weir/bench"
)

// shape is a distribution of latencies by its quantile function, in ms.
type shape struct {
	name string
	at   func(u float64) float64
}

func exponential(u float64) float64 { return -math.Log1p(-u) }
func gauss(u float64) float64       { return math.Sqrt2 * math.Erfinv(2*u-1) }
func slowMode(share, at float64) func(float64) float64 {
	return func(u float64) float64 {
		if u < 1-share {
			return 20 + u
		}
		return at + 5*(u-1+share)/share
	}
}

var shapes = []shape{
	{"20 + uniform 1", func(u float64) float64 { return 20 + u }},
	{"20 + exp 5", func(u float64) float64 { return 20 + 5*exponential(u) }},
	{"20 + exp 20", func(u float64) float64 { return 20 + 20*exponential(u) }},
	{"20 + lognormal 5, σ 0.5", func(u float64) float64 { return 20 + 5*math.Exp(0.5*gauss(u)) }},
	{"20 + lognormal 5, σ 1", func(u float64) float64 { return 20 + 5*math.Exp(gauss(u)) }},
	{"lognormal 25, σ 0.3", func(u float64) float64 { return 25 * math.Exp(0.3*gauss(u)) }},
	{"20, 5 % at 60", slowMode(0.05, 60)},
	{"20, 2 % at 50", slowMode(0.02, 50)},
	{"20, 1 % at 50", slowMode(0.01, 50)},
}

// shift is what B does to A's latency x at rank u.
type shift struct {
	name string
	of   func(s *shape, u, x float64) float64
}

func above(rank float64) func(*shape, float64, float64) float64 {
	return func(_ *shape, u, x float64) float64 {
		if u >= rank {
			return x * 1.1
		}
		return x
	}
}

func stretched(s *shape, _, x float64) float64 {
	middle, p99 := s.at(0.5), s.at(0.99)
	if x < middle {
		return x
	}
	return middle + (x-middle)*(1.1*p99-middle)/(p99-middle)
}

func unchanged(_ *shape, _, x float64) float64 { return x }

var shifts = []shift{
	{"none", unchanged}, {"tail", above(0.99)}, {"top", above(0.9)}, {"stretched", stretched}, {"all", above(0)},
}

// simulated is a run of so many requests a second. Its own drift of about 0.2 ms and some jitter come on top.
func simulated(s *shape, f *shift, rate, seconds int, r *rand.Rand) *bench.Report {
	drift := 0.2 * math.Abs(r.NormFloat64())
	return report(rate, seconds, func(int) float64 {
		u := r.Float64()
		return f.of(s, u, s.at(u)) + drift + 0.1*r.ExpFloat64()
	})
}

// report is a valid run whose requests take what next says, in ms, given the second.
func report(rate, seconds int, next func(second int) float64) *bench.Report {
	out := &bench.Report{
		Format: bench.ReportFormat, Target: "http://127.0.0.1:8080/", Elapsed: time.Duration(seconds) * time.Second,
		Settings: bench.Settings{Protocol: "HTTP/1.1", Loop: "open", Rate: "as told", Connections: 64, Workers: 64, Threads: 1,
			Duration: time.Duration(seconds) * time.Second},
	}
	for second := range seconds {
		h := bench.NewHistogram()
		for range rate {
			h.Record(time.Duration(next(second) * 1e6))
		}
		out.Series = append(out.Series, bench.Second{
			At: time.Duration(second+1) * time.Second, Requests: int64(rate), OK: int64(rate), Histogram: h,
		})
		out.OK += int64(rate)
	}
	out.Requests = out.OK
	return out
}

// pair simulates both sides of a comparison, three runs of 5 s each, seeded.
func pair(s *shape, f *shift, rate int, seed uint64) (a, b []Input) {
	r := rand.New(rand.NewPCG(seed, uint64(rate)))
	for range 3 {
		a = append(a, Input{"a.json", simulated(s, &shifts[0], rate, 5, r)})
		b = append(b, Input{"b.json", simulated(s, f, rate, 5, r)})
	}
	return a, b
}

// regressions returns how many of the pairs, whose seeds begin with first, are called one, on both cores.
func regressions(s *shape, f *shift, rate int, first uint64, pairs int) int {
	var found [2]int
	var both sync.WaitGroup
	for core := range found {
		both.Go(func() {
			for n := core; n < pairs; n += len(found) {
				a, b := pair(s, f, rate, first+uint64(n))
				r, err := Compare(a, b, Options{Tolerance: DefaultTolerance, Draws: 500})
				if err == nil && r.Regression {
					found[core]++
				}
			}
		})
	}
	both.Wait()
	return found[0] + found[1]
}
