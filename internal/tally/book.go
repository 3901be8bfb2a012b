package tally

import (
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/keyed"
)

// Ask is one request for units of a quota.
type Ask struct {
	// Key is the whole key. It is valid during the call.
	Key []byte
	// Limit is how many units the key has per period, Cost how many are asked for; both are from 1 to [MostLimit].
	Limit, Cost int64
}

// Grant is the answer to an [Ask].
type Grant struct {
	// OK says that the units are the caller's.
	OK bool
	// Left is how many the key has left.
	Left int64
	// Length is how long the period is, and Rest how much of it is still to come; more than 0.
	Length, Rest time.Duration
	// Overflow says that the key found no room and shares one quota with all such keys.
	Overflow bool
}

// Book counts by key within periods of one length, in fixed memory: 60 bytes for each key at most. A key that has come is
// known until the period ends; new ones that find no place share one count. It is safe for concurrent use; keys that have
// come before take no lock.
//
// Counts never fall within a period, whatever the clock does: one that is set back across a period's begin stays in the
// period, and one that is set back by more than a period takes its counts along into the present one.
type Book struct {
	per  Per
	keys int
	now  func() time.Time
	page atomic.Pointer[page]

	overflowed atomic.Uint64
	damaged    bool

	mu   sync.Mutex // turning pages
	file *file      // nil: nothing is written down
}

// page has the counts of one period.
type page struct {
	begins, ends int64 // Unix seconds
	*counts
}

type counts struct {
	table *keyed.Table
	// overflow is the count of those without a place, a word like the others.
	overflow atomic.Uint64
	// dirty says that a word is marked.
	dirty atomic.Bool
}

// A word is a count; the mark says that it has not been written down.
const (
	mark    = 1 << 63
	countOf = mark - 1
)

// New returns a book with room for at least keys keys that forgets its counts when the process ends. now is the time of
// the day.
func New(per Per, keys int, now func() time.Time) *Book {
	b := &Book{per: per, keys: keys, now: now}
	b.page.Store(b.newPage(now()))
	return b
}

func (b *Book) newPage(t time.Time) *page {
	begins, ends := b.per.Period(t)
	return &page{begins: begins.Unix(), ends: ends.Unix(), counts: &counts{table: keyed.New(b.keys, keyed.Rising)}}
}

// Keys returns how many keys are known.
func (b *Book) Keys() int { return b.page.Load().table.Used() }

// Overflowed returns how many times a key found no place.
func (b *Book) Overflowed() uint64 { return b.overflowed.Load() }

// Damaged reports whether the file that b began with could not be read to its end.
func (b *Book) Damaged() bool { return b.damaged }

// Take takes units, all or none. It allocates nothing in steady state.
func (b *Book) Take(a Ask) Grant {
	now := b.now()
	p := b.at(now)
	k := p.table.Key(a.Key)
	for {
		s, word := p.table.Find(&k)
		if s == nil {
			if a.Cost > a.Limit {
				return p.grant(false, a.Limit, now)
			}
			var mine bool
			if s, word, mine = p.table.Claim(&k, 0, uint64(a.Cost)|mark); mine {
				p.mark()
				return p.grant(true, a.Limit-a.Cost, now)
			}
			if s == nil {
				return b.share(p, a, now)
			}
		}
		used := int64(word & countOf)
		if a.Cost > a.Limit-used {
			return p.grant(false, a.Limit-used, now)
		}
		if s.CompareAndSwap(word, uint64(used+a.Cost)|mark) {
			p.mark()
			return p.grant(true, a.Limit-used-a.Cost, now)
		}
	}
}

// share counts for those without a place.
func (b *Book) share(p *page, a Ask, now time.Time) Grant {
	b.overflowed.Add(1)
	for {
		word := p.overflow.Load()
		used := int64(word & countOf)
		if a.Cost > a.Limit-used {
			g := p.grant(false, a.Limit-used, now)
			g.Overflow = true
			return g
		}
		if p.overflow.CompareAndSwap(word, uint64(used+a.Cost)|mark) {
			p.mark()
			g := p.grant(true, a.Limit-used-a.Cost, now)
			g.Overflow = true
			return g
		}
	}
}

// Look says what Take would, and takes nothing.
func (b *Book) Look(a Ask) Grant {
	now := b.now()
	p := b.at(now)
	k := p.table.Key(a.Key)
	_, word := p.table.Find(&k)
	left := a.Limit - int64(word&countOf)
	if a.Cost > left {
		return p.grant(false, left, now)
	}
	return p.grant(true, left-a.Cost, now)
}

// mark says that something has not been written down. All words are marked before.
func (c *counts) mark() {
	if !c.dirty.Load() {
		c.dirty.Store(true)
	}
}

func (p *page) grant(ok bool, left int64, now time.Time) Grant {
	length := time.Duration(p.ends-p.begins) * time.Second
	return Grant{
		OK: ok, Left: max(0, left), Length: length,
		Rest: min(length, max(1, time.Unix(p.ends, 0).Sub(now))),
	}
}

// at returns the page of t, which is turned if t is beyond it.
func (b *Book) at(t time.Time) *page {
	p, s := b.page.Load(), t.Unix()
	if s < p.ends && s >= p.begins-(p.ends-p.begins) {
		return p
	}
	return b.turn(t)
}

// turn makes the page of t the present one. A clock that was far ahead takes its counts along. It never waits for the disk.
func (b *Book) turn(t time.Time) *page {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, s := b.page.Load(), t.Unix()
	if s < p.ends && s >= p.begins-(p.ends-p.begins) {
		return p // somebody has turned it
	}
	next := b.newPage(t)
	if s < p.begins {
		next.counts = p.counts
	}
	b.page.Store(next)
	return next
}
