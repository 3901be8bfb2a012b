package plan

import (
	"strings"
	"unicode/utf8"
)

// scan reads a line of the form that internal/obs writes: one object of texts, whole numbers and lists of pairs of texts,
// with nothing in them that JSON has to escape. It reports false for anything else, which encoding/json may then read: a
// log of millions of lines is read in a fifth of the time. Where it reports true, encoding/json would read the same.
func (l *line) scan(s string) bool {
	c := cursor{s: strings.Trim(s, " \t\r\n")}
	if !c.eat('{') {
		return false
	}
	for first := true; ; first = false {
		if c.eat('}') {
			return c.at == len(c.s)
		}
		if !first && !c.eat(',') {
			return false
		}
		key, ok := c.text()
		if !ok || !c.eat(':') || !l.value(key, &c) {
			return false
		}
	}
}

// value reads the value of a key.
func (l *line) value(key string, c *cursor) (ok bool) {
	if t := l.texts(key); t != nil {
		*t, ok = c.text()
		return ok
	}
	if n := l.numbers(key); n != nil {
		*n, ok = c.number()
		return ok
	}
	switch key {
	case "verdicts":
		l.Verdicts, ok = c.pairs()
		return ok
	case "match":
		l.Match, ok = c.pairs()
		return ok
	case "request_id", "trace_id":
		_, ok = c.text()
		return ok
	}
	return false // a key of a later version, or one that encoding/json takes for another in spite of its case
}

func (l *line) texts(key string) *string {
	switch key {
	case "client":
		return &l.Client
	case "listener":
		l.Listener = new(string)
		return l.Listener
	case "proto":
		l.Proto = new(string)
		return l.Proto
	case "method":
		return &l.Method
	case "host":
		return &l.Host
	case "target":
		return &l.Target
	case "route":
		return &l.Route
	case "upstream":
		return &l.Upstream
	case "endpoint":
		return &l.Endpoint
	case "fault":
		return &l.Fault
	case "consumer":
		return &l.Consumer
	case "cache":
		return &l.Cache
	}
	return nil
}

func (l *line) numbers(key string) *int64 {
	switch key {
	case "ts":
		l.TS = new(int64)
		return l.TS
	case "status":
		return &l.Status
	case "bytes_in":
		return &l.BytesIn
	case "bytes_out":
		return &l.BytesOut
	case "dur_us":
		return &l.Duration
	case "first_byte_us":
		return &l.FirstByte
	case "attempts":
		return &l.Attempts
	}
	return nil
}

// cursor walks over a line. Nothing stands between its tokens.
type cursor struct {
	s  string
	at int
}

func (c *cursor) eat(b byte) bool {
	if c.at < len(c.s) && c.s[c.at] == b {
		c.at++
		return true
	}
	return false
}

// text reads a text without escapes.
func (c *cursor) text() (string, bool) {
	if !c.eat('"') {
		return "", false
	}
	ascii := true
	for i := c.at; i < len(c.s); i++ {
		switch b := c.s[i]; {
		case b == '"':
			t := c.s[c.at:i]
			c.at = i + 1
			return t, ascii || utf8.ValidString(t)
		case b == '\\' || b < ' ':
			return "", false
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", false
}

// number reads a whole number that fits an int64 with certainty.
func (c *cursor) number() (n int64, ok bool) {
	from := c.at
	for c.at < len(c.s) && c.s[c.at] >= '0' && c.s[c.at] <= '9' && c.at-from < 18 {
		n = 10*n + int64(c.s[c.at]-'0')
		c.at++
	}
	return n, c.at > from && (c.s[from] != '0' || c.at == from+1) // JSON has no 007
}

// pairs reads [["a","b"],…].
func (c *cursor) pairs() ([][2]string, bool) {
	if !c.eat('[') {
		return nil, false
	}
	all := [][2]string{}
	for !c.eat(']') {
		if len(all) > 0 && !c.eat(',') || !c.eat('[') {
			return nil, false
		}
		var p [2]string
		var first, second bool
		p[0], first = c.text()
		comma := c.eat(',')
		if p[1], second = c.text(); !first || !comma || !second || !c.eat(']') {
			return nil, false
		}
		all = append(all, p)
	}
	return all, true
}
