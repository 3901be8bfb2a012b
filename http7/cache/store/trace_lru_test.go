package store_test

import (
	"container/list"
	"testing"
)

// lru is the plain baseline: what was used last stays.
type lru struct {
	room int
	at   map[uint64]*list.Element
	used *list.List // the last used in front
}

func newLRU(room int) *lru {
	return &lru{room, make(map[uint64]*list.Element), list.New()}
}

func (c *lru) name() string { return "lru" }

func (c *lru) ask(k uint64) bool {
	if e := c.at[k]; e != nil {
		c.used.MoveToFront(e)
		return true
	}
	if len(c.at) == c.room {
		oldest := c.used.Back()
		delete(c.at, c.used.Remove(oldest).(uint64))
	}
	c.at[k] = c.used.PushFront(k)
	return false
}

func (c *lru) close() {}

func TestLRUForgetsTheLongestUnused(t *testing.T) {
	c := newLRU(2)
	for i, step := range []struct {
		ask uint64
		hit bool
	}{{1, false}, {2, false}, {1, true}, {3, false}, {2, false}, {3, true}, {1, false}} {
		if got := c.ask(step.ask); got != step.hit {
			t.Errorf("request %d, for %d: hit %v, want %v", i, step.ask, got, step.hit)
		}
	}
}
