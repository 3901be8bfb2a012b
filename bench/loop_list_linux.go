package bench

// list is a queue of conns, linked through themselves so that it never allocates. A conn has a pair of links for
// each way, and is in at most one list of a way.
type list struct {
	first, last *conn
	way         int
}

// The ways: what a connection does, and how long it has been dialling.
const (
	doing = iota
	dialling
	ways
)

type link struct {
	prev, next *conn
	in         bool
}

func (l *list) push(c *conn) {
	c.links[l.way] = link{prev: l.last, in: true}
	if l.last == nil {
		l.first = c
	} else {
		l.last.links[l.way].next = c
	}
	l.last = c
}

// remove takes c out of the list; nothing happens if it is in no list of that way.
func (l *list) remove(c *conn) {
	at := c.links[l.way]
	if !at.in {
		return
	}
	c.links[l.way] = link{}
	if at.prev == nil {
		l.first = at.next
	} else {
		at.prev.links[l.way].next = at.next
	}
	if at.next == nil {
		l.last = at.prev
	} else {
		at.next.links[l.way].prev = at.prev
	}
}
