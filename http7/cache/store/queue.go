package store

// The queues that an object may be in.
const (
	queueNone uint8 = iota
	queueSmall
	queueMain
)

// queue is a list of objects, linked through themselves. Guarded by the shard's lock.
type queue struct {
	first, last uint32 // 1 + their numbers
	units       int64  // of the arena, that the objects have
	objects     int64
}

func (q *queue) push(s *slabs, o *Object) {
	o.prev, o.next = q.last, 0
	if q.last != 0 {
		s.object(q.last - 1).next = o.id + 1
	} else {
		q.first = o.id + 1
	}
	q.last = o.id + 1
	q.units += int64(o.units)
	q.objects++
}

func (q *queue) remove(s *slabs, o *Object) {
	if o.prev != 0 {
		s.object(o.prev - 1).next = o.next
	} else {
		q.first = o.next
	}
	if o.next != 0 {
		s.object(o.next - 1).prev = o.prev
	} else {
		q.last = o.prev
	}
	o.prev, o.next = 0, 0
	q.units -= int64(o.units)
	q.objects--
}

// front returns the next to leave, nil if there is none.
func (q *queue) front(s *slabs) *Object {
	if q.first == 0 {
		return nil
	}
	return s.object(q.first - 1)
}
