package sticky

import (
	"crypto/cipher"
	"errors"
	"strconv"
	"time"

	"weir/http7"
	"weir/lb"
)

// Sticky is the compiled stickiness of one upstream. It never changes and is safe for concurrent
// use.
type Sticky struct {
	name     string
	upstream []byte // what the cookies are bound to
	seals    []cipher.AEAD
	ttl      time.Duration // 0: for as long as the browser is open
	set      string        // "name="
	tail     string        // the attributes, but for Secure
	secure   bool
}

// New compiles c for an upstream. Where c has no key, those stored are used. It fails on what
// Check finds first, and without any key.
func New(upstream string, c *Config, stored Keys) (*Sticky, error) {
	keys := stored
	if len(c.Key) > 0 {
		keys = nil
		for _, s := range c.Key {
			keys = append(keys, s.Reveal())
		}
	}
	if len(keys) == 0 || !http7.IsToken([]byte(c.Cookie)) {
		return nil, errors.New("sticky: upstream " + upstream + ": the cookie has no name or no key")
	}
	s := &Sticky{
		name: c.Cookie, upstream: []byte(upstream), ttl: c.TTL.Value(),
		set: c.Cookie + "=", tail: attributes(c), secure: c.Secure,
	}
	for _, key := range keys {
		a, err := newSeal(key)
		if err != nil {
			return nil, err
		}
		s.seals = append(s.seals, a)
	}
	return s, nil
}

func attributes(c *Config) string {
	tail := "; Path=" + c.Path
	if c.Domain != "" {
		tail += "; Domain=" + c.Domain
	}
	if ttl := c.TTL.Value(); ttl > 0 {
		tail += "; Max-Age=" + strconv.FormatInt(int64(ttl/time.Second), 10)
	}
	if c.HTTPOnly {
		tail += "; HttpOnly"
	}
	return tail + "; SameSite=" + map[string]string{Lax: "Lax", Strict: "Strict", None: "None"}[c.SameSite]
}

// Visit is what stickiness knows of one exchange. Its owner keeps it on the heap, with the
// exchange, so that nothing is allocated per request; Reset makes it ready for the next one.
type Visit struct {
	wanted *lb.Endpoint // that the client's cookie names and the upstream has
	renew  bool         // the cookie is past its half
	work   workspace
}

// Reset forgets the visit.
func (v *Visit) Reset() { v.wanted, v.renew = nil, false }

// maxCandidates bounds how many cookies of the name are looked at: neighbouring sites of one domain
// may have set others, and whoever sends a thousand must not cost a thousand decryptions.
const maxCandidates = 4

// Open returns the endpoint that x's cookie names, nil if there is none: no cookie, or none that is
// ours, whole, of this upstream and not expired, or one whose endpoint the upstream has no more.
// It remembers in v what Keep needs. It does not allocate.
func (s *Sticky) Open(v *Visit, x *http7.Exchange, u *lb.Upstream) *lb.Endpoint {
	v.Reset()
	if !x.Request.Has(http7.Cookie) {
		return nil
	}
	c := http7.Cookies(&x.Request, s.name)
	for n := 0; n < maxCandidates && c.Next(); n++ {
		place, expires, ok := s.open(&v.work, c.Value())
		if !ok || !s.valid(v, expires, x.Arrival) {
			continue
		}
		if e := place.find(u); e != nil {
			v.wanted = e
			return e
		}
	}
	return nil
}

// valid reports whether a cookie that expires then is still good, and notes whether it is due for
// renewal: when half of its time has passed, or when it was made with another TTL.
func (s *Sticky) valid(v *Visit, expires uint32, now time.Time) bool {
	left := time.Duration(int64(expires)-now.Unix()) * time.Second
	switch {
	case expires == 0:
		v.renew = s.ttl > 0
		return true
	case left <= 0:
		return false
	}
	v.renew = left < s.ttl/2 || left > s.ttl+clockSkew || s.ttl == 0
	return true
}

// clockSkew is how far the clocks of two nodes may be apart without their renewing each other's
// cookies all the time.
const clockSkew = time.Minute

// Keep sees to it that the client comes back to e, which has answered x with the answer that is
// kept. It adds Set-Cookie to the answer if the client has no good cookie for e, and keeps other
// caches from storing that answer. Where the client's own endpoint is still fit and was not tried
// (it had as much to do as it may), the client keeps its cookie.
// An answer of 500 and up binds nobody. Keep is called once, after the response policies.
func (s *Sticky) Keep(v *Visit, x *http7.Exchange, e *lb.Endpoint, tried *lb.Tried) {
	a := x.Answer
	switch {
	case a == nil || a.Local || a.Status >= 500 || e == nil:
		return
	case v.wanted == e && !v.renew:
		return
	case v.wanted != nil && v.wanted != e && !tried.Has(v.wanted) && fit(v.wanted):
		return
	}
	var buf [512]byte
	a.Header.Add(setCookie, s.append(buf[:0], v, x, e))
	keepPrivate(x)
}

var setCookie = http7.Known(http7.SetCookie)

// fit reports whether lb would let a session stay at e.
func fit(e *lb.Endpoint) bool { return e.State() <= lb.Draining }

// append appends the value of Set-Cookie.
func (s *Sticky) append(dst []byte, v *Visit, x *http7.Exchange, e *lb.Endpoint) []byte {
	var expires uint32
	if s.ttl > 0 {
		expires = uint32(x.Arrival.Add(s.ttl).Unix())
	}
	dst = append(dst, s.set...)
	dst = s.seal(dst, &v.work, placeOf(e), expires)
	dst = append(dst, s.tail...)
	if s.secure || x.Secure {
		dst = append(dst, "; Secure"...)
	}
	return dst
}
