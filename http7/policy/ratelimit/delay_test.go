package ratelimit

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/gcra"
)

// parked drives x like the hall: it sleeps as long as the policy says. It returns the last verdict.
func parked(s http7.Step, x *http7.Exchange) http7.Verdict {
	v := s.Request.Request(x)
	for v.Act == http7.Wait {
		<-time.After(time.Until(v.Until))
		v = s.Request.(http7.Resumer).Resume(x, http7.Expired)
	}
	s.End.End(x, x.Word)
	return v
}

func waiting(s http7.Step) int64 { return s.Request.(*throttle).limits[0].held.waiting.Load() }

func TestDelayedRequestsGoOnInTheirOrderAtTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t, limits(delaying(10*time.Second)))
		var (
			mu    sync.Mutex
			order []int
			at    []time.Duration
			all   sync.WaitGroup
		)
		begun := time.Now()
		for i := range 50 {
			all.Go(func() {
				if v := parked(s, from("192.0.2.1")); v.Act != http7.Go {
					t.Errorf("request %d: %+v", i, v)
				}
				mu.Lock()
				defer mu.Unlock()
				order, at = append(order, i), append(at, time.Since(begun))
			})
			synctest.Wait() // it has come to its place
			if want := int64(max(0, i+1-3)); waiting(s) != want {
				t.Errorf("%d wait, want %d", waiting(s), want)
			}
		}
		all.Wait()
		for i := range order {
			if want := time.Duration(max(0, i-2)) * 100 * time.Millisecond; order[i] != i || at[i] != want {
				t.Errorf("number %d is request %d at %v, want %v", i, order[i], at[i], want)
			}
		}
		if waiting(s) != 0 {
			t.Errorf("%d wait at the end", waiting(s))
		}
	})
}

func TestNobodyWaitsForLongerThanTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 700 * time.Millisecond
		s := inBubble(t, limits(delaying(most)))
		var all sync.WaitGroup
		var mu sync.Mutex
		admitted, refused, longest := 0, 0, time.Duration(0)
		for range 200 {
			all.Go(func() {
				begun := time.Now()
				v := parked(s, from("192.0.2.1"))
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, time.Since(begun))
				if v.Act == http7.Go {
					admitted++
				} else {
					refused++
				}
			})
		}
		all.Wait()
		if admitted != 3+7 || refused != 190 || longest != most {
			t.Errorf("%d admitted, %d refused, the longest wait %v; want 10, 190 and %v", admitted, refused, longest, most)
		}
	})
}

func TestNoMoreWaitThanMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(func(c *Config) { delaying(time.Minute)(c); c.MaxWaiting = 5 })
		s := inBubble(t, l)
		var all sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for range 100 {
			all.Go(func() {
				if parked(s, from("192.0.2.1")).Act != http7.Go {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		if waiting(s) > 5 {
			t.Errorf("%d wait, want 5 at most", waiting(s))
		}
		all.Wait()
		if refused != 100-3-5 || waiting(s) != 0 {
			t.Errorf("%d refused, want 92; %d wait at the end", refused, waiting(s))
		}
	})
}

func TestAWakeForAnothersSakeShortensNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t, limits(delaying(time.Minute)))
		for range 3 {
			parked(s, from("192.0.2.1"))
		}
		x := from("192.0.2.1")
		first := s.Request.Request(x)
		time.Sleep(30 * time.Millisecond)
		again := s.Request.(http7.Resumer).Resume(x, http7.Woken)
		if first.Act != http7.Wait || again.Act != http7.Wait || !again.Until.Equal(first.Until) || waiting(s) != 1 {
			t.Errorf("first %+v, after the wake %+v; %d wait", first, again, waiting(s))
		}
		time.Sleep(time.Until(again.Until))
		if v := s.Request.(http7.Resumer).Resume(x, http7.Woken); v.Act != http7.Go {
			t.Errorf("woken when its time had come: %+v", v)
		}
		s.End.End(x, x.Word)
		if waiting(s) != 0 {
			t.Errorf("%d wait", waiting(s))
		}
	})
}

