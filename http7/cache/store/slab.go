package store

import (
	"sync/atomic"
	"unsafe"
)

// The sizes of slabs. An object's number is its slab's, then its own within.
const (
	slotBits    = 9
	slabObjects = 1 << slotBits
	slabBytes   = 72 << 10 // what the Go heap takes for a slab
)

// slab holds objects, in use and free ones. It lies on the Go heap, and only its beginning has pointers, so that the
// garbage collector passes over the objects. An object is used again and again while readers may still look at it: what
// they do first is to take a hold, and an object that is free refuses that (see [Object.tryHold]). A slab that is no
// longer in its shard's list lives on for as long as somebody has a pointer into it.
type slab struct {
	shard   *shard
	_       [56]byte
	growths [slabObjects]atomic.Pointer[growth]
	objects [slabObjects]Object
	inUse   int // of the objects; guarded by the shard's lock
}

// slabOf returns the slab that o lies in.
func slabOf(o *Object) *slab {
	return (*slab)(unsafe.Add(unsafe.Pointer(o), -int(unsafe.Offsetof(slab{}.objects))-int(o.slot())*int(unsafe.Sizeof(Object{}))))
}

// slabs is a shard's list of them, replaced whole when it changes. An entry is nil if that slab is gone.
type slabs struct {
	list atomic.Pointer[[]*slab]
	_    [64]byte // what readers read is apart from what writers write
	free []uint32 // objects that may be used
	gaps []uint32 // entries of list that are nil
	live int      // slabs
}

// object returns the object with this number, nil if its slab is gone.
func (s *slabs) object(id uint32) *Object {
	list := s.list.Load()
	if list == nil || int(id>>slotBits) >= len(*list) {
		return nil
	}
	if sl := (*list)[id>>slotBits]; sl != nil {
		return &sl.objects[id&(slabObjects-1)]
	}
	return nil
}

// extend adds a slab of free objects.
func (s *slabs) extend(sh *shard) {
	var list []*slab
	if p := s.list.Load(); p != nil {
		list = append(list, *p...)
	}
	at := uint32(len(list))
	if n := len(s.gaps); n > 0 {
		at, s.gaps = s.gaps[n-1], s.gaps[:n-1]
	} else {
		list = append(list, nil)
	}
	sl := &slab{shard: sh}
	list[at] = sl
	for i := slabObjects - 1; i >= 0; i-- {
		o := &sl.objects[i]
		o.id = at<<slotBits | uint32(i)
		o.refs.Store(gone)
		s.free = append(s.free, o.id)
	}
	s.live++
	s.list.Store(&list)
}

// take returns a free object; there must be one.
func (s *slabs) take() *Object {
	id := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	o := s.object(id)
	slabOf(o).inUse++
	return o
}

// give makes o free.
func (s *slabs) give(o *Object) {
	slabOf(o).inUse--
	s.free = append(s.free, o.id)
}

// compact lets go of slabs without an object in use.
func (s *slabs) compact() {
	p := s.list.Load()
	if p == nil {
		return
	}
	list := append([]*slab(nil), *p...)
	for i, sl := range list {
		if sl != nil && sl.inUse == 0 {
			list[i] = nil
			s.gaps = append(s.gaps, uint32(i))
			s.live--
		}
	}
	s.list.Store(&list)
	kept := s.free[:0]
	for _, id := range s.free {
		if list[id>>slotBits] != nil {
			kept = append(kept, id)
		}
	}
	s.free = kept
}

// bookkeeping is what the slabs take, in bytes.
func (s *slabs) bookkeeping() int64 { return int64(s.live) * (slabBytes + 8*slabObjects) }
