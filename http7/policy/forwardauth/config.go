package forwardauth

import (
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/tlsto"
)

// Config asks a service of yours about each request, by a request of its own without a body, and does what it says: 2xx
// lets the request go on; 401, 403, 429 and redirects go to the client as they are.
//
// The service gets the request's method, path with query, scheme, host and client as X-Forwarded-Method, X-Forwarded-Uri,
// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-For, and request_headers.
type Config struct {
	// Mode is "enforce", "observe" (ask, and record what would be done) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// URL is who is asked: "http://auth.internal/check". Required.
	URL string `toml:"url"`
	// RequestHeaders are the client's fields that are sent along. What decides and is not among them, the service does not
	// know. Default: Authorization and Cookie.
	RequestHeaders []string `toml:"request_headers"`
	// Copy are fields of the service's answer that the endpoint gets as request fields: "X-User". What clients write there
	// is removed. Each is also a claim of its name in lower case: "claim:x-user". Default: none.
	Copy []string `toml:"copy"`
	// Consumer is the field of the service's answer that says who it is, for limits, logs and conditions. Default: none.
	Consumer string `toml:"consumer"`
	// Groups is the field of the service's answer that lists the groups of the consumer, with commas. Default: none.
	Groups string `toml:"groups"`
	// Scopes is the field of the service's answer that lists the scopes that were granted, with blanks or commas.
	// Default: none.
	Scopes string `toml:"scopes"`
	// Timeout bounds the question and its answer; the request waits as long. Default: 1s.
	Timeout conf.Duration `toml:"timeout"`
	// Cache is how long an answer of 2xx, 401 or 403 holds for requests that look the same to the service: in method, path,
	// query, host, client and all of request_headers. Hazard: what the service takes back goes on as long. Default: "off".
	Cache conf.Duration `toml:"cache"`
	// CacheSize bounds what is remembered. Default: 16MiB.
	CacheSize conf.Size `toml:"cache_size"`
	// OnFailure is what happens when the service can't be asked, or answers with anything but 2xx, 3xx and 4xx: "closed"
	// refuses with 503, "open" lets the request go on as if the service had said yes, without fields and without a
	// consumer. Hazard: with "open", whoever can bring the service down gets in. Default: "closed".
	OnFailure string `toml:"on_failure"`
	// Pass leaves Authorization, if it is among request_headers, in what goes to the endpoint. Default: false.
	Pass bool `toml:"pass"`
	// MaxBody bounds the body of the service's answer; one that is larger is a failure. Default: 64KiB.
	MaxBody conf.Size `toml:"max_body"`
	// TLS is how the service is spoken to over https. Default: by the system's authorities.
	TLS *tlsto.Config `toml:"tls"`
}

// The values of Config.OnFailure.
const (
	closed = "closed"
	open   = "open"
)

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		RequestHeaders: []string{"Authorization", "Cookie"},
		Timeout:        conf.Dur(time.Second),
		Cache:          conf.OffDuration,
		CacheSize:      conf.Bytes(16 << 20),
		OnFailure:      closed,
		MaxBody:        conf.Bytes(64 << 10),
	}
}

const (
	maxTimeout = time.Minute
	minCache   = 64 << 10
	maxMaxBody = 1 << 20
)

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if u := fetch.CheckURL(p, "url", c.URL); u != nil && fetch.Open(u) {
		p.Warn("url", "what is asked can be read and changed on its way", "write https, or put the service on this machine")
	}
	checkNames(p, "request_headers", c.RequestHeaders, notSent)
	checkNames(p, "copy", c.Copy, notCopied)
	for _, f := range []struct{ key, name string }{{"consumer", c.Consumer}, {"groups", c.Groups}, {"scopes", c.Scopes}} {
		if f.name != "" && !http7.IsToken([]byte(f.name)) {
			p.Add(f.key, strconv.Quote(f.name)+" is not a field name", `write a field of the service's answer, such as "X-User"`)
		}
	}
	c.checkBounds(p)
	p.OneOf("on_failure", c.OnFailure, "what happens when nobody answers", closed, open)
	if c.TLS != nil {
		c.TLS.Check(p.In("tls"))
	}
}

func (c *Config) checkBounds(p *conf.Problems) {
	if t := c.Timeout.Value(); c.Timeout.IsOff() || t <= 0 || t > maxTimeout {
		p.Add("timeout", "a request that waits for an answer needs an end", `write a duration of at most "1m", such as "500ms"`)
	}
	p.Positive("cache", c.Cache)
	if c.CacheSize.IsOff() || c.CacheSize.Value() < minCache {
		p.Add("cache_size", strconv.Quote(c.CacheSize.String())+" holds no answer", `write at least "64KiB"; cache = "off" remembers nothing`)
	}
	if n := c.MaxBody.Value(); c.MaxBody.IsOff() || n < 0 || n > maxMaxBody {
		p.Add("max_body", strconv.Quote(c.MaxBody.String())+" is too much to hold in memory for each answer", `write at most "1MiB"`)
	}
}

// notSent are the fields of the question that are Weir's own.
var notSent = http7.HopByHop | http7.Names(http7.Host, http7.ContentLength, http7.ContentType, http7.ContentEncoding, http7.Expect,
	http7.XForwardedFor, http7.XForwardedHost, http7.XForwardedProto)

// notCopied are the fields of an answer that say nothing of who somebody is, or that Weir itself writes.
var notCopied = http7.HopByHop | http7.Names(http7.Host, http7.ContentLength, http7.ContentType, http7.ContentEncoding, http7.Expect,
	http7.Cookie, http7.SetCookie, http7.Via, http7.XForwardedFor, http7.XForwardedHost, http7.XForwardedProto)

func checkNames(p *conf.Problems, key string, names []string, refused http7.IDSet) {
	seen := map[string]bool{}
	for i, text := range names {
		name, ok := http7.NewName(text)
		switch {
		case !ok:
			p.Index(key, i).Add("", strconv.Quote(text)+" is not a field name", "a name has letters, digits and hyphens")
		case refused.Has(name.ID()) || http7.EqualFold(text, methodField) || http7.EqualFold(text, uriField):
			p.Index(key, i).Add("", text+" is written by Weir itself", "leave it out")
		case seen[strings.ToLower(text)]:
			p.Index(key, i).Add("", text+" is written twice", "leave one of them out")
		}
		seen[strings.ToLower(text)] = true
	}
}

// Fields of the question that have no number.
const (
	methodField = "X-Forwarded-Method"
	uriField    = "X-Forwarded-Uri"
)
