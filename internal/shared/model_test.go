package shared

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// bucket is what the server's script does, by the clock of the test.
type bucket struct {
	every, burst float64 // ns
	full         float64
}

func (b *bucket) ask(w wish, at time.Duration) grant {
	now := float64(at)
	full := max(b.full, now) + b.every*float64(w.charge)
	full = max(min(full, now+b.every*b.burst), now)
	ready := int64(math.Floor((now+b.every*b.burst-full)/b.every + 1e-6))
	got := min(ready, w.need)
	got += min((ready-got)/2, w.more)
	b.full = full + b.every*float64(got)
	g := grant{got: got, rest: ready - got}
	if g.rest < 1 {
		g.retry = time.Duration(max(1, b.full+b.every-(now+b.every*b.burst)))
	}
	return g
}

const (
	slowest = 50 * time.Millisecond // of all answers
	step    = 2 * time.Millisecond  // how often anybody looks
)

// world is some nodes, one server, and answers that are under way between them: late, in any order, or lost.
type world struct {
	t      *testing.T
	r      *rand.Rand
	clock  time.Time
	begun  time.Time
	nodes  []*Store
	limits []*Limit
	server bucket
	flying []flying
	parked []parked

	admitted []time.Duration // when, one for each token
}

type flying struct {
	node int
	wish wish
	is   grant
	due  time.Time
	lost bool
}

type parked struct {
	node   int
	waiter *Waiter
	n      int64
	until  time.Time
}

func newWorld(t *testing.T, seed uint64, nodes int, rate float64, burst int64, share float64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.begun = w.clock
	w.server = bucket{every: float64(time.Second) / rate, burst: float64(burst)}
	for range nodes {
		c := Default()
		c.OnFailure = onClosed // what a node decides alone is beyond the bound
		granting(share)(&c)
		s := newStore(c, &server{}, Needs{}, func() time.Time { return w.clock })
		w.nodes, w.limits = append(w.nodes, s), append(w.limits, s.Rate("api", rate, burst))
	}
	return w
}

func (w *world) at() time.Duration { return w.clock.Sub(w.begun) }

// request has a client of a node want some tokens.
func (w *world) request(node int) {
	n := int64(1 + w.r.IntN(8)/7*2)
	l := w.limits[node]
	a := l.Take([]byte("key"), n, w.clock)
	if a.Outcome == Unknown {
		var waiter *Waiter
		if waiter, a = l.Await([]byte("key"), n, w.clock, &sleeper{}); waiter != nil {
			w.parked = append(w.parked, parked{node, waiter, n, w.clock.Add(l.Timeout())})
		}
	}
	w.judge(a, n)
}

func (w *world) judge(a Answer, n int64) {
	if a.Outcome == Taken {
		for range n {
			w.admitted = append(w.admitted, w.at())
		}
	}
	if a.Outcome == Refused && a.Retry <= 0 {
		w.t.Fatalf("refused without a time: %+v", a)
	}
}

// send sends what nodes ask for. The server's answer is made now, and comes later or never.
func (w *world) send() {
	for i, s := range w.nodes {
		for len(s.line) > 0 {
			ask, ok := (<-s.line).wish(s.since(w.clock))
			if !ok {
				continue
			}
			f := flying{node: i, wish: ask, lost: w.r.IntN(50) == 0, is: w.server.ask(ask, w.at())}
			f.due = w.clock.Add(time.Duration(w.r.Int64N(int64(slowest))))
			w.flying = append(w.flying, f)
		}
	}
}

// receive delivers what has come, and ends waits that are over.
func (w *world) receive() {
	flying := w.flying
	w.flying = nil
	for _, f := range flying {
		e := f.wish.of
		switch {
		case w.clock.Before(f.due):
			w.flying = append(w.flying, f)
		case f.lost:
			e.fail(w.clock)
		case e.settle(f.wish, f.is, w.clock):
			w.nodes[f.node].ask(e)
		}
		if held := e.left.Load(); held > w.limits[f.node].Grant() {
			w.t.Fatalf("a node holds %d, and its grant is %d", held, w.limits[f.node].Grant())
		}
	}
	parked := w.parked
	w.parked = nil
	for _, p := range parked {
		a := p.waiter.Answer()
		if a.Outcome == Unknown && w.clock.Before(p.until) {
			w.parked = append(w.parked, p)
			continue
		}
		w.judge(p.waiter.Leave(w.clock), p.n)
	}
}

// bound looks at all spans between two admissions.
func (w *world) bound(rate float64, burst int64) {
	most := float64(burst) + rate*(slowest+step).Seconds() + float64(len(w.nodes))*float64(w.limits[0].Grant())
	// In each span from i to j: j-i+1 <= most + rate*(t[j]-t[i]), so that the largest of j-rate*t[j] decides.
	worst := math.Inf(-1)
	for j := len(w.admitted) - 1; j >= 0; j-- {
		here := float64(j) - rate*w.admitted[j].Seconds()
		worst = max(worst, here)
		if over := worst - here + 1 - most; over > 1e-6 {
			w.t.Fatalf("from admission %d on there is a span with %.2f more than the bound", j, over)
		}
	}
}

// Answers come late, in any order, or not at all; nodes come and go in their load. No span of time has more than the bound.
func TestNoSpanOfTimeHasMoreThanTheBound(t *testing.T) {
	steps := 2000
	if testing.Short() {
		steps = 500
	}
	for seed := range uint64(36) {
		rate, burst := []float64{50, 500, 3000}[seed%3], []int64{10, 100, 1000}[seed/3%3]
		w := newWorld(t, seed, 1+int(seed%4), rate, burst, []float64{0, 2, 20, 50}[seed/9%4])
		for range steps {
			for range w.r.IntN(6) {
				w.request(w.r.IntN(1 + w.r.IntN(len(w.nodes)))) // the first has most
			}
			w.send()
			w.clock = w.clock.Add(time.Duration(w.r.Int64N(int64(step))))
			if len(w.flying) == 0 && w.r.IntN(20) == 0 { // a pause
				w.clock = w.clock.Add(time.Duration(w.r.IntN(3000)) * time.Millisecond)
			}
			w.receive()
		}
		w.bound(rate, burst)
		if len(w.admitted) == 0 {
			t.Fatalf("seed %d admitted nobody", seed)
		}
	}
}
