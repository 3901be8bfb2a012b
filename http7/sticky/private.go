package sticky

import (
	"bytes"

	"weir/http7"
)

// keepPrivate adds "Cache-Control: private" to x's answer unless it is kept out of shared caches
// already. Of directives that contradict each other the stricter one counts (RFC 9111 §4.2.1).
func keepPrivate(x *http7.Exchange) {
	h := &x.Answer.Header
	for i := h.Find(cacheControl, 0); i >= 0; i = h.Find(cacheControl, i+1) {
		if private(h.Value(i)) {
			return
		}
	}
	h.Add(cacheControl, wordPrivate)
}

var (
	cacheControl = http7.Known(http7.CacheControl)
	wordPrivate  = []byte("private")
	comma        = []byte{','}
)

// private reports whether a value of Cache-Control has private, without a list of fields, or
// no-store.
func private(value []byte) bool {
	for len(value) > 0 {
		word, rest, _ := bytes.Cut(value, comma)
		if word = bytes.TrimSpace(word); http7.EqualFold(word, "private") || http7.EqualFold(word, "no-store") {
			return true
		}
		value = rest
	}
	return false
}
