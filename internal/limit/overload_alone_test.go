//go:build !race

package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

// In these simulations one goroutine decides everything: the race detector would find nothing, and take ten times as long.

func TestTheLimitFollowsTheCapacity(t *testing.T) {
	for _, service := range services {
		t.Run(service.name, func(t *testing.T) {
			p := &place{workers: 16, service: service.times(10 * ms)}
			w := newWorld(4, p)
			w.addNode(adaptive, queueSize, queueTimeout)
			w.load(steady(0.8*1600), 60*time.Second)
			w.at(20*time.Second, func() { p.workers = 8 })
			w.at(40*time.Second, func() { p.workers = 16 })
			w.run(time.Minute)
			before, reduced, after := w.between(5*time.Second, 20*time.Second), w.between(25*time.Second, 40*time.Second), w.between(42*time.Second, 60*time.Second)
			t.Logf("16 workers: %v", before)
			t.Logf("8 workers:  %v", reduced)
			t.Logf("16 again:   %v", after)
			if reduced.goodput < 0.85*800 || reduced.p99 > 4*before.p99 {
				t.Errorf("with half of the workers %.0f of 800 a second are served, p99 %v instead of %v", reduced.goodput, reduced.p99, before.p99)
			}
			if float64(after.shed) > 0.01*float64(after.came) {
				t.Errorf("2 s after all workers were back, %d of %d are shed", after.shed, after.came)
			}
		})
	}
}

func TestAFastEndpointBesideASlowOne(t *testing.T) {
	fast, slow := &place{workers: 16, service: exponential(10 * ms)}, &place{workers: 16, service: exponential(100 * ms)}
	w := newWorld(5, fast, slow)
	w.addNode(adaptive, queueSize, queueTimeout)
	w.load(steady(2*1760), time.Minute)
	w.run(time.Minute)
	got := w.between(5*time.Second, time.Minute)
	t.Log(got)
	if got.goodput < 0.9*1760 {
		t.Errorf("%.0f a second are served of 1760", got.goodput)
	}
}

// Several nodes limit the same endpoint, and none knows of the others.
func TestThreeNodesShareAnEndpoint(t *testing.T) {
	w := newWorld(6, &place{workers: 32, service: exponential(10 * ms)})
	for range 3 {
		w.addNode(adaptive, queueSize, queueTimeout)
	}
	w.load(func(now time.Duration) float64 {
		if now < 20*time.Second {
			return 0.5 * 3200
		}
		return 2 * 3200
	}, time.Minute)
	w.run(time.Minute)
	half, twice := w.between(0, 20*time.Second), w.between(20*time.Second, time.Minute)
	t.Logf("0.5×: %v", half)
	t.Logf("2×:   %v", twice)
	if half.shed > 0 || twice.goodput < 0.9*3200 {
		t.Errorf("%d are shed at half the capacity, %.0f of 3200 a second are served at twice", half.shed, twice.goodput)
	}
	if twice.p99 > time.Second { // see the decision: what each takes for usual creeps up
		t.Errorf("p99 is %v", twice.p99)
	}
}

// These are the reasons why an adaptive limit is not the default: each is a service that works well
// without a limit, of which an adaptive one sheds. docs/decisions/015-adaptive-concurrency.md has the
// figures; should one of them no longer be reached, the question is open again.
func TestWhatAnAdaptiveLimitShedsOfAServiceThatNeedsNone(t *testing.T) {
	jump := func(now time.Duration, r *rand.Rand) time.Duration {
		if now > 20*time.Second {
			return exponential(100*ms)(now, r)
		}
		return exponential(10*ms)(now, r)
	}
	for _, c := range []struct {
		what     string
		place    place
		rate     func(time.Duration) float64
		from, to time.Duration
		least    float64 // share that an adaptive limit sheds
		most     float64 // share that it sheds later on
	}{
		{
			"answers take 1 s, and it has just started",
			place{service: constant(time.Second)}, steady(200), 0, 5 * time.Second, 0.3, 0.3,
		},
		{
			"answers begin to take ten times as long, whatever the load",
			place{service: jump}, steady(1000), 20 * time.Second, 25 * time.Second, 0.05, 0.01,
		},
		{
			"after a quiet time 90 % of the capacity is asked for at once",
			place{workers: 64, service: exponential(10 * ms)}, func(now time.Duration) float64 {
				if now < 20*time.Second {
					return 100
				}
				return 0.9 * 6400
			}, 20 * time.Second, 21 * time.Second, 0.005, 0.01,
		},
		{
			"streams of a minute, of which the first byte is known when they end",
			place{service: constant(time.Minute), first: func(time.Duration) time.Duration { return ms }},
			steady(2), 0, 30 * time.Second, 0.5, 1,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			for _, limit := range []int64{unlimited, adaptive} {
				p := c.place
				w := newWorld(7, &p)
				w.addNode(limit, queueSize, queueTimeout)
				w.load(c.rate, time.Minute)
				w.run(time.Minute)
				at, later := w.between(c.from, c.to), w.between(c.to+5*time.Second, time.Minute)
				t.Logf("limit %d: at first %v", limit, at)
				t.Logf("limit %d: later    %v", limit, later)
				got, rest := float64(at.shed)/float64(at.came), float64(later.shed)/float64(max(later.came, 1))
				if limit == unlimited && got+rest > 0 {
					t.Errorf("without a limit %.1f %% are shed", 100*got)
				}
				if limit == adaptive && (got < c.least || rest > c.most) {
					t.Errorf("%.1f %% are shed at first, want at least %.1f %%; and %.1f %% later, want at most %.1f %%",
						100*got, 100*c.least, 100*rest, 100*c.most)
				}
			}
		})
	}
}
