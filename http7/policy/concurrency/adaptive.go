package concurrency

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/internal/keyed"
	"weir/internal/limit"
)

// adaptive counts by key against limits that each key finds by the latency of its answers. A key is known until its way is
// wanted for a new one: only if it has nothing under way, and those that came since the last look later than others.
type adaptive struct {
	keys *keyed.Table // the upper half of a word is the number of a way, from 1; 0: the key has lost it
	ways []atomic.Pointer[way]
	used atomic.Int64
	mu   sync.Mutex // giving ways, and the hand
	hand int        // the way that is looked at next
	// rest is for the keys without a way.
	rest  *way
	times atomic.Uint64
	now   func() time.Duration
}

// way is what is known of one key.
type way struct {
	underWay atomic.Int64 // below 0: the key has lost it
	recent   atomic.Bool  // it was used since the hand came by
	limit    limit.Gradient

	slot *keyed.Slot // where its number stands, nil if nowhere; guarded by mu, and so is word
	word uint64
}

const (
	// lost is what is under way of a way that its key has lost: far from anything that counts.
	lost = math.MinInt64 / 2
	// mostLooks is how many ways are looked at for one that a new key may have.
	mostLooks = 128
)

func newAdaptive(keys int, now func() time.Duration) *adaptive {
	return &adaptive{keys: keyed.New(keys, keyed.Falling), ways: make([]atomic.Pointer[way], keys), rest: new(way), now: now}
}

func (a *adaptive) way(key []byte) *way {
	k := a.keys.Key(key)
	if w := a.find(&k); w != nil {
		return w
	}
	return a.add(&k)
}

// find returns the way of a key, nil if it has none.
func (a *adaptive) find(k *keyed.Key) *way {
	for {
		s, word := a.keys.Find(k)
		number := word >> keyed.GenerationBits
		if number == 0 {
			return nil
		}
		if w := a.ways[number-1].Load(); s.Word() == word { // the number was the key's when the way was loaded
			return w
		}
	}
}

// add makes a way for a key that has none.
func (a *adaptive) add(k *keyed.Key) *way {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.find(k); w != nil {
		return w
	}
	number := a.free()
	if number == 0 {
		a.times.Add(1)
		return a.rest
	}
	w := new(way)
	a.ways[number-1].Store(w) // before anybody can find its number
	s, word, mine := a.keys.Claim(k, none, number<<keyed.GenerationBits)
	switch {
	case s == nil:
		a.times.Add(1)
		return a.rest
	case !mine: // the key had one before
		next := number<<keyed.GenerationBits | word&none
		s.CompareAndSwap(word, next) // nobody else changes it
		word = next
	}
	w.slot, w.word = s, word
	return w
}

// free returns the number of a way that nobody has, 0 if there is none. The caller has the lock.
func (a *adaptive) free() uint64 {
	if a.known() < len(a.ways) {
		return uint64(a.used.Add(1))
	}
	for range min(mostLooks, 2*len(a.ways)) {
		at := a.hand
		if a.hand++; a.hand == len(a.ways) {
			a.hand = 0
		}
		w := a.ways[at].Load()
		if w.recent.Swap(false) || !w.underWay.CompareAndSwap(0, lost) {
			continue
		}
		if w.slot != nil {
			w.slot.CompareAndSwap(w.word, w.word&none) // nobody else changes it
		}
		return uint64(at) + 1
	}
	return 0
}

func (a *adaptive) take(x *http7.Exchange, key []byte) uint64 {
	for {
		w := a.way(key)
		if !w.recent.Load() {
			w.recent.Store(true)
		}
		switch n := w.underWay.Add(1); {
		case n <= 0: // the key has lost it since
			w.underWay.Add(-1)
			continue
		case n > w.limit.Limit():
			w.underWay.Add(-1)
			return 0
		}
		x.Keep(a, w)
		return uint64(max(1, a.now()))
	}
}

func (a *adaptive) room(key []byte) bool {
	k := a.keys.Key(key)
	w := a.find(&k)
	switch {
	case w == nil && a.known() < len(a.ways):
		return true
	case w == nil:
		w = a.rest
	}
	return w.underWay.Load() < w.limit.Limit()
}

// first is when the first byte of an answer came, in x's room: what an exchange keeps is a pointer.
type first [8]byte

// answered notes that x's answer has come from an endpoint, and was made for x.
func (a *adaptive) answered(x *http7.Exchange) {
	if x.Answer == nil || x.Answer.Local || x.Kept(a) == nil {
		return
	}
	switch x.Cached {
	case "", "miss", "uncacheable", "bypass":
	default: // a cache's
		return
	}
	at := (*first)(x.Room(len(first{}))[:len(first{})])
	binary.LittleEndian.PutUint64(at[:], uint64(a.now()))
	x.Keep(&a.times, at)
}

// give counts x out. What x has seen of the endpoint is learnt from; began is x's word.
func (a *adaptive) give(x *http7.Exchange, began uint64) {
	w, ok := x.Kept(a).(*way)
	if !ok {
		return
	}
	under, now := w.underWay.Add(-1)+1, a.now()
	if at, ok := x.Kept(&a.times).(*first); ok {
		took := time.Duration(binary.LittleEndian.Uint64(at[:])) - time.Duration(began)
		w.limit.Done(max(1, took), under, false, now)
	} else if f := x.Fault; f != nil && f.Side == http7.Upstream && f.Kind == http7.Timeout {
		w.limit.Done(max(1, now-time.Duration(began)), under, true, now)
	}
}

func (a *adaptive) overflow() uint64 { return a.times.Load() }

func (a *adaptive) known() int { return int(a.used.Load()) }
