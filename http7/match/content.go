package match

import (
	"weir/http7"
	"weir/http7/match/content"
)

// onContent judges a condition on the body. It holds of content alone whose type says that it can be
// read: not of an empty body or one of another type, whatever the test is.
func (q *query) onContent(c *condition) answer {
	b := &q.x.Body
	if !b.Present() || b.Whole && len(b.Collected) == 0 || content.KindOf(&q.x.Request) != c.kind {
		return no
	}
	if !b.Whole {
		return unread
	}
	s := q.needScratch()
	if !q.read {
		if !q.table.content.Read(c.kind, b.Collected, &s.values) {
			return broken
		}
		q.read = true
	}
	there := false
	for v := s.values.First(c.path); v.Valid(); v = s.values.After(v) {
		if there = true; !c.meetsValue(v) {
			return no
		}
	}
	if c.total(there) {
		return yes
	}
	return no
}

// meetsValue is meets; an object, a list or an element with parts has no text to compare.
func (c *condition) meetsValue(v content.Value) bool {
	if v.Compound() {
		return c.is.Test == http7.Exists
	}
	return c.meets(v.Text())
}