func TestARequestThatEndsWhileItWaitsWaitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inBubble(t, limits(delaying(time.Minute)))
		for range 3 {
			parked(s, from("192.0.2.1"))
		}
		x := from("192.0.2.1")
		s.Request.Request(x)
		s.End.End(x, x.Word)
		if waiting(s) != 0 {
			t.Errorf("%d wait", waiting(s))
		}
	})
}

// A limit behind one that delays was asked again after the wait: of a crowd that had waited, most were refused then, and
// their turns were lost.
func TestNobodyWaitsWhomAnotherLimitRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(delaying(time.Minute), func(c *Config) { keyed("route")(c); c.Rate, c.Burst = rate("10/m"), 5 })
		s := inBubble(t, l)
		var all sync.WaitGroup
		var mu sync.Mutex
		var waited []time.Duration // of those that were refused
		admitted := 0
		for range 20 {
			all.Go(func() {
				begun := time.Now()
				v := parked(s, from("192.0.2.1"))
				mu.Lock()
				defer mu.Unlock()
				if v.Act == http7.Go {
					admitted++
				} else if waited = append(waited, time.Since(begun)); v.Fault != exceeded {
					t.Errorf("over the second limit: %+v", v)
				}
			})
		}
		all.Wait()
		if admitted != 5 || slices.Max(waited) > 0 || waiting(s) != 0 {
			t.Errorf("%d admitted, want 5; refused after %v, want at once; %d wait", admitted, waited, waiting(s))
		}
		if left := s.Request.(*throttle).limits[0].held.table.Look(tokenOf(s, 0)).Left; left != 0 {
			t.Errorf("%d would be left of the limit that delays, want 0: three at once and two turns", left)
		}
	})
}

// tokenOf asks for one token of limit i of s.
func tokenOf(s http7.Step, i int) *gcra.Ask {
	a := s.Request.(*throttle).limits[i].ask(from("192.0.2.1"))
	return &a
}

// Requests that found no place to wait in took the tokens of the limits before, so that these refused others.
func TestWhoFindsNoPlaceToWaitTakesNothingOfOtherLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(func(c *Config) { c.Rate, c.Burst = rate("1/m"), 50 }, func(c *Config) { delaying(time.Minute)(c); c.MaxWaiting = 2 })
		s := inBubble(t, l)
		var crowd []*http7.Exchange
		for i := range 20 {
			x := from("192.0.2.1")
			crowd = append(crowd, x)
			want := http7.Reply
			if i < 3 {
				want = http7.Go
			} else if i < 5 {
				want = http7.Wait
			}
			if v := s.Request.Request(x); v.Act != want {
				t.Errorf("request %d: %+v, want %v", i, v, want)
			}
		}
		if left := s.Request.(*throttle).limits[0].held.table.Look(tokenOf(s, 0)).Left; left != 50-5-1 {
			t.Errorf("%d would be left of the first limit, want 44", left)
		}
		for _, x := range crowd {
			s.End.End(x, x.Word)
		}
	})
}

// Who would find no place to wait in would be refused.
func TestObservedAsManyWouldBeRefusedAsAreWhenItIsEnforced(t *testing.T) {
	for _, mode := range []conf.Mode{conf.Enforce, conf.Observe} {
		synctest.Test(t, func(t *testing.T) {
			s := inBubble(t, limits(func(c *Config) { delaying(10 * time.Second)(c); c.Mode, c.MaxWaiting = mode, 4 }))
			var all sync.WaitGroup
			var refused atomic.Int64
			for range 3 { // 3 at once and 4 that wait, who have gone on half a second later, when there is one token
				for range 20 {
					all.Go(func() {
						if parked(s, from("192.0.2.1")).Act == http7.Reply {
							refused.Add(1)
						}
					})
				}
				synctest.Wait()
				if waiting(s) != 4 {
					t.Errorf("mode %v: %d wait, want 4", mode, waiting(s))
				}
				time.Sleep(500 * time.Millisecond)
			}
			all.Wait()
			synctest.Wait()
			if refused.Load() != 13+2*15 || waiting(s) != 0 {
				t.Errorf("mode %v: %d are refused, want 43; %d wait at the end", mode, refused.Load(), waiting(s))
			}
		})
	}
}
