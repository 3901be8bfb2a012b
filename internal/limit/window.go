package limit

import (
	"sync/atomic"
	"time"
)

const (
	// Window is how far back the budget and the breaker look.
	Window = 10 * time.Second
	// windowSlots is into how many slots a window is cut. The window slides by whole slots: it
	// covers the present slot and those before it, so between 9.5 s and 10 s.
	windowSlots = 20
	slotWidth   = Window / windowSlots
)

// window counts what has happened lately. The zero value is empty. It is safe for concurrent use and
// takes no lock.
//
// One word holds a slot, so that one operation moves both parts: the tick that it counts for above,
// the count below. A slot of another round is taken over by whoever counts first.
type window struct{ slots [windowSlots]atomic.Uint64 }

func windowTick(now time.Duration) uint32 { return uint32(now / slotWidth) }

// add counts one.
func (w *window) add(now time.Duration) {
	tick := windowTick(now)
	slot := &w.slots[tick%windowSlots]
	for {
		old := slot.Load()
		if int32(tick-uint32(old>>32)) <= 0 { // this tick, or a newer one that overtook the caller
			slot.Add(1)
			return
		}
		if slot.CompareAndSwap(old, uint64(tick)<<32|1) {
			return
		}
	}
}

// remove takes one back that add counted at the same now.
func (w *window) remove(now time.Duration) {
	tick := windowTick(now)
	slot := &w.slots[tick%windowSlots]
	for {
		old := slot.Load()
		if int32(tick-uint32(old>>32)) > 0 || uint32(old) == 0 {
			return
		}
		if slot.CompareAndSwap(old, old-1) {
			return
		}
	}
}

// sum returns what was counted in the window that ends now.
func (w *window) sum(now time.Duration) (n uint64) {
	tick := windowTick(now)
	for i := range w.slots {
		word := w.slots[i].Load()
		if int32(tick-uint32(word>>32)) < windowSlots {
			n += uint64(uint32(word))
		}
	}
	return n
}

// clear forgets everything. What is added meanwhile may be forgotten too.
func (w *window) clear() {
	for i := range w.slots {
		w.slots[i].Store(0)
	}
}
