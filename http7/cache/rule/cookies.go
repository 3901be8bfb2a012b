package rule

import (
	"bytes"
	"slices"

	"weir/http7"
)

// onlyCookies reports whether a request's cookies are all of these names. It takes nothing for a cookie that some server may
// read otherwise: what is not written as RFC 6265 §4.2.1 has it is of no name.
func onlyCookies(h *http7.Header, names []string) bool {
	if len(names) == 0 {
		return false
	}
	for value := range h.Each(http7.Known(http7.Cookie)) {
		if !onlyPairs(value, names) {
			return false
		}
	}
	return true
}

func onlyPairs(list []byte, names []string) bool {
	for more := true; more; {
		var pair []byte
		pair, list, more = bytes.Cut(list, semicolon)
		if pair = trimOWS(pair); len(pair) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(pair, equals)
		known := func(n string) bool { return n == string(name) }
		if !ok || !slices.ContainsFunc(names, known) || bytes.ContainsFunc(value, odd) {
			return false
		}
	}
	return true
}

// odd reports whether a byte is no cookie-octet: quotes, commas and backslashes mean something to some servers.
func odd(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == ',' || c == '\\' }

var semicolon, equals = []byte{';'}, []byte{'='}
