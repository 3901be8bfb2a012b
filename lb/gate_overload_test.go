package lb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stampede is an open load on endpoints of so many workers each, in virtual time: every use is a
// goroutine that does what an exchange does with Pick, Gate and Lease.
type stampede struct {
	u        *Upstream
	workers  map[*Endpoint]chan struct{}
	service  time.Duration
	random   *rand.Rand
	mu       sync.Mutex
	took     []time.Duration
	shed     int
	lastEnds time.Time
}

func (s *stampede) use(service time.Duration) {
	began := time.Now()
	l := s.lease()
	if !l.Ok() {
		s.mu.Lock()
		s.shed++
		s.mu.Unlock()
		return
	}
	picked := time.Now()
	worker := s.workers[l.Endpoint()]
	worker <- struct{}{}
	pass(service)
	<-worker
	l.Done(Outcome{FirstByte: time.Since(picked)})
	s.mu.Lock()
	s.took = append(s.took, time.Since(began))
	s.lastEnds = time.Now()
	s.mu.Unlock()
}

func (s *stampede) lease() Lease {
	g := s.u.Gate()
	if !g.Queued() {
		if l, _ := s.u.Pick(Key{}, Tried{}); l.Ok() {
			return l
		}
	}
	var w Waiter
	timer := time.NewTimer(g.Patience())
	defer timer.Stop()
	for g.Enter(&w) {
		select {
		case <-w.Wake:
		case <-timer.C:
			if g.Leave(&w) {
				return Lease{}
			}
			<-w.Wake
		}
		if w.Verdict() != Granted {
			return Lease{}
		}
		if l, _ := s.u.Pick(Key{}, Tried{}); l.Ok() {
			return l
		}
	}
	return Lease{}
}

// load lets uses come at a rate per second for so long, and waits until all have ended.
func (s *stampede) load(rate float64, d time.Duration) {
	var all sync.WaitGroup
	for end := time.Now().Add(d); time.Now().Before(end); {
		service := time.Duration(s.random.ExpFloat64() * float64(s.service))
		all.Go(func() { s.use(service) })
		pass(time.Duration(s.random.ExpFloat64() / rate * float64(time.Second)))
	}
	all.Wait()
}

// The promise, kept through the real Pick, Gate and Lease: two endpoints of 16 workers of 10 ms, whose
// capacity is 3200 a second.
func TestOverloadOfAnUpstream(t *testing.T) {
	const workers, capacity = 16, 3200.0
	for _, limit := range []MaxInFlight{AtMost(workers), Adaptive()} {
		for _, balance := range []string{EWMA, LeastRequests} {
			t.Run(fmt.Sprint(limit, " ", balance), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := config(balance, 1, 1)
					c.MaxInFlight = limit
					r := NewRegistry(nil)
					u := adopt(t, r, c)
					r.Judge(ByProbe, Ready, "", endpoints(u)...)
					run := func(rate float64, d time.Duration) (*stampede, time.Duration) {
						s := &stampede{u: u, service: 10 * time.Millisecond, random: rand.New(rand.NewPCG(1, 2)), workers: make(map[*Endpoint]chan struct{})}
						for _, e := range endpoints(u) {
							s.workers[e] = make(chan struct{}, workers)
						}
						s.load(rate, d)
						slices.Sort(s.took)
						return s, s.took[len(s.took)*99/100]
					}
					quiet, unloaded := run(capacity/10, 5*time.Second)
					half, _ := run(capacity/2, 5*time.Second)
					if quiet.shed+half.shed > 0 {
						t.Errorf("%d are shed at a tenth of the capacity, %d at half", quiet.shed, half.shed)
					}
					began := time.Now()
					twice, p99 := run(2*capacity, 20*time.Second)
					goodput := float64(len(twice.took)) / twice.lastEnds.Sub(began).Seconds()
					t.Logf("goodput %.0f of %.0f, %d shed, p99 %v, unloaded %v; %+v", goodput, capacity, twice.shed, p99, unloaded, u.Gate().Stats())
					if goodput < 0.9*capacity || p99 > 3*unloaded {
						t.Errorf("at twice the capacity %.0f a second of %.0f are served, p99 %v instead of %v", goodput, capacity, p99, unloaded)
					}
					for _, e := range endpoints(u) {
						if e.InFlight() != 0 {
							t.Errorf("%v has %d in flight in the end", e, e.InFlight())
						}
					}
				})
			})
		}
	}
}
