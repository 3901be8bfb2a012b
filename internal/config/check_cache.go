package config

import (
	"slices"
	"strconv"

	"weir/http7/cache"
	"weir/internal/conf"
)

// checkStored looks at a policy's cache beside the rest: the store must hold its largest object, and errors should not
// outlive what is good.
func (c *Config) checkStored(p *conf.Problems, b *Policy) {
	if b.Cache != nil && !b.Cache.TTL.IsOrigin() && b.Cache.NegativeTTL.Value() > b.Cache.TTL.Value() {
		p.In("cache").Warn("negative_ttl", "errors stay for longer than good answers do, "+b.Cache.TTL.String(), "write at most that")
	}
	size := c.Cache.Size
	if b.Cache == nil || size.IsOff() || size.Value() < leastCache || b.Cache.MaxObject.IsOff() {
		return
	}
	p = p.In("cache")
	object, most := b.Cache.MaxObject, cache.MostOf(size.Value())
	switch {
	case object.Value() > size.Value()/2:
		p.Add("max_object", "an object of "+object.String()+" would be more than half of a cache of "+size.String(), "write less, or a larger size in [cache]")
	case object.Value() > most:
		p.Warn("max_object", "a cache of "+size.String()+" holds no object of "+object.String()+": larger ones than "+rounded(most)+" are not stored", "write at most that")
	case object.Value() > size.Value()/fewObjects:
		p.Warn("max_object", "a few objects of "+object.String()+" push everything else out of a cache of "+size.String(), "write less, or a larger size in [cache]")
	}
}

// checkStore warns of a size that is written for nobody, and of one that the machine does not have.
func (c *Config) checkStore(p *conf.Problems, memory func() int64) {
	size := c.Cache.Size
	used := false
	for _, b := range c.Policies {
		used = used || b.Cache != nil // one that is off is so on purpose
	}
	switch {
	case size == DefaultCacheStore().Size:
	case !used:
		p.Warn("size", "nothing is stored: no policy has a cache section", "write [policies.NAME.cache], and policies = \"NAME\" in a route")
	case c.Caches():
		if most := memory(); most > 0 && size.Value() > most {
			p.Warn("size", strconv.Quote(size.String())+" is more than the memory there is, "+rounded(most), "write what can be spared; a store that is full fills the machine")
		}
	}
}

// rounded writes a size without its last bytes.
func rounded(n int64) string {
	if n >= 4<<20 {
		return conf.Bytes(n &^ (1<<20 - 1)).String()
	}
	return conf.Bytes(n &^ (1<<10 - 1)).String()
}

// fewObjects is how many of its largest objects a store should hold.
const fewObjects = 8

// checkCache wants one cache for a route on each of its listeners: an answer is stored once. It warns of one that
// no answer comes to.
func (c *Config) checkCache(p *conf.Problems, r *Route) {
	for i, own := range r.Policies {
		switch {
		case !c.caches(own):
		case !r.Forwards():
			p.Index("policies", i).Warn("", "the cache of "+strconv.Quote(own)+" has no effect: this route answers by itself",
				"leave it out; what is stored are the answers of upstreams")
		default:
			c.checkOneCache(p.Index("policies", i), r, i)
		}
	}
}

// checkOneCache notes the first cache that the one of the i-th policy of a route meets.
func (c *Config) checkOneCache(p *conf.Problems, r *Route, i int) {
	for _, other := range r.Policies[:i] {
		if c.caches(other) {
			p.Add("", "the policy "+strconv.Quote(other)+" has a cache as well", "an answer is stored once; leave one out")
			return
		}
	}
	for _, name := range c.ListenerNames() {
		l := c.Listeners[name]
		for _, other := range l.Policies {
			if r.On(name, l) && c.caches(other) && !slices.Contains(r.Without, other) {
				p.Add("", "the policy "+strconv.Quote(other)+" of listener "+name+" has a cache as well",
					"an answer is stored once; write without = ["+strconv.Quote(other)+"], or leave one out")
				return
			}
		}
	}
}

// checkListenersCache wants one cache among the policies of a listener.
func (c *Config) checkListenersCache(p *conf.Problems, l *Listener) {
	first := ""
	for i, name := range l.Policies {
		switch {
		case !c.caches(name):
		case first == "":
			first = name
		case first != name: // one that is written twice is told of already
			p.Index("policies", i).Add("", "the policy "+strconv.Quote(first)+" has a cache as well", "an answer is stored once; leave one out")
		}
	}
}
