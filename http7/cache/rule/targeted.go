package rule

import "weir/http7"

// readTargeted reads a targeted field (RFC 9213): a Dictionary (RFC 9651 §3.2) of directives. ok is false if there is no
// member or any part of it breaks the grammar; the field then counts as not there.
func readTargeted(h *http7.Header, n http7.Name) (d Directives, ok bool) {
	d = noDirectives()
	for value := range h.Each(n) {
		b := trimSpaces(value)
		for {
			m, rest, valid := cutMember(b)
			if !valid {
				return d, false
			}
			d.takeMember(&m)
			ok = true
			if rest = skipOWS(rest); len(rest) == 0 {
				break
			}
			if rest[0] != ',' {
				return d, false
			}
			b = skipOWS(rest[1:])
		}
	}
	return d, ok
}

// takeMember notes one directive; of several the last holds (RFC 9651 §4.2.2). A number of another type is 0, a
// restriction holds whatever its value.
func (d *Directives) takeMember(m *member) {
	if seconds := d.seconds(m.key); seconds != nil {
		*seconds = m.seconds()
		return
	}
	if flag := d.restriction(m.key); flag != nil {
		*flag = true
	} else if flag := d.permission(m.key); flag != nil {
		*flag = m.kind == sfTrue
	}
	switch string(m.key) {
	case "no-cache":
		d.NoCacheFields = nil
		d.NoCache = !m.names(&d.NoCacheFields)
	case "private":
		d.PrivateFields = nil
		d.Private = !m.names(&d.PrivateFields)
	}
}

// sfKind is the type of a member's value.
type sfKind uint8

const (
	sfTrue sfKind = iota
	sfFalse
	sfInteger
	sfString
	sfToken
	sfOther
)

// member is one key of a Dictionary with its value; parameters are skipped.
type member struct {
	key, value []byte
	kind       sfKind
}

// seconds is the value of a directive that is a number.
func (m *member) seconds() int64 {
	if m.kind != sfInteger {
		return 0
	}
	v, _ := parseDelta(m.value) // negative: 0
	return v
}

// names appends the field names that the value lists; false: it is no such list.
func (m *member) names(fields *[][]byte) bool {
	if m.kind != sfString && m.kind != sfToken {
		return false
	}
	names, ok := appendNames(nil, m.value)
	*fields = names
	return ok
}

// cutMember cuts key, value and parameters off b.
func cutMember(b []byte) (m member, rest []byte, ok bool) {
	if m.key, rest = cutKey(b); len(m.key) == 0 {
		return m, nil, false
	}
	if len(rest) > 0 && rest[0] == '=' {
		if len(rest) > 1 && rest[1] == '(' {
			m.kind = sfOther
			rest, ok = skipInnerList(rest[2:])
		} else {
			m.value, m.kind, rest, ok = cutBare(rest[1:])
		}
		if !ok {
			return m, nil, false
		}
	}
	rest, ok = skipParameters(rest)
	return m, rest, ok
}

// cutKey cuts a key (RFC 9651 §3.1.2): lower case alone.
func cutKey(b []byte) (key, rest []byte) {
	for i, c := range b {
		first := 'a' <= c && c <= 'z' || c == '*'
		if !first && (i == 0 || !('0' <= c && c <= '9' || c == '_' || c == '-' || c == '.')) {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

func skipParameters(b []byte) (rest []byte, ok bool) {
	for len(b) > 0 && b[0] == ';' {
		key, rest := cutKey(skipSpaces(b[1:]))
		if len(key) == 0 {
			return nil, false
		}
		if b = rest; len(b) > 0 && b[0] == '=' {
			if _, _, b, ok = cutBare(b[1:]); !ok {
				return nil, false
			}
		}
	}
	return b, true
}

// skipInnerList skips the items of an inner list behind its parenthesis, which is closed.
func skipInnerList(b []byte) (rest []byte, ok bool) {
	for {
		if b = skipSpaces(b); len(b) == 0 {
			return nil, false
		}
		if b[0] == ')' {
			return b[1:], true
		}
		if _, _, b, ok = cutBare(b); !ok {
			return nil, false
		}
		if b, ok = skipParameters(b); !ok || len(b) == 0 || b[0] != ' ' && b[0] != ')' {
			return nil, false
		}
	}
}

// cutBare cuts a bare item (RFC 9651 §3.3). A String's value is what stands between its quotes.
func cutBare(b []byte) (value []byte, kind sfKind, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, sfOther, nil, false
	}
	switch c := b[0]; {
	case c == '"':
		return cutString(b)
	case c == '?':
		return cutBoolean(b)
	case c == '-' || '0' <= c && c <= '9':
		return cutNumeric(b)
	case c == ':':
		return cutBytes(b)
	case c == '*' || 'a' <= lower(c) && lower(c) <= 'z':
		i := 1
		for i < len(b) && (tokenBytes[b[i]] || b[i] == ':' || b[i] == '/') {
			i++
		}
		return b[:i], sfToken, b[i:], true
	}
	return nil, sfOther, nil, false
}

func cutString(b []byte) (value []byte, kind sfKind, rest []byte, ok bool) {
	kind = sfString
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[1:i], kind, b[i+1:], true
		case c == '\\':
			if i++; i == len(b) || b[i] != '"' && b[i] != '\\' {
				return nil, kind, nil, false
			}
			kind = sfOther // no list of field names has one
		case c < ' ' || c > '~':
			return nil, kind, nil, false
		}
	}
	return nil, kind, nil, false
}

func cutBoolean(b []byte) (value []byte, kind sfKind, rest []byte, ok bool) {
	switch {
	case len(b) < 2:
	case b[1] == '1':
		return nil, sfTrue, b[2:], true
	case b[1] == '0':
		return nil, sfFalse, b[2:], true
	}
	return nil, sfOther, nil, false
}

// cutNumeric cuts an Integer of at most 15 digits or a Decimal of at most 12 and 3.
func cutNumeric(b []byte) (value []byte, kind sfKind, rest []byte, ok bool) {
	i := 0
	if b[0] == '-' {
		i++
	}
	n := countDigits(b[i:])
	end := i + n
	if end == len(b) || b[end] != '.' {
		return b[:end], sfInteger, b[end:], n > 0 && n <= 15
	}
	fraction := countDigits(b[end+1:])
	end += 1 + fraction
	return b[:end], sfOther, b[end:], n > 0 && n <= 12 && fraction > 0 && fraction <= 3
}

func countDigits(b []byte) (n int) {
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}

func cutBytes(b []byte) (value []byte, kind sfKind, rest []byte, ok bool) {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == ':':
			return b[1:i], sfOther, b[i+1:], true
		case c != '+' && c != '/' && c != '=' && !('0' <= c && c <= '9') && !('a' <= lower(c) && lower(c) <= 'z'):
			return nil, sfOther, nil, false
		}
	}
	return nil, sfOther, nil, false
}

func skipSpaces(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	return b
}

func trimSpaces(b []byte) []byte {
	b = skipSpaces(b)
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}
