package http7

import (
	"bytes"
	"slices"
)

// Hidden are the parameters of queries in which credentials stand: logs mask their values, whoever answered and why. It
// never changes.
type Hidden struct{ names []string }

// NewHidden compiles the names of parameters, decoded; nil if there is none.
func NewHidden(names []string) *Hidden {
	h := &Hidden{names: slices.Compact(slices.Sorted(slices.Values(names)))}
	h.names = slices.DeleteFunc(h.names, func(n string) bool { return n == "" })
	if len(h.names) == 0 {
		return nil
	}
	return h
}

// Mask returns target with "***" for the values of h's parameters: itself if it has none of them, else in x's room.
// h may be nil. It allocates nothing in steady state.
func (h *Hidden) Mask(x *Exchange, target []byte) []byte {
	if h == nil {
		return target
	}
	_, query, _ := bytes.Cut(target, questionMark)
	if len(query) == 0 || !h.in(query) {
		return target
	}
	masked := append(x.Room(len(target)+len(mask)*bytes.Count(query, equals)), target[:len(target)-len(query)]...)
	for more := true; more; {
		var pair []byte
		pair, query, more = bytes.Cut(query, ampersand)
		if name, _, valued := bytes.Cut(pair, equals); valued && h.in(pair) {
			masked = append(append(append(masked, name...), '='), mask...)
		} else {
			masked = append(masked, pair...)
		}
		if more {
			masked = append(masked, '&')
		}
	}
	return masked
}

// in reports whether any of h's parameters is in a query.
func (h *Hidden) in(query []byte) bool {
	for _, name := range h.names {
		if c := Parameters(query, name); c.Next() {
			return true
		}
	}
	return false
}

const mask = "***"

var questionMark = []byte{'?'}
