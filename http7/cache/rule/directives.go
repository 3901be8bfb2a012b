package rule

import (
	"weir/http7"
)

// Directives are what the Cache-Control fields of an answer say (RFC 9111 §5.2.2, RFC 5861, RFC 8246), or a targeted
// field in their place (RFC 9213). Numbers are seconds, [Absent] if not given; one that is no number, or is given twice
// and differently, is 0 (RFC 9111 §4.2.1).
type Directives struct {
	NoStore, NoCache, Private                          bool
	Public, MustRevalidate, ProxyRevalidate, Immutable bool
	MustUnderstand                                     bool
	// Malformed says that a part could not be read, so that nobody knows what the origin wanted.
	Malformed                                           bool
	MaxAge, SMaxAge, StaleWhileRevalidate, StaleIfError int64
	// NoCacheFields and PrivateFields are the lists of the qualified forms, views into the fields. A list that can't be
	// read makes the directive an unqualified one.
	NoCacheFields, PrivateFields [][]byte
}

// ReadDirectives reads all fields named n as Cache-Control.
func ReadDirectives(h *http7.Header, n http7.Name) Directives {
	d := noDirectives()
	for value := range h.Each(n) {
		d.read(value)
	}
	return d
}

func noDirectives() Directives {
	return Directives{MaxAge: Absent, SMaxAge: Absent, StaleWhileRevalidate: Absent, StaleIfError: Absent}
}

func (d *Directives) read(list []byte) {
	for {
		e, rest, how := nextElement(list)
		switch how {
		case cutDone:
			return
		case cutBad:
			d.Malformed = true
		default:
			d.take(&e)
		}
		list = rest
	}
}

// take notes one directive. Restrictive ones hold whatever argument comes with them, permissive ones only as defined.
func (d *Directives) take(e *element) {
	if seconds := d.seconds(e.name); seconds != nil {
		v, ok := parseDelta(e.arg)
		note(seconds, v, ok && e.has && !e.escaped)
		return
	}
	if flag := d.restriction(e.name); flag != nil {
		*flag = true
	} else if flag := d.permission(e.name); flag != nil {
		*flag = *flag || !e.has
	} else if http7.EqualFold(e.name, "no-cache") {
		d.NoCache = !qualified(e, &d.NoCacheFields) || d.NoCache
	} else if http7.EqualFold(e.name, "private") {
		d.Private = !qualified(e, &d.PrivateFields) || d.Private
	}
}

// seconds returns the place of a directive that is a number of seconds.
func (d *Directives) seconds(name []byte) *int64 {
	switch {
	case http7.EqualFold(name, "max-age"):
		return &d.MaxAge
	case http7.EqualFold(name, "s-maxage"):
		return &d.SMaxAge
	case http7.EqualFold(name, "stale-while-revalidate"):
		return &d.StaleWhileRevalidate
	case http7.EqualFold(name, "stale-if-error"):
		return &d.StaleIfError
	}
	return nil
}

func (d *Directives) restriction(name []byte) *bool {
	switch {
	case http7.EqualFold(name, "no-store"):
		return &d.NoStore
	case http7.EqualFold(name, "must-revalidate"):
		return &d.MustRevalidate
	case http7.EqualFold(name, "proxy-revalidate"):
		return &d.ProxyRevalidate
	}
	return nil
}

func (d *Directives) permission(name []byte) *bool {
	switch {
	case http7.EqualFold(name, "public"):
		return &d.Public
	case http7.EqualFold(name, "immutable"):
		return &d.Immutable
	case http7.EqualFold(name, "must-understand"):
		return &d.MustUnderstand
	}
	return nil
}

// note keeps a number: 0 if it can't be read or contradicts one that was there.
func note(at *int64, v int64, ok bool) {
	if !ok || *at != Absent && *at != v {
		v = 0
	}
	*at = v
}

// qualified appends the field names that the argument lists to fields; false: there is no such list.
func qualified(e *element, fields *[][]byte) bool {
	if !e.has || e.escaped {
		return false
	}
	names, ok := appendNames(*fields, e.arg)
	*fields = names
	return ok
}

// appendNames appends the members of a list of field names; false if there is none, or one is no name.
func appendNames(dst [][]byte, list []byte) ([][]byte, bool) {
	any := false
	for len(list) > 0 {
		var item []byte
		item, list = cutComma(list)
		if item = trimOWS(item); len(item) == 0 {
			continue
		}
		if !http7.IsToken(item) {
			return dst, false
		}
		dst, any = append(dst, item), true
	}
	return dst, any
}

func cutComma(b []byte) (before, after []byte) {
	for i, c := range b {
		if c == ',' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}
