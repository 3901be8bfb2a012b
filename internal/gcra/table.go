package gcra

import (
	"sync/atomic"

	"weir/internal/keyed"
)

// Table holds a bucket for each of very many keys, in fixed memory: 60 bytes for each at most. A key is full when it is
// new; one that is full again gives its place to a new one, one that is not is never forgotten. New keys that find no place
// share one bucket, so that a flood of them takes tokens from each other alone.
//
// In any stretch of time no more than Burst + time / Interval tokens are granted for one key. Table is safe for concurrent
// use, and what its keys have in common is asked about takes no lock.
type Table struct {
	keys *keyed.Table
	now  func() int64
	// overflow is when the bucket of those without a place is full again.
	overflow   atomic.Int64
	overflowed atomic.Uint64
}

// New returns a table that has room for at least keys keys. now is a clock in nanoseconds since some moment before, which
// never goes back; one that lags behind another goroutine's, or stands still, grants less and never more.
func New(keys int, now func() int64) *Table {
	return &Table{keys: keyed.New(keys, keyed.Rising), now: now}
}

// Keys returns how many keys have had a place, as many as there are places at most.
func (t *Table) Keys() int { return t.keys.Used() }

// Overflowed returns how many times a key found no place.
func (t *Table) Overflowed() uint64 { return t.overflowed.Load() }

// Take takes tokens, all or none. It allocates nothing in steady state.
func (t *Table) Take(a *Ask) Grant {
	k := t.keys.Key(a.Key)
	for {
		s, full := t.keys.Find(&k)
		// Read behind the search: whoever took the place of a key that was full again had an earlier time.
		now := t.now()
		g, next := a.judge(now, int64(full))
		switch {
		case s != nil && (!g.OK || s.CompareAndSwap(full, uint64(next))):
			return g
		case s != nil: // somebody was faster
		case !g.OK: // too much even for a full bucket
			return g
		default:
			if s, _, mine := t.keys.Claim(&k, uint64(now), uint64(next)); mine {
				return g
			} else if s == nil {
				return t.share(a)
			}
		}
	}
}

// share asks the bucket of those without a place.
func (t *Table) share(a *Ask) Grant {
	t.overflowed.Add(1)
	for {
		full := t.overflow.Load()
		g, next := a.judge(t.now(), full)
		g.Overflow = true
		if !g.OK || t.overflow.CompareAndSwap(full, next) {
			return g
		}
	}
}

// Return gives back the tokens of g, which Take has granted for a, where nothing has come of them: the bucket is as if they
// had not been asked for, but for what comes in the time between the two calls, 1 ns at least, so that the bound of the
// table holds whoever has asked meanwhile. A grant is given back once at most, and none that had to wait. It allocates nothing.
func (t *Table) Return(a *Ask, g *Grant) {
	k := t.keys.Key(a.Key)
	for !g.Overflow {
		// While tokens are left to give back the bucket is not full, and its place that of the key.
		s, full := t.keys.Find(&k)
		back := a.unused(g, t.now())
		if s == nil || back == 0 || s.CompareAndSwap(full, full-uint64(back)) {
			return
		}
	}
	for {
		full := t.overflow.Load()
		back := a.unused(g, t.now())
		if back == 0 || t.overflow.CompareAndSwap(full, full-back) {
			return
		}
	}
}

// unused returns by how much earlier the bucket is full if what g took is given back at now. A bucket that would have been
// full without g has gained nothing since; one that was not gains less than it could.
func (a *Ask) unused(g *Grant, now int64) int64 {
	return max(0, a.Cost*int64(a.Limit.Interval)-max(1, now-g.at))
}

// Look says what Take would, and takes nothing.
func (t *Table) Look(a *Ask) Grant {
	k := t.keys.Key(a.Key)
	_, full := t.keys.Find(&k)
	g, _ := a.judge(t.now(), int64(full))
	return g
}
