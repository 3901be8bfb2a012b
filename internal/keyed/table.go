// Package keyed holds one atomic word for each of very many keys, in a fixed amount of memory.
//
// Limits by key are made of it: internal/gcra, internal/tally and http7/policy/concurrency say what the word means. A word
// up to a bound that they name is idle: the same as if the key had never come, so that its place may be given to another
// key. One that is not idle is never forgotten; with every place taken, a new key finds none.
package keyed

import (
	"hash/maphash"
	"iter"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// groupSlots is how many places have their tags in one cache line; typicalSlots is how many of them are in use when
	// the table holds as many keys as were asked for: few enough that keys then practically always find one.
	groupSlots   = 64
	typicalSlots = 45
	// mostGroups is in how many groups a key may be: its own and those behind it.
	mostGroups = 4
	// stripes is how many locks new keys are put in under.
	stripes = 256

	tagWords = groupSlots / 8
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080

	// busy is the word of a place whose key is being written.
	busy = math.MaxUint64
)

// Rule says how the words of a table move.
type Rule uint8

const (
	// Rising words never fall to what was idle when their place got its key, so that no word of an earlier key comes again.
	Rising Rule = iota
	// Falling words may fall. Their lower [GenerationBits] belong to the table, which changes them whenever a place gets
	// another key, so that a word of one key is not taken for the same word of another.
	Falling
)

// GenerationBits is how many of the lower bits of a [Falling] word count the keys of its place.
const GenerationBits = 32

// Table maps keys to words. It is safe for concurrent use. Only new keys take a lock, one of many; memory is had as keys
// come, 60 bytes for each at most, and never given back.
type Table struct {
	seed   maphash.Seed
	rule   Rule
	groups []atomic.Pointer[group]
	used   atomic.Int64
	locks  [stripes]sync.Mutex
}

// group is a few places that are looked through together.
type group struct {
	// tags are a byte of the hash of each place's key, 0 where there was none ever.
	tags [tagWords]atomic.Uint64
	// soonest, of a table whose words rise, is a bound below which no word of a full group is, but for one that fell while
	// the bound was sought: its place is found later then.
	soonest atomic.Uint64
	slots   [groupSlots]Slot
}

// Slot is the place of a key while the word that was found there stands.
type Slot struct {
	word atomic.Uint64
	key  [keyWords]atomic.Uint64
}

// New returns an empty table that has room for at least keys keys, at least 1.
func New(keys int, rule Rule) *Table {
	return &Table{
		seed: maphash.MakeSeed(), rule: rule,
		groups: make([]atomic.Pointer[group], (max(1, keys)+typicalSlots-1)/typicalSlots),
	}
}

// Used returns how many places have ever been taken.
func (t *Table) Used() int { return int(t.used.Load()) }

// CompareAndSwap makes the word of s next if it is still word, which was found for a key: then s is still that key's.
func (s *Slot) CompareAndSwap(word, next uint64) bool { return s.word.CompareAndSwap(word, next) }

// Find returns the place of k and its word; nil if it has none, or none yet because it is being made.
func (t *Table) Find(k *Key) (s *Slot, word uint64) {
	at := t.home(k)
	for range t.reach() {
		g := t.groups[at].Load()
		if g == nil {
			return nil, 0
		}
		s, word, gap := g.find(k)
		if s != nil || gap {
			return s, word // keys are put into the first place that is free: it is not behind a gap
		}
		at = t.next(at)
	}
	return nil, 0
}

// home returns the first group of k.
func (t *Table) home(k *Key) int {
	hi, _ := bits.Mul64(k.hash, uint64(len(t.groups)))
	return int(hi)
}

func (t *Table) next(at int) int {
	if at++; at == len(t.groups) {
		return 0
	}
	return at
}

func (t *Table) reach() int { return min(mostGroups, len(t.groups)) }

// find looks for k. gap says that the group has a place that nobody has ever had.
func (g *group) find(k *Key) (s *Slot, word uint64, gap bool) {
	want := k.tag() * lowBits
	for i := range g.tags {
		tags := g.tags[i].Load()
		for m := zeros(tags ^ want); m != 0; m &= m - 1 {
			s := &g.slots[8*i+bits.TrailingZeros64(m)/8]
			if word, ok := s.holds(k); ok {
				return s, word, false
			}
		}
		gap = gap || zeros(tags) != 0
	}
	return nil, 0, gap
}

// zeros marks the bytes of w that are 0 by their highest bits; bytes above such a one may be marked too.
func zeros(w uint64) uint64 { return (w - lowBits) &^ w & highBits }

