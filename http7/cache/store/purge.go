package store

import (
	"bytes"
	"sort"
	"sync"
	"sync/atomic"
)

// Mark is a place in the sequence of purges. A draft is subject to every purge after the mark it was made with.
type Mark uint64

// Purge says what shall be gone: exactly one of Key, Prefix, Tag and All.
type Purge struct {
	// Key names one object.
	Key []byte
	// Prefix names all objects whose key begins so.
	Prefix []byte
	// Tag names all objects that carry this tag; see [TagHash]. 0: none.
	Tag uint64
	// All names every object.
	All bool
	// Soft leaves the objects where they are and makes them stale ([Object.Stale]).
	Soft bool
}

// The measures of what is remembered of purges.
const (
	keyStamps    = 4096    // keys share so many stamps
	prefixesKept = 1024    // of twice as many the older half goes, when the sweep has passed
	tagsKept     = 1 << 16 // likewise
	prefixesMost = 1 << 14 // more than this are a purge of everything
	prefixMost   = 8 << 20 // likewise for their bytes
	tagsMost     = 1 << 18 // likewise for tags
)

// stamps are two marks: of the newest hard and the newest soft purge of something.
type stamps [2]atomic.Uint64

// kind is the place in a pair of stamps.
func kind(soft bool) int {
	if soft {
		return 1
	}
	return 0
}

func (s *stamps) raise(soft bool, seq uint64) {
	at := &s[kind(soft)]
	for old := at.Load(); old < seq && !at.CompareAndSwap(old, seq); {
		old = at.Load()
	}
}

// verdict is what the purges say of an object.
type verdict struct{ hard, soft bool }

func (v *verdict) add(s *stamps, since uint64) {
	v.hard = v.hard || s[0].Load() > since
	v.soft = v.soft || s[1].Load() > since
}

// purges are the records of what was purged. A lookup compares its object's stamp with newest; only if that is older,
// the object is judged by the records, without a lock. Purges of keys, which are done at once, leave a stamp for
// drafts alone.
type purges struct {
	newest  atomic.Uint64 // the newest record's
	records atomic.Pointer[records]
	_       [64]byte
	seq     atomic.Uint64 // the mark
	keys    [keyStamps]stamps
	calls   atomic.Uint64

	mu     sync.Mutex
	added  int64 // records
	passed int64 // of those, by the sweep
	sweep  sweep
}

// records is what readers see. It is replaced when it changes, but for what is appended behind the end of prefixes, and
// for the marks in tags.
type records struct {
	floor    uint64    // records up to this one are forgotten
	all      [2]uint64 // the newest of everything, by kind
	prefixes []prefix  // by seq
	bytes    int       // of prefixes
	tags     *tagTable
}

type prefix struct {
	bytes []byte
	seq   uint64
	soft  bool
}

// add records a purge by prefix, tag or all.
func (p *purges) add(what Purge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, seq := *p.records.Load(), p.seq.Add(1)
	switch {
	case what.All && what.Soft:
		next.all[1] = seq
	case what.All, next.full():
		next = records{floor: next.floor, all: [2]uint64{seq, 0}, tags: newTagTable(leastTags)}
	case what.Tag != 0:
		next.tags = next.tags.with(what.Tag, what.Soft, seq)
	default:
		next.prefixes = append(next.prefixes, prefix{bytes.Clone(what.Prefix), seq, what.Soft})
		next.bytes += len(what.Prefix)
	}
	p.added++
	p.records.Store(&next)
	p.newest.Store(seq)
}

// full says that so much was purged since the last sweep that everything may go.
func (r *records) full() bool {
	return len(r.prefixes) >= prefixesMost || r.bytes > prefixMost || r.tags.used >= tagsMost
}

// crowded says that they come near to that, and the sweep should not rest: after a pass there are half as many at most.
func (r *records) crowded() bool {
	return len(r.prefixes) > 4*prefixesKept || r.bytes > prefixMost/4*3 || r.tags.used > 3*tagsKept
}

// judge says what the records after since mean for an object, and up to which they go.
func (p *purges) judge(o *Object, since uint64) (v verdict, upTo uint64) {
	upTo = p.newest.Load()
	if upTo <= since {
		return v, since
	}
	r := p.records.Load()
	if since < r.floor {
		return verdict{hard: true}, upTo
	}
	v = verdict{hard: r.all[0] > since, soft: r.all[1] > since}
	for i := 0; i < int(o.tags) && !v.hard; i++ {
		if s := r.tags.find(o.tag(i)); s != nil {
			v.add(s, since)
		}
	}
	key := o.Key()
	first := sort.Search(len(r.prefixes), func(i int) bool { return r.prefixes[i].seq > since })
	for i := first; i < len(r.prefixes) && !v.hard; i++ {
		if x := &r.prefixes[i]; bytes.HasPrefix(key, x.bytes) {
			v.hard, v.soft = v.hard || !x.soft, v.soft || x.soft
		}
	}
	return v, upTo
}

// judgeDraft is judge for an object that is about to be published; it heeds purges of its key too.
func (p *purges) judgeDraft(o *Object, since uint64) (v verdict, upTo uint64) {
	v, upTo = p.judge(o, since)
	v.add(&p.keys[o.hash%keyStamps], since)
	return v, upTo
}

// forget drops records that the sweep has passed with, down to what is kept for drafts that are under way.
func (p *purges) forget(passed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := *p.records.Load()
	floor := next.tags.floor()
	if n := len(next.prefixes); n > 2*prefixesKept || next.bytes > prefixMost/2 {
		floor = max(floor, next.prefixes[max(n/2, n-prefixesKept)-1].seq)
	}
	if floor = min(floor, passed); floor <= next.floor {
		return
	}
	next.floor = floor
	first := sort.Search(len(next.prefixes), func(i int) bool { return next.prefixes[i].seq > floor })
	next.prefixes = append([]prefix(nil), next.prefixes[first:]...)
	next.bytes = 0
	for i := range next.prefixes {
		next.bytes += len(next.prefixes[i].bytes)
	}
	next.tags = next.tags.after(floor)
	p.records.Store(&next)
}
