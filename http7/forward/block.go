package forward

import (
	"bytes"
	"errors"
	"math"

	"weir/http7"
	"weir/http7/wire"
)

// question is a request on its way from the head that HTTP/1 would send to frames.
type question struct {
	// block is the header block, in HPACK without the dynamic table (RFC 7541 §6.2.2).
	block []byte
	// frame is how the HTTP/1 body behind the head ends.
	frame wire.Frame
	// protocol is what the request wants to change to, nil for a plain one.
	protocol []byte
	// key is the Sec-WebSocket-Key, which the way back must answer.
	key []byte

	method, target, authority []byte
}

// The fields by which the two sides of a WebSocket know each other in HTTP/1 (RFC 6455 §4).
const (
	webSocketKey    = "Sec-WebSocket-Key"
	webSocketAccept = "Sec-WebSocket-Accept"
)

// errBadHead says that a head is none; the engine has written it, so it is a defect of ours.
var errBadHead = errors.New("the request's head can't be written as HTTP/2")

// read takes the head that b begins with. n is its length. With tunnels an Upgrade becomes an extended
// CONNECT (RFC 8441 §4), else it is dropped like all that ends at a hop (RFC 9113 §8.2.2).
func (q *question) read(b []byte, secure, tunnels bool) (n int, err error) {
	n = bytes.Index(b, []byte("\r\n\r\n")) + 4
	if n < 4 {
		return 0, errBadHead
	}
	line, fields, ok := bytes.Cut(b[:n-2], []byte("\r\n"))
	if !ok || !q.line(line) {
		return 0, errBadHead
	}
	if !q.scan(fields, tunnels) {
		return 0, errBadHead
	}
	q.pseudo(secure)
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !q.field(name, bytes.Trim(value, " \t")) {
			return 0, errBadHead
		}
	}
	return n, nil
}

// line reads the request line.
func (q *question) line(b []byte) bool {
	var rest []byte
	var ok bool
	if q.method, rest, ok = bytes.Cut(b, []byte(" ")); !ok || !http7.IsToken(q.method) {
		return false
	}
	q.target, ok = bytes.CutSuffix(rest, []byte(" HTTP/1.1"))
	return ok && len(q.target) > 0 && bytes.IndexByte(q.target, ' ') < 0
}

// scan finds what must be known before the first field is written.
func (q *question) scan(fields []byte, tunnels bool) bool {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return false
		}
		value = bytes.Trim(value, " \t")
		switch http7.LookupID(name) {
		case http7.Host:
			q.authority = value
		case http7.Upgrade:
			if tunnels && http7.IsToken(value) {
				q.protocol = value
			}
		case http7.Unlisted:
			if http7.EqualFold(name, webSocketKey) {
				q.key = value
			}
		case http7.TransferEncoding:
			q.frame = wire.Frame{Kind: wire.Chunked}
		case http7.ContentLength:
			length, ok := number(value)
			if !ok {
				return false
			}
			q.frame = wire.Frame{Kind: wire.Length, Length: length}
		}
	}
	return true
}

// number reads 1*DIGIT that fits an int64.
func number[T []byte | string](b T) (n int64, ok bool) {
	for i := range len(b) {
		d := int64(b[i]) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

// Names of HPACK's static table (RFC 7541 Appendix A).
const (
	indexAuthority = 1
	indexMethod    = 2 // with GET; 3 with POST
	indexPath      = 4 // with "/"
	indexHTTP      = 6 // :scheme http
	indexHTTPS     = 7
)

// pseudo writes the pseudo-fields (RFC 9113 §8.3.1).
func (q *question) pseudo(secure bool) {
	method := q.method
	if q.protocol != nil {
		method = []byte("CONNECT")
	}
	switch string(method) {
	case "GET":
		q.block = append(q.block, 0x80|indexMethod)
	case "POST":
		q.block = append(q.block, 0x80|(indexMethod+1))
	default:
		q.indexed(indexMethod, method, false)
	}
	if q.protocol != nil {
		q.literal([]byte(":protocol"), q.protocol)
	}
	scheme := byte(indexHTTP)
	if secure {
		scheme = indexHTTPS
	}
	q.block = append(q.block, 0x80|scheme)
	if q.authority != nil {
		q.indexed(indexAuthority, q.authority, false)
	}
	q.indexed(indexPath, q.target, false)
}

// static are the places of some names in HPACK's static table.
func static(id http7.ID) int {
	switch id {
	case http7.Accept:
		return 19
	case http7.AcceptEncoding:
		return 16
	case http7.Authorization:
		return 23
	case http7.CacheControl:
		return 24
	case http7.ContentLength:
		return 28
	case http7.ContentType:
		return 31
	case http7.Cookie:
		return 32
	case http7.UserAgent:
		return 58
	case http7.Via:
		return 60
	}
	return 0
}

// field writes a field, unless it has no place in HTTP/2.
func (q *question) field(name, value []byte) bool {
	id := http7.LookupID(name)
	switch {
	case !http7.IsToken(name) || !http7.IsFieldValue(value):
		return false
	case id == http7.Host:
		return true
	case id == http7.TE:
		if !http7.EqualFold(value, "trailers") {
			return true
		}
	case id == http7.Trailer: // announces what follows the body, in HTTP/2 as well
	case http7.HopByHop.Has(id):
		return true
	case q.protocol != nil && (id == http7.ContentLength || http7.EqualFold(name, webSocketKey)): // RFC 8441 §5
		return true
	}
	if at := static(id); at > 0 {
		q.indexed(at, value, id == http7.Authorization || id == http7.Cookie)
		return true
	}
	q.literal(name, value)
	return true
}

// indexed writes a field whose name stands in the static table. A secret one must not be kept by anybody on
// the way (RFC 7541 §6.2.3).
func (q *question) indexed(at int, value []byte, secret bool) {
	kind := byte(0)
	if secret {
		kind = 0x10
	}
	q.block = appendInteger(q.block, kind, 4, at)
	q.text(value)
}

// literal writes a field with its name, in lower case.
func (q *question) literal(name, value []byte) {
	q.block = append(q.block, 0)
	q.block = appendInteger(q.block, 0, 7, len(name))
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		q.block = append(q.block, c)
	}
	q.text(value)
}

func (q *question) text(b []byte) {
	q.block = append(appendInteger(q.block, 0, 7, len(b)), b...)
}

// appendInteger appends n with a prefix of that many bits below kind (RFC 7541 §5.1).
func appendInteger(dst []byte, kind byte, bits, n int) []byte {
	most := 1<<bits - 1
	if n < most {
		return append(dst, kind|byte(n))
	}
	dst = append(dst, kind|byte(most))
	for n -= most; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}
