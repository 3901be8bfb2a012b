package lb

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestPickAndDoneDoNotAllocate(t *testing.T) {
	for _, balance := range balancers {
		for _, n := range []int{1, 4, 16, 500} {
			_, u := upstream(t, balance, equal(n)...)
			var tried Tried
			tried.Add(endpoints(u)[0])
			got := testing.AllocsPerRun(1000, func() {
				pick(u, Key{Hash: 7}, Tried{}).Done(took(time.Millisecond))
				pick(u, Key{Hash: 7}, tried).Done(Outcome{Result: Reset})
			})
			if got != 0 {
				t.Errorf("%s over %d: Pick and Done allocate %v times", balance, n, got)
			}
		}
	}
}

// Picks, changes of state and reloads at once: the race detector watches, and every count must
// come back to zero.
func TestPickingThroughReloadsAndChangesOfState(t *testing.T) {
	for _, balance := range balancers {
		t.Run(balance, func(t *testing.T) {
			r, u := upstream(t, balance, equal(20)...)
			all := endpoints(u)
			published := make(chan *Upstream, 4)
			var pickers sync.WaitGroup
			for range cap(published) {
				published <- u
				pickers.Go(func() { pickThrough(t, published) })
			}
			for i := range 200 {
				r.SetState([]State{Down, Ready}[i%2], all[1:]...)
				next := adopt(t, r, config(balance, equal(20-i%3)...))
				published <- next
				r.Retire(u)
				u = next
			}
			close(published)
			pickers.Wait()
			for _, e := range all {
				if e.InFlight() != 0 {
					t.Errorf("%s: %d in flight after everything ended", e, e.InFlight())
				}
			}
		})
	}
}

// pickThrough uses each upstream that it is given, as an exchange of that snapshot would: every
// fifth use is repeated on another endpoint, if there is one.
func pickThrough(t *testing.T, published <-chan *Upstream) {
	for u := range published {
		for i := range 200 {
			l := pick(u, Key{}, Tried{})
			if !l.Ok() {
				t.Error("no endpoint although the first is always ready")
				continue
			}
			l.Done(Outcome{Result: Result(i % Results), FirstByte: time.Duration(i)})
			if i%5 == 0 {
				var tried Tried
				tried.Add(l.Endpoint())
				pick(u, Key{}, tried).Done(Outcome{})
			}
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, balance := range balancers {
		for _, n := range []int{2, 16, 256, 4096} {
			b.Run(fmt.Sprintf("%s/%d", balance, n), func(b *testing.B) {
				_, u := upstream(b, balance, equal(n)...)
				b.ResetTimer()
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						pick(u, Key{}, Tried{}).Done(took(time.Millisecond))
					}
				})
			})
		}
	}
}

func BenchmarkRebuild(b *testing.B) {
	for _, balance := range balancers {
		b.Run(balance, func(b *testing.B) {
			weights := equal(4096)
			for i := range weights {
				weights[i] += i % 10
			}
			_, u := upstream(b, balance, weights...)
			b.ReportAllocs()
			for b.Loop() {
				rebuild(u)
			}
		})
	}
}
