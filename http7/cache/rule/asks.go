package rule

import (
	"math"
	"time"

	"weir/http7"
)

// Asks are what a request demands of caches (RFC 9111 §5.2.1).
type Asks struct {
	// NoCache: the origin must be asked. It is set, too, when Cache-Control can't be read, and by Pragma: no-cache
	// where there is no Cache-Control (RFC 9111 §5.4).
	NoCache bool
	// NoStore: nothing of this exchange is stored.
	NoStore bool
	// OnlyIfCached: 504 rather than asking the origin.
	OnlyIfCached bool
	// Credentials: the request has Authorization, or Cookies, so that what a configured lifetime alone keeps is not for it.
	Credentials bool
	// Cookies: it has a cookie that the key does not name.
	Cookies bool
	// MaxAge is how old an answer may be, MinFresh how long it must stay fresh, MaxStale how stale it may be, and
	// StaleIfError so if the origin fails (RFC 5861 §4). A negative one is not asked for.
	MaxAge, MinFresh, MaxStale, StaleIfError time.Duration
}

const forever = time.Duration(math.MaxInt64)

const (
	asking      = http7.IDSet(1<<http7.CacheControl | 1<<http7.Pragma)
	credentials = http7.IDSet(1<<http7.Authorization | 1<<http7.Cookie)
)

// ReadAsks reads them from a request. A number that can't be read is taken as the most demanding one, as is the most
// demanding of several. keyed are the names of cookies that the key holds.
func ReadAsks(h *http7.Header, keyed ...string) (a Asks) {
	a.MaxAge, a.MinFresh, a.MaxStale, a.StaleIfError = Absent, Absent, Absent, Absent
	if h.HasAny(asking | credentials) {
		a.Cookies = h.Has(http7.Cookie) && !onlyCookies(h, keyed)
		a.Credentials = a.Cookies || h.Has(http7.Authorization)
		a.readFields(h)
	}
	return a
}

// Who says what is known of who asks, besides what a request's fields say.
type Who uint8

// What may be known.
const (
	Unknown Who = iota // nothing: Authorization says that somebody in particular asks
	Known              // the proxy knows who asks, by whatever credential; that counts as Authorization does
	Keyed              // it does, and the key holds it: what is stored is for that one, and Authorization is nothing to it
)

// By takes what is known of who asks into account.
func (a *Asks) By(w Who) {
	switch w {
	case Known:
		a.Credentials = true
	case Keyed:
		a.Credentials = a.Cookies
	}
}

func (a *Asks) readFields(h *http7.Header) {
	if !h.Has(http7.CacheControl) {
		for value := range h.Each(http7.Known(http7.Pragma)) {
			a.readPragma(value)
		}
		return
	}
	for value := range h.Each(http7.Known(http7.CacheControl)) {
		a.read(value)
	}
}

func (a *Asks) readPragma(list []byte) {
	for {
		e, rest, how := nextElement(list)
		if how == cutDone {
			return
		}
		a.NoCache = a.NoCache || how == cutOne && http7.EqualFold(e.name, "no-cache")
		list = rest
	}
}

func (a *Asks) read(list []byte) {
	for {
		e, rest, how := nextElement(list)
		switch how {
		case cutDone:
			return
		case cutBad:
			a.NoCache = true
		default:
			a.take(&e)
		}
		list = rest
	}
}

func (a *Asks) take(e *element) {
	switch name := e.name; len(name) {
	case len("max-age"):
		if http7.EqualFold(name, "max-age") {
			a.MaxAge = least(a.MaxAge, e.duration(0))
		}
	case len("no-cache"): // and no-store
		a.NoCache = a.NoCache || http7.EqualFold(name, "no-cache")
		a.NoStore = a.NoStore || http7.EqualFold(name, "no-store")
	case len("max-stale"): // and min-fresh
		switch {
		case http7.EqualFold(name, "min-fresh"):
			a.MinFresh = max(a.MinFresh, e.duration(forever))
		case !http7.EqualFold(name, "max-stale"):
		case e.has:
			a.MaxStale = least(a.MaxStale, e.duration(0))
		default:
			a.MaxStale = least(a.MaxStale, forever)
		}
	case len("only-if-cached"): // and stale-if-error
		a.OnlyIfCached = a.OnlyIfCached || http7.EqualFold(name, "only-if-cached")
		if http7.EqualFold(name, "stale-if-error") {
			a.StaleIfError = least(a.StaleIfError, e.duration(0))
		}
	}
}

// duration reads the argument, bad if it is no number.
func (e *element) duration(bad time.Duration) time.Duration {
	if v, ok := parseDelta(e.arg); ok && e.has && !e.escaped {
		return span(v)
	}
	return bad
}

// least returns the lesser of two, b if a is not asked for.
func least(a, b time.Duration) time.Duration {
	if a < 0 {
		return b
	}
	return min(a, b)
}
