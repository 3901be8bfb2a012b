package store

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The arena's measures. A unit is what is handed out at least; a block is the longest run of units; a region is what the
// system is asked for at a time. The system gives the memory itself when it is first touched.
const (
	unitBits    = 7
	unitBytes   = 1 << unitBits
	blockOrder  = 9
	blockUnits  = 1 << blockOrder
	blockBytes  = blockUnits * unitBytes
	regionBits  = blockOrder + 6
	regionUnits = 1 << regionBits
	regionBytes = regionUnits * unitBytes
)

// arena hands out runs of units within blocks of 64 KiB: a run that fits well, cut to the length that was asked for. A
// free run merges with its free neighbours, whatever their lengths, and is in a list by length (two-level segregated
// fit, ECRTS 2004). Its first bytes link it there, its last ones say where it begins.
//
// The shard's lock guards it; bytes and at may be called without.
type arena struct {
	memory  memory
	bases   atomic.Pointer[[]unsafe.Pointer] // of the regions
	_       [64]byte                         // what readers read is apart from what writers write
	marks   [][]uint8                        // by region and unit: whether a free run begins or ends there
	lists   [classes]uint32                  // by class: 1 + the first unit of the first free run
	filled  uint64                           // the classes whose lists are not empty
	idle    []uint32                         // first units of blocks that were given back to the system
	idling  []uint8                          // by region: how many of them
	marked  int64                            // regions with marks; one that is all idle needs none
	fresh   uint32                           // the first unit that was never handed out
	used    int64                            // units handed out
	touched int64                            // blocks that the system may have given memory to
}

// What a free run's first and last unit are marked with.
const (
	begins = 1 << iota
	ends
)

// link is what a free run begins with: 1 + the first units of its neighbours in its list, and its length.
type link struct{ prev, next, units uint32 }

// bytes returns n bytes from the beginning of a unit on.
func (a *arena) bytes(unit uint32, n int) []byte {
	return unsafe.Slice((*byte)(a.at(unit)), n)
}

func (a *arena) at(unit uint32) unsafe.Pointer {
	return unsafe.Add((*a.bases.Load())[unit>>regionBits], int(unit&(regionUnits-1))<<unitBits)
}

func (a *arena) link(unit uint32) *link { return (*link)(a.at(unit)) }

// back is the last word of a free run whose last unit this is: how long it is.
func (a *arena) back(unit uint32) *uint32 { return (*uint32)(unsafe.Add(a.at(unit), unitBytes-4)) }

func (a *arena) mark(unit uint32) *uint8 { return &a.marks[unit>>regionBits][unit&(regionUnits-1)] }

// bookkeeping is what the arena itself takes, in bytes.
func (a *arena) bookkeeping() int64 { return a.marked * regionUnits }

// The classes of lengths: up to 16 units one each, then eight to every doubling, whole blocks last.
const (
	finest  = 16
	classes = finest + 5*8 + 1
)

// class returns the class that a free run of n units is in.
func class(n uint32) int {
	if n < finest {
		return int(n)
	}
	octave := bits.Len32(n) - 5 // 0 from 16 on
	return finest + octave*8 + int(n>>(octave+1)&7)
}

// atLeast returns the first class all of whose runs have n units.
func atLeast(n uint32) int {
	c := class(n)
	if n > finest && n&(1<<(bits.Len32(n)-4)-1) != 0 {
		c++
	}
	return c
}

// ahead is what the next call of alloc may add to bookkeeping.
func (a *arena) ahead() int64 {
	region := a.fresh >> regionBits
	if n := len(a.idle); n > 0 {
		region = a.idle[n-1] >> regionBits
	}
	if int(region) < len(a.marks) && a.marks[region] != nil {
		return 0
	}
	return regionUnits
}

// searched is how many runs of a class are looked at for one that is long enough.
const searched = 8

// alloc returns a run of n units. most is how many blocks may have memory.
func (a *arena) alloc(n int, most int64) (unit uint32, ok bool) {
	want := uint32(n)
	if found := a.filled >> atLeast(want); found != 0 {
		return a.take(a.lists[atLeast(want)+bits.TrailingZeros64(found)]-1, want), true
	}
	at := a.lists[class(want)]
	for i := 0; at != 0 && i < searched; i++ {
		if a.link(at-1).units >= want {
			return a.take(at-1, want), true
		}
		at = a.link(at - 1).next
	}
	if unit, ok = a.block(most); !ok {
		return 0, false
	}
	a.put(unit, blockUnits)
	return a.take(unit, want), true
}

