package wire

import (
	"bytes"

	"weir/http7"
)

// requestLine goes on with the request line; at its end the phase is inFields (RFC 9112 §3).
func (p *RequestParser) requestLine(b []byte, lim *Limits) *http7.Fault {
	if p.phase == inMethod {
		if f := p.method(b); f != nil || p.phase == inMethod {
			return f
		}
	}
	if p.phase == inTarget {
		if f := p.target(b, lim.TargetBytes); f != nil || p.phase == inTarget {
			return f
		}
	}
	return p.version(b)
}

func (p *RequestParser) method(b []byte) *http7.Fault {
	i := span(b, p.pos, tokenByte)
	p.pos = i
	switch {
	case i == len(b):
		return nil
	case b[i] == '\n':
		return http7.BadLineEnding
	case b[i] != ' ' || i == p.head.start:
		return http7.BadRequestLine
	}
	p.methodEnd, p.pos, p.phase = i, i+1, inTarget
	return nil
}

// target finds the space behind the target. Origin-form is checked on the way, the other forms
// when the head is whole.
func (p *RequestParser) target(b []byte, max int) *http7.Fault {
	t := p.methodEnd + 1
	cut := len(b)-t > max
	if cut {
		b = b[:t+max+1]
	}
	i := p.targetSpan(b, t)
	p.pos = i
	switch {
	case i == len(b) || b[i] == '%' && i+2 >= len(b):
		if cut {
			return http7.TargetTooLong
		}
		return nil
	case b[i] == '\n':
		return http7.BadLineEnding
	case b[i] == '\r' || i == t:
		return http7.BadRequestLine
	case b[i] != ' ':
		return http7.BadTarget
	}
	p.targetEnd, p.pos, p.phase = i, i+1, inVersion
	return nil
}

// targetSpan returns where the bytes of a target that begins at t end.
func (p *RequestParser) targetSpan(b []byte, t int) int {
	if t == len(b) {
		return t
	}
	if b[t] != '/' {
		return span(b, p.pos, printByte)
	}
	i := p.pos
	if p.query == 0 {
		i = pathEnd(b, i)
		if i == len(b) || b[i] != '?' {
			return i
		}
		p.query = i
	}
	return span(b, i, queryByte)
}

// pathEnd returns the index at or after i of the first byte that can't be part of a path; a "%"
// is part of one with two hexadecimal digits behind it.
func pathEnd(b []byte, i int) int {
	i = span(b, i, pathByte)
	for i < len(b) && isEscape(b[i:]) {
		i = span(b, i+3, pathByte)
	}
	return i
}

func (p *RequestParser) version(b []byte) *http7.Fault {
	at := p.targetEnd + 1
	v := readVersion(b[at:])
	switch v {
	case shortVersion:
		return nil
	case notVersion:
		return http7.BadRequestLine
	}
	end, f := lineEnd(b, at+len("HTTP/1.1"), http7.BadRequestLine)
	switch {
	case end == 0:
		return f
	case v == otherVersion:
		return http7.VersionUnsupported
	}
	p.proto, p.phase = v.proto(), inFields
	p.head.line.begin(end)
	return nil
}

// views fills r with what is whole of the request line.
func (p *RequestParser) views(block []byte, r *Request) {
	*r = Request{Proto: p.proto}
	if p.methodEnd == 0 {
		return
	}
	r.Method = block[p.head.start:p.methodEnd]
	if p.targetEnd == 0 {
		return
	}
	t := p.methodEnd + 1
	r.Target = block[t:p.targetEnd]
	r.Path = r.Target
	if p.query > 0 {
		r.Path, r.Query = block[t:p.query], block[p.query+1:p.targetEnd]
	}
}

// The paths of targets that have none of their own.
var (
	slash    = []byte("/")
	asterisk = []byte("*")
)

// form sorts the target by its form (RFC 9112 §3.2) and reports whether it is one.
func (p *RequestParser) form(r *Request) bool {
	switch {
	case string(r.Method) == "CONNECT":
		r.Authority, r.Path = r.Target, slash
		host := hostEnd(r.Target) // the port is not optional here
		return host > 0 && len(r.Target) > host+1 && isAuthority(r.Target)
	case r.Target[0] == '/':
		return true
	case string(r.Target) == "*":
		r.Asterisk = true
		return string(r.Method) == "OPTIONS"
	}
	return absolute(r)
}

// absolute takes the absolute-form apart (RFC 9112 §3.2.2). Only http and https are served, and
// userinfo is refused (RFC 9110 §4.2.4).
func absolute(r *Request) bool {
	scheme, rest, ok := bytes.Cut(r.Target, []byte("://"))
	if !ok || !http7.EqualFold(scheme, "http") && !http7.EqualFold(scheme, "https") {
		return false
	}
	r.Absolute, r.Scheme = true, scheme
	end := len(rest)
	if i := bytes.IndexAny(rest, "/?"); i >= 0 {
		end = i
	}
	r.Authority, rest = rest[:end], rest[end:]
	query := pathEnd(rest, 0)
	r.Path = rest[:query]
	if query < len(rest) {
		r.Query = rest[query+1:]
	}
	r.Asterisk = len(rest) == 0 && string(r.Method) == "OPTIONS"
	switch {
	case r.Asterisk:
		r.Path = asterisk
	case query == 0:
		r.Path = slash
	}
	return isAuthority(r.Authority) &&
		(query == len(rest) || rest[query] == '?' && span(rest, query, queryByte) == len(rest))
}
