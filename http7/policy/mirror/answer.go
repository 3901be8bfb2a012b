package mirror

import (
	"bytes"

	"weir/http7"
)

// answer is what is compared of one answer.
type answer struct {
	there  bool
	status int
	json   bool
	coding coding
	fields []span // of the headers that are compared, in values
	values []byte
	body   record
}

// span is a part of answer.values; one that is absent begins at -1.
type span struct{ at, end int }

// coding is how a body is encoded.
type coding uint8

const (
	plain coding = iota
	gzipped
	unread // by anything else
)

func (a *answer) reset() {
	a.body.reset(0)
	*a = answer{fields: a.fields[:0], values: a.values[:0], body: a.body}
}

// note takes the head of an answer to a request with that method.
func (a *answer) note(m *mirror, from *http7.Answer, method []byte) {
	a.there, a.status = true, from.Status
	h := &from.Header
	a.json = isJSON(h.Get(http7.ContentType))
	a.coding = codingOf(h)
	a.fields, a.values = a.fields[:0], a.values[:0]
	for i := range m.headers {
		a.fields = append(a.fields, a.take(h, m.headers[i].Name))
	}
	a.body.reset(m.most)
	a.body.over = from.Length > int64(m.most)
	a.body.whole = from.Status == 204 || from.Status == 304 || string(method) == "HEAD"
}

// take copies the values of a field. Several are one list (RFC 9110 §5.3).
func (a *answer) take(h *http7.Header, n http7.Name) span {
	i := h.Find(n, 0)
	if i < 0 {
		return span{-1, -1}
	}
	s := span{at: len(a.values)}
	for first := true; i >= 0; i = h.Find(n, i+1) {
		if !first {
			a.values = append(a.values, ", "...)
		}
		first = false
		a.values = append(a.values, h.Value(i)...)
	}
	s.end = len(a.values)
	return s
}

// value returns the value of the field i, and whether there is one.
func (a *answer) value(i int) ([]byte, bool) {
	s := a.fields[i]
	if s.at < 0 {
		return nil, false
	}
	return a.values[s.at:s.end], true
}

func codingOf(h *http7.Header) coding {
	v := h.Get(http7.ContentEncoding)
	switch {
	case len(v) == 0 || http7.EqualFold(v, "identity"):
		return plain
	case http7.EqualFold(v, "gzip") && h.Find(contentEncoding, h.Find(contentEncoding, 0)+1) < 0:
		return gzipped
	}
	return unread
}

var contentEncoding = http7.Known(http7.ContentEncoding)

// mediaType returns a Content-Type without its parameters.
func mediaType(v []byte) []byte {
	v, _, _ = bytes.Cut(v, []byte(";"))
	return bytes.TrimRight(v, " \t")
}

// isJSON reports whether a Content-Type says JSON (RFC 8259 §11, RFC 6839 §3.1).
func isJSON(contentType []byte) bool {
	t := mediaType(contentType)
	if http7.EqualFold(t, "application/json") {
		return true
	}
	const suffix = "+json"
	return len(t) > len(suffix) && http7.EqualFold(t[len(t)-len(suffix):], suffix)
}

func isEventStream(a *http7.Answer) bool {
	return http7.EqualFold(mediaType(a.Header.Get(http7.ContentType)), "text/event-stream")
}
