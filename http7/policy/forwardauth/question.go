package forwardauth

import (
	"encoding/binary"
	"net/http"
	"net/textproto"

	"weir/http7"
	"weir/internal/fetch"
)

func canonical(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// question returns what the service is asked about x. It is its own.
func (p *asker) question(x *http7.Exchange) *fetch.Request {
	h := make(http.Header, len(p.sent)+6)
	for _, name := range p.sent {
		for value := range x.Request.Each(name) {
			key := canonical(name.String())
			h[key] = append(h[key], string(value))
		}
	}
	h[canonical(methodField)] = []string{string(x.Method)}
	h[canonical(uriField)] = []string{string(appendURI(nil, x))}
	h["X-Forwarded-Host"] = []string{string(x.Authority)}
	h["X-Forwarded-Proto"] = []string{scheme(x)}
	if x.Client.IsValid() {
		h["X-Forwarded-For"] = []string{x.Client.Unmap().WithZone("").String()}
	}
	return &fetch.Request{URL: p.url, Header: h}
}

// appendURI appends path and query as routes and endpoints know them, not as an absolute target writes them.
func appendURI(dst []byte, x *http7.Exchange) []byte {
	dst = append(dst, x.Path...)
	if x.Query != nil {
		dst = append(append(dst, '?'), x.Query...)
	}
	return dst
}

func scheme(x *http7.Exchange) string {
	if x.Secure {
		return "https"
	}
	return "http"
}

// key returns what question would send, in a form in which no two different questions look alike: a text in x's room. It
// allocates nothing in steady state.
func (p *asker) key(x *http7.Exchange) []byte {
	b := appendPart(x.Room(p.room(x)), x.Method)
	b = appendPart(b, x.Path)
	if x.Query != nil { // an empty one is asked about as "/a?"
		b = append(b, '?')
	}
	b = appendPart(b, x.Query)
	b = appendPart(b, x.Authority)
	b = appendPart(b, scheme(x))
	address := x.Client.Unmap().As16()
	b = append(b, address[:]...)
	for i := range p.sent {
		values := uint16(0)
		for at := x.Request.Find(p.sent[i], 0); at >= 0; at = x.Request.Find(p.sent[i], at+1) {
			b = appendPart(b, x.Request.Value(at))
			values++
		}
		b = binary.LittleEndian.AppendUint16(b, values)
	}
	return b
}

// appendPart appends a part so that its length parts it from the next.
func appendPart[T []byte | string](dst []byte, part T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(part))), part...)
}

// room returns how long the text of key gets at most.
func (p *asker) room(x *http7.Exchange) int {
	const lengths = 10 // of one part's length
	n := len(x.Method) + len(x.Path) + 1 + len(x.Query) + len(x.Authority) + 16 + 6*lengths
	for i := range p.sent {
		n += 2
		for at := x.Request.Find(p.sent[i], 0); at >= 0; at = x.Request.Find(p.sent[i], at+1) {
			n += lengths + len(x.Request.Value(at))
		}
	}
	return n
}
