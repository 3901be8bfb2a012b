package rule

import (
	"bytes"

	"weir/http7"
)

// Outcome of a request's conditions and Range for a stored answer whose body has a known or unknown length.
type Outcome uint8

// The outcomes.
const (
	// Whole: 200, or whatever status is stored, with the whole body.
	Whole Outcome = iota
	// Unchanged: 304.
	Unchanged
	// Partial: 206 with the ranges.
	Partial
	// Unsatisfiable: 416, with Content-Range: bytes */length.
	Unsatisfiable
)

var (
	conditions    = http7.Names(http7.IfNoneMatch, http7.IfModifiedSince)
	originsAlone  = http7.Names(http7.IfMatch, http7.IfUnmodifiedSince)
	maxConditions = 1000 // entity tags that are compared
)

// ForOrigin reports whether a request has conditions that only an origin evaluates: If-Match and If-Unmodified-Since
// (RFC 9111 §4.3.2). Such a request bypasses the cache.
func ForOrigin(h *http7.Header) bool {
	return h.HasAny(originsAlone) && (h.Has(http7.IfMatch) || h.Has(http7.IfUnmodifiedSince))
}

// NotModified reports whether a GET or HEAD is answered with 304 instead of the stored answer: its If-None-Match, or
// without one its If-Modified-Since, says that the client has it (RFC 9111 §4.3.2, RFC 9110 §13.2.2). A condition that
// can't be read never holds. f are the head's facts; now is for two-digit years.
func NotModified(head Head, f *Facts, request *http7.Header, now int64) bool {
	return request.HasAny(conditions) && notModified(head.ETag(), f, request, now)
}

// PassedNotModified is NotModified for an answer that is passed on without being stored: its fetch has left the client's
// conditions out. c.Length and c.Asked are not looked at.
func PassedNotModified(c *Case) bool {
	if !c.Request.HasAny(conditions) {
		return false
	}
	var v Verdict
	tag, f := c.passed(&v)
	return notModified(tag, f, c.Request, c.Got)
}

// PassedPart is the part of an answer that is passed on without being stored, for which its fetch has left the client's
// Range out: one that is satisfiable, and of a body whose length is known.
func PassedPart(r *Ranges, c *Case) (s Span, ok bool) {
	if c.Status != 200 || c.Length < 0 || string(c.Method) != "GET" || !c.Request.HasAny(rangeSet) {
		return s, false
	}
	var v Verdict
	tag, f := c.passed(&v)
	value, ok := single(c.Request, http7.Range)
	if !ok || !rangeApplies(tag, f, c.Request, c.Got) || r.Parse(value, c.Length) != Partial || r.n > 1 {
		return s, false
	}
	return r.spans[0], true
}

// passed are the validators of an answer that is not stored: its entity tag, if it has a valid one, and v's facts.
func (c *Case) passed(v *Verdict) (tag []byte, f *Facts) {
	v.dates(c)
	v.validators(c)
	f = &v.Facts
	f.Status = c.Status
	f.Flags |= BadModified // its Date says when it was made, not that it was not changed then
	if f.Has(Tagged) {
		tag = c.Answer.Get(http7.ETag)
	}
	return tag, f
}

func notModified(tag []byte, f *Facts, request *http7.Header, now int64) bool {
	switch {
	case f.Status < 200 || f.Status > 299: // RFC 9110 §13.2.1
		return false
	case request.Has(http7.IfNoneMatch):
		return noneMatchFails(request, tag)
	}
	return unmodifiedSince(f, request, now)
}

// noneMatchFails evaluates If-None-Match by weak comparison (RFC 9110 §13.1.2): true if a tag is the stored one, or any.
func noneMatchFails(request *http7.Header, stored []byte) bool {
	found, any, n := false, false, 0
	for value := range request.Each(http7.Known(http7.IfNoneMatch)) {
		if string(trimOWS(value)) == "*" {
			any = true
			n++
			continue
		}
		m, count, ok := findTag(value, stored)
		if !ok {
			return false
		}
		found, n = found || m, n+count
	}
	return found && !any || any && n == 1 // "*" stands alone
}

// findTag looks for a tag in a list of entity tags; ok is false if that is no such list.
func findTag(list, stored []byte) (found bool, n int, ok bool) {
	for {
		for len(list) > 0 && (isOWS(list[0]) || list[0] == ',') {
			list = list[1:]
		}
		if len(list) == 0 {
			return found, n, true
		}
		tag, rest := cutTag(list)
		rest = skipOWS(rest)
		if n++; tag == nil || n > maxConditions || len(rest) > 0 && rest[0] != ',' {
			return false, n, false
		}
		found = found || stored != nil && bytes.Equal(opaque(tag), opaque(stored))
		list = rest
	}
}

// unmodifiedSince evaluates If-Modified-Since (RFC 9110 §13.1.3, RFC 9111 §4.3.2): true if the stored answer is not
// younger. Without Last-Modified its Date decides.
func unmodifiedSince(f *Facts, request *http7.Header, now int64) bool {
	value, ok := single(request, http7.IfModifiedSince)
	if !ok {
		return false
	}
	since, ok := ParseDate(value, now)
	if f.LastModified == NoDate {
		return ok && f.Date <= since && f.Flags&BadModified == 0
	}
	return ok && f.LastModified <= since
}

// rangeApplies evaluates If-Range (RFC 9110 §13.1.5), by strong comparison: true if there is none.
func rangeApplies(stored []byte, f *Facts, request *http7.Header, now int64) bool {
	if !request.Has(http7.IfRange) {
		return true
	}
	value, ok := single(request, http7.IfRange)
	if !ok {
		return false
	}
	if tag, rest := cutTag(value); tag != nil && len(rest) == 0 {
		return f.Has(Tagged|StrongTag) && bytes.Equal(tag, stored)
	}
	at, ok := ParseDate(value, now)
	return ok && f.StrongDate() && at == f.LastModified
}

// single returns the value of a field that is there once.
func single(h *http7.Header, id http7.ID) ([]byte, bool) {
	n := http7.Known(id)
	i := h.Find(n, 0)
	if i < 0 || h.Find(n, i+1) >= 0 {
		return nil, false
	}
	return h.Value(i), true
}

// cutTag cuts an entity tag (RFC 9110 §8.8.3) off the front of b; nil if there is none.
func cutTag(b []byte) (tag, rest []byte) {
	i := 0
	if len(b) > 1 && b[0] == 'W' && b[1] == '/' {
		i = 2
	}
	if i == len(b) || b[i] != '"' {
		return nil, b
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[:i+1], b[i+1:]
		case c < '!' || c == 0x7f:
			return nil, b
		}
	}
	return nil, b
}

func isTag(b []byte) bool {
	tag, rest := cutTag(b)
	return tag != nil && len(rest) == 0
}

func isWeak(tag []byte) bool { return len(tag) > 0 && tag[0] == 'W' }

// opaque is an entity tag without the mark of weakness.
func opaque(tag []byte) []byte {
	if isWeak(tag) {
		return tag[2:]
	}
	return tag
}
