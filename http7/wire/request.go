package wire

import (
	"weir/http7"
)

// Request is the head of a request. Its bytes are views into the block, read-only and valid as
// long as the block is.
type Request struct {
	// Method is a token, case as received; Target is the whole request-target.
	Method, Target []byte
	// Authority is the absolute-form's or CONNECT's, else the Host field's value; empty only for
	// HTTP/1.0 without Host. The Header's Host field, if any, has the same value.
	Authority []byte
	// Path is never empty: "*" for OPTIONS * and for an OPTIONS with neither path nor query in
	// absolute-form (RFC 9112 §3.2.4), "/" for other absolute-forms without a path and CONNECT.
	Path []byte
	// Query has no "?".
	Query []byte
	// Scheme is the absolute-form's, http or https in any case; else nil.
	Scheme []byte
	// Asterisk says that Path is "*", Absolute that the target had the absolute-form.
	Asterisk, Absolute bool
	// Proto is HTTP10 or HTTP11.
	Proto http7.Proto
	// Frame is how the body is delimited.
	Frame Frame
	// KeepAlive says that the client's connection may be used again, as far as the client is
	// concerned (RFC 9112 §9.3). HTTP/1.0 with absolute-form never may (RFC 9112 §C.2.2).
	KeepAlive bool
	// Continue says that the client waits for 100 before it sends its body; never for HTTP/1.0.
	Continue bool
	// Announced is the value of the first Trailer field; nil without one.
	Announced []byte
	// Upgrade is the value of the first Upgrade field if Connection names it; nil for HTTP/1.0.
	Upgrade []byte
	// Trailers says that the client would read trailers (TE: trailers).
	Trailers bool
}

// RequestParser reads the heads of requests, one after the other. The zero value is ready. It
// belongs to one goroutine at a time.
type RequestParser struct {
	head  head
	phase phase
	pos   int // the first byte of the request line not looked at
	proto http7.Proto
	// Offsets of the request line's parts; query is that of the "?", 0 without one.
	methodEnd, query, targetEnd int
}

// phase is the part of a head that comes next.
type phase uint8

const (
	fresh phase = iota
	inEmpty
	inMethod
	inTarget
	inVersion
	inFields
)

// Reset makes p ready for the next head. It must not come before the body of the last one has
// ended, whose framer shares the names that Connection nominated.
func (p *RequestParser) Reset() {
	p.head.reset()
	p.phase, p.pos, p.methodEnd, p.query, p.targetEnd = fresh, 0, 0, 0, 0
}

// Parse reads a head from the start of block. n is its length, with its empty line and the empty
// lines before it (up to two, RFC 9112 §2.2), and 0 as long as bytes are missing: call again with
// the same bytes and more behind them, at the same offsets of the same or another block.
//
// After n > 0, r and h are the request; h binds to block. Hop-by-hop fields and those nominated by
// Connection are not in h, nor are names with "_". After a fault the connection must close; r then
// holds what was whole of the request line, for the log, and h nothing of use. Call Reset before
// the next head.
//
// It allocates only for h to grow, and for names nominated by Connection.
func (p *RequestParser) Parse(block []byte, lim *Limits, r *Request, h *http7.Header) (n int, f *http7.Fault) {
	if p.phase == fresh {
		h.Reset(block)
		p.phase = inEmpty
	} else {
		h.Rebase(block)
	}
	if n, f = p.read(block, lim, h); n > 0 {
		p.views(block, r)
		f = p.finish(block, r, h)
	}
	if f != nil {
		p.views(block, r)
		return 0, f
	}
	return n, nil
}

// read goes on to the end of the head or of the bytes at hand.
func (p *RequestParser) read(block []byte, lim *Limits, h *http7.Header) (n int, f *http7.Fault) {
	if p.phase == inEmpty {
		if f := p.skipEmpty(block); f != nil || p.phase == inEmpty {
			return 0, f
		}
	}
	b, full := p.head.view(block, lim)
	if p.phase != inFields {
		f = p.requestLine(b, lim)
	}
	if p.phase == inFields && f == nil {
		n, f = p.head.section(b, lim, h, http7.Client)
	}
	if n == 0 && f == nil && full {
		if p.phase == inTarget {
			return 0, http7.TargetTooLong
		}
		return 0, http7.HeadTooLarge
	}
	return n, f
}

// skipEmpty passes over empty lines before the request line.
func (p *RequestParser) skipEmpty(b []byte) *http7.Fault {
	for i := 0; ; i = p.head.start {
		if i == len(b) {
			return nil
		}
		if b[i] != '\r' {
			break
		}
		end, f := lineEnd(b, i, nil)
		if end == 0 {
			return f
		}
		if p.head.start = end; end > 4 {
			return http7.BadRequestLine
		}
	}
	p.phase, p.pos = inMethod, p.head.start
	return nil
}

// finish turns what the lines said into r.
func (p *RequestParser) finish(block []byte, r *Request, h *http7.Header) (f *http7.Fault) {
	d := &p.head
	if r.Frame, f = d.framing.request(p.proto); f != nil {
		return f
	}
	if !p.form(r) {
		return http7.BadTarget
	}
	if f = p.host(r, h); f != nil {
		return f
	}
	d.nominated(h, &r.Frame)
	r.KeepAlive = d.options.persists(p.proto) && !(r.Absolute && p.proto == http7.HTTP10)
	r.Trailers = d.trailers
	if p.proto == http7.HTTP11 {
		r.Continue = d.expects && r.Frame.Body()
		if d.announced[1] > 0 {
			r.Announced = block[d.announced[0]:d.announced[1]]
		}
		if d.options.upgrade && d.upgrade[1] > 0 {
			r.Upgrade = block[d.upgrade[0]:d.upgrade[1]]
		}
	}
	return nil
}

// host applies the rules of the Host field (RFC 9112 §3.2). An empty value stands for a target
// without authority (RFC 9110 §7.2), which http and https don't have: it passes only where the
// target brings its own.
func (p *RequestParser) host(r *Request, h *http7.Header) *http7.Fault {
	if p.head.hosts == 0 && p.proto == http7.HTTP11 {
		return http7.BadHost
	}
	own := r.Authority
	value := h.Get(http7.Host)
	if !isAuthority(value) && (len(value) > 0 || own == nil && p.head.hosts > 0) {
		return http7.BadHost
	}
	if own == nil {
		r.Authority = value
		return nil
	}
	if string(own) != string(value) {
		h.Set(http7.Known(http7.Host), own) // RFC 9112 §3.2.2
	}
	return nil
}