// holds reports whether s is k's, and what its word is. The key of a place changes only while its word is busy.
func (s *Slot) holds(k *Key) (word uint64, ok bool) {
	for {
		if word = s.word.Load(); word == busy {
			return 0, false
		}
		for i := range k.words {
			if s.key[i].Load() != k.words[i] {
				return 0, false
			}
		}
		if s.word.Load() == word {
			return word, true
		}
	}
}

// Claim returns the place of k, or else one that is free or whose word is at most idle, with the word first in it; mine
// says that it is new. s is nil if there is none. Of a [Falling] table the lower bits of first are replaced.
func (t *Table) Claim(k *Key, idle, first uint64) (s *Slot, word uint64, mine bool) {
	lock := &t.locks[k.hash>>8%stripes]
	lock.Lock()
	defer lock.Unlock()
	if s, word = t.search(k); s != nil {
		return s, word, false
	}
	at := t.home(k)
	for range t.reach() {
		if s, word = t.take(t.group(at), k, idle, first); s != nil {
			return s, word, true
		}
		at = t.next(at)
	}
	return nil, 0, false
}

// search is Find that looks behind gaps: while a place is being taken for another key it looks like one. k itself is put in
// by nobody else meanwhile.
func (t *Table) search(k *Key) (s *Slot, word uint64) {
	at := t.home(k)
	for range t.reach() {
		if g := t.groups[at].Load(); g != nil {
			if s, word, _ = g.find(k); s != nil {
				return s, word
			}
		}
		at = t.next(at)
	}
	return nil, 0
}

// group returns the group at a place, which is made when the first key comes.
func (t *Table) group(at int) *group {
	if g := t.groups[at].Load(); g != nil {
		return g
	}
	t.groups[at].CompareAndSwap(nil, new(group))
	return t.groups[at].Load()
}

// take puts k into a place of g that is free, or else idle; nil if there is none.
func (t *Table) take(g *group, k *Key, idle, first uint64) (*Slot, uint64) {
	if t.rule == Rising && g.soonest.Load() > idle {
		return nil, 0
	}
	for i := range g.tags {
		for m := zeros(g.tags[i].Load()); m != 0; m &= m - 1 {
			at := 8*i + bits.TrailingZeros64(m)/8
			if s := &g.slots[at]; s.word.Load() == 0 && s.word.CompareAndSwap(0, busy) {
				return s, t.fill(g, at, k, 0, first)
			}
		}
	}
	return t.replace(g, k, idle, first)
}

// replace puts k into the first idle place of g; nil if there is none.
func (t *Table) replace(g *group, k *Key, idle, first uint64) (*Slot, uint64) {
	soonest := uint64(busy)
	for i := range g.slots {
		s := &g.slots[i]
		old := s.word.Load()
		switch {
		case old == busy:
			soonest = 0
		case old > idle:
			soonest = min(soonest, old)
		case s.word.CompareAndSwap(old, busy):
			return s, t.fill(g, i, k, old, first)
		default:
			soonest = 0
		}
	}
	g.soonest.Store(soonest)
	return nil, 0
}

// fill writes k and its word into place i, which is busy.
func (t *Table) fill(g *group, i int, k *Key, old, first uint64) uint64 {
	s := &g.slots[i]
	if t.rule == Falling {
		const generation = 1<<GenerationBits - 1
		first = first&^generation | (old+1)&generation
	}
	for j := range k.words {
		s.key[j].Store(k.words[j])
	}
	if g.setTag(i, k.tag()) == 0 {
		t.used.Add(1)
	}
	s.word.Store(first)
	return first
}

// setTag returns the tag that was there.
func (g *group) setTag(i int, tag uint64) (before uint64) {
	word, shift := &g.tags[i/8], 8*(i%8)
	for {
		old := word.Load()
		if word.CompareAndSwap(old, old&^(0xff<<shift)|tag<<shift) {
			return old >> shift & 0xff
		}
	}
}

// All yields every place that has a key, with its word. Those that are taken meanwhile may be among them or not.
func (t *Table) All() iter.Seq2[Entry, uint64] {
	return func(yield func(Entry, uint64) bool) {
		for i := range t.groups {
			g := t.groups[i].Load()
			if g != nil && !g.each(yield) {
				return
			}
		}
	}
}

func (g *group) each(yield func(Entry, uint64) bool) bool {
	for i := range g.slots {
		s := &g.slots[i]
		word := s.word.Load()
		if word == 0 || word == busy {
			continue
		}
		if !yield(Entry{s}, word) {
			return false
		}
	}
	return true
}

// Word returns the word of s now.
func (s *Slot) Word() uint64 { return s.word.Load() }

// Entry is a place in [Table.All].
type Entry struct{ *Slot }

// Name returns the name of the key that has the place.
func (e Entry) Name() Name {
	var words [keyWords]uint64
	for i := range words {
		words[i] = e.key[i].Load()
	}
	return name(&words)
}
