package limit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// world is endpoints under an open load that comes through nodes, on a virtual clock: what decides is
// the package's own Gradient and Queue, what is simulated are the arrivals, the endpoints and the time.
type world struct {
	now    time.Duration
	events happenings
	order  int
	random *rand.Rand
	nodes  []*node
	places []*place
	uses   []*use
}

// happening is something that happens at a time; of several at once the first announced is the first.
type happening struct {
	at    time.Duration
	order int
	do    func()
}

func (h *happening) before(other *happening) bool {
	return h.at < other.at || h.at == other.at && h.order < other.order
}

// happenings is a heap: container/heap would box each one.
type happenings []happening

func (q *happenings) push(h happening) {
	*q = append(*q, h)
	list := *q
	for i := len(list) - 1; i > 0; {
		up := (i - 1) / 2
		if !list[i].before(&list[up]) {
			return
		}
		list[i], list[up] = list[up], list[i]
		i = up
	}
}

func (q *happenings) pop() happening {
	list := *q
	first, last := list[0], len(list)-1
	list[0], list[last] = list[last], happening{}
	list = list[:last]
	*q = list
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first
		}
		if down+1 < last && list[down+1].before(&list[down]) {
			down++
		}
		if !list[down].before(&list[i]) {
			return first
		}
		list[i], list[down] = list[down], list[i]
		i = down
	}
}

func (w *world) at(t time.Duration, do func()) {
	w.order++
	w.events.push(happening{t, w.order, do})
}

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := w.events.pop()
		w.now = e.at
		e.do()
	}
	w.now = until
}

// place is an endpoint: so many workers that take one use after the other, first come first served.
// 0 workers is one for each use.
type place struct {
	workers int
	service func(now time.Duration, r *rand.Rand) time.Duration
	// first is when the first byte comes of a use that takes so long; nil: with the last.
	first func(took time.Duration) time.Duration
	busy  int
	line  []func()
}

// serve calls done with how long the first byte took, when the last has come.
func (p *place) serve(w *world, done func(first time.Duration)) {
	began := w.now
	p.line = append(p.line, func() {
		p.busy++
		took := p.service(w.now, w.random)
		first := took
		if p.first != nil {
			first = p.first(took)
		}
		first += w.now - began
		w.at(w.now+took, func() {
			p.busy--
			p.next()
			done(first)
		})
	})
	p.next()
}

func (p *place) next() {
	for len(p.line) > 0 && (p.workers == 0 || p.busy < p.workers) {
		begin := p.line[0]
		p.line = p.line[1:]
		begin()
	}
}

// use is one use as its client sees it.
type use struct {
	waiter Waiter
	node   *node
	came   time.Duration
	left   time.Duration // 0: still there
	shed   bool
	waited bool
}

// limited is one node's view of one endpoint.
type limited struct {
	place    *place
	fixed    int64 // 0: adaptive, -1: none
	gradient Gradient
	inFlight int64
}

func (l *limited) limit() int64 {
	switch l.fixed {
	case 0:
		return l.gradient.Limit()
	case -1:
		return math.MaxInt64
	}
	return l.fixed
}

// node is one Weir in front of the endpoints: least in flight first, with a queue.
type node struct {
	w        *world
	limits   []*limited
	queue    Queue
	patience time.Duration
	line     []*use // who entered the queue, oldest first, with some that have left it
	lost     []*use // who entered again
	first    Latencies
}

func (w *world) addNode(fixed int64, size int, patience time.Duration) *node {
	n := &node{w: w, patience: patience}
	n.queue.Resize(size)
	for _, p := range w.places {
		n.limits = append(n.limits, &limited{place: p, fixed: fixed})
	}
	w.nodes = append(w.nodes, n)
	return n
}

func (n *node) typical() time.Duration { return n.first.Quantile(0.9, n.w.now) }

func (n *node) arrive() {
	u := &use{node: n, came: n.w.now}
	n.w.uses = append(n.w.uses, u)
	if n.queue.Len() == 0 && n.start(u) {
		return
	}
	n.wait(u)
}

func (n *node) wait(u *use) {
	first := !u.waited
	u.waited = true
	if !n.queue.Enter(&u.waiter, n.w.now) {
		u.shed, u.left = true, n.w.now
		return
	}
	if first {
		n.line = append(n.line, u)
		n.w.at(n.w.now+n.patience, func() {
			if u.waiter.queued {
				n.queue.Leave(&u.waiter)
				u.shed, u.left = true, n.w.now
			}
		})
	} else {
		n.lost = append(n.lost, u)
	}
	if n.pick() != nil && u.waiter.Losses() < 3 {
		n.queue.Grant(n.w.now, n.typical())
		n.woken()
	}
}

