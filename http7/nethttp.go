package http7

import (
	"net/http"
	"strconv"
	"strings"
	"unsafe"
)

// Engines whose library speaks net/http's types (h2, h3) fill and drain exchanges here and nowhere
// else. The values of one name keep their order; the order of names is lost in net/http's map.

// ExtendedConnect is the key under which the libraries keep the :protocol of an extended CONNECT (RFC 8441 §4).
const ExtendedConnect = ":protocol"

// AppendRequest appends the head of r, a request of h2 or h3, as HTTP/1.1 writes it, so that one strict parser
// reads the requests of all protocols. A body of unknown length is said to be chunked. An extended CONNECT (RFC
// 8441) becomes the GET with Upgrade that means the same in HTTP/1.1.
//
// What a line can't hold is a fault, and so are the fields of a connection (RFC 9113 §8.2.2, RFC 9114 §4.2);
// everything else is for the parser to judge.
func AppendRequest(dst []byte, r *http.Request) ([]byte, *Fault) {
	method, upgrade := r.Method, ""
	if p := r.Header[ExtendedConnect]; p != nil {
		if len(p) != 1 || method != http.MethodConnect { // other requests have no such pseudo-field (RFC 9113 §8.3)
			return dst, BadField
		}
		method, upgrade = http.MethodGet, p[0]
	}
	if !inLine(r.RequestURI) || !IsToken(view(method)) {
		return dst, BadTarget
	}
	dst = append(append(dst, method...), ' ')
	dst = append(append(dst, r.RequestURI...), " HTTP/1.1\r\n"...)
	if r.Host != "" {
		if !inLine(r.Host) {
			return dst, BadHost
		}
		dst = append(append(append(dst, "Host: "...), r.Host...), "\r\n"...)
	}
	if upgrade != "" {
		if !IsToken(view(upgrade)) {
			return dst, BadField
		}
		return appendFields(append(append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), upgrade...), "\r\n"...), r)
	}
	if unsized(r) {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		dst = appendAnnounced(dst, r.Trailer)
	}
	return appendFields(dst, r)
}

