package match

import (
	"bytes"

	"weir/http7"
)

func (c *condition) onCookie(h *http7.Header) bool {
	there := false
	for cookie := http7.Cookies(h, c.is.Name); cookie.Next(); {
		if there = true; !c.meets(cookie.Value()) {
			return false
		}
	}
	return c.total(there)
}

// onQuery judges the parameters of the query.
func (q *query) onQuery(c *condition) bool {
	there := false
	for p := http7.Parameters(q.x.Query, c.is.Name); p.Next(); {
		if there = true; !q.meetsDecoded(c, &p) {
			return false
		}
	}
	return c.total(there)
}

func (q *query) meetsDecoded(c *condition, p *http7.ParameterCursor) bool {
	raw := p.Raw()
	switch {
	case c.is.Test == http7.Equals:
		return decodesTo(raw, c.value)
	case c.is.Test == http7.Matches && bytes.ContainsAny(raw, "%+"):
		s := q.needScratch()
		s.text = p.Append(s.text[:0])
		return c.meets(s.text)
	}
	return c.meets(raw)
}

// decodesTo reports whether b, decoded as a form is, is text.
func decodesTo(b []byte, text string) bool {
	for len(b) > 0 && text != "" {
		c, n := http7.DecodeForm(b)
		if c != text[0] {
			return false
		}
		b, text = b[n:], text[1:]
	}
	return len(b) == 0 && text == ""
}
