package store_test

import (
	"encoding/binary"
	"testing"

	"weir/http7/cache/store"
)

// stored is the store under comparison, with objects of one size.
type stored struct {
	*store.Store
	key        []byte
	head, body []byte
}

func newStored(t testing.TB, size int64) *stored {
	t.Helper()
	s, err := store.New(size)
	if err != nil {
		t.Fatal(err)
	}
	return &stored{Store: s, key: []byte("http://origin.test/objects/........"), head: make([]byte, 200), body: make([]byte, 1024)}
}

func (c *stored) name() string { return "weir" }

func (c *stored) close() { c.Close() }

func (c *stored) ask(k uint64) bool {
	c.name8(k)
	if o := c.Get(c.key); o != nil {
		o.Release()
		return true
	}
	c.put()
	return false
}

// name8 makes the key that of object k.
func (c *stored) name8(k uint64) { binary.BigEndian.PutUint64(c.key[len(c.key)-8:], k) }

// put stores an object under the key and reports whether it was published.
func (c *stored) put(tags ...uint64) bool {
	d := c.Draft(c.key, c.Mark(), tags, c.head, int64(len(c.body)), int64(len(c.body)))
	if d == nil {
		return false
	}
	defer d.Release()
	if !d.Write(c.body) {
		d.Cut()
		return false
	}
	return d.Finish(nil)
}

// roomOf is how many of the objects a store of that size holds.
func roomOf(t testing.TB, size int64) int {
	t.Helper()
	c := newStored(t, size)
	defer c.close()
	for k := range 3 * size / int64(len(c.body)) {
		c.ask(uint64(k))
	}
	return int(c.Stats().Objects)
}

// keepsUp compares a store of that size with the others, which get room for as many objects as it has, and judges.
func keepsUp(t *testing.T, size int64) {
	room := roomOf(t, size)
	all := append([]func() contender{func() contender { return newStored(t, size) }}, rivals(t, room)...)
	if !testing.Short() { // what could be is for comparison alone
		all = append(all, models(room)...)
	}
	r := compare(t, room, all...)
	t.Logf("%d MiB, room for %d objects; hit ratio in %%\n\n%v", size>>20, room, r)
	r.judge(t, "weir")
}

// Issue 7: the mean at least otter's - 0.5 points and above ristretto's and LRU's, no trace more than 2 points below
// otter's.
func TestHitRatioKeepsUpWithTheRivals(t *testing.T) {
	t.Parallel()
	if testing.Short() { // a race detector makes it fifty times as long
		keepsUp(t, store.Smallest)
		return
	}
	keepsUp(t, 8<<20)
}
