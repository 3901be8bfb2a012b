package credential

import (
	"bytes"
	"strings"

	"weir/http7"
)

// Edits returns what Strip edits on the way to the endpoint.
func (p *Place) Edits() (edits []http7.Edit) {
	if name := p.header.String(); name != "" {
		edits = append(edits, http7.Edit{Name: strings.ToLower(name)})
	}
	if p.cookie != "" {
		edits = append(edits, http7.Edit{Name: "cookie"})
	}
	return edits
}

// Strip takes every token of the place out of what goes to the endpoint, verified or not: an endpoint that reads one
// would believe it. It belongs to stage rewrite. It allocates nothing in steady state.
func (p *Place) Strip(x *http7.Exchange) {
	h := &x.Request
	if p.header.String() != "" {
		for i := h.Find(p.header, 0); i >= 0; {
			if _, is := p.cut(h.Value(i)); is {
				h.DelAt(i)
				i--
			}
			i = h.Find(p.header, i+1)
		}
	}
	if p.cookie != "" {
		p.stripCookie(x)
	}
	if p.query != "" {
		p.stripQuery(x)
	}
}

// StripTrailer takes the field of the place out of trailer if that is of x's request: endpoints that add trailers to the fields
// would find there what nobody has looked at. It allocates nothing.
func (p *Place) StripTrailer(x *http7.Exchange, trailer *http7.Header) {
	if trailer == &x.Trailer && p.header.String() != "" {
		trailer.Del(p.header)
	}
}

// stripCookie writes the other cookies into one field, byte for byte.
func (p *Place) stripCookie(x *http7.Exchange) {
	if c := http7.Cookies(&x.Request, p.cookie); !c.Next() {
		return
	}
	size := 0
	for i := x.Request.Find(cookies, 0); i >= 0; i = x.Request.Find(cookies, i+1) {
		size += len(x.Request.Value(i)) + 2
	}
	kept := x.Room(size)
	for i := x.Request.Find(cookies, 0); i >= 0; i = x.Request.Find(cookies, i+1) {
		for rest, more := x.Request.Value(i), true; more; {
			var pair []byte
			pair, rest, more = bytes.Cut(rest, semicolon)
			pair = bytes.Trim(pair, " \t")
			if name, _, _ := bytes.Cut(pair, equals); len(pair) == 0 || string(bytes.TrimRight(name, " \t")) == p.cookie {
				continue
			}
			if len(kept) > 0 {
				kept = append(kept, "; "...)
			}
			kept = append(kept, pair...)
		}
	}
	if len(kept) == 0 {
		x.Request.Del(cookies)
		return
	}
	x.Request.Set(cookies, kept)
}

// stripQuery sets x.Out to what would leave, without the parameter. A token that nobody has looked for, because another
// credential was enough, is hidden as well.
func (p *Place) stripQuery(x *http7.Exchange) {
	if p.shown(x.Target) {
		p.hide(x)
	}
	path, query := x.Path, x.Query
	if x.Out != nil {
		path, query, _ = bytes.Cut(x.Out, questionMark)
	}
	if c := http7.Parameters(query, p.query); !c.Next() {
		return
	}
	out := append(x.Room(len(path)+1+len(query)), path...)
	next := byte('?')
	for rest, more := query, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if c := http7.Parameters(pair, p.query); c.Next() {
			continue
		}
		out = append(append(out, next), pair...)
		next = '&'
	}
	x.Out = out
}

// hide writes a mask over the parameter's values in x.Target, which x's log line tells. What goes to the endpoint is in
// x.Out from then on.
func (p *Place) hide(x *http7.Exchange) {
	if x.Out == nil {
		x.Out = append(append(append(x.Room(len(x.Path)+1+len(x.Query)), x.Path...), '?'), x.Query...)
	}
	head, query, _ := bytes.Cut(x.Target, questionMark)
	shown := append(append(x.Room(len(x.Target)+len(masked)), head...), '?')
	for rest, more := query, true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, ampersand)
		if c := http7.Parameters(pair, p.query); c.Next() {
			name, _, _ := bytes.Cut(pair, equals)
			shown = append(append(shown, name...), masked...)
		} else {
			shown = append(shown, pair...)
		}
		if more {
			shown = append(shown, '&')
		}
	}
	x.Target = shown
}

const (
	mask   = "***"
	masked = "=" + mask
)

// shown reports whether a target tells a token.
func (p *Place) shown(target []byte) bool {
	_, query, _ := bytes.Cut(target, questionMark)
	for c := http7.Parameters(query, p.query); c.Next(); {
		if string(c.Raw()) != mask {
			return true
		}
	}
	return false
}

var (
	cookies      = http7.Known(http7.Cookie)
	semicolon    = []byte{';'}
	equals       = []byte{'='}
	ampersand    = []byte{'&'}
	questionMark = []byte{'?'}
)
