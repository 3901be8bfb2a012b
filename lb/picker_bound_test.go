package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// hold takes n uses of one key and ends none.
func hold(u *Upstream, k Key, n int) (taken []*Endpoint) {
	for range n {
		l := pick(u, k, Tried{})
		taken = append(taken, l.Endpoint())
	}
	return taken
}

func TestAHotKeyFillsNobodyAboveTheBound(t *testing.T) {
	for _, balance := range hashBalancers {
		for _, c := range []struct {
			weights []int
			held    int
		}{
			{[]int{1}, 100},
			{[]int{1, 1}, 100},
			{equal(10), 1000},
			{equal(100), 1000},
			{[]int{1, 2, 3, 4}, 1000},
			{[]int{1, 1000}, 2000},
		} {
			t.Run(fmt.Sprint(balance, len(c.weights), "of", c.weights[0]), func(t *testing.T) {
				_, u := upstream(t, balance, c.weights...)
				seed(u, 1)
				hold(u, Key{Hash: 0xfeed_beef_cafe_f00d}, c.held)
				sum, beyond := 0, 0.0
				for _, w := range c.weights {
					sum += w
				}
				if len(c.weights) > longestWalk {
					beyond = 2 // where two choices decide
				}
				for i, e := range endpoints(u) {
					most := math.Ceil(loadBound*float64(c.held*c.weights[i])/float64(sum)) + beyond
					if n := e.InFlight(); float64(n) > most {
						t.Errorf("weight %d of %d holds %d of %d uses, want at most %.0f", c.weights[i], sum, n, c.held, most)
					}
				}
			})
		}
	}
}

// Nodes agree on the second and third home of a hot key, so that its data is cached in few places.
func TestWhereAHotKeyGoesOnIsDecidedByTheKey(t *testing.T) {
	for _, balance := range hashBalancers {
		var went [2][]*Endpoint
		for node := range went {
			_, u := upstream(t, balance, equal(20)...)
			seed(u, uint64(node))
			went[node] = hold(u, Key{Hash: 77 << 50}, 60)
		}
		for i := range went[0] {
			if a, b := went[0][i].Address(), went[1][i].Address(); a != b {
				t.Fatalf("%s: use %d goes to %s on one node and to %s on another", balance, i, a, b)
			}
		}
	}
}

func TestKeysStayAtHomeWhileLoadIsEven(t *testing.T) {
	for _, balance := range hashBalancers {
		_, u := upstream(t, balance, equal(10)...)
		seed(u, 1)
		random := rand.New(rand.NewPCG(1, 2))
		const keys = 20000
		home := make([]*Endpoint, keys)
		for i := range home {
			l := pick(u, Key{Hash: uint64(i+1) * 0x9e3779b97f4a7c15}, Tried{})
			home[i] = l.Endpoint()
			l.Done(Outcome{})
		}
		var open []Lease
		at := 0
		for range 40000 {
			i := random.IntN(keys)
			l := pick(u, Key{Hash: uint64(i+1) * 0x9e3779b97f4a7c15}, Tried{})
			if l.Endpoint() == home[i] {
				at++
			}
			if open = append(open, l); len(open) > 500 { // 50 each, give or take 7
				out := random.IntN(len(open))
				open[out].Done(Outcome{})
				open = slices.Delete(open, out, out+1)
			}
		}
		if at < 38000 {
			t.Errorf("%s: %d of 40000 uses were served at home, want at least 38000", balance, at)
		}
	}
}

func TestAFullHomeIsWalkedPastLikeATriedOne(t *testing.T) {
	for _, balance := range hashBalancers {
		r := NewRegistry(nil)
		c := config(balance, equal(10)...)
		c.MaxInFlight = AtMost(3)
		u := adopt(t, r, c)
		r.SetState(Ready, endpoints(u)...)
		k := Key{Hash: 5 << 55}
		home := pick(u, k, Tried{})
		var tried Tried
		tried.Add(home.Endpoint())
		second := pick(u, k, tried)
		second.Done(Outcome{})
		leaseOn(home.Endpoint())
		leaseOn(home.Endpoint())
		if got := pick(u, k, Tried{}); got.Endpoint() != second.Endpoint() {
			t.Errorf("%s: with its home full the key goes to %s, with its home tried to %s", balance, got.Endpoint(), second.Endpoint())
		}
	}
}

