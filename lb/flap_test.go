package lb

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// flapper changes the state of a tenth of an upstream's endpoints a second, evenly spread.
type flapper struct {
	r         *Registry
	endpoints []*Endpoint
	random    *rand.Rand
	down      map[*Endpoint]bool
}

func newFlapper(r *Registry, u *Upstream) *flapper {
	return &flapper{r: r, endpoints: endpoints(u), random: rand.New(rand.NewPCG(11, 12)), down: make(map[*Endpoint]bool)}
}

// pause is the time between two changes.
func (f *flapper) pause() time.Duration { return 10 * time.Second / time.Duration(len(f.endpoints)) }

func (f *flapper) change() {
	e := f.endpoints[f.random.IntN(len(f.endpoints))]
	if f.down[e] = !f.down[e]; f.down[e] {
		f.r.Judge(ByProbe, Down, "connection refused", e)
	} else {
		f.r.Judge(ByProbe, Ready, "", e)
	}
}

// reachable returns the bytes that are reachable.
func reachable() uint64 {
	runtime.GC()
	runtime.GC() // what finalisers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A thousand endpoints of which a tenth change their state each second, for a minute (10 s with -short): views at most
// ten times a second, nothing piles up, nobody who is down for longer than a view lags is picked.
func TestAThousandFlappingEndpoints(t *testing.T) {
	for _, balance := range everyBalancer {
		t.Run(balance, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, u := upstream(t, balance, equal(1000)...)
				f := newFlapper(r, u)
				second := func() (views int) {
					last := u.View()
					for range time.Second / f.pause() {
						f.change()
						time.Sleep(f.pause())
						synctest.Wait()
						if v := u.View(); v != last {
							views, last = views+1, v
						}
						pickOnce(t, u)
					}
					return views
				}
				for range 5 {
					second()
				}
				before := reachable()
				rest := 55
				if testing.Short() {
					rest = 5
				}
				for range rest {
					if views := second(); views < 9 || views > 10 {
						t.Errorf("%d views in a second, want ten", views)
					}
				}
				if after := reachable(); after > before+before/4+1<<20 {
					t.Errorf("the heap grew from %d to %d bytes", before, after)
				}
				r.Retire(u)
			})
		})
	}
}

// The same for discovery: each second a tenth of the places is replaced by others, and nothing of
// those that go stays.
func TestAThousandPlacesThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := 0
		r := NewRegistry(func(*Endpoint) { gone++ })
		u := adopt(t, r, Config{Balance: EWMA, Discovered: true, SlowStart: conf.Dur(5 * time.Second)})
		next := 1000
		now := placesAt(rand.Perm(next)...)
		u.Update(now)
		r.Judge(ByProbe, Ready, "", endpoints(u)...)
		second := func() {
			for range 20 {
				time.Sleep(50 * time.Millisecond)
				now = append(slices.Clone(now[5:]), placesAt(next, next+1, next+2, next+3, next+4)...)
				next += 5
				u.Update(now)
				synctest.Wait()
				r.Judge(ByProbe, Ready, "", endpoints(u)...)
				pickOnce(t, u)
			}
		}
		warm, rest := 15, 45
		if testing.Short() {
			warm, rest = 5, 10
		}
		for range warm {
			second()
		}
		before := reachable()
		for range rest {
			second()
		}
		if after := reachable(); after > before+before/4+1<<20 {
			t.Errorf("the heap grew from %d to %d bytes", before, after)
		}
		time.Sleep(time.Second)
		if gone != next-1000 || len(r.Endpoints()) != 1000 {
			t.Errorf("of %d endpoints %d have gone and %d are there, want all but 1000 gone", next, gone, len(r.Endpoints()))
		}
		r.Retire(u)
	})
}

func pickOnce(t *testing.T, u *Upstream) {
	t.Helper()
	l := pick(u, Key{Hash: 99}, Tried{})
	if !l.Ok() {
		t.Fatal("no endpoint although many are ready")
	}
	if e := l.Endpoint(); e.State() == Down && time.Since(e.StateSince()) > rebuildEvery {
		t.Errorf("%s was picked, down since %v", e, time.Since(e.StateSince()))
	}
	l.Done(took(time.Millisecond))
}

// In real time, by turns with and without flapping, and the best of the turns: a busy machine makes picks slower, never
// faster. What flapping costs it costs in every turn, so that the first that show no difference decide.
func TestFlappingDoesNotSlowPicks(t *testing.T) {
	for _, balance := range everyBalancer {
		t.Run(balance, func(t *testing.T) {
			r, u := upstream(t, balance, equal(1000)...)
			f := newFlapper(r, u)
			quiet, flapping, slowed := time.Hour, time.Hour, true
			for turn := 0; turn < 3 || slowed && turn < 40; turn++ {
				quiet = min(quiet, percentile(timePicks(u, 25*time.Millisecond), 99))
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					f.run(stop)
				}()
				flapping = min(flapping, percentile(timePicks(u, 25*time.Millisecond), 99))
				close(stop)
				<-stopped
				slowed = flapping > 4*quiet+20*time.Microsecond
			}
			if slowed {
				t.Errorf("99 of 100 picks take at most %v while endpoints flap, %v while they do not", flapping, quiet)
			}
		})
	}
}

// run changes states until stop is closed.
func (f *flapper) run(stop <-chan struct{}) {
	tick := time.NewTicker(f.pause())
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			f.change()
		}
	}
}

// timePicks returns how long each of the picks takes that fit into a time.
func timePicks(u *Upstream, total time.Duration) (list []time.Duration) {
	for begin := time.Now(); time.Since(begin) < total; {
		start := time.Now()
		l := pick(u, Key{Hash: uint64(len(list) + 1)}, Tried{})
		list = append(list, time.Since(start))
		l.Done(took(time.Millisecond))
	}
	return list
}

func percentile(list []time.Duration, p int) time.Duration {
	slices.Sort(list)
	return list[len(list)*p/100]
}