func (n *node) pick() *limited {
	var best *limited
	for _, l := range n.limits {
		if l.inFlight < l.limit() && (best == nil || l.inFlight < best.inFlight) {
			best = l
		}
	}
	return best
}

func (n *node) start(u *use) bool {
	l := n.pick()
	if l == nil {
		return false
	}
	l.inFlight++
	l.place.serve(n.w, func(first time.Duration) {
		n.first.Observe(first, n.w.now)
		if l.fixed == 0 && first > 0 {
			l.gradient.Done(first, l.inFlight, false, n.w.now)
		}
		l.inFlight--
		u.left = n.w.now
		for range min(2, l.limit()-l.inFlight) {
			if !n.queue.Grant(n.w.now, n.typical()) {
				break
			}
		}
		n.woken()
	})
	return true
}

// woken lets those go on whose wait has come to something.
func (n *node) woken() {
	for i := 0; i < len(n.line) && n.resume(n.line[i]); {
		n.line = n.line[1:]
	}
	for i := len(n.line) - 1; i >= 0 && n.resume(n.line[i]); i = len(n.line) - 1 {
		n.line = n.line[:i]
	}
	n.lost = slices.DeleteFunc(n.lost, n.resume)
}

// resume reports whether u waits no more, and lets it go on if it was woken.
func (n *node) resume(u *use) bool {
	if u.waiter.queued {
		return false
	}
	select {
	case <-u.waiter.Wake:
	default:
		return true
	}
	if u.waiter.Verdict() == Shed {
		u.shed, u.left = true, n.w.now
	} else if !n.start(u) {
		n.wait(u)
	}
	return true
}

// load lets uses come at a rate per second that may change, over all nodes alike, until a time.
func (w *world) load(rate func(now time.Duration) float64, until time.Duration) {
	var next func()
	next = func() {
		r := rate(w.now)
		if r > 0 {
			w.nodes[w.random.IntN(len(w.nodes))].arrive()
		} else {
			r = 1000
		}
		if t := w.now + time.Duration(w.random.ExpFloat64()/r*float64(time.Second)); t < until {
			w.at(t, next)
		}
	}
	w.at(w.now, next)
}

// findings are what came of the uses of a span.
type findings struct {
	came, served, shed int
	goodput            float64 // per second
	p50, p99, waitShed time.Duration
}

// between looks at the uses that came in a span, and for the goodput at those that ended in it.
func (w *world) between(from, to time.Duration) (f findings) {
	var took, sent []time.Duration
	ended := 0
	for _, u := range w.uses {
		if !u.shed && u.left >= from && u.left < to && u.left > 0 {
			ended++
		}
		if u.came < from || u.came >= to {
			continue
		}
		f.came++
		switch {
		case u.shed:
			f.shed++
			sent = append(sent, u.left-u.came)
		case u.left > 0:
			f.served++
			took = append(took, u.left-u.came)
		}
	}
	f.goodput = float64(ended) / (to - from).Seconds()
	f.p50, f.p99, f.waitShed = exact(took, 0.5), exact(took, 0.99), exact(sent, 0.5)
	return f
}

// exact returns the quantile of samples by sorting them.
func exact(samples []time.Duration, q float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	slices.Sort(samples)
	return samples[min(int(q*float64(len(samples))), len(samples)-1)]
}

func (f findings) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }
	return fmt.Sprintf("%d came, %.2f%% shed after %s, %.0f/s served, p50 %s, p99 %s",
		f.came, 100*float64(f.shed)/float64(max(f.came, 1)), ms(f.waitShed), f.goodput, ms(f.p50), ms(f.p99))
}

// The distributions of service times, each with the given mean.
func constant(mean time.Duration) func(time.Duration, *rand.Rand) time.Duration {
	return func(time.Duration, *rand.Rand) time.Duration { return mean }
}

func exponential(mean time.Duration) func(time.Duration, *rand.Rand) time.Duration {
	return func(_ time.Duration, r *rand.Rand) time.Duration {
		return time.Duration(r.ExpFloat64() * float64(mean))
	}
}

// heavy is lognormal with sigma 1.5: the mean is 3 times the median, p99 is 33 times.
func heavy(mean time.Duration) func(time.Duration, *rand.Rand) time.Duration {
	return func(_ time.Duration, r *rand.Rand) time.Duration {
		return time.Duration(math.Exp(1.5*r.NormFloat64()-1.125) * float64(mean))
	}
}

func newWorld(seed uint64, places ...*place) *world {
	return &world{random: rand.New(rand.NewPCG(seed, 1)), places: places}
}

func steady(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}
