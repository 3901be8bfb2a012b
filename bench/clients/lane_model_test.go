package clients

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"weir/bench"
)

// frailLink is a connection that dies at random and knows whether it is used rightly.
type frailLink struct {
	t      *testing.T
	dead   atomic.Bool
	closed atomic.Int64
	uses   atomic.Int64
	served atomic.Int64
}

func (l *frailLink) usable() bool { return !l.dead.Load() }

func (l *frailLink) close() {
	if n := l.uses.Load(); n != 0 {
		l.t.Errorf("a connection is closed under %d requests", n)
	}
	l.closed.Add(1)
}

var (
	errFrail = errors.New("the connection died")
	errDial  = errors.New("no connection to be had")
)

// request is one round trip that goes well, fails, or is refused by a link that goes away.
func (l *frailLink) request(r *rand.Rand) error {
	l.uses.Add(1)
	defer l.uses.Add(-1)
	if l.closed.Load() != 0 {
		l.t.Error("a request on a closed connection")
	}
	switch r.IntN(20) {
	case 0:
		l.dead.Store(true)
		return errFrail
	case 1:
		l.dead.Store(true)
		return &unprocessed{errFrail}
	case 2:
		l.dead.Store(true) // behind its answer
	}
	l.served.Add(1)
	return nil
}

// frailLane is a lane of frail links, of which some can't be dialled, with all that were.
func frailLane(t *testing.T, fresh bool, seed uint64) (*lane[*frailLink], func() []*frailLink) {
	var mu sync.Mutex
	var all []*frailLink
	random := rand.New(rand.NewPCG(seed, 60))
	l := &lane[*frailLink]{fresh: fresh, dial: func(context.Context) (*frailLink, error) {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(5) == 0 {
			return nil, errDial
		}
		all = append(all, &frailLink{t: t})
		return all[len(all)-1], nil
	}}
	return l, func() []*frailLink {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func TestALaneOfFrailConnectionsKeepsItsBooks(t *testing.T) {
	for seed := range uint64(30) {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, fresh %v", seed, fresh), func(t *testing.T) {
				const workers, each = 6, 60
				l, links := frailLane(t, fresh, seed)
				var fine, opened, reopened, dials, broken atomic.Int64
				var all sync.WaitGroup
				for range workers {
					l.join()
				}
				for w := range uint64(workers) {
					all.Go(func() {
						defer l.leave()
						r := rand.New(rand.NewPCG(seed, 61+w))
						for range each {
							var a bench.Answer
							err := l.do(t.Context(), &a, func(link *frailLink) error { return link.request(r) })
							switch {
							case err == nil:
								fine.Add(1)
							case errors.Is(err, errDial):
								dials.Add(1)
							case errors.Is(err, errFrail):
								broken.Add(1)
							default:
								t.Errorf("a failure from nowhere: %v", err)
							}
							if a.Opened {
								opened.Add(1)
							}
							if a.Reopened {
								reopened.Add(1)
							}
						}
					})
				}
				all.Wait()
				var served int64
				for _, link := range links() {
					served += link.served.Load()
					if n := link.closed.Load(); n != 1 {
						t.Errorf("a connection was closed %d times", n)
					}
				}
				if n := fine.Load() + dials.Load() + broken.Load(); n != workers*each || fine.Load() != served {
					t.Errorf("%d ended, %d fine of %d served", n, fine.Load(), served)
				}
				// A request that goes again may have opened two; it counts once.
				if n := int64(len(links())); opened.Load() > n || fresh && (opened.Load() != n || reopened.Load() != 0) {
					t.Errorf("%d were opened, %d reopened, %d dialled", opened.Load(), reopened.Load(), n)
				}
			})
		}
	}
}
