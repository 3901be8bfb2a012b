package bench

import (
	"sync/atomic"
	"time"

	"weir/internal/evloop"
)

const (
	// batch is how many events a loop takes at a time, and how many requests it sends before it looks for answers.
	batch = 128
	// block is what each read may bring.
	block = 64 << 10
	// firstDials is how many connections of a loop are made at once at the start of a closed loop: a burst of
	// thousands would overflow the target's queue, and the retries of the kernel be taken for its latency.
	firstDials = 256
	// breath is what keeps a connection of the closed loop from spinning on a target that refuses at once.
	breath = time.Millisecond
)

// loop is one thread of the generator with its connections.
//
// It claims a slot only while a connection is idle, and at most one that lies ahead; so no other loop's connection
// stays idle for it. What it reads and writes goes through raw calls that never wait; it waits in one place, rest.
type loop struct {
	owner  *run
	engine *loops
	poll   *evloop.Loop
	tally  *tally
	maker  Maker
	fixed  bool // what the maker fills in stays valid
	open   bool

	request Request
	out     []byte // a request that the maker does not write itself
	block   []byte // what each read fills; used up before the next

	conns    []conn
	born     int  // conns that have been put to use
	idle     list // nothing to do
	underway list // a request since began, in that order; all have one timeout
	resting  list // closed loop: failed at freed
	trials   list // dialling since dialled, with another address to try
	good     int  // the address that was reached last

	slot  slot // claimed, and not sent yet
	holds bool
	over  bool // there are no more

	// quiet is when the last poll or wait returned that took every event there was: what a later poll reports came
	// after it. since is the earliest time at which the events that are being served may have come: quiet, or,
	// where the loop lay in wait for them, the end of the wait. How late the system wakes a thread that waits
	// can't be seen from an answer; it shows in the slots for which the loop waits, as their lag.
	quiet, since time.Duration

	gone atomic.Bool
	// resting time so far; while it rests, less the time at which it began, and so below zero.
	restSum atomic.Int64
}

func newLoop(e *loops, n, share int) (*loop, error) {
	poll, err := evloop.New(batch)
	if err != nil {
		return nil, err
	}
	r := e.owner
	l := &loop{
		owner: r, engine: e, poll: poll, tally: r.ledger.tallies[n], open: r.schedule.open(),
		maker: r.to.source.Maker(Wire, r.to.authority, r.cfg.Seed),
		block: make([]byte, block), conns: make([]conn, share),
		trials: list{way: dialling},
	}
	_, l.fixed = l.maker.(*fixedMaker)
	for i := range l.conns {
		l.conns[i].loop, l.conns[i].fd = l, none
	}
	first := share
	if !l.open {
		first = min(share, firstDials)
	}
	for range first {
		l.bear()
	}
	return l, nil
}

// bear puts another connection to use.
func (l *loop) bear() {
	if l.born < len(l.conns) {
		l.idle.push(&l.conns[l.born])
		l.born++
	}
}

// run is the goroutine of the loop's thread. It ends with the schedule, once all answers are there, or with abort.
func (l *loop) run() {
	evloop.LockThread()
	for !l.gone.Load() {
		l.send()
		if l.over && l.underway.first == nil {
			break
		}
		if err := l.turn(); err != nil {
			l.failAll(err)
			break
		}
	}
	l.restSum.Add(-int64(l.owner.now()))
}

// abort ends run, from any goroutine.
func (l *loop) abort() {
	l.gone.Store(true)
	l.poll.Wake()
}

// failAll is for an epoll that does not work, which no kernel in order has.
func (l *loop) failAll(err error) {
	l.over = true
	for l.underway.first != nil {
		l.underway.first.fail(err)
	}
}

func (l *loop) close() {
	for i := range l.conns {
		l.conns[i].drop()
	}
	l.poll.Close()
}

// send uses idle connections for the slots that are due.
func (l *loop) send() {
	for range batch {
		c := l.idle.first
		if c == nil || !l.claim() {
			return
		}
		now := l.slot.at
		if l.open {
			if now = l.owner.now(); l.slot.at > now {
				return
			}
		}
		l.holds = false
		c.begin(l.slot, now)
	}
}

// claim makes the loop hold a slot, if there is one.
func (l *loop) claim() bool {
	if !l.holds && !l.over {
		l.slot, l.holds = l.owner.schedule.claim()
		l.over = !l.holds
	}
	return l.holds
}

// turn takes what events there are, waiting for them if there is nothing to send, and serves them.
func (l *loop) turn() error {
	n, err := l.poll.Poll()
	now := l.owner.now()
	l.since = l.quiet
	if n == 0 && err == nil {
		if d := l.ease(now); d > 0 {
			l.restSum.Add(-int64(now))
			_, err = l.poll.Wait(d)
			now = l.owner.now()
			l.restSum.Add(int64(now))
		}
		l.since = now
	}
	if err != nil {
		return err
	}
	if !l.poll.Full() {
		l.quiet = now
	}
	l.poll.Serve()
	l.expire(now)
	if l.holds && l.owner.schedule.shut.Load() {
		l.holds, l.over = false, true
	}
	return nil
}

// ease returns for how long there is nothing to do but wait for events.
func (l *loop) ease(now time.Duration) time.Duration {
	until := now + time.Second
	switch {
	case l.idle.first == nil || l.over:
	case l.holds:
		until = min(until, l.slot.at)
	default:
		return 0 // a whole batch went out, and there may be more
	}
	if c := l.underway.first; c != nil {
		until = min(until, c.began+l.owner.cfg.Timeout)
	}
	if c := l.trials.first; c != nil {
		until = min(until, c.dialled+l.trial())
	}
	if c := l.resting.first; c != nil {
		until = min(until, c.freed+breath)
	}
	return until - now
}

// trial is how long one of several addresses is tried.
func (l *loop) trial() time.Duration {
	return l.owner.cfg.Timeout / time.Duration(len(l.engine.addresses))
}

// expire ends what has lasted its time.
func (l *loop) expire(now time.Duration) {
	for c := l.underway.first; c != nil && c.began+l.owner.cfg.Timeout <= now; c = l.underway.first {
		c.fail(l.engine.timeout)
	}
	for c := l.trials.first; c != nil && c.dialled+l.trial() <= now; c = l.trials.first {
		c.retry(l.engine.timeout)
	}
	for c := l.resting.first; c != nil && c.freed+breath <= now; c = l.resting.first {
		l.resting.remove(c)
		l.idle.push(c)
	}
}

// rested returns how long the loop has waited so far. Any goroutine may call it.
func (l *loop) rested(now time.Duration) time.Duration {
	sum := time.Duration(l.restSum.Load())
	if sum < 0 {
		sum += now
	}
	return max(0, sum)
}
