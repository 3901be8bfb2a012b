package cache

import (
	"errors"
	"net/url"
	"strings"

	"weir/http7/cache/store"
)

// Purge says what shall not be used any more: exactly one of URL, Prefix, Tag and All.
type Purge struct {
	// URL names what is stored for one URL, on every route and in every variant: "https://example.com/a?page=2".
	URL string
	// Prefix names what is stored for every URL that begins so: "https://example.com/a/".
	Prefix string
	// Tag names what carries this tag.
	Tag string
	// All names everything.
	All bool
	// Soft leaves the answers where they are and takes them for stale: the next request asks whether they still hold.
	Soft bool
}

// Purge carries p out: no request that comes after it returns is answered from what p names. It takes the same short time
// however much that is. The error says what is wrong with p.
func (c *Cache) Purge(p Purge) error {
	if err := p.check(); err != nil {
		return err
	}
	c.counts.purges[p.kind()].Add(1)
	switch {
	case p.All:
		c.store.Purge(store.Purge{All: true, Soft: p.Soft})
	case p.Tag != "":
		c.store.Purge(store.Purge{Tag: store.TagHash([]byte(p.Tag)), Soft: p.Soft})
	case p.Prefix != "":
		c.purgePrefix(p)
	default:
		c.purgeURL(p)
	}
	if p.Soft { // an object that grows does not know of it
		c.fills.endAll()
	}
	return nil
}

// Fetched reports whether anything was ever fetched for the store by a URL such as that of [Purge]. Of one in many others it
// says so by chance; what it denies has nothing stored.
func (c *Cache) Fetched(text string) bool {
	at := placed(text)
	for _, k := range c.known() {
		if c.sights.has(k.appendURL(nil, &at)) {
			return true
		}
	}
	return false
}

var (
	errPurge = errors.New("write exactly one of key, prefix, tag and all")
	errURL   = errors.New(`a URL begins with "http://" or "https://" and a host, and has no fragment`)
)

func (p *Purge) check() error {
	n := 0
	for _, given := range []bool{p.URL != "", p.Prefix != "", p.Tag != "", p.All} {
		if given {
			n++
		}
	}
	if n != 1 {
		return errPurge
	}
	for _, text := range []string{p.URL, p.Prefix} {
		if text == "" {
			continue
		}
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(text, "#") {
			return errURL
		}
	}
	return nil
}

func (p *Purge) kind() purgeKind {
	switch {
	case p.All:
		return purgeAll
	case p.Tag != "":
		return purgeTag
	case p.Prefix != "":
		return purgePrefix
	}
	return purgeURL
}

// placed takes a URL apart, which check has found well.
func placed(text string) (at place) {
	scheme, rest, _ := strings.Cut(text, "://")
	at.secure = strings.EqualFold(scheme, "https")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	at.authority = []byte(rest[:end])
	path, query, ok := strings.Cut(rest[end:], "?")
	if path == "" {
		path = "/"
	}
	at.path = []byte(path)
	if ok {
		at.query = []byte(query)
	}
	return at
}

// purgeURL purges what is stored for a URL, whatever policy did it.
func (c *Cache) purgeURL(p Purge) {
	at := placed(p.URL)
	c.purgePlace(&at, p.Soft)
}

func (c *Cache) purgePlace(at *place, soft bool) {
	var last string
	for _, k := range c.known() {
		url := k.appendURL(nil, at)
		if string(url) != last { // most often they are all the same
			c.store.Purge(store.Purge{Tag: tagOf(url), Soft: soft})
		}
		last = string(url)
	}
}

// purgePrefix purges what is stored below a prefix, with its host in the key or without.
func (c *Cache) purgePrefix(p Purge) {
	at := placed(p.Prefix)
	for _, host := range []bool{true, false} {
		k := keyed{host: host, query: true}
		if host || c.hostless() {
			c.store.Purge(store.Purge{Prefix: k.appendURL(nil, &at), Soft: p.Soft})
		}
	}
}

// hostless reports whether any policy composes keys without the host.
func (c *Cache) hostless() bool {
	for _, k := range c.known() {
		if !k.host {
			return true
		}
	}
	return false
}
