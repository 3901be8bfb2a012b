package wire

import (
	"math"

	"weir/http7"
)

// head reads the field section of a head; the parsers of both sides embed it.
type head struct {
	start  int // where the first line begins
	line   line
	fields int
	// hosts counts the Host fields, expects says that 100-continue is expected.
	hosts             int
	expects, trailers bool
	// upgrade locates the value of the first Upgrade field, announced that of the first Trailer.
	upgrade, announced [2]int
	framing            framing
	options            options
}

func (d *head) reset() {
	o := d.options
	o.reset()
	*d = head{options: o}
}

// view returns the part of block that a head may fill, and whether that part is full.
func (d *head) view(block []byte, lim *Limits) (b []byte, full bool) {
	if len(block)-d.start >= lim.HeadBytes {
		return block[:d.start+lim.HeadBytes], true
	}
	return block, false
}

// section reads field lines up to the empty line. n is where the head ends, 0 if that hasn't come.
func (d *head) section(b []byte, lim *Limits, h *http7.Header, side http7.Side) (n int, f *http7.Fault) {
	for d.line.at < len(b) {
		if b[d.line.at] == '\r' {
			return lineEnd(b, d.line.at, nil)
		}
		end, f := d.line.scan(b)
		if end == 0 {
			return 0, d.firstLine(f)
		}
		if f := d.take(b, end, lim, h, side); f != nil {
			return 0, f
		}
		d.line.begin(end)
	}
	return 0, nil
}

// firstLine says that nothing can be folded into the first field line.
func (d *head) firstLine(f *http7.Fault) *http7.Fault {
	if f == http7.ObsFold && d.fields == 0 {
		return http7.BadField
	}
	return f
}

// special are the names that the codec has a rule for.
var special = http7.HopByHop | http7.Names(http7.Host, http7.ContentLength, http7.Expect)

// take adds the field whose line is whole to h, or learns from it and drops it.
func (d *head) take(b []byte, end int, lim *Limits, h *http7.Header, side http7.Side) *http7.Fault {
	l := &d.line
	if d.fields++; d.fields > lim.Fields || l.colon-l.at > math.MaxUint16 {
		return http7.HeadTooLarge
	}
	if l.marks&underscore != 0 && side == http7.Client {
		return nil // what reads names by CGI's rules would take it for the one with "-"
	}
	from, to := l.value(b)
	id := h.AddLine(l.at, l.colon-l.at, from, to-from, end)
	if !special.Has(id) {
		return nil
	}
	if http7.HopByHop.Has(id) {
		h.DelAt(h.Len() - 1)
		return d.hop(id, b, from, to, lim)
	}
	return d.end(id, b[from:to], side)
}

// hop learns from a field that ends here.
func (d *head) hop(id http7.ID, b []byte, from, to int, lim *Limits) *http7.Fault {
	switch id {
	case http7.Connection:
		return d.options.add(b[from:to], lim.Fields)
	case http7.TransferEncoding:
		d.framing.addCodings(b[from:to])
	case http7.TE:
		d.trailers = d.trailers || lists(b[from:to], "trailers")
	case http7.Upgrade:
		if d.upgrade[1] == 0 {
			d.upgrade = [2]int{from, to}
		}
	case http7.Trailer:
		if d.announced[1] == 0 {
			d.announced = [2]int{from, to}
		}
	}
	return nil
}

// end learns from a field that goes on to the other side.
func (d *head) end(id http7.ID, value []byte, side http7.Side) *http7.Fault {
	switch {
	case id == http7.ContentLength:
		return d.framing.addLength(value)
	case side != http7.Client:
		return nil
	case id == http7.Host:
		if d.hosts++; d.hosts > 1 {
			return http7.BadHost
		}
	case id == http7.Expect:
		if !http7.EqualFold(value, "100-continue") {
			return http7.UnknownExpectation
		}
		d.expects = true
	}
	return nil
}

// lists reports whether a list has an element, whatever its case.
func lists(list []byte, want string) bool {
	for more := true; more; {
		var e []byte
		if e, list, more = element(list); http7.EqualFold(e, want) {
			return true
		}
	}
	return false
}

// nominated removes from h what Connection nominates, and lets the body's frame know.
func (d *head) nominated(h *http7.Header, fr *Frame) {
	s := &d.options.strip
	if s.empty() {
		return
	}
	s.apply(h)
	if fr.Kind == Chunked {
		fr.strip = s
	}
}
