package lb

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// service says how an endpoint serves a use that begins at now, counted from the simulation's begin.
type service func(now time.Duration) Outcome

// simulation is an open load on one upstream in virtual time: uses arrive whether or not those
// before have ended, and each lasts until its first byte. The load is seeded; the draws of the
// pickers are not, so expectations are bands.
type simulation struct {
	balance  string
	weights  []int
	services []service
	uses     int
	gap      time.Duration // between arrivals, on average
	late     int           // picks are counted from this arrival on
}

// ending is a use that ends at a time.
type ending struct {
	at      time.Duration
	lease   Lease
	outcome Outcome
}

type endings []ending

func (q endings) Len() int           { return len(q) }
func (q endings) Less(i, j int) bool { return q[i].at < q[j].at }
func (q endings) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *endings) Push(x any)        { *q = append(*q, x.(ending)) }
func (q *endings) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

// shares runs the simulation and returns each endpoint's share of the picks in percent. It must be
// called in a synctest bubble.
func (s simulation) shares(t *testing.T) []float64 {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	_, u := upstream(t, s.balance, s.weights...)
	serve := make(map[*Endpoint]service)
	for i, e := range endpoints(u) {
		serve[e] = s.services[i]
	}
	picks := make(map[*Endpoint]int)
	begin, arrival := time.Now(), time.Duration(0)
	var open endings
	for i := range s.uses {
		arrival += time.Duration(random.ExpFloat64() * float64(s.gap))
		endUntil(&open, begin, arrival)
		l := pick(u, Key{}, Tried{})
		if !l.Ok() {
			t.Fatalf("use %d of %d found no endpoint", i, s.uses)
		}
		if i >= s.late {
			picks[l.Endpoint()]++
		}
		o := serve[l.Endpoint()](arrival)
		o.FirstByte = time.Duration(float64(o.FirstByte) * (0.8 + 0.4*random.Float64()))
		heap.Push(&open, ending{arrival + o.FirstByte, l, o})
	}
	endUntil(&open, begin, time.Hour)
	var list []float64
	for _, e := range endpoints(u) {
		if e.InFlight() != 0 {
			t.Errorf("%s has %d in flight after the last use", e, e.InFlight())
		}
		list = append(list, 100*float64(picks[e])/float64(s.uses-s.late))
	}
	return list
}

// endUntil ends what is due before limit, each at its time, and moves the clock on to limit.
func endUntil(open *endings, begin time.Time, limit time.Duration) {
	for len(*open) > 0 && (*open)[0].at <= limit {
		e := heap.Pop(open).(ending)
		<-time.After(e.at - time.Since(begin))
		e.lease.Done(e.outcome)
	}
	<-time.After(limit - time.Since(begin))
}

func steadily(d time.Duration) service {
	return func(time.Duration) Outcome { return took(d) }
}

func failing(r Result, after time.Duration) service {
	return func(time.Duration) Outcome { return Outcome{Result: r, FirstByte: after} }
}

// among returns n services of 10 ms, the first of which is replaced by first.
func among(n int, first service) []service {
	list := []service{first}
	for range n - 1 {
		list = append(list, steadily(10*time.Millisecond))
	}
	return list
}

// band is what a share in percent may be.
type band struct{ from, to float64 }

func (b band) expect(t *testing.T, what string, got float64) {
	t.Helper()
	if got < b.from || got > b.to {
		t.Errorf("%s gets %.1f%% of the uses, want %v%% to %v%%", what, got, b.from, b.to)
	}
}

func TestEqualEndpointsShareTheLoadEvenly(t *testing.T) {
	for _, c := range []struct {
		balance string
		n       int
		each    band
	}{
		{RoundRobin, 4, band{24.9, 25.1}},
		{LeastRequests, 4, band{22, 28}},
		{EWMA, 4, band{20, 30}},
		{RoundRobin, 20, band{4.9, 5.1}},
		{LeastRequests, 20, band{3.5, 6.5}},
		{EWMA, 20, band{3, 7}},
	} {
		t.Run(fmt.Sprint(c.balance, c.n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulation{
					balance: c.balance, weights: equal(c.n), uses: 6000, gap: time.Millisecond,
					services: among(c.n, steadily(10*time.Millisecond)),
				}
				for i, got := range s.shares(t) {
					c.each.expect(t, fmt.Sprint("endpoint ", i), got)
				}
			})
		})
	}
}

