package match

import (
	"cmp"
	"strings"

	"weir/http7"
)

// hostPattern is an exact host, a "*.suffix" or any.
type hostPattern struct {
	kind hostKind
	text string // the host, or the suffix with its dot
}

type hostKind uint8

const (
	anyHost hostKind = iota
	wildHost
	exactHost
)

func newHost(text string) hostPattern {
	var buf [maxHost]byte
	switch suffix, wild := strings.CutPrefix(text, "*."); {
	case text == "" || text == "*":
		return hostPattern{}
	case wild:
		return hostPattern{wildHost, "." + string(bareHost(&buf, []byte(suffix)))}
	}
	return hostPattern{exactHost, string(bareHost(&buf, []byte(text)))}
}

// holds reports whether the pattern takes a host in its bare form.
func (p hostPattern) holds(host []byte) bool {
	switch p.kind {
	case exactHost:
		return string(host) == p.text
	case wildHost:
		n := len(host) - len(p.text)
		return n > 0 && string(host[n:]) == p.text
	}
	return true
}

func (p hostPattern) String() string {
	switch p.kind {
	case wildHost:
		return "*" + p.text
	case anyHost:
		return "*"
	}
	return p.text
}

// compareHosts orders the more specific first: exact, longest wildcard, any.
func compareHosts(a, b hostPattern) int {
	return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
}

// maxHost is the longest host that can match a name: DNS ends at 253 (RFC 1035 §2.3.4).
const maxHost = 255

// bareHost returns authority without its port and one trailing dot, in lower case: as it is, or in
// buf. A longer host than buf holds is nil, which no name matches.
func bareHost(buf *[maxHost]byte, authority []byte) []byte {
	host := cutPort(authority)
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if len(host) > maxHost {
		return nil
	}
	for i, c := range host {
		if 'A' <= c && c <= 'Z' {
			n := copy(buf[:], host)
			for ; i < n; i++ {
				if 'A' <= buf[i] && buf[i] <= 'Z' {
					buf[i] |= 0x20
				}
			}
			return buf[:n]
		}
	}
	return host
}

// cutPort cuts ":port" off, minding the colons of "[::1]:80" (RFC 3986 §3.2.2).
func cutPort(authority []byte) []byte {
	end := byte(':')
	if len(authority) > 0 && authority[0] == '[' {
		end = ']'
	}
	for i, c := range authority {
		if c == end {
			if c == ']' {
				i++
			}
			return authority[:i]
		}
	}
	return authority
}

// pathPattern is an exact path, or a prefix of whole segments.
type pathPattern struct {
	segments []string // behind the first "/", none for "/*"
	rest     bool     // written "/*" at its end
}

func newPath(text string) pathPattern {
	if text == "" || text == "/*" {
		return pathPattern{rest: true}
	}
	text, rest := strings.CutSuffix(text, "/*")
	return pathPattern{strings.Split(strings.TrimPrefix(text, "/"), "/"), rest}
}

// holds reports whether the pattern takes path, which is compared byte for byte.
func (p pathPattern) holds(path []byte) bool {
	for _, want := range p.segments {
		if len(path) == 0 || path[0] != '/' {
			return false
		}
		n := segment(path)
		if string(path[1:n]) != want {
			return false
		}
		path = path[n:]
	}
	return p.rest || len(path) == 0
}

// segment returns where the segment that path begins with ends; path begins with "/".
func segment(path []byte) int {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			return i
		}
	}
	return len(path)
}

func (p pathPattern) String() string {
	s := strings.Join(p.segments, "/")
	switch {
	case len(p.segments) > 0 && p.rest:
		return "/" + s + "/*"
	case p.rest:
		return "/*"
	}
	return "/" + s
}

// comparePaths orders the more specific first: segment by segment from the left, a literal before
// the rest, and the path's end before the rest.
func comparePaths(a, b pathPattern) int {
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(a.segments[i], b.segments[i]); c != 0 {
			return c // they share no path
		}
	}
	return cmp.Or(cmp.Compare(len(b.segments), len(a.segments)), compareBool(!a.rest, !b.rest))
}

// compareBool orders true before false.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// takesMethod reports whether the route takes a method.
func takesMethod(r *http7.Route, method []byte) bool {
	for _, m := range r.Methods {
		if m == string(method) {
			return true
		}
	}
	return len(r.Methods) == 0
}
