package cache

import (
	"bytes"
	"strings"

	"weir/http7"
)

// doubtful reports whether endpoints may find other values of the chosen parameters in a query than the key has: some take ";"
// for a separator, cut names at "[" or ".", take blanks and dots for "_", or don't mind case.
func (k *keyed) doubtful(query []byte) bool {
	if bytes.IndexByte(query, ';') >= 0 {
		return true
	}
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, ampersand)
		name, _, _ := bytes.Cut(pair, equals)
		for _, chosen := range k.params {
			if resembles(name, chosen) {
				return true
			}
		}
	}
	return false
}

var ampersand, equals = []byte{'&'}, []byte{'='}

// resembles reports whether a name, as it is written in a query, is not the chosen one and may be taken for it.
func resembles(name []byte, chosen string) bool {
	exact, i := true, 0
	for ; len(name) > 0; i++ {
		c, n := http7.DecodeForm(name)
		name = name[n:]
		switch {
		case c == '%' && n == 1: // an escape that some know, such as %u0065
			return true
		case i == 0 && (c == ' ' || c == '\t') && chosen[0] != c: // some drop it
			i, exact = -1, false
			continue
		case i == len(chosen): // it goes on
			return c == '[' || c == '.' || c == ' ' || c == 0
		case c == chosen[i]:
		case strings.HasSuffix(chosen[:i], "[") && chosen[i] == ']': // a place in the list that is chosen
			return true
		case plain(c) != plain(chosen[i]):
			return false
		default:
			exact = false
		}
		if i+1 == len(chosen) && len(name) == 0 {
			return !exact
		}
	}
	return i < len(chosen) && chosen[i] == '[' // a text in place of a list
}

// plain is what tells bytes of names apart everywhere.
func plain(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	case c == '.' || c == ' ':
		return '_'
	}
	return c
}
