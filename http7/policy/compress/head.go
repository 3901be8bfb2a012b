package compress

import "weir/http7"

// coded reports whether the body has a content coding already, whatever it is.
func coded(h *http7.Header) bool {
	for value := range h.Each(contentEncoding) {
		if len(value) > 0 && !http7.EqualFold(value, "identity") {
			return true
		}
	}
	return false
}

// noTransform reports whether Cache-Control forbids proxies to change the body (RFC 9111 §5.2.2.6;
// §5.2.1.6 for requests).
func noTransform(h *http7.Header) bool {
	if !h.Has(http7.CacheControl) {
		return false
	}
	for value := range h.Each(cacheControl) {
		if listed(value, "no-transform") {
			return true
		}
	}
	return false
}

// vary adds Accept-Encoding to what the answer depends on (RFC 9110 §12.5.5), unless it says so.
func vary(h *http7.Header) {
	for value := range h.Each(varyField) {
		if listed(value, "accept-encoding") || listed(value, "*") {
			return
		}
	}
	h.Add(varyField, acceptEncodingValue)
}

// listed reports whether a list has an element, whatever its case.
func listed(list []byte, element string) bool {
	for p := http7.PreferencesOf(list); ; {
		e, _, ok := p.Next()
		if !ok {
			return false
		}
		if http7.EqualFold(e, element) {
			return true
		}
	}
}
