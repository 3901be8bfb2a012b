package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"weir/http7/cache/store"
)

// churn is a day of a store's life: sizes that change with the hour, so that memory is never of the right size; fills
// that break off, or grow too long; readers that hold what has long been evicted; purges, refreshes and new limits.
type churn struct {
	*store.Store
	t     *testing.T
	rng   *rand.Rand
	limit int64
	held  []*store.Object
	// most is how far Bytes was above the limit, as a share of it.
	most   float64
	stored int64 // bytes of bodies that were written
	body   []byte
}

// mostObject is the largest that the policy stores: what grows over it is doomed.
const mostObject = 256 << 10

func newChurn(t *testing.T, limit int64) *churn {
	s, err := store.New(limit)
	if err != nil {
		t.Fatal(err)
	}
	return &churn{Store: s, t: t, rng: source(77), limit: limit, body: bytes.Repeat([]byte("0123456789abcdef"), 2*mostObject/16)}
}

// sizeAt is the size of a body: by night it is that of small answers of an API, by day of pages and pictures.
func (c *churn) sizeAt(hour int) int {
	kind := c.rng.IntN(100)
	switch day := hour%24 >= 8 && hour%24 < 20; {
	case kind < 2:
		return c.rng.IntN(mostObject)
	case day && kind < 60:
		return 4<<10 + c.rng.IntN(60<<10)
	case kind < 80:
		return 100 + c.rng.IntN(3000)
	}
	return c.rng.IntN(300)
}

// key prefers some objects; every hour brings some that nobody knew.
func (c *churn) key(hour int) []byte {
	id := int(30_000 * c.rng.Float64() * c.rng.Float64())
	return fmt.Appendf(nil, "http://host%d.test/day/%d/object/%d", id%50, (id+hour*100)/3000, id+hour*100)
}

// hour makes so many steps.
func (c *churn) hour(hour, steps int) {
	for i := range steps {
		c.step(hour)
		if i%100 == 0 {
			c.check(hour)
		}
	}
	c.turn(hour)
}

func (c *churn) step(hour int) {
	key := c.key(hour)
	o := c.Get(key)
	switch n := c.rng.IntN(10_000); {
	case n < 30:
		c.DropKey(key)
	case n < 34:
		c.Purge(store.Purge{Tag: c.tag(hour), Soft: n%2 == 0})
	case n < 36:
		c.Purge(store.Purge{Prefix: fmt.Appendf(nil, "http://host%d.test/day/", c.rng.IntN(50)), Soft: n%2 == 0})
	case o == nil || n < 3000:
		c.fill(key, hour)
	case n < 4000:
		if fresh := c.Refresh(o, c.Mark(), []uint64{c.tag(hour)}, c.body[:100+c.rng.IntN(600)]); fresh != nil {
			fresh.Release()
		}
	}
	c.hold(o)
}

func (c *churn) tag(hour int) uint64 { return uint64(1 + hour*10 + c.rng.IntN(10)) }

// hold keeps every tenth object for a while, as a slow reader does.
func (c *churn) hold(o *store.Object) {
	if o == nil {
		return
	}
	if c.rng.IntN(10) > 0 {
		o.Release()
		return
	}
	if c.held = append(c.held, o); len(c.held) > 200 {
		at := c.rng.IntN(len(c.held))
		c.held[at].Release()
		c.held[at] = c.held[len(c.held)-1]
		c.held = c.held[:len(c.held)-1]
	}
}

func (c *churn) release() {
	for _, o := range c.held {
		o.Release()
	}
	c.held = nil
}

// fill stores one object, most of them as they should be.
func (c *churn) fill(key []byte, hour int) {
	size, how := c.sizeAt(hour), c.rng.IntN(100)
	length := int64(size)
	if how < 20 {
		length = -1 // chunked
	}
	if how == 0 {
		size = mostObject + c.rng.IntN(mostObject) // longer than it may become
	}
	d := c.Draft(key, c.Mark(), []uint64{c.tag(hour), c.tag(hour)}, c.body[:100+c.rng.IntN(600)], length, mostObject)
	if d == nil {
		return
	}
	defer d.Release()
	if how == 1 {
		size /= 2 // its origin dies
	}
	for at := 0; at < size; {
		n := min(size-at, 1+c.rng.IntN(32<<10))
		if !d.Write(c.body[at : at+n]) {
			d.Cut()
			return
		}
		at += n
	}
	c.stored += int64(size)
	if how == 1 {
		d.Cut()
		return
	}
	d.Finish(nil)
}

// turn is what an operator does: at six and at eighteen the limit is halved, two hours later it is as before.
func (c *churn) turn(hour int) {
	switch hour % 12 {
	case 6:
		c.release()
		c.limit /= 2
		c.Resize(c.limit)
	case 8:
		c.limit *= 2
		c.Resize(c.limit)
	}
}

func (c *churn) check(hour int) {
	st := c.Stats()
	if over := float64(st.Bytes)/float64(c.limit) - 1; over > c.most || c.most == 0 {
		c.most = over
	}
	if st.Limit != c.limit || float64(st.Bytes) > 1.01*float64(c.limit) {
		c.t.Fatalf("hour %d: %d bytes in use, the limit is %d, said to be %d: %+v", hour, st.Bytes, c.limit, st.Limit, st)
	}
}

// empties fails the test if what nobody holds any more is still accounted for when all is purged.
func (c *churn) empties() {
	c.t.Helper()
	c.release()
	before := c.Stats()
	c.Purge(store.Purge{All: true})
	var st store.Stats
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-look.C {
		if st = c.Stats(); st.Objects == 0 && st.Backlog == 0 && st.Pinned == 0 && st.Bytes < c.limit/8 {
			c.t.Logf("empty: %d bytes of bookkeeping of %d", st.Bytes, c.limit)
			return
		}
	}
	c.t.Errorf("10 s after all was purged: %+v; before: %+v", st, before)
}

// A short day: the long one is TestSoakChurn.
func TestChurnStaysWithinTheLimit(t *testing.T) {
	c := newChurn(t, 4<<20)
	defer c.Close()
	for hour := range 24 {
		c.hour(hour, 300)
	}
	c.empties()
}
