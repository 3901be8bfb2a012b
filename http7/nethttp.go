package http7

import (
	"net/http"
	"strconv"
	"strings"
	"unsafe"
)

// Engines whose library speaks net/http's types (h2, h3) fill and drain exchanges here and nowhere
// else. The values of one name keep their order; the order of names is lost in net/http's map.

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

// DrainTo adds the fields of h to dst, under canonical names, except those of a name in skip.
func (h *Header) DrainTo(dst http.Header, skip IDSet) {
	for i := range h.f {
		if !skip.Has(h.f[i].id) {
			name, value := h.At(i)
			key := http.CanonicalHeaderKey(string(name))
			dst[key] = append(dst[key], string(value))
		}
	}
}

// view returns the bytes of s without copying them. Views are read-only: see the package comment.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
