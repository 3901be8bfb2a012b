package bench

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Field is one header field of a request.
type Field struct{ Name, Value string }

// Request is one request as a Maker fills it in. It is used again for the next one: what its slices hold is valid
// until the Maker's next Fill.
type Request struct {
	// Class is the index into Source.Classes of the request's kind.
	Class int
	// Method is never empty.
	Method string
	// Path is the origin-form: path and query.
	Path []byte
	// Host is the authority to ask for. Empty: the target's.
	Host string
	// Header is added to Host and the framing. A Source for the Wire form may leave it and Body empty.
	Header []Field
	// Body is the content; its length is sent wherever there is any, or the method defines a meaning for it.
	Body []byte
	// Wire is the whole HTTP/1.1 message, framing included. nil: the generator writes it from the parts.
	Wire []byte
	// Expect judges the answer. nil: a status below 400 is fine.
	Expect *Expect
}

// Expect says which answers are fine. It is shared by all requests of a kind, and safe for concurrent use.
type Expect struct {
	// Status reports whether the status is fine. nil: below 400.
	Status func(status int) bool
	// Body reports whether the body is fine. It gets at most MaxExpectedBody bytes, the first ones. nil: any; then
	// the body is not kept at all.
	Body func(body []byte) bool
}

// MaxExpectedBody is how many bytes of a body are kept for Expect.Body.
const MaxExpectedBody = 1 << 20

// StatusFine reports whether a request that expects e is content with the status; e may be nil.
func (e *Expect) StatusFine(status int) bool {
	if e == nil || e.Status == nil {
		return status < 400
	}
	return e.Status(status)
}

// WantsBody reports whether the body must be kept for BodyFine; e may be nil.
func (e *Expect) WantsBody() bool { return e != nil && e.Body != nil }

// Form is what a Maker is asked to fill in.
type Form uint8

// The forms of a request.
const (
	// Parts: Method, Path, Host, Header and Body, for protocols that a library writes.
	Parts Form = iota
	// Wire: Request.Wire if that is cheaper than Parts, or Parts. Method is filled in either way.
	Wire
)

// Source says what to send.
type Source interface {
	// Classes names the kinds of requests, of which there is at least one. Figures are kept for each of them.
	Classes() []string
	// Maker returns what fills in requests. Each caller gets its own, which belongs to one goroutine at a time.
	// authority is the target's, for Wire. The same seed gives the same requests, whoever sends them.
	Maker(form Form, authority string, seed uint64) Maker
}

// Maker fills in requests, one after the other.
type Maker interface {
	// Fill makes r the request of slot n. Slots are numbered from 0, warm-up included, and each is filled in once,
	// though not in order where several connections share the work. It must not block, and should not allocate.
	Fill(n int64, r *Request)
}

// Fixed returns the Source that sends one request again and again.
func Fixed(method, path string, header []Field, body []byte) (Source, error) {
	if !isToken(method) {
		return nil, fmt.Errorf("%w: method %q", ErrConfig, method)
	}
	if path == "" || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("%w: path %q", ErrConfig, path)
	}
	f := &fixed{request: Request{Method: method, Path: []byte(path), Body: body}}
	for _, h := range header {
		switch {
		case !isToken(h.Name), strings.ContainsAny(h.Value, "\r\n\x00"):
			return nil, fmt.Errorf("%w: header field %q: %q", ErrConfig, h.Name, h.Value)
		case strings.EqualFold(h.Name, "Content-Length"), strings.EqualFold(h.Name, "Transfer-Encoding"):
			return nil, fmt.Errorf("%w: header field %q: the generator frames the body itself", ErrConfig, h.Name)
		case strings.EqualFold(h.Name, "Host"):
			f.request.Host = h.Value
		default:
			f.request.Header = append(f.request.Header, h)
		}
	}
	return f, nil
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r))
	})
}

type fixed struct{ request Request }

func (f *fixed) Classes() []string { return []string{"all"} }

func (f *fixed) Maker(form Form, authority string, _ uint64) Maker {
	m := &fixedMaker{request: f.request}
	if form == Wire {
		m.request.Wire = AppendRequest(nil, &m.request, authority)
	}
	return m
}

type fixedMaker struct{ request Request }

func (m *fixedMaker) Fill(_ int64, r *Request) { *r = m.request }

// AppendRequest appends r as an HTTP/1.1 message to dst; authority is used where r names no Host. Content-Length is
// written where there is a body, and for POST, PUT and PATCH also where there is none (RFC 9110 §8.6).
func AppendRequest(dst []byte, r *Request, authority string) []byte {
	dst = append(append(append(dst, r.Method...), ' '), r.Path...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	if r.Host != "" {
		authority = r.Host
	}
	dst = append(append(dst, authority...), "\r\n"...)
	for _, f := range r.Header {
		dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	if len(r.Body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		dst = strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(r.Body)), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(append(dst, "\r\n"...), r.Body...)
}