// allocAny returns a run of at most n units: a long one, if there is none of n.
func (a *arena) allocAny(n int, most int64) (unit uint32, got int, ok bool) {
	if unit, ok = a.alloc(n, most); ok {
		return unit, n, true
	}
	if a.filled == 0 {
		return 0, 0, false
	}
	unit = a.lists[bits.Len64(a.filled)-1] - 1
	got = min(n, int(a.link(unit).units))
	return a.take(unit, uint32(got)), got, true
}

// take takes n units of the free run at unit; what is behind them stays free.
func (a *arena) take(unit, n uint32) uint32 {
	had := a.link(unit).units
	a.unlink(unit)
	if had > n {
		a.put(unit+n, had-n)
	}
	a.used += int64(n)
	return unit
}

// block returns a whole block that has no run yet.
func (a *arena) block(most int64) (unit uint32, ok bool) {
	if a.touched >= most {
		return 0, false
	}
	if n := len(a.idle); n > 0 {
		unit, a.idle = a.idle[n-1], a.idle[:n-1]
		a.idling[unit>>regionBits]--
		a.setMarks(unit >> regionBits)
		a.touched++
		return unit, true
	}
	if int(a.fresh>>regionBits) == len(a.marks) && !a.extend() {
		return 0, false
	}
	unit = a.fresh
	a.fresh += blockUnits
	a.touched++
	return unit, true
}

// extend asks the system for a region.
func (a *arena) extend() bool {
	base, ok := a.memory.region()
	if !ok {
		return false
	}
	var bases []unsafe.Pointer
	if p := a.bases.Load(); p != nil {
		bases = *p
	}
	bases = append(bases[:len(bases):len(bases)], base)
	a.bases.Store(&bases)
	a.marks, a.idling = append(a.marks, nil), append(a.idling, 0)
	a.setMarks(uint32(len(bases) - 1))
	return true
}

// setMarks sees to it that a region has marks.
func (a *arena) setMarks(region uint32) {
	if a.marks[region] == nil {
		a.marks[region] = make([]uint8, regionUnits)
		a.marked++
	}
}

// release frees n units that alloc returned, all of a run or a part.
func (a *arena) release(unit uint32, n int) {
	a.used -= int64(n)
	a.memory.freed(a.at(unit), n*unitBytes)
	units := uint32(n)
	if unit&(blockUnits-1) != 0 && *a.mark(unit - 1)&ends != 0 {
		before := *a.back(unit - 1)
		unit -= before
		units += before
		a.unlink(unit)
	}
	if behind := unit + units; behind&(blockUnits-1) != 0 && *a.mark(behind)&begins != 0 {
		units += a.link(behind).units
		a.unlink(behind)
	}
	a.put(unit, units)
}

// put makes a free run.
func (a *arena) put(unit, units uint32) {
	c := class(units)
	next := a.lists[c]
	*a.link(unit) = link{next: next, units: units}
	*a.back(unit + units - 1) = units
	*a.mark(unit) |= begins
	*a.mark(unit + units - 1) |= ends
	if next != 0 {
		a.link(next - 1).prev = unit + 1
	}
	a.lists[c] = unit + 1
	a.filled |= 1 << c
}

// unlink takes a free run out of its list.
func (a *arena) unlink(unit uint32) {
	l := *a.link(unit)
	c := class(l.units)
	if l.next != 0 {
		a.link(l.next - 1).prev = l.prev
	}
	if l.prev != 0 {
		a.link(l.prev - 1).next = l.next
	} else if a.lists[c] = l.next; l.next == 0 {
		a.filled &^= 1 << c
	}
	*a.mark(unit) &^= begins
	*a.mark(unit + l.units - 1) &^= ends
}

// trim gives free blocks back to the system until at most the given number has memory, or none is free.
func (a *arena) trim(blocks int64) {
	for a.touched > blocks && a.lists[classes-1] != 0 {
		unit := a.lists[classes-1] - 1
		a.unlink(unit)
		a.memory.idle(a.at(unit), blockBytes)
		a.idle = append(a.idle, unit)
		a.touched--
		region := unit >> regionBits
		a.idling[region]++
		if a.idling[region] == regionUnits/blockUnits {
			a.marks[region] = nil
			a.marked--
		}
	}
}

// close gives all regions back.
func (a *arena) close() {
	p := a.bases.Load()
	if p == nil {
		return
	}
	for _, base := range *p {
		a.memory.unmap(base)
	}
}
