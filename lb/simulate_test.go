package lb

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// service says how an endpoint serves a use that it begins at now, counted from the simulation's begin.
type service func(now time.Duration, random *rand.Rand) Outcome

// station is a simulated endpoint.
type station struct {
	weight int
	serve  service
	lanes  int  // how many uses it serves at a time, first come first served; 0: any number
	absent bool // not a member at the begin
}

// simulation is an open load on one upstream in virtual time, with the real code: uses arrive whether
// or not those before have ended, and each lasts until its first byte. Load and draws are seeded, so
// every run of a seed is the same.
type simulation struct {
	balance  string
	seed     uint64
	stations []station
	uses     int
	gap      time.Duration               // between arrivals, on average
	key      func(r *rand.Rand) uint64   // nil: every use has its own
	limit    MaxInFlight                 // of each endpoint
	late     int                         // results count from this arrival on
	events   map[int]func(run *theatre)  // before an arrival
	each     func(at *theatre, use *use) // sees every use that was given a lease
}

// theatre is a simulation that runs.
type theatre struct {
	simulation
	t        *testing.T
	random   *rand.Rand
	registry *Registry
	upstream *Upstream
	of       map[*Endpoint]int // the station
	free     [][]time.Duration // when each lane of a station is
	open     endings
	begin    time.Time
	result
}

// result is what a simulation came to.
type result struct {
	picks   []int
	refused int
	failed  int
	took    []time.Duration // successful uses, the wait for a lane included; sorted
	most    []int64         // in flight at once, by station
	trace   uint64          // a hash of which station served what
}

// use is one that goes on until a time.
type use struct {
	key     uint64
	station int
	at      time.Duration
	lease   Lease
	outcome Outcome
}

type endings []*use

func (q endings) Len() int           { return len(q) }
func (q endings) Less(i, j int) bool { return q[i].at < q[j].at }
func (q endings) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *endings) Push(x any)        { *q = append(*q, x.(*use)) }
func (q *endings) Pop() any {
	last := len(*q) - 1
	u := (*q)[last]
	*q = (*q)[:last]
	return u
}

// run runs the simulation in a bubble of its own.
func (s simulation) run(t *testing.T) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run := &theatre{simulation: s, t: t, random: rand.New(rand.NewPCG(s.seed, 2)), begin: time.Now()}
		run.build()
		arrival := time.Duration(0)
		for i := range s.uses {
			arrival += time.Duration(run.random.ExpFloat64() * float64(s.gap))
			run.endUntil(arrival)
			if event := s.events[i]; event != nil {
				event(run)
			}
			run.arrive(i, arrival)
		}
		run.endUntil(arrival + time.Hour)
		slices.Sort(run.took)
		for e := range run.of {
			if e.InFlight() != 0 {
				t.Errorf("%s has %d in flight after the last use", e, e.InFlight())
			}
		}
		r = run.result
	})
	return r
}

func (run *theatre) build() {
	c := Config{Balance: run.balance, MaxInFlight: run.limit, Discovered: true}
	run.registry = NewRegistry(nil)
	u, err := run.registry.Adopt("orders", c)
	if err != nil {
		run.t.Fatal(err)
	}
	run.upstream, run.of = u, make(map[*Endpoint]int)
	run.picks, run.most = make([]int, len(run.stations)), make([]int64, len(run.stations))
	run.free = make([][]time.Duration, len(run.stations))
	var present []int
	for i, s := range run.stations {
		run.free[i] = make([]time.Duration, s.lanes)
		if !s.absent {
			present = append(present, i)
		}
	}
	run.members(present...)
	seed(u, run.seed)
}

// members makes these stations the members, all ready.
func (run *theatre) members(stations ...int) {
	var found []Place
	for _, i := range stations {
		found = append(found, Place{Address: address(i), Weight: run.stations[i].weight})
	}
	run.upstream.Update(found)
	rebuild(run.upstream)
	for at, e := range endpoints(run.upstream) {
		run.of[e] = stations[at]
		run.registry.SetState(Ready, e)
	}
	rebuild(run.upstream)
}

