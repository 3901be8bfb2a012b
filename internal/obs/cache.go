package obs

import (
	"bytes"
	"time"
)

// CacheReading is what the cache holds and has done, at the moment of a scrape. The counts never go down.
type CacheReading struct {
	Bytes, Limit, Objects int64   // held now, what may be held, and in how many objects
	Evictions             []Count // objects that went, by reason
	Fills                 []Count // fills that ended, by result
	Purges                []Count // purges, by what they named
	Filling, Waiting      int64   // answers that are moved into the store now, and requests that wait for another's
	Late                  uint64  // requests that waited in vain
	Behind                int64   // answers that are fetched again without a client now
	Refused               uint64  // those that were not, since too many were
	Backlog               int64   // purges that not every object has been judged by
}

// WatchCache makes every scrape read the cache by read, which must be safe for concurrent use; ok is false, and
// nothing is exported, while there is none. A second call replaces the first.
func (c *Catalogue) WatchCache(read func() (r CacheReading, ok bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched.cache = read
}

// Filled counts how long a fill took, from the request for it to the last byte. It is safe for concurrent use.
func (c *Catalogue) Filled(d time.Duration) {
	h := c.fills.Load()
	if h == nil {
		h = c.beginFills()
	}
	h.Observe(d)
}

func (c *Catalogue) beginFills() *Histogram {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.histograms[cacheFillDuration] == nil {
		h := &Histogram{}
		c.histograms[cacheFillDuration] = h
		c.fills.Store(h)
	}
	return c.fills.Load()
}

// Cached counts one exchange that has ended, by what a cache had to do with its answer: a word of a small fixed set,
// see [CacheWords]; "" is none, and counts nothing. It allocates only when a word comes for the first time and is safe
// for concurrent use.
func (r *RouteSeries) Cached(word string) {
	if word != "" {
		r.cached.get(&r.tenure, word).Inc()
	}
}

// CacheResults returns what [RouteSeries.Cached] has counted for the routes of the configs that serve, by word.
func (c *Catalogue) CacheResults() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]uint64{}
	for _, r := range c.routes {
		if m := r.cached.m.Load(); m != nil {
			for word, n := range *m {
				all[word] += n.Get()
			}
		}
	}
	return all
}

// CacheWords are what [RouteSeries.Cached] counts by, with what they mean; docs/metrics.md is written from them.
func CacheWords() [][2]string {
	return [][2]string{
		{"hit", "answered from the store, fresh"},
		{"stale", "answered from the store past its time, while it is fetched again (`stale_while_revalidate`) or because the client takes it (`max-stale`)"},
		{"error-stale", "answered from the store past its time because the origin failed (`stale_if_error`)"},
		{"revalidated", "answered from the store after the origin said that it still holds"},
		{"collapsed", "answered by the fill of another request for the same"},
		{"miss", "fetched from the origin, and stored unless it broke off or turned out too large: `weir_cache_fills_total` says which"},
		{"uncacheable", "asked for at the origin, and not stored: the answer does not allow it, there was no room, it was for `HEAD`, or there was none but Weir's error"},
		{"bypass", "not looked up, or sent past the cache: another method, a body, an upgrade, a condition on the origin's state, a fill that took longer than `wait`; also the 504 for `only-if-cached`"},
	}
}

// FromStore reports whether a word of [CacheWords] says that the endpoint was not asked for the answer.
func FromStore(word string) bool {
	switch word {
	case "hit", "stale", "error-stale", "revalidated", "collapsed":
		return true
	}
	return false
}

func writeCache(w *bytes.Buffer, r *CacheReading) {
	one := func(name, kind string, n int64) {
		f := family{w: w, name: name, kind: kind}
		f.put("", "", uint64(max(n, 0)))
	}
	counts := func(name, label string, all []Count) {
		f := family{w: w, name: name, kind: "counter"}
		for _, n := range all {
			f.put(labels(label, n.Label), "", n.N)
		}
	}
	one(cacheBytes, "gauge", r.Bytes)
	one(cacheLimit, "gauge", r.Limit)
	one(cacheObjects, "gauge", r.Objects)
	one(cacheFilling, "gauge", r.Filling)
	one(cacheWaiting, "gauge", r.Waiting)
	one(cacheLate, "counter", int64(r.Late))
	one(cacheBehind, "gauge", r.Behind)
	one(cacheRefused, "counter", int64(r.Refused))
	counts(cacheEvictions, "reason", r.Evictions)
	counts(cacheFills, "result", r.Fills)
	counts(cachePurges, "kind", r.Purges)
	one(cacheBacklog, "gauge", r.Backlog)
}
