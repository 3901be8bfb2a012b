package lb

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

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

// cpuTime is what the process has computed so far. Benchmarks tell it beside the wall's time, which
// on a busy machine says more about the neighbours.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPick(b *testing.B) {
	for _, balance := range everyBalancer {
		for _, n := range []int{2, 16, 256, 4096} {
			b.Run(fmt.Sprintf("%s/%d", balance, n), func(b *testing.B) {
				_, u := upstream(b, balance, equal(n)...)
				benchmarkPick(b, u)
			})
		}
	}
}

// benchmarkPick picks for as many goroutines at once as there are processors, with keys of all kinds.
func benchmarkPick(b *testing.B, u *Upstream) {
	b.ReportAllocs()
	b.ResetTimer()
	begin := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for key := uint64(1); pb.Next(); key = mix(key) {
			pick(u, Key{Hash: key}, Tried{}).Done(took(time.Millisecond))
		}
	})
	b.ReportMetric(float64(cpuTime()-begin)/float64(b.N), "cpu-ns/op")
}

// The paths of a pick that are not the plain one.
func BenchmarkPickOtherwise(b *testing.B) {
	limited, zoned := Default(), Default()
	limited.MaxInFlight, zoned.Zone = AtMost(100), "a"
	for what, c := range map[string]Config{"limited": limited, "zoned": zoned} {
		b.Run(what, func(b *testing.B) {
			_, u := stage(b, c, "r@a r@a x@a r@b r@b r@b r@b r@b")
			benchmarkPick(b, u)
		})
	}
	b.Run("sticky", func(b *testing.B) {
		_, u := upstream(b, EWMA, equal(64)...)
		e := endpoints(u)[3]
		for b.Loop() {
			pick(u, Key{Hash: 1, Stick: e}, Tried{}).Done(took(time.Millisecond))
		}
	})
	b.Run("full", func(b *testing.B) {
		_, u := stage(b, Config{Balance: EWMA, MaxInFlight: AtMost(1)}, strings.Repeat("r ", 64))
		for _, e := range endpoints(u) {
			leaseOn(e)
		}
		for b.Loop() {
			u.Pick(Key{}, Tried{})
		}
	})
}