// The walk's end: the estimate of what is in flight may be too low for everybody at once, as when
// sticky sessions fill the upstream past the balancer.
func TestAUseIsServedThoughEverybodySeemsAboveTheBound(t *testing.T) {
	for _, balance := range hashBalancers {
		_, u := upstream(t, balance, equal(30)...)
		s := u.View().near.(*hashPicker).seats
		for i := range s.list {
			leaseOn(s.list[i].endpoint)
			s.list[i].part = 0
		}
		k := Key{Hash: 99 << 40}
		if l, r := u.Pick(k, Tried{}); !l.Ok() {
			t.Errorf("%s: no endpoint for %v, want the key's home", balance, r)
		}
	}
}

func TestTheOnlyFreeOfManyIsFound(t *testing.T) {
	for _, balance := range everyBalancer {
		for _, n := range []int{1, 2, 5, 17, 600} {
			t.Run(fmt.Sprint(balance, n), func(t *testing.T) {
				r := NewRegistry(nil)
				c := config(balance, equal(n)...)
				c.MaxInFlight = AtMost(2)
				u := adopt(t, r, c)
				r.SetState(Ready, endpoints(u)...)
				random := rand.New(rand.NewPCG(uint64(n), 3))
				for i := range 2 * n {
					l, reason := u.Pick(Key{Hash: random.Uint64()}, Tried{})
					if !l.Ok() {
						t.Fatalf("use %d of %d that have room: %v", i+1, 2*n, reason)
					}
				}
				if l, reason := u.Pick(Key{Hash: 7}, Tried{}); l.Ok() || reason != AllFull {
					t.Errorf("with all at their limit: %v, %v; want AllFull", l.Endpoint(), reason)
				}
			})
		}
	}
}

func TestTheEstimateOfWhatIsInFlightFollows(t *testing.T) {
	for _, balance := range hashBalancers {
		_, u := upstream(t, balance, equal(50)...)
		seed(u, 1)
		s := u.View().near.(*hashPicker).seats
		random := rand.New(rand.NewPCG(6, 6))
		var open []Lease
		for _, level := range []int{500, 2000, 100} {
			for i := range 4000 {
				open = append(open, pick(u, Key{Hash: random.Uint64()}, Tried{}))
				for len(open) > level {
					out := random.IntN(len(open))
					open[out].Done(Outcome{})
					open = slices.Delete(open, out, out+1)
				}
				if total := float64(s.total.Load()); i > 3000 && math.Abs(total-float64(level)) > 0.05*float64(level)+50 {
					t.Fatalf("%s: %d are in flight, estimated as %.0f", balance, level, total)
				}
			}
		}
	}
}

// Views come and go while four goroutines pick: in the end nothing is in flight, and once every seat
// has been looked at the estimate says so.
func TestTheEstimateSurvivesConcurrentUse(t *testing.T) {
	for _, balance := range hashBalancers {
		r, u := upstream(t, balance, equal(16)...)
		all := endpoints(u)
		var users sync.WaitGroup
		for user := range uint64(4) {
			users.Go(func() {
				random := rand.New(rand.NewPCG(user, 8))
				var open []Lease
				for range 3000 {
					l := pick(u, Key{Hash: mix(random.Uint64N(50))}, Tried{})
					if open = append(open, l); len(open) > 20 {
						open[0].Done(Outcome{})
						open = open[1:]
					}
				}
				for _, l := range open {
					l.Done(Outcome{})
				}
			})
		}
		for i := range 50 {
			r.SetState([]State{Down, Ready}[i%2], all[3], all[5])
			rebuild(u)
		}
		users.Wait()
		s := u.View().near.(*hashPicker).seats
		for i := range s.list {
			if one := &s.list[i]; one.endpoint != nil {
				s.note(one, one.endpoint.inFlight.Load())
			}
		}
		if total := s.total.Load(); total != 0 {
			t.Errorf("%s: nothing is in flight, estimated as %d", balance, total)
		}
	}
}

// With two uses in all, the bound is one: the second connection of one client used to leave home.
func TestAKeyStaysAtHomeWhileNobodyIsBusy(t *testing.T) {
	for _, balance := range hashBalancers {
		_, u := upstream(t, balance, equal(3)...)
		for i, e := range hold(u, Key{Hash: 0xfeed_beef_cafe_f00d}, idleLoad) {
			if e.InFlight() != idleLoad {
				t.Errorf("%s: use %d of %d went to %s, which has %d", balance, i+1, idleLoad, e, e.InFlight())
			}
		}
	}
}
