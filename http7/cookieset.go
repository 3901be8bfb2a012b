package http7

import "bytes"

// CookieSet are names of cookies, compared byte by byte. It never changes.
type CookieSet struct{ names map[string]struct{} }

// NewCookieSet returns the set of names; nil if there is none.
func NewCookieSet(names ...string) *CookieSet {
	if len(names) == 0 {
		return nil
	}
	s := &CookieSet{names: make(map[string]struct{}, len(names))}
	for _, name := range names {
		s.names[name] = struct{}{}
	}
	return s
}

// Has reports whether a cookie of that name is one of s.
func (s *CookieSet) Has(name []byte) bool {
	_, has := s.names[string(name)]
	return has
}

// Strip takes the cookies of s out of x's request; the others stay byte for byte, in one field. It allocates nothing in
// steady state.
func (s *CookieSet) Strip(x *Exchange) {
	size, dropped := 0, false
	for p := (cookiePairs{h: &x.Request}); p.next(); {
		if s.Has(p.name()) {
			dropped = true
		} else {
			size += len(p.pair) + len("; ")
		}
	}
	switch {
	case !dropped:
		return
	case size == 0:
		x.Request.Del(cookieName)
		return
	}
	kept := x.Room(size)
	for p := (cookiePairs{h: &x.Request}); p.next(); {
		if s.Has(p.name()) {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, "; "...)
		}
		kept = append(kept, p.pair...)
	}
	x.Request.Set(cookieName, kept)
}

// cookiePairs is a cursor over the cookies of a request, over all its Cookie fields.
type cookiePairs struct {
	h          *Header
	at         int // of the field that comes next
	rest, pair []byte
}

// next goes to the next pair that is not empty and reports whether there is one.
func (p *cookiePairs) next() bool {
	for {
		for len(p.rest) > 0 {
			p.pair, p.rest, _ = bytes.Cut(p.rest, semicolon)
			if p.pair = trim(p.pair); len(p.pair) > 0 {
				return true
			}
		}
		i := p.h.Find(cookieName, p.at)
		if i < 0 {
			return false
		}
		p.at, p.rest = i+1, p.h.Value(i)
	}
}

func (p *cookiePairs) name() []byte {
	name, _, _ := bytes.Cut(p.pair, equals)
	return trim(name)
}