func TestASlowEndpointGetsLittleUnlessTurnsAreTaken(t *testing.T) {
	for _, c := range []struct {
		balance string
		n       int
		slow    band
	}{
		{RoundRobin, 4, band{24.9, 25.1}},
		{LeastRequests, 4, band{0.5, 8}}, // by what is in flight: about 1 in 31
		{EWMA, 4, band{0.01, 4}},         // by latency as well
		{EWMA, 12, band{0.01, 4}},        // two choices: chosen only against nothing better
		{LeastRequests, 12, band{0.1, 6}},
	} {
		t.Run(fmt.Sprint(c.balance, c.n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulation{
					balance: c.balance, weights: equal(c.n), uses: 6000, gap: time.Millisecond,
					services: among(c.n, steadily(100*time.Millisecond)),
				}
				c.slow.expect(t, "the endpoint that is 10 times slower", s.shares(t)[0])
			})
		})
	}
}

// An endpoint that fails at once has never anything in flight: whoever looks at that alone sends
// it everything. ewma charges failures, and must not be drawn in.
func TestAnEndpointThatFailsFastDoesNotAttractTraffic(t *testing.T) {
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
				synctest.Test(t, func(t *testing.T) {
					s := simulation{
						balance: EWMA, weights: equal(c.n), uses: 4000, gap: 2 * time.Millisecond,
						services: among(c.n, failing(r, 50*time.Microsecond)),
					}
					c.broken.expect(t, "the endpoint that fails at once", s.shares(t)[0])
				})
			})
		}
	}
}

func TestAnEndpointThatRecoversGetsItsShareBack(t *testing.T) {
	const trouble = 20 * time.Second
	for what, bad := range map[string]Outcome{
		"slow":   took(200 * time.Millisecond),
		"broken": {Result: ConnectFailed, FirstByte: 100 * time.Microsecond},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := simulation{
					balance: EWMA, weights: equal(4), uses: 12000, gap: 10 * time.Millisecond, late: 10000,
					services: among(4, func(now time.Duration) Outcome {
						if now < trouble {
							return bad
						}
						return took(10 * time.Millisecond)
					}),
				}
				band{10, 40}.expect(t, "80 s after its trouble, the endpoint", s.shares(t)[0])
			})
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
	} {
		t.Run(c.balance, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				weights := []int{1, 2, 3, 4}
				s := simulation{
					balance: c.balance, weights: weights, uses: 8000, gap: 500 * time.Microsecond,
					services: among(4, steadily(10*time.Millisecond)),
				}
				for i, got := range s.shares(t) {
					want := 10 * float64(weights[i])
					band{want - c.slack, want + c.slack}.expect(t, fmt.Sprint("weight ", weights[i]), got)
				}
			})
		})
	}
}

// fallen is the test's own book of who is down since when.
type fallen struct {
	mu    sync.Mutex
	since map[*Endpoint]time.Time
}

func (f *fallen) set(e *Endpoint, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if down {
		f.since[e] = time.Now()
	} else {
		delete(f.since, e)
	}
}

// tooLong reports whether e has been down for longer than a view may lag.
func (f *fallen) tooLong(e *Endpoint) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, down := f.since[e]
	return down && time.Since(at) > rebuildEvery
}

func TestAnEndpointThatIsDownIsNotPickedHoweverStatesFlap(t *testing.T) {
	for _, balance := range balancers {
		t.Run(balance, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, u := upstream(t, balance, equal(12)...)
				all := endpoints(u)
				book := &fallen{since: make(map[*Endpoint]time.Time)}
				stop := make(chan struct{})
				var pickers sync.WaitGroup
				for range 4 {
					pickers.Go(func() { pickWhileFlapping(t, u, book, stop) })
				}
				flap(r, all[1:], book)
				close(stop)
				pickers.Wait()
				for _, e := range all {
					if e.InFlight() != 0 {
						t.Errorf("%s has %d in flight after the last use", e, e.InFlight())
					}
				}
			})
		})
	}
}

