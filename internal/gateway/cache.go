package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/cache"
	"weir/http7/match"
	"weir/http7/paths"
	"weir/internal/admin"
	"weir/internal/config"
	"weir/internal/obs"
)

// cacheFor returns the cache that the steps of cfg share, nil if it has none. There is one for the process, made for
// the first config that wants it; what it holds outlives every reload.
func (g *Gateway) cacheFor(cfg *config.Config) (*cache.Cache, error) {
	c := g.cache.Load()
	if c != nil || !cfg.Caches() {
		return c, nil
	}
	c, err := cache.New(cfg.Cache.Size.Value(), g.log.Logger, g.catalogue.Filled)
	if err == nil {
		g.cache.Store(c)
	}
	return c, err
}

// fitCache gives the cache the size of a config that is published. One without a cache gives the memory back, and what
// was stored is gone: nobody could have purged it meanwhile.
func (g *Gateway) fitCache(old, next *config.Config) {
	c := g.cache.Load()
	switch {
	case c == nil:
	case next.Caches():
		c.Resize(next.Cache.Size.Value())
		g.warnOfMost(c, next)
	case old.Caches():
		if err := c.Purge(cache.Purge{All: true}); err != nil {
			g.log.Error("the cache can't be emptied", "error", err)
		}
		c.Resize(0)
		g.log.Info("the cache is emptied: no policy stores answers any more")
	}
}

// warnOfMost says which policies would store more than a cache takes that was made for another size.
func (g *Gateway) warnOfMost(c *cache.Cache, cfg *config.Config) {
	most := c.Most()
	for _, name := range cfg.PolicyNames() {
		b := cfg.Policies[name].Cache
		if b != nil && b.MaxObject.Value() > most && b.MaxObject.Value() <= cache.MostOf(cfg.Cache.Size.Value()) {
			g.log.Warn("the cache was made for another size, and takes no object as large as a policy's max_object before a restart",
				"policy", name, "max_object", b.MaxObject.String(), "takes", most)
		}
	}
}

// endCache gives the memory back once everything has ended. Where an exchange or a fill could not be cut it goes with
// the process: somebody may read it.
func (g *Gateway) endCache() {
	c := g.cache.Swap(nil)
	if c == nil || g.stuck.Load() {
		return
	}
	if behind, _ := g.shared.Repeats(); behind == 0 && c.Stats().Filling == 0 {
		c.Close()
	}
}

// caching returns the cache if the config that serves stores answers; nil if not.
func (g *Gateway) caching() *cache.Cache {
	if now := g.current.Load(); now == nil || !now.Config.Caches() {
		return nil
	}
	return g.cache.Load()
}

// Purge lets what o names leave the cache: no request that comes after it is answered from that.
func (g *Gateway) Purge(o admin.Purge) (admin.Purged, error) {
	c := g.caching()
	if c == nil {
		return admin.Purged{}, &admin.UnknownError{Text: "there is no cache: no policy of the config that serves stores answers"}
	}
	list, err := purges(&o)
	if err != nil {
		return admin.Purged{}, err
	}
	done := admin.Purged{Kind: o.Kind(), What: []string{}, Soft: o.Soft}
	for _, p := range list {
		if err := c.Purge(p); err != nil {
			return admin.Purged{}, err
		}
		done.Unseen = p.URL != "" && !c.Fetched(p.URL)
		if what := p.URL + p.Prefix + p.Tag; what != "" { // it has one of them
			done.What = append(done.What, what)
		}
	}
	g.log.Info("purged from the cache", "kind", done.Kind, "what", done.What, "soft", o.Soft)
	return done, nil
}

// purges returns what a purge comes to in the words of the cache.
func purges(o *admin.Purge) (list []cache.Purge, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	p := cache.Purge{All: o.All, Soft: o.Soft}
	if o.Key != "" {
		p.URL, err = canonical(o.Key)
	}
	if o.Prefix != "" {
		p.Prefix, err = canonical(o.Prefix)
	}
	if o.Tag == nil {
		return []cache.Purge{p}, err
	}
	for i, tag := range o.Tag {
		if p.Tag = tag; !slices.Contains(o.Tag[:i], tag) {
			list = append(list, p)
		}
	}
	return list, nil
}

// canonical writes the path of a URL in the one form that requests are looked up by, and its scheme and host as they
// are compared.
func canonical(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	path, query, asked := strings.Cut(rest[end:], "?")
	path, f := formOf(path)
	if f != nil {
		return "", fmt.Errorf("no request has a path such as that of %q: %w", text, f)
	}
	if asked {
		path += "?" + query
	}
	host, err := hostOf(u)
	return u.Scheme + "://" + host + path, err
}

// hostOf is the host of a URL as clients send it: in lower case, international names in the form that DNS knows.
func hostOf(u *url.URL) (string, error) {
	host := strings.ToLower(u.Host)
	if !strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return host, nil
	}
	name, err := match.Host(u.Hostname())
	if port := u.Port(); port != "" {
		name += ":" + port
	}
	return name, err
}

// formOf is the canonical form of a path, which may be absent.
func formOf(path string) (string, *http7.Fault) {
	if path == "" {
		return "/", nil
	}
	return paths.Literal(path)
}

// cacheReading is the cache as a scrape wants it.
func (g *Gateway) cacheReading() (r obs.CacheReading, ok bool) {
	c := g.caching()
	if c == nil {
		return r, false
	}
	s := c.Stats()
	behind, refused := g.shared.Repeats()
	return obs.CacheReading{
		Bytes: s.Store.Bytes, Limit: s.Store.Limit, Objects: s.Store.Objects, Backlog: s.Store.Backlog,
		Evictions: []obs.Count{
			{Label: "small", N: s.Store.EvictedSmall}, {Label: "main", N: s.Store.EvictedMain},
			{Label: "replaced", N: s.Store.Replaced}, {Label: "purged", N: s.Store.Purged},
		},
		Fills: counted(s.Fills), Purges: counted(s.Purges),
		Filling: s.Filling, Waiting: s.Waiting, Late: s.Late, Behind: behind, Refused: refused,
	}, true
}

// counted returns counts in the order of their labels.
func counted(all map[string]uint64) (list []obs.Count) {
	for label, n := range all {
		list = append(list, obs.Count{Label: label, N: n})
	}
	slices.SortFunc(list, func(a, b obs.Count) int { return strings.Compare(a.Label, b.Label) })
	return list
}

// cacheStatus is the cache as status shows it; nil without one.
func (g *Gateway) cacheStatus() *admin.CacheStatus {
	c := g.caching()
	if c == nil {
		return nil
	}
	s := c.Stats()
	st := &admin.CacheStatus{
		Bytes: s.Store.Bytes, Limit: s.Store.Limit, Objects: s.Store.Objects, Backlog: s.Store.Backlog,
		Results: g.catalogue.CacheResults(),
	}
	var served, all uint64
	for word, n := range st.Results {
		if all += n; obs.FromStore(word) {
			served += n
		}
	}
	if all > 0 {
		st.HitRatio = float64(served) / float64(all)
	}
	return st
}
