package wire

import "weir/http7"

// strip is a set of nominated names: the fields that end at this hop because Connection says so.
type strip struct {
	known http7.IDSet
	// names are the names that have no ID, each followed by a comma. They are copies.
	names []byte
	count int
}

func (s *strip) reset() { s.known, s.names, s.count = 0, s.names[:0], 0 }

func (s *strip) empty() bool { return s.known == 0 && s.count == 0 }

func (s *strip) add(name []byte) {
	s.names = append(append(s.names, name...), ',')
	s.count++
}

// has reports whether a field is nominated.
func (s *strip) has(id http7.ID, name []byte) bool {
	if id != http7.Unlisted {
		return s.known.Has(id)
	}
	for rest := s.names; len(rest) > len(name); {
		n := 0
		for rest[n] != ',' {
			n++
		}
		if n == len(name) && http7.EqualFold(rest[:n], name) {
			return true
		}
		rest = rest[n+1:]
	}
	return false
}

// apply removes the nominated fields from h.
func (s *strip) apply(h *http7.Header) {
	for i := h.Len() - 1; i >= 0; i-- {
		if name, _ := h.At(i); s.has(h.IDAt(i), name) {
			h.DelAt(i)
		}
	}
}

// options is what Connection fields say.
type options struct {
	close, keepAlive, upgrade bool
	strip                     strip
}

func (o *options) reset() {
	o.close, o.keepAlive, o.upgrade = false, false, false
	o.strip.reset()
}

// kept are the names whose nomination changes nothing: a message without them would be another.
var kept = http7.Names(http7.Host, http7.ContentLength) | http7.HopByHop

// add reads the value of one Connection field (RFC 9110 §7.6.1). max bounds the nominated names.
func (o *options) add(value []byte, max int) *http7.Fault {
	for more := true; more; {
		var opt []byte
		opt, value, more = element(value)
		if len(opt) == 0 {
			continue // empty elements are allowed, RFC 9110 §5.6.1.2
		}
		if !http7.IsToken(opt) {
			return http7.BadConnection
		}
		if o.option(opt); o.strip.count > max {
			return http7.HeadTooLarge
		}
	}
	return nil
}

func (o *options) option(opt []byte) {
	switch id := http7.LookupID(opt); {
	case id == http7.KeepAlive:
		o.keepAlive = true
	case id == http7.Upgrade:
		o.upgrade = true
	case id != http7.Unlisted:
		o.strip.known |= http7.Names(id) &^ kept
	case http7.EqualFold(opt, "close"):
		o.close = true
	default:
		o.strip.add(opt)
	}
}

// persists reports whether the connection may be used again (RFC 9112 §9.3).
func (o *options) persists(p http7.Proto) bool {
	return !o.close && (p == http7.HTTP11 || o.keepAlive)
}
