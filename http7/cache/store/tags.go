package store

import (
	"slices"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// leastTags is the smallest tag table.
const leastTags = 64

// TagHash returns what stands for a tag in [Store.Draft] and [Purge]; it is never 0.
func TagHash(tag []byte) uint64 { return max(xxhash.Sum64(tag), 1) }

// tagTable has the marks of purged tags. It is read without a lock while one writer adds; when it is full, a larger one
// takes its place.
type tagTable struct {
	mask uint64
	used int // the writer's
	tags []tagStamps
}

type tagStamps struct {
	tag atomic.Uint64 // 0: the end of a probe
	stamps
}

func newTagTable(n int) *tagTable { return &tagTable{mask: uint64(n - 1), tags: make([]tagStamps, n)} }

// at returns where a tag is, or would be.
func (t *tagTable) at(tag uint64) *tagStamps {
	for i := tag * 0x9e3779b97f4a7c15 >> 32 & t.mask; ; i = (i + 1) & t.mask {
		if have := t.tags[i].tag.Load(); have == tag || have == 0 {
			return &t.tags[i]
		}
	}
}

// find returns the marks of a tag, nil if it was not purged.
func (t *tagTable) find(tag uint64) *stamps {
	if at := t.at(tag); at.tag.Load() == tag {
		return &at.stamps
	}
	return nil
}

// with returns a table, t or a larger one, in which the tag has the mark.
func (t *tagTable) with(tag uint64, soft bool, seq uint64) *tagTable {
	at := t.at(tag)
	if at.tag.Load() == 0 {
		if 2*t.used >= len(t.tags) {
			return t.copied(2*len(t.tags), 0).with(tag, soft, seq)
		}
		t.used++
	}
	// The mark comes before the tag by which it is found.
	at.raise(soft, seq)
	at.tag.Store(tag)
	return t
}

// copied returns a table of n places with the tags whose newest mark is over floor.
func (t *tagTable) copied(n int, floor uint64) *tagTable {
	c := newTagTable(n)
	for i := range t.tags {
		if from := &t.tags[i]; from.tag.Load() != 0 && from.newest() > floor {
			to := c.at(from.tag.Load())
			to.stamps[0].Store(from.stamps[0].Load())
			to.stamps[1].Store(from.stamps[1].Load())
			to.tag.Store(from.tag.Load())
			c.used++
		}
	}
	return c
}

func (t *tagStamps) newest() uint64 { return max(t.stamps[0].Load(), t.stamps[1].Load()) }

// floor is the mark up to which tags may be forgotten so that tagsKept are left; 0 while there are less than twice as many.
func (t *tagTable) floor() uint64 {
	if t.used <= 2*tagsKept {
		return 0
	}
	marks := make([]uint64, 0, t.used)
	for i := range t.tags {
		if t.tags[i].tag.Load() != 0 {
			marks = append(marks, t.tags[i].newest())
		}
	}
	slices.Sort(marks)
	return marks[len(marks)-tagsKept-1]
}

// after returns a table without the tags whose marks are all up to floor.
func (t *tagTable) after(floor uint64) *tagTable {
	n := leastTags
	for n < 4*tagsKept && 2*t.used >= n {
		n *= 2
	}
	return t.copied(max(n, len(t.tags)/2), floor)
}
