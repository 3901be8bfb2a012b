package rule

import (
	"bytes"

	"weir/http7"
)

// AppendConditions appends the field lines that ask the origin whether a stored answer is still good (RFC 9111 §4.3.1):
// If-None-Match with its entity tag, and If-Modified-Since with its Last-Modified, each with its CRLF. Nothing without a
// validator.
func (h Head) AppendConditions(dst []byte) []byte {
	if tag := h.ETag(); tag != nil {
		dst = append(append(append(dst, "If-None-Match: "...), tag...), "\r\n"...)
	}
	if at := h.lastModified(); at != NoDate {
		dst = append(AppendDate(append(dst, "If-Modified-Since: "...), at), "\r\n"...)
	}
	return dst
}

// Confirms reports whether a 304 to [Head.AppendConditions] is about the stored answer (RFC 9111 §4.3.4): what validators it
// has are the stored one's, of which it may leave out any. If not, the 304 says nothing, and the request is to be sent
// again without conditions.
func Confirms(head Head, f *Facts, answer *http7.Header, now int64) bool {
	if answer.Has(http7.ETag) {
		tag, ok := single(answer, http7.ETag)
		stored := head.ETag()
		return ok && stored != nil && isTag(tag) && bytes.Equal(opaque(tag), opaque(stored))
	}
	if !answer.Has(http7.LastModified) {
		return true
	}
	value, ok := single(answer, http7.LastModified)
	at, valid := ParseDate(value, now)
	return ok && valid && at == f.LastModified
}

// SameAsHead reports whether a 200 to HEAD describes the stored answer to GET, whose body is length bytes long: what it
// says of validators and Content-Length is the stored one's (RFC 9111 §4.3.5). If so it may be merged, if not the stored
// answer is to be made stale.
func SameAsHead(head Head, f *Facts, answer *http7.Header, length, now int64) bool {
	if f.Status != 200 {
		return false
	}
	if answer.Has(http7.ContentLength) {
		value, ok := single(answer, http7.ContentLength)
		if n, rest, digits := cutNumber(value); !ok || !digits || len(rest) > 0 || n != length {
			return false
		}
	}
	if answer.Has(http7.ETag) != (head.ETag() != nil) || answer.Has(http7.LastModified) != (f.LastModified != NoDate) {
		return false
	}
	return Confirms(head, f, answer, now)
}

// keptIn304 are names that a 304 doesn't update: they belong to the stored bytes (RFC 9111 §3.2).
var keptIn304 = neverStored | http7.Names(http7.ContentEncoding, http7.ContentRange, http7.ContentDigest, http7.Vary)

// Merge judges the stored answer anew after a 304, or a HEAD that describes it: into becomes its fields, each replaced by
// those of that name in c.Answer but for what belongs to the stored bytes (RFC 9111 §3.2). c.Status is not looked at. The
// verdict is about into, for [AppendHead]: if it says no the stored answer may serve this request, and goes then. Such a
// one is also an answer that now varies by other fields. into needs no block of its own.
func Merge(head Head, c *Case, cfg *Config, into *http7.Header) Verdict {
	var f Facts
	if !head.Facts(&f) {
		return Verdict{Why: "malformed"}
	}
	var old http7.Header
	head.Fill(&old)
	into.CopyFrom(&old)
	update(into, c.Answer, &f)
	merged := *c
	merged.Answer, merged.Status, merged.Method = into, f.Status, []byte("GET")
	v := Judge(&merged, cfg)
	if v.Store && c.Answer.Has(http7.Vary) {
		if now, why := ParseVary(nil, c.Answer); why != "" || !bytes.Equal(now, v.Vary) {
			return Verdict{Why: "vary-changed"}
		}
	}
	return v
}

// update replaces fields of into by those of answer.
func update(into, answer *http7.Header, f *Facts) {
	names := connectionNames(nil, answer)
	if !answer.Has(http7.Date) {
		into.DelID(http7.Date) // it was made when it came (RFC 9110 §6.6.1)
	}
	for i := range answer.Len() {
		name, _ := answer.At(i)
		id := answer.IDAt(i)
		if keptIn304.Has(id) && id != http7.Age || listed(names, name) || id == http7.ETag && !f.Has(StrongTag) && f.Has(Tagged) {
			continue
		}
		if n, ok := http7.NewName(string(name)); ok && answer.Find(n, 0) == i {
			into.Del(n)
			for value := range answer.Each(n) {
				into.Add(n, value)
			}
		}
	}
}
