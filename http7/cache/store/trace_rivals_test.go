package store_test

import (
	"github.com/dgraph-io/ristretto/v2"
	"github.com/maypok86/otter/v2"
)

// contender is a cache under comparison: ask says whether k was there, and stores it if not.
type contender interface {
	name() string
	ask(k uint64) bool
	close()
}

// otterCache is otter v2 with its adaptive W-TinyLFU. Its work is done at once, where it would come a little later.
type otterCache struct{ *otter.Cache[uint64, uint64] }

func newOtter(room int) otterCache {
	return otterCache{otter.Must(&otter.Options[uint64, uint64]{
		MaximumSize: room,
		Executor:    func(work func()) { work() },
	})}
}

func (c otterCache) name() string { return "otter" }

func (c otterCache) ask(k uint64) bool {
	if _, ok := c.GetIfPresent(k); ok {
		return true
	}
	c.Set(k, k)
	return false
}

func (c otterCache) close() { c.StopAllGoroutines() }

// ristrettoCache is ristretto v2 with the counters that its documentation recommends. Each write is waited for: what
// its buffers drop when they are full is not held against it.
type ristrettoCache struct {
	*ristretto.Cache[uint64, uint64]
}

func newRistretto(room int) (ristrettoCache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[uint64, uint64]{
		NumCounters: int64(10 * room), MaxCost: int64(room), BufferItems: 64, IgnoreInternalCost: true,
	})
	return ristrettoCache{c}, err
}

func (c ristrettoCache) name() string { return "ristretto" }

func (c ristrettoCache) ask(k uint64) bool {
	if _, ok := c.Get(k); ok {
		return true
	}
	c.Set(k, k, 1)
	c.Wait()
	return false
}

func (c ristrettoCache) close() { c.Close() }
