package wire

import (
	"math"

	"weir/http7"
)

// framing is what the fields of a head say about its body.
type framing struct {
	length    int64
	hasLength bool
	// codings counts the transfer codings; chunked says that the last one so far is chunked, bad
	// that the list can't be read, or has something behind chunked.
	codings      int
	chunked, bad bool
}

// addLength reads a Content-Length. A second one is refused even if it is equal, as is a list
// (RFC 9110 §8.6 lets a recipient do either).
func (m *framing) addLength(value []byte) *http7.Fault {
	if m.hasLength {
		return http7.BadFraming
	}
	n, ok := parseLength(value)
	if !ok {
		return http7.BadContentLength
	}
	m.length, m.hasLength = n, true
	return nil
}

// parseLength reads 1*DIGIT that fits an int64.
func parseLength(b []byte) (n int64, ok bool) {
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

// addCodings reads a Transfer-Encoding (RFC 9112 §6.1). An empty element is refused: what a list
// with holes ends in is not agreed upon.
func (m *framing) addCodings(value []byte) {
	for more := true; more; {
		var coding []byte
		coding, value, more = element(value)
		m.addCoding(coding)
	}
}

func (m *framing) addCoding(coding []byte) {
	name, params := coding, false
	for i, c := range coding {
		if c == ';' {
			name, params = trim(coding[:i]), true
			break
		}
	}
	// chunked must be the last and stand once; it has no parameters (RFC 9112 §7.1).
	m.bad = m.bad || m.chunked || !http7.IsToken(name)
	m.chunked = http7.EqualFold(name, "chunked")
	m.bad = m.bad || m.chunked && params
	m.codings++
}

// transfer is the fault of the transfer codings, nil if they are just chunked.
func (m *framing) transfer(p http7.Proto) *http7.Fault {
	switch {
	case m.bad || !m.chunked || m.hasLength || p == http7.HTTP10:
		return http7.BadFraming
	case m.codings > 1:
		return http7.UnknownCoding
	}
	return nil
}

// request returns a request's frame (RFC 9112 §6.3).
func (m *framing) request(p http7.Proto) (Frame, *http7.Fault) {
	switch {
	case m.codings > 0:
		return Frame{Kind: Chunked}, m.transfer(p)
	case m.hasLength:
		return Frame{Kind: Length, Length: m.length}, nil
	}
	return Frame{}, nil
}

// answer returns the frame of an answer to a request of that method.
func (m *framing) answer(p http7.Proto, status int, method []byte) (Frame, *http7.Fault) {
	if string(method) == "CONNECT" && status/100 == 2 {
		return Frame{}, nil // a tunnel begins, whatever the fields say
	}
	if m.codings > 0 {
		if f := m.transfer(p); f != nil {
			return Frame{}, f
		}
	}
	switch {
	case status < 200 || status == 204:
		if m.codings > 0 || m.length > 0 { // the sender must not (RFC 9112 §6.1, RFC 9110 §8.6)
			return Frame{}, http7.BadFraming
		}
		return Frame{}, nil
	case status == 304 || string(method) == "HEAD":
		return Frame{}, nil
	case m.codings == 0 && !m.hasLength:
		return Frame{Kind: UntilClose}, nil
	}
	return m.request(p)
}
