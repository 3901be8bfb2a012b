package store

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is where regions come from: the system, or, in tests, the heap, where the race detector sees every byte.
type memory struct {
	onHeap bool
	poison bool // overwrite what is freed, so that who still reads it is found out
}

// poisoned is what freed bytes are overwritten with in tests.
const poisoned = 0xdb

// region returns regionBytes of memory, or false if the system has none.
func (m memory) region() (unsafe.Pointer, bool) {
	if m.onHeap {
		// Words, so that the region is aligned.
		return unsafe.Pointer(unsafe.SliceData(make([]uint64, regionBytes/8))), true
	}
	b, err := unix.Mmap(-1, 0, regionBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, false
	}
	// Advice: a read of any of many objects costs a quarter less where the system gives large pages.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	return unsafe.Pointer(unsafe.SliceData(b)), true
}

// freed is told what nobody may read any more.
func (m memory) freed(p unsafe.Pointer, n int) {
	if !m.poison {
		return
	}
	b := unsafe.Slice((*byte)(p), n)
	for i := range b {
		b[i] = poisoned
	}
}

// idle tells the system that the bytes are not needed; they stay mapped, and read as zero.
func (m memory) idle(p unsafe.Pointer, n int) {
	if !m.onHeap {
		// Advice: if it is refused, the memory stays.
		_ = unix.Madvise(unsafe.Slice((*byte)(p), n), unix.MADV_DONTNEED)
	}
}

// unmap gives a region back. Whoever still reads it is killed by the system.
func (m memory) unmap(p unsafe.Pointer) {
	if !m.onHeap {
		// It can fail only for an address that was never mapped. The slice's bounds are those that Mmap returned.
		_ = unix.Munmap(unsafe.Slice((*byte)(p), regionBytes))
	}
}
