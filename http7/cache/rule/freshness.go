package rule

import (
	"time"

	"weir/http7"
)

// source is where an answer's directives come from.
type source uint8

const (
	sayNothing source = iota // there are none
	sayControl               // Cache-Control
	sayCDN                   // CDN-Cache-Control, which silences Cache-Control and Expires (RFC 9213 §2.2)
	sayBroken                // a CDN-Cache-Control that can't be read beside what else there is
)

// readControl reads the directives that hold for Weir.
func readControl(h *http7.Header) (d Directives, from source) {
	broken := false
	if h.Has(http7.CDNCacheControl) {
		d, ok := readTargeted(h, http7.Known(http7.CDNCacheControl))
		if ok {
			return d, sayCDN
		}
		broken = true
	}
	d = ReadDirectives(h, http7.Known(http7.CacheControl))
	switch {
	case broken:
		return d, sayBroken
	case h.Has(http7.CacheControl):
		return d, sayControl
	}
	return d, sayNothing
}

// dates notes the answer's Date, or when it came where that is none (RFC 9110 §6.6.1).
func (v *Verdict) dates(c *Case) {
	v.Facts.Date = c.Got / int64(time.Second)
	if value, ok := single(c.Answer, http7.Date); ok {
		if at, ok := ParseDate(value, c.Got); ok {
			v.Facts.Date, v.dated = at, true
			return
		}
	}
	v.Facts.Flags |= Undated
}

// validators notes ETag and Last-Modified. One that is there twice, is malformed or not stored, validates nothing.
func (v *Verdict) validators(c *Case) {
	f := &v.Facts
	f.LastModified = NoDate
	if tag, ok := single(c.Answer, http7.ETag); ok && isTag(tag) && !listed(v.dropped, "ETag") {
		f.Flags |= Tagged
		if !isWeak(tag) {
			f.Flags |= StrongTag
		}
	}
	if !c.Answer.Has(http7.LastModified) {
		return
	}
	f.Flags |= BadModified
	if value, ok := single(c.Answer, http7.LastModified); ok && !listed(v.dropped, "Last-Modified") {
		if at, ok := ParseDate(value, c.Got); ok {
			f.LastModified, f.Flags = at, f.Flags&^BadModified
		}
	}
}

// initialAge is how old the answer was when it came (RFC 9111 §4.2.3).
func initialAge(c *Case, date int64) time.Duration {
	apparent := span(min(c.Got/int64(time.Second)-date, maxDelta))
	age, _ := ageField(c.Answer)
	delay := time.Duration(max(c.Got-c.Asked, 0))
	return min(max(apparent, span(age)+delay), span(maxDelta))
}

// ageField reads Age: its first member, if that is a number (RFC 9111 §5.1).
func ageField(h *http7.Header) (seconds int64, ok bool) {
	value := h.Get(http7.Age)
	if value == nil {
		return 0, false
	}
	first, _ := cutComma(value)
	return parseDelta(trimOWS(first))
}

// lifetime is the freshness lifetime that the answer gives itself (RFC 9111 §4.2.1); explicit is false if it says nothing.
func lifetime(c *Case, d *Directives, from source, date int64) (life time.Duration, explicit bool) {
	switch {
	case d.SMaxAge != Absent:
		return span(d.SMaxAge), true
	case d.MaxAge != Absent:
		return span(d.MaxAge), true
	case from == sayCDN || !c.Answer.Has(http7.Expires):
		return 0, false
	}
	at, ok := expires(c)
	if !ok {
		return 0, true // it has expired (RFC 9111 §5.3)
	}
	return span(min(at-date, maxDelta)), true
}

// expires reads Expires; one that is there twice must say the same.
func expires(c *Case) (second int64, ok bool) {
	n := 0
	for value := range c.Answer.Each(http7.Known(http7.Expires)) {
		at, valid := ParseDate(value, c.Got)
		if !valid || n > 0 && at != second {
			return 0, false
		}
		second, n = at, n+1
	}
	return second, true
}

// configured is the lifetime that the configuration gives to an answer that says nothing. A word that forbids caching
// in a field that doesn't count, or is broken, is still a word.
func configured(c *Case, cfg *Config, a *Asks, from source) time.Duration {
	switch {
	case a.Credentials || from == sayCDN || from == sayBroken || c.Answer.Has(http7.Pragma) || streams(c.Answer):
		return 0
	case isPositive(c.Status):
		return min(cfg.TTL, span(maxDelta))
	case IsNegative(c.Status):
		return min(cfg.NegativeTTL, span(maxDelta))
	}
	return 0
}

// streams reports whether an answer goes on for as long as somebody listens: events (https://html.spec.whatwg.org/
// multipage/server-sent-events.html), or parts of which each replaces the one before. Whoever came later would get what is over.
func streams(h *http7.Header) bool {
	kind := h.Get(http7.ContentType)
	for i, c := range kind {
		if c == ';' || isOWS(c) {
			kind = kind[:i]
			break
		}
	}
	return http7.EqualFold(kind, "text/event-stream") || http7.EqualFold(kind, "multipart/x-mixed-replace")
}