// flap moves endpoints to random states for six seconds, with pauses shorter and longer than a view
// lags.
func flap(r *Registry, list []*Endpoint, book *fallen) {
	random := rand.New(rand.NewPCG(3, 4))
	states := []State{Ready, Down, Unknown, Down, Draining, Ejected, Maintenance}
	for range 100 {
		for range 1 + random.IntN(6) {
			e, s := list[random.IntN(len(list))], states[random.IntN(len(states))]
			if (s == Down) == (e.State() == Down) {
				continue
			}
			book.set(e, s == Down)
			r.SetState(s, e)
		}
		<-time.After(time.Duration(random.IntN(120)) * time.Millisecond)
	}
}

// pickWhileFlapping uses u, a few uses at once, until stop is closed.
func pickWhileFlapping(t *testing.T, u *Upstream, book *fallen, stop <-chan struct{}) {
	for {
		var held [3]Lease
		for i := range held {
			if held[i] = pick(u, Key{}, Tried{}); !held[i].Ok() {
				t.Error("no endpoint although the first is always ready")
			} else if e := held[i].Endpoint(); book.tooLong(e) {
				t.Errorf("%s was picked although it has been down for long", e)
			}
		}
		select {
		case <-stop:
		case <-time.After(3 * time.Millisecond):
		}
		for _, l := range held {
			l.Done(took(3 * time.Millisecond))
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// Reloads that exchange a thousand endpoints, with uses that outlive their snapshots: nothing may
// stay in the books, and each endpoint goes exactly once.
func TestAChurnOfAThousandEndpointsLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, reloads = 1000, 30
		gone := make(map[*Endpoint]int)
		r := NewRegistry(func(e *Endpoint) { gone[e]++ })
		random := rand.New(rand.NewPCG(5, 6))
		made := make(map[*Endpoint]bool)
		var open []Lease
		var live []*Upstream
		for i := range reloads {
			c := config(balancers[i%len(balancers)], equal(most)...)
			random.Shuffle(most, func(a, b int) { c.Endpoints[a], c.Endpoints[b] = c.Endpoints[b], c.Endpoints[a] })
			c.Endpoints = c.Endpoints[:1+random.IntN(most)]
			u := adopt(t, r, c)
			live = append(live, u)
			for _, e := range endpoints(u) {
				made[e] = true
			}
			r.SetState([]State{Ready, Down, Unknown}[random.IntN(3)], endpoints(u)...) // may leave a rebuild pending
			for range 20 {
				open = append(open, pick(u, Key{}, Tried{}))
			}
			for len(live) > 1+random.IntN(3) {
				r.Retire(live[0])
				live = live[1:]
			}
			<-time.After(time.Duration(random.IntN(150)) * time.Millisecond)
		}
		for _, u := range live {
			r.Retire(u)
			r.Retire(u) // the second does nothing
		}
		for _, l := range open {
			l.Done(took(time.Millisecond))
		}
		expectNothingLeft(t, r, made, gone)
	})
}

func expectNothingLeft(t *testing.T, r *Registry, made map[*Endpoint]bool, gone map[*Endpoint]int) {
	t.Helper()
	if n := len(r.Endpoints()); n != 0 || len(r.endpoints) != 0 || len(r.groups) != 0 {
		t.Errorf("%d endpoints are listed, %d and %d upstreams are in the books, want none", n, len(r.endpoints), len(r.groups))
	}
	if len(gone) != len(made) {
		t.Errorf("%d endpoints were made and %d have gone", len(made), len(gone))
	}
	for e, n := range gone {
		if n != 1 || e.InFlight() != 0 || e.refs != 0 {
			t.Errorf("%s has gone %d times, with %d in flight and %d references", e, n, e.InFlight(), e.refs)
		}
	}
}
