package rule

import "weir/http7"

// element is one member of a list of directives (RFC 9111 §5.2): name, name=token or name="text".
type element struct {
	name, arg []byte
	has       bool // there is an argument
	escaped   bool // arg holds quoted pairs, as they were sent
}

// cut is how the cutting of an element went.
type cut uint8

const (
	cutDone cut = iota // the list is at its end
	cutOne             // an element
	cutBad             // something that is no element, up to the next comma
)

// nextElement cuts the first element off list. Empty ones are left out (RFC 9110 §5.6.1).
func nextElement(list []byte) (e element, rest []byte, how cut) {
	for len(list) > 0 && (isOWS(list[0]) || list[0] == ',') {
		list = list[1:]
	}
	if len(list) == 0 {
		return e, nil, cutDone
	}
	e.name, rest = cutToken(list)
	if len(rest) > 0 && rest[0] == '=' && len(e.name) > 0 {
		e.has = true
		var ok bool
		if rest, ok = e.argument(rest[1:]); !ok {
			return e, skipElement(rest), cutBad
		}
	}
	rest = skipOWS(rest)
	if len(e.name) == 0 || len(rest) > 0 && rest[0] != ',' {
		return e, skipElement(rest), cutBad
	}
	return e, rest, cutOne
}

// argument reads what follows the equals sign.
func (e *element) argument(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		e.arg, rest = cutToken(b)
		return rest, len(e.arg) > 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			e.escaped = true
			i++
		case '"':
			e.arg = b[1:i]
			return b[i+1:], true
		}
	}
	return nil, false // the quote never ends
}

// skipElement returns what stands behind the next comma that is not quoted.
func skipElement(b []byte) []byte {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return b[i+1:]
		}
	}
	return nil
}

func cutToken(b []byte) (token, rest []byte) {
	for i, c := range b {
		if !tokenBytes[c] {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

// tokenBytes marks the bytes of a token (RFC 9110 §5.6.2).
var tokenBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = http7.IsToken([]byte{byte(c)})
	}
	return t
}()

func isOWS(c byte) bool { return c == ' ' || c == '\t' }

func skipOWS(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	return b
}

func trimOWS(b []byte) []byte {
	b = skipOWS(b)
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// lower is c in lower case, if it is an ASCII letter.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
