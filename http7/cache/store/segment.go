package store

import (
	"sync/atomic"
	"unsafe"
)

// A body that is not in front is a chain of segments: runs that begin with a word, 1 + the first unit of the next
// over the number of units.
const segmentHead = 8

// segmentMost is the room for bytes of the longest segment.
const segmentMost = blockBytes - segmentHead

func (a *arena) segmentWord(unit uint32) *uint64 { return (*uint64)(a.at(unit)) }

// segment returns the room for bytes in the segment at unit.
func (a *arena) segment(unit uint32) []byte {
	units := uint32(atomic.LoadUint64(a.segmentWord(unit)))
	return unsafe.Slice((*byte)(unsafe.Add(a.at(unit), segmentHead)), int(units)*unitBytes-segmentHead)
}

// after returns 1 + the first unit of the segment behind the one at unit; 0: it is the last.
func (a *arena) after(unit uint32) uint32 {
	return uint32(atomic.LoadUint64(a.segmentWord(unit)) >> 32)
}

func (a *arena) setSegment(unit, next, units uint32) {
	atomic.StoreUint64(a.segmentWord(unit), uint64(next)<<32|uint64(units))
}

// segmentUnits is how many units the segment at unit has.
func (a *arena) segmentUnits(unit uint32) uint32 {
	return uint32(atomic.LoadUint64(a.segmentWord(unit)))
}

// shorten frees what is behind the first n bytes of the segment at unit, and returns how many units that were.
func (a *arena) shorten(unit uint32, n int) (freed uint32) {
	had, need := a.segmentUnits(unit), unitsFor(segmentHead+n)
	if need >= had {
		return 0
	}
	a.setSegment(unit, a.after(unit), need)
	a.release(unit+need, int(had-need))
	return had - need
}

// releaseChain frees the segments from first (1 + a unit) on, and returns how many units that were.
func (a *arena) releaseChain(first uint32) (freed uint32) {
	for first != 0 {
		unit := first - 1
		first = a.after(unit)
		n := a.segmentUnits(unit)
		a.release(unit, int(n))
		freed += n
	}
	return freed
}

// unitsOf is how many units the segments of a body of n bytes have, if none has to be shorter than it could.
func unitsOf(n int64) uint32 {
	return uint32(n/segmentMost)*blockUnits + unitsFor(segmentHead+int(n%segmentMost))
}

func unitsFor(n int) uint32 { return uint32((n + unitBytes - 1) / unitBytes) }
