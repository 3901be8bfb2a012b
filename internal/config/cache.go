package config

import (
	"strconv"

	"weir/http7/cache"
	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// CacheStore is the one store that the cache sections of all policies keep answers in.
type CacheStore struct {
	// Size is how many bytes the stored answers take together, their bookkeeping included. The memory is
	// taken as answers come; when it is full, those that are least worth keeping go. What a reload takes
	// away is thrown out at once. From 1MiB. Default: 256MiB.
	Size conf.Size `toml:"size"`
}

// DefaultCacheStore returns the values of absent keys.
func DefaultCacheStore() CacheStore { return CacheStore{Size: conf.Bytes(cache.Size)} }

// leastCache is the smallest store.
const leastCache = 1 << 20

func (s *CacheStore) check(p *conf.Problems) {
	switch {
	case s.Size.IsOff():
		p.Add("size", "a store without a bound would take all memory", `write a size, such as "256MiB"; without a cache section in a policy nothing is stored`)
	case s.Size.Value() < leastCache:
		p.Add("size", strconv.Quote(s.Size.String())+" holds next to nothing", `write a size from "1MiB"`)
	}
}

// fitObjects cuts the max_object that nobody wrote to what a small store has room for. root is the tree that c was read from.
func (c *Config) fitObjects(root *tomlfile.Node) {
	size := c.Cache.Size
	if size.IsOff() || size.Value() < leastCache {
		return // refused
	}
	most := min(cache.MostOf(size.Value()), size.Value()/fewObjects) &^ (1<<10 - 1)
	for name, b := range c.Policies {
		n := child(child(child(root.Get("policies"), name), "cache"), "max_object")
		if b.Cache != nil && n != nil && n.Val.Nowhere() && b.Cache.MaxObject.Value() > most {
			b.Cache.MaxObject = conf.Bytes(most)
		}
	}
}

// Caches reports whether any policy stores answers.
func (c *Config) Caches() bool {
	for name := range c.Policies {
		if c.caches(name) {
			return true
		}
	}
	return false
}

// caches reports whether a policy stores answers.
func (c *Config) caches(policy string) bool {
	b := c.Policies[policy]
	return b != nil && b.Cache != nil && b.Cache.Mode != conf.ModeOff
}