// appendAnnounced appends the Trailer field, whose names the library has checked.
func appendAnnounced(dst []byte, trailer http.Header) []byte {
	before := "Trailer: "
	for name := range trailer {
		dst = append(append(dst, before...), name...)
		before = ", "
	}
	if len(trailer) > 0 {
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// unsized reports whether the body of r is to be framed by its end: where there are trailers, HTTP/1 needs that.
func unsized(r *http.Request) bool {
	return r.ContentLength < 0 || r.ContentLength > 0 && len(r.Trailer) > 0
}

// appendFields appends the fields of r and the empty line.
func appendFields(dst []byte, r *http.Request) ([]byte, *Fault) {
	for name, values := range r.Header {
		switch id := LookupID(view(name)); {
		case name == ExtendedConnect:
			continue
		case id == Host:
			if len(values) > 1 || values[0] != r.Host {
				return dst, BadHost
			}
			continue
		case id == TE:
			if len(values) > 1 || values[0] != "trailers" {
				return dst, BadField
			}
		case id == Trailer: // what is announced is in r.Trailer
			continue
		case id == ContentLength && unsized(r):
			if len(values) > 1 || r.ContentLength < 0 {
				return dst, BadContentLength
			}
			continue
		case HopByHop.Has(id) && id != HTTP2Settings:
			return dst, BadConnection
		case !IsToken(view(name)):
			return dst, BadField
		}
		for _, v := range values {
			if !IsFieldValue(view(v)) {
				return dst, BadField
			}
			dst = append(append(append(append(dst, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(dst, "\r\n"...), nil
}

// inLine reports whether s can stand in a request line or as Host: bytes that end a line, or a part of it, can't.
func inLine(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// AppendTrailer appends trailers as the last chunk of HTTP/1.1 holds them: with the fields' names and values as
// they are, checked like those of a head.
func AppendTrailer(dst []byte, trailer http.Header) ([]byte, *Fault) {
	dst = append(dst, "0\r\n"...)
	for name, values := range trailer {
		if !IsToken(view(name)) {
			return dst, BadTrailer
		}
		for _, v := range values {
			if !IsFieldValue(view(v)) {
				return dst, BadTrailer
			}
			dst = append(append(append(append(dst, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(dst, "\r\n"...), nil
}

// FillRequest makes x the request r: protocol, request line, fields, trailer and body length. Host
// becomes the first field, as in HTTP/1; names with "_" are dropped. What the connection knows (Conn, Client, Arrival) is left
// to the engine. x's bytes are views of r's strings.
func FillRequest(x *Exchange, r *http.Request) {
	x.Proto = protoOf(r)
	x.Method, x.Authority = view(r.Method), view(r.Host)
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	path, query, _ := strings.Cut(originForm(target), "?")
	x.Target, x.Path, x.Query = view(target), view(path), view(query)
	x.Secure = r.TLS != nil

	x.Request.Reset(nil)
	if r.Host != "" {
		x.Request.Add(Known(Host), x.Authority)
	}
	x.Request.fillFrom(r.Header, false)
	x.Trailer.Reset(nil)
	x.Trailer.fillFrom(r.Trailer, false)
	x.Body.Length = r.ContentLength
}

func protoOf(r *http.Request) Proto {
	switch {
	case r.ProtoMajor == 3:
		return HTTP3
	case r.ProtoMajor == 2:
		return HTTP2
	case r.ProtoMinor == 0:
		return HTTP10
	}
	return HTTP11
}

// originForm cuts scheme and authority off an absolute target (RFC 9112 §3.2.2).
func originForm(target string) string {
	if target == "*" || strings.HasPrefix(target, "/") {
		return target
	}
	if _, rest, absolute := strings.Cut(target, "://"); absolute {
		target = rest
	}
	at := strings.IndexAny(target, "/?")
	switch {
	case at < 0:
		return "/"
	case target[at] == '?':
		return "/" + target[at:]
	}
	return target[at:]
}

// FillAnswer makes the head of a that of an answer with these fields. A single Content-Length sets
// a's length, which is -1 otherwise; trailers and Source are the caller's.
func FillAnswer(a *Answer, status int, h http.Header) {
	a.Status, a.Length = status, -1
	a.Header.Reset(nil)
	a.Header.fillFrom(h, true)
	if v := h["Content-Length"]; len(v) == 1 {
		if n, err := strconv.ParseUint(v[0], 10, 63); err == nil {
			a.Length = int64(n)
		}
	}
}

// FillTrailer makes x's trailer that of a request whose body has been read to its end.
func FillTrailer(x *Exchange, trailer http.Header) {
	x.Trailer.Reset(nil)
	x.Trailer.fillFrom(trailer, false)
}

// fillFrom appends copies of the fields of from that pass a hop. They are not checked.
func (h *Header) fillFrom(from http.Header, underscores bool) {
	for name, values := range from {
		if HopByHop.Has(LookupID(view(name))) || !underscores && strings.IndexByte(name, '_') >= 0 {
			continue
		}
		for _, v := range values {
			h.AddRaw(view(name), view(v))
		}
	}
}

// DrainTo adds the fields of h to dst, under canonical names, except those of a name in skip. prefix, if any, is
// put before each name.
func (h *Header) DrainTo(dst http.Header, skip IDSet, prefix string) {
	n, size := 0, 0
	for i := range h.f {
		if f := &h.f[i]; !skip.Has(f.id) {
			n, size = n+1, size+int(f.valLen)
		}
	}
	if n == 0 {
		return
	}
	text, values := make([]byte, 0, size), make([]string, n) // one allocation for the bytes, one for the slices
	for i := range h.f {
		f := &h.f[i]
		if skip.Has(f.id) {
			continue
		}
		name, value := h.At(i)
		key := keys[f.id]
		if f.id == Unlisted {
			key = http.CanonicalHeaderKey(string(name))
		}
		if prefix != "" {
			key = prefix + key
		}
		at := len(text)
		text = append(text, value...)
		values[0] = unsafe.String(unsafe.SliceData(text[at:]), len(value))
		if before := dst[key]; before == nil {
			dst[key] = values[:1:1]
		} else {
			dst[key] = append(before, values[0])
		}
		values = values[1:]
	}
}

// keys are net/http's spellings of the known names.
var keys = func() (t [idCount]string) {
	for id, name := range idNames {
		t[id] = http.CanonicalHeaderKey(name)
	}
	return t
}()

// view returns the bytes of s without copying them. Views are read-only: see the package comment.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
