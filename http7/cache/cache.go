package cache

import (
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7/cache/store"
)

// Cache is what all policies of a process share: the store, the fills under way, and the counters. It outlives reloads.
// All its methods are safe for concurrent use.
type Cache struct {
	store  *store.Store
	fills  fills
	sights sights
	log    *slog.Logger
	filled func(time.Duration)
	counts counts

	mu     sync.Mutex
	shapes atomic.Pointer[[]keyed] // guarded by mu for writing: every way in which URLs are keyed
}

// New returns an empty cache that uses at most size bytes. filled, unless it is nil, is told how long each fill took,
// from the request for it to its last byte.
func New(size int64, log *slog.Logger, filled func(time.Duration)) (*Cache, error) {
	s, err := store.New(max(size, store.Smallest))
	if err != nil {
		return nil, err
	}
	if filled == nil {
		filled = func(time.Duration) {}
	}
	c := &Cache{store: s, log: log, filled: filled}
	c.sights.seed = maphash.MakeSeed()
	c.fills.init()
	return c, nil
}

// Resize changes how many bytes c uses at most, and evicts down to it.
func (c *Cache) Resize(size int64) { c.store.Resize(max(size, store.Smallest)) }

// MostOf is the largest body that a cache of size bytes stores: its head and its key want some room beside it.
func MostOf(size int64) int64 { return store.MostOf(max(size, store.Smallest)) - besideBody }

// Most is the largest body that c stores now. After a Resize it may be less than MostOf says: the store's parts are as many
// as they were.
func (c *Cache) Most() int64 { return c.store.Most() - besideBody }

// besideBody is what MostOf leaves for them.
const besideBody = 64 << 10

// Close gives the memory back. No exchange may be under way that a policy of c has seen.
func (c *Cache) Close() { c.store.Close() }

// learn notes how a policy composes URLs, so that a purge of a URL finds what it has stored.
func (c *Cache) learn(k *keyed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var known []keyed
	if p := c.shapes.Load(); p != nil {
		known = *p
	}
	for i := range known {
		if known[i].alike(k) {
			return
		}
	}
	grown := append(known[:len(known):len(known)], keyed{host: k.host, query: k.query, params: k.params})
	c.shapes.Store(&grown)
}

// known returns every way in which URLs are keyed.
func (c *Cache) known() []keyed {
	if p := c.shapes.Load(); p != nil {
		return *p
	}
	return nil
}
