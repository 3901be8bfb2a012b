// Package deadline wakes connections whose time is up, for the price of one atomic word per change.
//
// net.Conn.SetDeadline takes a lock and moves a heap entry on each call; a proxy changes its
// deadlines several times per request and almost never lets one pass. A [Timer] on a [Wheel] only
// stores the new time: the wheel finds out when the old one comes up. Deadlines are coarse: they
// pass up to two ticks late, never early.
package deadline

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Tick is the wheel's resolution.
const Tick = 20 * time.Millisecond

const slots = 1024 // a turn of 20 s; later deadlines are looked at once a turn

var base = time.Now()

// Now returns the monotonic time in nanoseconds that deadlines are measured on.
func Now() int64 { return int64(time.Since(base)) }

// At converts a wall-clock time with a monotonic reading to the wheel's clock.
func At(t time.Time) int64 { return int64(t.Sub(base)) }

const (
	none   = 0
	firing = -1
	never  = math.MaxInt64
)

// Timer is one deadline that moves often. Its zero value must be bound with [Wheel.Bind].
type Timer struct {
	due    atomic.Int64 // none, firing, or the time
	queued atomic.Int64 // when the wheel looks at it next; never if it is in no slot
	fire   func()
	shard  *shard

	next, prev *Timer // guarded by shard.mu
	slot       int
	running    sync.Mutex // held while fire runs
}

// Set moves the deadline to at, on the clock of [Now]; 0 means none. If the timer is firing, Set
// waits for it: after Set has returned, fire does not run for an earlier deadline.
func (t *Timer) Set(at int64) {
	for {
		old := t.due.Load()
		if old == firing {
			t.running.Lock()
			//lint:ignore SA2001 the lock is the wait
			t.running.Unlock()
			continue
		}
		if t.due.CompareAndSwap(old, at) {
			break
		}
	}
	if at != none && at < t.queued.Load() {
		t.shard.requeue(t)
	}
}

// Remove takes the timer off the wheel for good. It waits for a fire that runs.
func (t *Timer) Remove() {
	t.Set(none)
	t.shard.remove(t)
}

// Wheel owns timers and the goroutine that fires them.
type Wheel struct {
	shards []shard
	turn   atomic.Uint32
}

// shard is a part of the wheel with a lock of its own.
type shard struct {
	mu   sync.Mutex
	ring [slots]*Timer
	seen int64 // the last tick that was looked at
	_    [40]byte
}

// New returns a wheel; it fires nothing until Run.
func New() *Wheel {
	w := &Wheel{shards: make([]shard, 8)}
	now := Now() / int64(Tick)
	for i := range w.shards {
		w.shards[i].seen = now
	}
	return w
}

// Bind prepares t to call fire, once per deadline that passes, on the wheel's goroutine. fire must
// not block and must not call t's methods, but for Rearm.
func (w *Wheel) Bind(t *Timer, fire func()) {
	t.fire, t.slot = fire, -1
	t.queued.Store(never)
	t.shard = &w.shards[w.turn.Add(1)%uint32(len(w.shards))]
}

// Run fires timers until ctx ends.
func (w *Wheel) Run(ctx context.Context) {
	tick := time.NewTicker(Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.Advance(Now())
		}
	}
}

// Advance fires what is due at now. Run calls it; tests with a clock of their own may.
func (w *Wheel) Advance(now int64) {
	for i := range w.shards {
		w.shards[i].advance(now)
	}
}

func (s *shard) advance(now int64) {
	last := now / int64(Tick)
	s.mu.Lock()
	first := max(s.seen+1, last-slots+1)
	s.seen = max(s.seen, last)
	var due *Timer
	for k := first; k <= last; k++ {
		i := int(k % slots)
		for t := s.ring[i]; t != nil; {
			next := t.next
			if s.look(t, now) {
				t.next, due = due, t
			}
			t = next
		}
	}
	s.mu.Unlock()
	for due != nil {
		t := due
		due = t.next
		t.next = nil
		t.fire()
		// A deadline that fire has set anew by Rearm stands.
		t.due.CompareAndSwap(firing, none)
		t.running.Unlock()
		if at := t.due.Load(); at > 0 && at < t.queued.Load() {
			s.requeue(t)
		}
	}
}

// look takes t out of its slot and puts it where it belongs now. It reports whether t is to fire,
// with t.running held.
func (s *shard) look(t *Timer, now int64) bool {
	s.unlink(t)
	for {
		at := t.due.Load()
		switch {
		case at == none || at == firing:
			t.queued.Store(never)
			if at == t.due.Load() {
				return false
			}
		case at <= now:
			t.running.Lock()
			if t.due.CompareAndSwap(at, firing) {
				t.queued.Store(never)
				return true
			}
			t.running.Unlock()
		default:
			s.link(t, at, now)
			if t.due.Load() >= t.queued.Load() || t.due.Load() <= none {
				return false
			}
			s.unlink(t)
		}
	}
}

// Rearm sets a new deadline from inside fire.
func (t *Timer) Rearm(at int64) { t.due.Store(at) }

// requeue puts t where its deadline belongs, if that is before its place. The wheel may have been here since the
// deadline was set: what it has found to be due it fires, and links until then by t.next.
func (s *shard) requeue(t *Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := t.due.Load()
	if at == none || at == firing || at >= t.queued.Load() {
		return
	}
	s.unlink(t)
	s.link(t, at, Now())
}

func (s *shard) remove(t *Timer) {
	s.mu.Lock()
	s.unlink(t)
	t.queued.Store(never)
	s.mu.Unlock()
}

// link puts t into the slot of the tick after at, or into the last one of this turn.
func (s *shard) link(t *Timer, at, now int64) {
	k := min(max(at/int64(Tick)+1, s.seen+1), s.seen+slots-1)
	t.queued.Store(min(at, k*int64(Tick)))
	t.slot = int(k % slots)
	t.prev, t.next = nil, s.ring[t.slot]
	if t.next != nil {
		t.next.prev = t
	}
	s.ring[t.slot] = t
}

func (s *shard) unlink(t *Timer) {
	if t.slot < 0 {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		s.ring[t.slot] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.slot = nil, nil, -1
}

// Since returns the time from one reading of [Now] to another.
func Since(from, to int64) time.Duration { return time.Duration(to - from) }
