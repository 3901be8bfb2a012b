package mirror

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
)

// findings are the differences of one pair of answers.
type findings struct {
	first Difference // Where, Live and Mirror
	count int
}

// found notes a difference.
func (f *findings) found(where, live, mirror string) {
	if f.count++; f.count == 1 {
		f.first = Difference{Where: where, Live: shorten(live, shownValue), Mirror: shorten(mirror, shownValue)}
	}
}

// judge compares the two answers of c and counts and reports what comes of it.
func (l *lane) judge(c *copied) {
	live, shadow := &c.live, &c.shadow
	if !live.there || !shadow.there || !ended(live) || !ended(shadow) {
		l.unequalled.Add(1)
		return
	}
	var f findings
	known := c.of.compareAnswers(live, shadow, &f)
	switch {
	case f.count > 0:
		l.different.Add(1)
		l.report(c, &f)
	case known:
		l.equal.Add(1)
	default:
		l.unequalled.Add(1)
	}
}

// ended reports whether an answer's body came to its end, or is known to be larger than what is kept.
func ended(a *answer) bool { return a.body.whole || a.body.over }

// compareAnswers notes where shadow differs from live. It is not known whether they are equal if there is no
// difference but the bodies could not be compared.
func (m *mirror) compareAnswers(live, shadow *answer, f *findings) (known bool) {
	if live.status != shadow.status {
		f.found("status", strconv.Itoa(live.status), strconv.Itoa(shadow.status))
	}
	for i := range m.headers {
		a, hasA := live.value(i)
		b, hasB := shadow.value(i)
		if hasA != hasB || !bytes.Equal(a, b) {
			f.found("header "+m.headers[i].String(), m.show(i, a, hasA), m.show(i, b, hasB))
		}
	}
	return m.compareBodies(live, shadow, f)
}

// show returns a header's value as a difference shows it.
func (m *mirror) show(i int, value []byte, there bool) string {
	if there && m.headers[i].secret {
		return "(secret)"
	}
	return string(value)
}

func (m *mirror) compareBodies(live, shadow *answer, f *findings) (known bool) {
	if live.body.over || shadow.body.over {
		return false
	}
	if live.coding == shadow.coding && bytes.Equal(live.body.b, shadow.body.b) {
		return true
	}
	a, okA := m.decode(live)
	b, okB := m.decode(shadow)
	if !okA || !okB {
		return false
	}
	if live.json && shadow.json {
		if one, other, ok := parseBoth(a, b); ok {
			compareJSON(one, other, m.ignore, f)
			return true
		}
	}
	compareBytes(a, b, f)
	return true
}

// decode returns a body as it was before the endpoint encoded it; not ok if that can't be told within the bound.
func (m *mirror) decode(a *answer) (body []byte, ok bool) {
	switch a.coding {
	case plain:
		return a.body.b, true
	case unread:
		return nil, false
	}
	if len(a.body.b) == 0 { // of HEAD
		return nil, true
	}
	r, err := gzip.NewReader(bytes.NewReader(a.body.b))
	if err != nil {
		return nil, false
	}
	body, err = io.ReadAll(io.LimitReader(r, int64(m.most)+1))
	return body, err == nil && len(body) <= m.most
}

// around is how many bytes before a difference are shown.
const around = 20

// compareBytes notes the first byte that differs.
func compareBytes(a, b []byte, f *findings) {
	if bytes.Equal(a, b) {
		return
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	f.found("body", excerpt(a, at), excerpt(b, at))
}

// excerpt returns what stands around an offset, and where and in how many bytes that is.
func excerpt(b []byte, at int) string {
	from, to := max(0, at-around), min(len(b), at+2*around)
	return "byte " + strconv.Itoa(at) + " of " + strconv.Itoa(len(b)) + ": " + strconv.Quote(string(b[from:to]))
}
