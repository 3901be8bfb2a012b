// Package content takes values out of request bodies, JSON and XML, for conditions of routes.
//
// match compiles the paths of all conditions of a listener into one Paths and reads a body once for
// all of them. What is read strictly is refused when it is broken: a body that two readers could see
// differently is nobody's. It knows no route and no policy.
package content

import (
	"bytes"

	"weir/http7"
)

// Kind is what a body is written in.
type Kind uint8

// The kinds; None is any other.
const (
	None Kind = iota
	JSON
	XML
)

// MostDepth is how deep values or elements may be nested.
const MostDepth = 64

// KindOf returns what the Content-Type of a head says: JSON for application/json and +json, XML for
// application/xml, text/xml and +xml. Of several fields all must agree; a body with a coding is None.
func KindOf(h *http7.Header) Kind {
	kind := None
	for i := h.Find(contentType, 0); i >= 0; i = h.Find(contentType, i+1) {
		k := kindOf(h.Value(i))
		if k == None || kind != None && k != kind {
			return None
		}
		kind = k
	}
	if kind != None && !isPlain(h) {
		return None
	}
	return kind
}

var (
	contentType     = http7.Known(http7.ContentType)
	contentEncoding = http7.Known(http7.ContentEncoding)
)

// isPlain reports whether no Content-Encoding is named but identity (RFC 9110 §8.4.1).
func isPlain(h *http7.Header) bool {
	for i := h.Find(contentEncoding, 0); i >= 0; i = h.Find(contentEncoding, i+1) {
		if !http7.EqualFold(h.Value(i), "identity") {
			return false
		}
	}
	return true
}

// kindOf looks at the media type alone (RFC 9110 §8.3.1, RFC 6839).
func kindOf(value []byte) Kind {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = value[:i]
	}
	value = bytes.TrimRight(value, " \t")
	switch {
	case http7.EqualFold(value, "application/json"), hasSuffix(value, "+json"):
		return JSON
	case http7.EqualFold(value, "application/xml"), http7.EqualFold(value, "text/xml"), hasSuffix(value, "+xml"):
		return XML
	}
	return None
}

func hasSuffix(value []byte, suffix string) bool {
	return len(value) >= len(suffix) && http7.EqualFold(value[len(value)-len(suffix):], suffix)
}