// arrive serves a use that begins now.
func (run *theatre) arrive(number int, now time.Duration) {
	one := &use{key: run.random.Uint64()}
	if run.key != nil {
		one.key = run.key(run.random)
	}
	l, _ := run.upstream.Pick(Key{Hash: one.key}, Tried{})
	if !l.Ok() {
		run.refused++
		return
	}
	one.station, one.lease = run.of[l.Endpoint()], l
	run.trace = mix(run.trace ^ uint64(one.station))
	run.most[one.station] = max(run.most[one.station], l.Endpoint().InFlight())
	begins := run.lane(one.station, now)
	one.outcome = run.stations[one.station].serve(begins, run.random)
	if lanes := run.free[one.station]; len(lanes) > 0 {
		*earliest(lanes) = begins + one.outcome.FirstByte
	}
	one.outcome.FirstByte += begins - now
	one.at = now + one.outcome.FirstByte
	if number >= run.late {
		run.picks[one.station]++
		if one.outcome.Result == OK {
			run.took = append(run.took, one.outcome.FirstByte)
		} else {
			run.failed++
		}
	}
	if run.each != nil {
		run.each(run, one)
	}
	heap.Push(&run.open, one)
}

// lane returns when a station can begin a use that comes now.
func (run *theatre) lane(station int, now time.Duration) time.Duration {
	if len(run.free[station]) == 0 {
		return now
	}
	return max(now, *earliest(run.free[station]))
}

func earliest(list []time.Duration) *time.Duration {
	least := &list[0]
	for i := range list {
		if list[i] < *least {
			least = &list[i]
		}
	}
	return least
}

// endUntil ends what is due before limit, each at its time, and moves the clock on to limit.
func (run *theatre) endUntil(limit time.Duration) {
	for len(run.open) > 0 && run.open[0].at <= limit {
		u := heap.Pop(&run.open).(*use)
		<-time.After(u.at - time.Since(run.begin))
		u.lease.Done(u.outcome)
	}
	<-time.After(limit - time.Since(run.begin))
}

// share returns a station's part of the picks in percent.
func (r result) share(station int) float64 {
	sum := 0
	for _, n := range r.picks {
		sum += n
	}
	return 100 * float64(r.picks[station]) / float64(sum)
}

// quantile returns what the part q of the successful uses took at most.
func (r result) quantile(q float64) time.Duration {
	return r.took[min(int(q*float64(len(r.took))), len(r.took)-1)]
}

// steadily takes d, give or take a fifth.
func steadily(d time.Duration) service {
	return func(_ time.Duration, r *rand.Rand) Outcome {
		return took(time.Duration(float64(d) * (0.8 + 0.4*r.Float64())))
	}
}

// heavyTailed takes d in the middle, and now and then a hundred times as long (log-normal, σ = 1.5).
func heavyTailed(d time.Duration) service {
	return func(_ time.Duration, r *rand.Rand) Outcome {
		return took(time.Duration(float64(d) * math.Exp(1.5*r.NormFloat64())))
	}
}

func failing(res Result, after time.Duration) service {
	return func(time.Duration, *rand.Rand) Outcome { return Outcome{Result: res, FirstByte: after} }
}

// among returns n stations of 10 ms, the first of which serves as first.
func among(n int, first service) []station {
	list := []station{{weight: 1, serve: first}}
	for range n - 1 {
		list = append(list, station{weight: 1, serve: steadily(10 * time.Millisecond)})
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

func TestASimulationRepeatsItself(t *testing.T) {
	for _, balance := range everyBalancer {
		t.Run(balance, func(t *testing.T) {
			s := simulation{balance: balance, stations: among(7, heavyTailed(20*time.Millisecond)), uses: 1000, gap: time.Millisecond}
			s.seed = 1
			a, b := s.run(t), s.run(t)
			s.seed = 2
			if c := s.run(t); a.trace != b.trace || a.trace == c.trace {
				t.Errorf("traces %x, %x of one seed, %x of another", a.trace, b.trace, c.trace)
			}
			if fmt.Sprint(a.picks) != fmt.Sprint(b.picks) {
				t.Errorf("picks %v and %v of one seed", a.picks, b.picks)
			}
		})
	}
}
