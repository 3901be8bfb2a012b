package health

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weir/lb"
)

// begun counts the probes that began in each 10 ms since begin.
func (s *scene) begun(begin time.Time, d time.Duration) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	ticks := make([]int, d/(10*time.Millisecond)+1)
	for _, times := range s.asked {
		for _, at := range times {
			if at.After(begin.Add(-1)) && at.Before(begin.Add(d)) {
				ticks[at.Sub(begin)/(10*time.Millisecond)]++
			}
		}
	}
	return ticks
}

// 10,000 endpoints of 100 upstreams that come at once. Every 10 ms 50 probes begin on the average.
func TestManyEndpointsAreProbedWithoutBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 100
		upstreams, first, any := 100, 55, 100
		if raced {
			upstreams, first, any = 20, 20, 40
		}
		s := newScene(t, 0)
		var targets []Target
		for i := range upstreams {
			targets = append(targets, Target{Upstream: s.adoptAs(fmt.Sprint("u", i), i*each, each), Config: jittered(20)})
		}
		s.monitor.Adopt(targets)
		begin := time.Now()
		s.run(func() { time.Sleep(8 * time.Second) })
		perTick := make([]int, 801) // probes in each 10 ms
		for address, times := range s.asked {
			if len(times) < 3 || len(times) > 6 {
				t.Errorf("%d probes of %s in 8 s", len(times), address)
			}
			for _, at := range times {
				perTick[at.Sub(begin)/(10*time.Millisecond)]++
			}
		}
		if len(s.asked) != upstreams*each {
			t.Errorf("%d endpoints were probed", len(s.asked))
		}
		t.Logf("probes begun in 10 ms: at most %d", slices.Max(perTick))
		if most := slices.Max(perTick[:200]); most > first {
			t.Errorf("the first probes: %d in 10 ms", most)
		}
		if most := slices.Max(perTick); most > any {
			t.Errorf("%d probes in 10 ms", most)
		}
	})
}

func TestEveryNewUpstreamIsProbedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 0)
		big, small := s.adoptAs("big", 0, 1000), s.adoptAs("small", 1000, 2)
		s.monitor.Adopt([]Target{{Upstream: big, Config: steady()}, {Upstream: small, Config: steady()}})
		s.run(func() {
			time.Sleep(150 * time.Millisecond) // a view follows within 100 ms
			if small.View().Ready() != 2 {
				t.Errorf("%d of the small upstream's endpoints are ready after 150 ms", small.View().Ready())
			}
		})
	})
}

// All of 10,000 endpoints go at once. Each is down in time, and the probes that find out are not many
// more than before: where everything fails, the trouble may well be on this side.
func TestTenThousandThatGoAtOnceMakeNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, most := 10000, 110
		if raced {
			n, most = 2000, 40
		}
		s := newScene(t, n)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: jittered(20)}})
		s.run(func() {
			time.Sleep(4 * time.Second)
			for i := range n {
				s.fail(i, errRefused)
			}
			begin := time.Now()
			time.Sleep(8 * time.Second)
			ticks := s.begun(begin, 8*time.Second)
			t.Logf("probes begun in 10 ms: at most %d", slices.Max(ticks))
			if slices.Max(ticks) > most {
				t.Errorf("%d probes in 10 ms", slices.Max(ticks))
			}
			for i := range n {
				if s.endpoint(i).State() != lb.Down {
					t.Fatalf("endpoint %d is %v after 8 s", i, s.endpoint(i).State())
				}
			}
			if s.monitor.hurries != 0 {
				t.Errorf("%d still hurry", s.monitor.hurries)
			}
		})
	})
}

// A third of 10,000 endpoints freeze: each of their probes takes its whole timeout. The others are
// probed as often as before, and nobody late.
func TestFrozenEndpointsDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 10000
		if raced {
			n = 2000
		}
		s := newScene(t, n)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: jittered(20)}})
		for i := range n / 3 {
			s.freeze(i, time.Second)
		}
		s.run(func() { time.Sleep(12 * time.Second) })
		for i := n / 3; i < n; i++ {
			if k := len(s.asked[s.endpoint(i).Address()]); k < 5 {
				t.Fatalf("endpoint %d was probed %d times in 12 s", i, k)
			}
		}
		late := uint64(0)
		for _, r := range s.monitor.Report() {
			late += r.Late
		}
		t.Logf("at most %d probes at once, %d late", s.busiest, late)
		if late > 0 {
			t.Errorf("%d probes were late", late)
		}
	})
}

// Endpoints that join an upstream in use get nothing before their first success; where all are new,
// they all do.
func TestNewEndpointsGetNoTrafficBeforeTheirFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		picked := func() map[string]int {
			got := make(map[string]int)
			for range 300 {
				l, _ := s.upstream.Pick(lb.Key{}, lb.Tried{})
				got[l.Endpoint().Address()]++
				l.Done(lb.Outcome{FirstByte: time.Millisecond})
			}
			return got
		}
		if got := picked(); len(got) != 2 || got[""] != 0 {
			t.Errorf("all are new: %v", got)
		}
		s.run(func() {
			time.Sleep(time.Second)
			var places []lb.Place
			for _, i := range []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"} {
				places = append(places, lb.Place{Address: parsed(t, i), Weight: 1})
			}
			s.upstream.Update(places)
			time.Sleep(time.Second)
			s.fail(2, errRefused)
			s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
			time.Sleep(20 * time.Second)
			if got := picked(); got["10.0.0.3:80"] != 0 || len(got) != 2 {
				t.Errorf("the third has not succeeded yet: %v", got)
			}
			s.fail(2, nil)
			time.Sleep(5 * time.Second)
			if got := picked(); got["10.0.0.3:80"] == 0 {
				t.Errorf("the third has succeeded: %v", got)
			}
		})
	})
}
