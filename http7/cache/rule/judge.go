package rule

import (
	"time"

	"weir/http7"
)

// Config is what a policy's configuration says about lifetimes.
type Config struct {
	// TTL is the lifetime of answers 200, 203, 204, 300, 301 and 308 that say nothing about it, NegativeTTL that of the
	// statuses that [IsNegative] lists; 0: they are not stored. Neither holds for requests with credentials ([Asks]).
	TTL, NegativeTTL time.Duration
	// StaleWhileRevalidate and StaleIfError hold for answers that say nothing about them.
	StaleWhileRevalidate, StaleIfError time.Duration
	// MaxObject is the length beyond which an answer is not stored; 0 is no limit.
	MaxObject int64
	// Cookies are the names of those that the key holds.
	Cookies []string
	// Tags is the name of the field that lists tags; its zero value is none.
	Tags http7.Name
}

// Case is an answer to be judged, with its request.
type Case struct {
	Method  []byte
	Request *http7.Header
	// Who is what is known of who asks.
	Who    Who
	Status int
	Answer *http7.Header
	// Length is the declared length of the body, -1 if it shows at its end.
	Length int64
	// Asked and Got are when the request left and when the head came.
	Asked, Got int64
}

// Verdict is what [Judge] says.
type Verdict struct {
	// Store: the answer may be stored, and is worth it.
	Store bool
	// Why is the reason if it may not: one of a few tokens, for Cache-Status and the log.
	Why string
	// Personal: Why is about the request, its credentials or its no-store, so that what is stored for others stays as it is.
	Personal bool
	// Facts are complete if Store is true.
	Facts Facts
	// Vary are the names that the answer varies by, empty for none.
	Vary Vary

	dropped [][]byte // names of fields that are not stored
	own     int      // how many of them, from the first, are for who has asked alone
	dated   bool     // the answer has a valid Date
}

// Judge says whether a shared cache may store an answer, and for how long it stays fresh (RFC 9111 §3, §4.2). Views of
// the verdict live as long as the answer's Header.
func Judge(c *Case, cfg *Config) Verdict {
	var v Verdict
	d, from := readControl(c.Answer)
	asks := ReadAsks(c.Request, cfg.Cookies...)
	asks.By(c.Who)
	v.dropped = append(d.NoCacheFields, d.PrivateFields...)
	v.own = len(v.dropped)
	v.dropped = connectionNames(v.dropped, c.Answer)
	if v.Why = refusal(c, cfg, &d, &asks); v.Why == "" {
		v.Vary, v.Why = ParseVary(nil, c.Answer)
	}
	if v.Why == "" {
		v.Why = v.weigh(c, cfg, &d, &asks, from)
	}
	v.Store = v.Why == ""
	switch v.Why {
	case whyMethod, whyNoStore, whyAuthorization:
		v.Personal = true
	case whyNoLifetime:
		v.Personal = asks.Credentials
	}
	return v
}

// The reasons that are about the request.
const (
	whyMethod        = "method"
	whyNoStore       = "request-no-store"
	whyAuthorization = "authorization"
	whyNoLifetime    = "no-lifetime"
)

// refusal returns why the answer must not be stored whatever its lifetime, "" if nothing stands against it.
func refusal(c *Case, cfg *Config, d *Directives, a *Asks) string {
	switch {
	case string(c.Method) != "GET":
		return whyMethod
	case a.NoStore:
		return whyNoStore
	case neverStatus(c.Status) || d.MustUnderstand && !understood(c.Status):
		return "status"
	case d.Malformed:
		return "malformed"
	case d.NoStore && !d.MustUnderstand: // RFC 9111 §5.2.2.3
		return "no-store"
	case d.Private:
		return "private"
	case c.Answer.Has(http7.SetCookie):
		return "set-cookie"
	case Authorized(c.Request, c.Who) && !d.authorized():
		return whyAuthorization
	case cfg.MaxObject > 0 && c.Length > cfg.MaxObject:
		return "too-large"
	}
	if cfg.Tags.String() != "" && c.Answer.Find(cfg.Tags, 0) >= 0 {
		if _, ok := AppendTags(nil, c.Answer, cfg.Tags); !ok {
			return "tags"
		}
	}
	return ""
}

// Authorized reports whether a request is somebody's in particular (RFC 9111 §3.5).
func Authorized(request *http7.Header, w Who) bool {
	return w == Known || w == Unknown && request.Has(http7.Authorization)
}

// authorized reports whether an answer to a request with Authorization may be stored (RFC 9111 §3.5).
func (d *Directives) authorized() bool { return d.Public || d.MustRevalidate || d.SMaxAge != Absent }

// neverStatus are the interim answers, those that are true of the one request only, and those that RFC 6585 keeps out.
func neverStatus(status int) bool {
	switch status {
	case 206, 304, 407, 412, 416, 428, 429, 431, 511:
		return true
	}
	return status < 200 || status > 599
}

// understood are the statuses whose caching Weir knows (RFC 9111 §3, must-understand).
func understood(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 404, 405, 410, 414, 451, 500, 501, 502, 503, 504:
		return true
	}
	return false
}

// IsNegative reports whether an answer with that status and without a word about its lifetime is stored for NegativeTTL.
func IsNegative(status int) bool {
	switch status {
	case 404, 405, 410, 414, 451, 500, 501, 502, 503, 504:
		return true
	}
	return false
}

func isPositive(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308:
		return true
	}
	return false
}

// weigh fills in the facts and returns why the answer is not worth storing.
func (v *Verdict) weigh(c *Case, cfg *Config, d *Directives, a *Asks, from source) string {
	f := &v.Facts
	f.Status = c.Status
	v.dates(c)
	v.validators(c)
	f.Born = c.Got - int64(initialAge(c, f.Date))
	if age, ok := ageField(c.Answer); ok && age >= 0 {
		f.Flags |= Aged
	}
	life, explicit := lifetime(c, d, from, f.Date)
	if !explicit {
		life = configured(c, cfg, a, from)
		f.Flags |= Configured
		if life <= 0 && !d.NoCache {
			return whyNoLifetime
		}
	}
	f.FreshUntil = f.Born + int64(life)
	if len(v.Vary) > 0 {
		f.Flags |= Varies
	}
	f.restrict(d, cfg)
	if life <= 0 && !f.Validator() && f.WhileRevalidate <= 0 && f.IfError <= 0 || f.Has(NoCache) && !f.Validator() {
		return "stale"
	}
	return ""
}

// restrict sets what the directives say about stale answers.
func (f *Facts) restrict(d *Directives, cfg *Config) {
	if d.NoCache {
		f.Flags = f.Flags&^Configured | NoCache
	}
	if d.MustRevalidate || d.ProxyRevalidate || d.SMaxAge != Absent {
		f.Flags |= MustRevalidate
	}
	if d.Immutable {
		f.Flags |= Immutable
	}
	if f.Flags&(NoCache|MustRevalidate) != 0 {
		return
	}
	f.WhileRevalidate = window(d.StaleWhileRevalidate, cfg.StaleWhileRevalidate)
	f.IfError = window(d.StaleIfError, cfg.StaleIfError)
}

// window is what a directive says, or else the configuration.
func window(seconds int64, otherwise time.Duration) time.Duration {
	if seconds == Absent {
		return min(max(otherwise, 0), span(maxDelta))
	}
	return span(seconds)
}
