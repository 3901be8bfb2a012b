package cache

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// Config says which answers of a route's endpoints are kept, and when they are used.
//
// GET requests are looked up, and HEAD from what GET has stored. What endpoints say in Cache-Control and Expires, or in
// CDN-Cache-Control in their place, is obeyed. Answers with Set-Cookie and answers to a part of a resource are never stored.
type Config struct {
	// Mode is "enforce", "observe" (answers are stored and judged, but nobody is answered from the store) or "off".
	// Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// TTL is for how long an answer is fresh that says nothing about it; "origin" keeps no such answer. A duration
	// holds for answers with status 200, 203, 204, 300, 301, 308, and never for requests with Authorization, with a Cookie
	// that Key does not name, or of clients that a policy has identified, unless Key has "consumer".
	// Hazard: endpoints that answer by something that is neither in the key nor in Vary. Default: "origin".
	TTL TTL `toml:"ttl"`
	// NegativeTTL is the same for answers with status 404, 405, 410, 414, 451 and 501, and for 500, 502, 503 and 504.
	// "off" keeps only those whose endpoint says for how long. Default: "off".
	NegativeTTL conf.Duration `toml:"negative_ttl"`
	// Key is what distinguishes stored answers, besides the scheme and the route, which always do: "host", "path", "query" for
	// the whole query as it was received, "query:NAME" for chosen parameters in its place, "header:NAME",
	// "cookie:NAME" and "consumer", the name that the policies of the route know a client by. Hazard: what endpoints answer by and is neither here nor in their Vary gets to
	// whoever asks next. Default: ["host", "path", "query"].
	Key []string `toml:"key"`
	// MaxObject is the largest body that is stored. Default: 1MiB, or an eighth of a store of less than 8MiB.
	MaxObject conf.Size `toml:"max_object"`
	// StaleWhileRevalidate is for how long after its time an answer is still used at once while it is fetched again (RFC
	// 5861 §3), of answers that don't say so themselves. Default: "off".
	StaleWhileRevalidate conf.Duration `toml:"stale_while_revalidate"`
	// StaleIfError is for how long after its time an answer is used when the endpoint fails, with status 500, 502, 503 or
	// 504 or without an answer (RFC 5861 §4), of answers that don't say so themselves. Default: "off".
	StaleIfError conf.Duration `toml:"stale_if_error"`
	// Wait is for how long a request waits for another's of the same key to bring the answer, before it gets what
	// StaleIfError allows or goes to an endpoint by itself; "0s" or "off" lets nobody wait. Default: 5s.
	Wait conf.Duration `toml:"wait"`
	// TagsHeader is the field in which endpoints name an answer's tags, for purges, with blanks or commas between
	// them. It does not reach clients. "off" for none. Default: "Surrogate-Key".
	TagsHeader string `toml:"tags_header"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		TTL:                  Origin,
		NegativeTTL:          conf.OffDuration,
		Key:                  []string{keyHost, keyPath, keyQuery},
		MaxObject:            conf.Bytes(1 << 20),
		StaleWhileRevalidate: conf.OffDuration,
		StaleIfError:         conf.OffDuration,
		Wait:                 conf.Dur(5 * time.Second),
		TagsHeader:           "Surrogate-Key",
	}
}

// Size is the store's when the config does not say, in bytes.
const Size = 256 << 20

// The words of Config.Key.
const (
	keyHost   = "host"
	keyPath   = "path"
	keyQuery  = "query"
	keyHeader = "header"
	keyCookie = "cookie"
	// keyConsumer is the name that the route's policies know the client by.
	keyConsumer = "consumer"
)

const (
	// maxSpan bounds what an answer may be kept for without its origin's word.
	maxSpan = 366 * 24 * time.Hour
	// maxMaxObject bounds MaxObject.
	maxMaxObject = 1 << 30
	// maxWait bounds Wait: whoever waits holds a connection.
	maxWait = 10 * time.Minute
)

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	switch {
	case c.TTL.IsOrigin():
	case c.TTL.Value() <= 0:
		p.Add("ttl", strconv.Quote(c.TTL.String())+" is no time at all", `write a longer time, or "origin"`)
	default:
		c.checkSpan(p, "ttl", conf.Dur(c.TTL.Value()))
		if slices.ContainsFunc(c.Key, func(w string) bool { return strings.HasPrefix(w, keyCookie+":") }) {
			p.Warn("ttl", "it does not hold for requests that have any other cookie than those in the key",
				"let endpoints send Cache-Control: max-age, which holds for everybody")
		}
	}
	c.checkSpan(p, "negative_ttl", c.NegativeTTL)
	c.checkSpan(p, "stale_while_revalidate", c.StaleWhileRevalidate)
	c.checkSpan(p, "stale_if_error", c.StaleIfError)
	if n := c.MaxObject.Or(math.MaxInt64); n < 1 || n > maxMaxObject {
		p.Add("max_object", strconv.Quote(c.MaxObject.String())+" is out of range", `write a size from "1B" to "1GiB"; mode = "off" is to store nothing`)
	}
	if c.Wait.Value() > maxWait {
		p.Add("wait", strconv.Quote(c.Wait.String())+" keeps requests waiting for too long", `write at most "10m"; "off" lets nobody wait`)
	}
	c.checkTags(p)
	c.checkKey(p)
}

// checkTags refuses fields that Weir or clients need: that of the tags reaches nobody.
func (c *Config) checkTags(p *conf.Problems) {
	name := []byte(c.TagsHeader)
	switch {
	case c.TagsHeader == tagsOff:
	case !http7.IsToken(name):
		p.Add("tags_header", strconv.Quote(c.TagsHeader)+" is not a field name", `write a name such as "Surrogate-Key", or "off"`)
	case http7.LookupID(name) != http7.Unlisted:
		p.Add("tags_header", strconv.Quote(c.TagsHeader)+" says something else, and would not reach clients",
			`write a name such as "Surrogate-Key", or "off"`)
	}
}

// tagsOff is the TagsHeader of answers without tags.
const tagsOff = "off"

func (c *Config) checkSpan(p *conf.Problems, key string, d conf.Duration) {
	if d.IsOff() {
		return
	}
	p.Positive(key, d)
	if d.Value() > maxSpan {
		p.Add(key, strconv.Quote(d.String())+" is more than a year", `write at most "366d"`)
	}
}

func (c *Config) checkKey(p *conf.Problems) {
	if !slices.Contains(c.Key, keyPath) {
		p.Add("key", "all paths would share one answer", `add "path"`)
	}
	for i, word := range c.Key {
		at := p.Index("key", i)
		kind, name, named := strings.Cut(word, ":")
		switch {
		case slices.Contains(c.Key[:i], word):
			at.Add("", strconv.Quote(word)+" is there twice", "leave one out")
		case !named && (kind == keyHost || kind == keyPath || kind == keyConsumer):
		case !named && kind == keyQuery:
			c.checkQuery(at)
		case named && kind == keyQuery && name != "":
		case named && (kind == keyHeader || kind == keyCookie) && http7.IsToken([]byte(name)):
			checkKeyed(at, kind, name)
		default:
			at.Add("", strconv.Quote(word)+" is no part of a key", `write "host", "path", "query", "query:NAME", "header:NAME", "cookie:NAME" or "consumer"`)
		}
	}
}

// checkQuery notes parameters that the whole query has anyway.
func (c *Config) checkQuery(p *conf.Problems) {
	if slices.ContainsFunc(c.Key, func(w string) bool { return strings.HasPrefix(w, keyQuery+":") }) {
		p.Add("", `"query" is the whole query, chosen parameters and all`, `leave "query" out, or the parameters`)
	}
}

// unkeyable are fields that say nothing about the answer's content, or that the cache has its own rules for.
var unkeyable = http7.Names(http7.Range, http7.IfMatch, http7.IfNoneMatch, http7.IfModifiedSince, http7.IfUnmodifiedSince, http7.IfRange, http7.Connection, http7.TransferEncoding, http7.ContentLength)

func checkKeyed(p *conf.Problems, kind, name string) {
	if kind == keyHeader && unkeyable.Has(http7.LookupID([]byte(name))) {
		p.Add("", name+" does not choose an answer", "leave it out: the cache answers such requests by what it has stored")
	}
	if kind == keyHeader && http7.LookupID([]byte(name)) == http7.Cookie {
		p.Warn("", "every client has an answer of its own then", `write "cookie:NAME" for the cookie that matters`)
	}
}
