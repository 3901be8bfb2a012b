package cache

import (
	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
	"weir/http7/paths"
)

// changed lets go what an answer to a method that may change things makes invalid: what is stored for its URL, and for
// those that Location and Content-Location name (RFC 9111 §4.4).
func (p *policy) changed(x *http7.Exchange, _ *visit) {
	a := x.Answer
	if x.Fault != nil || a.Local || !rule.Invalidates(x.Method, a.Status) {
		return
	}
	at := placeOf(x)
	p.shared.invalidate(&at)
	for _, to := range rule.InvalidatedBy(&a.Header, string(schemeOf(x.Secure)), x.Authority, x.Path, x.Query) {
		path, f := paths.Literal(to.Path)
		if f != nil {
			continue // no request has that path
		}
		at.path, at.query = []byte(path), nil
		if to.Query != "" {
			at.query = []byte(to.Query)
		}
		p.shared.invalidate(&at)
	}
}

// invalidate purges what is stored for a URL, if that may be anything.
func (c *Cache) invalidate(at *place) {
	var room [256]byte
	last := ""
	for _, k := range c.known() {
		url := k.appendURL(room[:0], at)
		if string(url) != last && c.sights.has(url) {
			c.store.Purge(store.Purge{Tag: tagOf(url)})
		}
		last = string(url)
	}
}
