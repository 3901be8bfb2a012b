package concurrency

import (
	"math"

	"weir/http7"
	"weir/internal/keyed"
)

// fixed counts by key against one number. A word has the count in its upper half; the lower is the table's.
type fixed struct {
	keys  *keyed.Table
	limit uint64
	// rest is of those without a place.
	rest overflowing
}

const (
	one  = 1 << keyed.GenerationBits
	none = one - 1 // the largest word of a key that has nothing under way

	// The words of exchanges.
	counted  = 1
	overflew = 2
)

func newFixed(limit, keys int) *fixed {
	return &fixed{keys: keyed.New(keys, keyed.Falling), limit: uint64(min(limit, math.MaxInt32))}
}

func (f *fixed) take(x *http7.Exchange, key []byte) uint64 {
	k := f.keys.Key(key)
	for {
		s, word := f.keys.Find(&k)
		if s == nil {
			var mine bool
			if s, _, mine = f.keys.Claim(&k, none, one); s == nil {
				return f.share()
			} else if !mine {
				continue
			}
			x.Keep(f, s)
			return counted
		}
		if word>>keyed.GenerationBits >= f.limit {
			return 0
		}
		if s.CompareAndSwap(word, word+one) {
			x.Keep(f, s)
			return counted
		}
	}
}

func (f *fixed) share() uint64 {
	if f.rest.enter(int64(f.limit)) {
		return overflew
	}
	return 0
}

func (f *fixed) room(key []byte) bool {
	k := f.keys.Key(key)
	_, word := f.keys.Find(&k)
	return word>>keyed.GenerationBits < f.limit
}

func (f *fixed) give(x *http7.Exchange, word uint64) {
	if word == overflew {
		f.rest.underWay.Add(-1)
		return
	}
	s, ok := x.Kept(f).(*keyed.Slot)
	if !ok {
		return
	}
	for { // the place is this key's as long as it has something under way
		if old := s.Word(); s.CompareAndSwap(old, old-one) {
			return
		}
	}
}

func (f *fixed) overflow() uint64 { return f.rest.times.Load() }

func (f *fixed) known() int { return f.keys.Used() }
