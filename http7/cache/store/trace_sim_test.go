package store_test

import "container/list"

// The models below count objects, not bytes, have one shard, and say what a policy could do at best. They are how the
// store's policy was chosen (docs/decisions/029-eviction.md).

// item is an object of a model.
type item struct {
	key  uint64
	uses uint8
	main bool
}

// fifo is a queue of items, the next to leave in front.
type fifo struct{ list.List }

func (q *fifo) pop() *item { return q.Remove(q.Front()).(*item) }

// ghosts remembers the last keys that left.
type ghosts struct {
	room int
	at   map[uint64]*list.Element
	keys list.List
}

func newGhosts(room int) *ghosts { return &ghosts{room: room, at: make(map[uint64]*list.Element)} }

func (g *ghosts) add(k uint64) {
	if g.room == 0 || g.at[k] != nil {
		return
	}
	if len(g.at) >= g.room {
		delete(g.at, g.keys.Remove(g.keys.Front()).(uint64))
	}
	g.at[k] = g.keys.PushBack(k)
}

// take says whether k is remembered, and forgets it.
func (g *ghosts) take(k uint64) bool {
	e := g.at[k]
	if e != nil {
		g.keys.Remove(e)
		delete(g.at, k)
	}
	return e != nil
}

// s3 is S3-FIFO (SOSP 2023): a tenth is a queue of newcomers, who must be asked for twice more to stay.
type s3 struct {
	room, few   int
	at          map[uint64]*item
	small, main fifo
	gone        *ghosts
}

func newS3(room int) *s3 {
	return &s3{room: room, few: max(1, room/10), at: make(map[uint64]*item), gone: newGhosts(room - room/10)}
}

func (c *s3) name() string { return "s3-fifo" }

func (c *s3) ask(k uint64) bool {
	if it := c.at[k]; it != nil {
		it.uses = min(it.uses+1, 3)
		return true
	}
	for len(c.at) >= c.room {
		c.evict()
	}
	it := &item{key: k, main: c.gone.take(k)}
	c.at[k] = it
	if it.main {
		c.main.PushBack(it)
	} else {
		c.small.PushBack(it)
	}
	return false
}

func (c *s3) evict() {
	if c.small.Len() >= c.few || c.main.Len() == 0 {
		it := c.small.pop()
		if it.uses > 1 {
			it.uses = 0
			c.main.PushBack(it)
			return
		}
		c.gone.add(it.key)
		delete(c.at, it.key)
		return
	}
	it := c.main.pop()
	if it.uses > 0 {
		it.uses--
		c.main.PushBack(it)
		return
	}
	delete(c.at, it.key)
}

func (c *s3) close() {}

// guarded is what the store does: S3-FIFO with five changes. One use in the small queue is enough to stay; uses are a
// bit; the main part takes strangers as long as it is not full; the small queue has 8 %, and there are three ghosts for
// four objects; and who comes back from the ghosts gets into the main part only if its next to leave was not used since
// it was last looked at, which costs that one its use.
type guarded struct{ s3 }

func newGuarded(room int) *guarded {
	g := &guarded{*newS3(room)}
	g.few = max(1, room*8/100)
	g.gone = newGhosts(room * 3 / 4)
	return g
}

func (c *guarded) name() string { return "guarded s3-fifo" }

func (c *guarded) ask(k uint64) bool {
	if it := c.at[k]; it != nil {
		it.uses = 1
		return true
	}
	it := &item{key: k}
	if len(c.at) >= c.room {
		it.main = c.gone.take(k) && c.yields()
	}
	for len(c.at) >= c.room {
		c.evict()
	}
	c.at[k] = it
	if it.main {
		c.main.PushBack(it)
	} else {
		c.small.PushBack(it)
	}
	return false
}

// yields makes room in the main part if its next to leave is not in use.
func (c *guarded) yields() bool {
	if c.main.Len() == 0 {
		return true
	}
	it := c.main.pop()
	if it.uses == 0 {
		delete(c.at, it.key)
		return true
	}
	it.uses--
	c.main.PushBack(it)
	return false
}

func (c *guarded) evict() {
	if c.small.Len() >= c.few || c.main.Len() == 0 {
		c.leaveSmall(c.small.pop())
		return
	}
	it := c.main.pop()
	if it.uses > 0 {
		it.uses--
		c.main.PushBack(it)
		return
	}
	delete(c.at, it.key)
}

func (c *guarded) leaveSmall(it *item) {
	if it.uses > 0 || c.main.Len() < c.room-c.few {
		it.uses = 0
		c.main.PushBack(it)
		return
	}
	c.gone.add(it.key)
	delete(c.at, it.key)
}
