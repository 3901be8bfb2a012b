package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/bench"
)

// Scenario is a loaded file. It does not change and is safe for concurrent use.
type Scenario struct {
	requests []request
	bounds   []uint64 // sums of the weights up to and with each request
	data     map[string]*table
	now      func() int64
}

// request is one kind of request, compiled.
type request struct {
	name    string
	method  string
	host    string
	path    []piece
	headers []header
	body    []piece
	expect  *bench.Expect
}

// header is one header field.
type header struct {
	name  string
	value []piece
}

func unixMilli() int64 { return time.Now().UnixMilli() }

// without returns those of the shared fields whose names are not among own.
func without(shared, own []header) []header {
	var list []header
	for _, h := range shared {
		if !slices.ContainsFunc(own, func(o header) bool { return strings.EqualFold(o.name, h.name) }) {
			list = append(list, h)
		}
	}
	return list
}

// fixed reports whether a template is the same in every turn.
func fixed(pieces []piece) bool {
	return len(pieces) == 0 || len(pieces) == 1 && pieces[0].kind == literal
}

// textOf returns what a fixed template comes to.
func textOf(pieces []piece) string {
	if len(pieces) == 0 {
		return ""
	}
	return pieces[0].text
}

// Source returns the scenario's requests. Its classes are their names. What a turn's request holds hangs on the seed
// and the turn's number alone, except for ${time}.
func (s *Scenario) Source() bench.Source { return s }

// Classes implements [bench.Source].
func (s *Scenario) Classes() []string {
	list := make([]string, len(s.requests))
	for i := range s.requests {
		list[i] = s.requests[i].name
	}
	return list
}

// String says in a line what is sent: names with their shares, and the data.
func (s *Scenario) String() string {
	var parts []string
	total := float64(s.bounds[len(s.bounds)-1])
	last := uint64(0)
	for i := range s.requests {
		parts = append(parts, fmt.Sprintf("%s %.3g%%", s.requests[i].name, 100*float64(s.bounds[i]-last)/total))
		last = s.bounds[i]
	}
	text := count(len(s.requests), "request") + ": " + strings.Join(parts, ", ")
	for _, name := range names(s.data) {
		text += fmt.Sprintf("; %s: %s", name, count(s.data[name].rows, "row"))
	}
	return text
}

// choose returns the request of a turn.
func (s *Scenario) choose(t *turn) int {
	if len(s.bounds) == 1 {
		return 0
	}
	at := spread(t.draw(0), s.bounds[len(s.bounds)-1])
	i, exact := slices.BinarySearch(s.bounds, at)
	if exact {
		i++ // a bound belongs to the next request
	}
	return i
}
