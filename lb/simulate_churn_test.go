package lb

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
	for _, balance := range everyBalancer {
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
			c := config(everyBalancer[i%len(everyBalancer)], equal(most)...)
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
