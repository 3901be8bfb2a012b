package cors

import (
	"net/netip"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// anything stands for all origins, methods or fields; null is the origin of documents that have none.
const (
	anything = "*"
	null     = "null"
)

// origins is the set of allowed origins. It never changes.
type origins struct {
	exact map[string]struct{}
	below []origin
}

// newOrigins returns the set of the origins in list; "*" adds nothing.
func newOrigins(list []string) (set origins, err error) {
	set.exact = make(map[string]struct{}, len(list))
	for _, text := range list {
		o, bad := parseOrigin(text)
		switch {
		case text == anything:
		case bad != nil:
			return set, bad
		case o.wild:
			set.below = append(set.below, o)
		default:
			set.exact[o.scheme+o.host] = struct{}{}
		}
	}
	return set, nil
}

// has compares byte for byte: what browsers send is in its one spelling (RFC 6454 §6.2).
func (s *origins) has(sent []byte) bool {
	if _, ok := s.exact[string(sent)]; ok {
		return true
	}
	for i := range s.below {
		if s.below[i].covers(sent) {
			return true
		}
	}
	return false
}

// origin is one entry of the list, in the spelling of browsers: "https://" and "example.com:8443".
// A wild one, "https://*.example.com", has the host ".example.com" and stands for those that end so.
type origin struct {
	scheme, host string
	wild         bool
}

// covers reports whether sent is a host below a wild o. What stands in place of "*" must be labels of a
// host: "https://evil.com/.example.com" and "https://evil.com#.example.com" only end alike.
func (o *origin) covers(sent []byte) bool {
	n := len(sent) - len(o.host)
	return len(sent) <= mostOrigin && n > len(o.scheme) && string(sent[:len(o.scheme)]) == o.scheme && string(sent[n:]) == o.host && areLabels(sent[len(o.scheme):n])
}

// areLabels reports whether host is made of labels as browsers send them: lower case, an IDNA name in its
// ASCII form. Underscores are no host's by the book (RFC 952), and are met.
func areLabels[T []byte | string](host T) bool {
	before := byte('.')
	for i := range len(host) {
		c := host[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		case c == '.' && before != '.':
		default:
			return false
		}
		before = c
	}
	return before != '.'
}

// parseOrigin reads an entry as operators write it. Its error is a [*conf.BadValue].
func parseOrigin(text string) (origin, error) {
	if text == null {
		return origin{host: null}, nil
	}
	scheme, rest, ok := strings.Cut(strings.ToLower(text), "://")
	if !ok || !isScheme(scheme) {
		return origin{}, wrong(text, "is not an origin", `write scheme and host, such as "https://app.example.com"; or "*"`)
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return origin{}, wrong(text, "is more than an origin", "an origin ends behind its host and port: "+strconv.Quote(scheme+"://"+rest[:end]))
	}
	host, port, ok := cutPort(rest)
	if !ok {
		return origin{}, wrong(text, "has a port that is none", "write a number from 1 to 65535, or leave it out")
	}
	if port != "" && port != ownPort[scheme] {
		port = ":" + port
	} else {
		port = ""
	}
	o := origin{scheme: scheme + "://"}
	if host, o.wild = strings.CutPrefix(host, "*."); o.wild {
		o.host = "."
	}
	o.host += canonicalHost(host) + port
	switch {
	case len(o.scheme)+len(o.host) > mostOrigin:
		return origin{}, wrong(text[:32]+"…", "is longer than a name can be", "a host name has at most 253 characters")
	case strings.Contains(host, "*"):
		return origin{}, wrong(text, "has a * that stands for nothing", `"*." stands in front of a host, for every host below it`)
	case strings.ContainsFunc(host, func(r rune) bool { return r > '~' }):
		return origin{}, wrong(text, "has a host that browsers send in another form", `write its ASCII form, which begins with "xn--"`)
	case canonicalHost(host) == "" || o.wild && host[0] == '[':
		return origin{}, wrong(text, "has a host that is none", `write a host name, such as "app.example.com"`)
	}
	return o, nil
}

func wrong(text, trouble, hint string) error {
	return &conf.BadValue{Text: strconv.Quote(text) + " " + trouble, Hint: hint}
}

// ownPort is the port that a scheme's origin does not name.
var ownPort = map[string]string{"http": "80", "https": "443"}

// isScheme applies RFC 3986 §3.1 to a scheme in lower case.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// cutPort splits a host from the port behind it, "" if there is none.
func cutPort(s string) (host, port string, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < strings.LastIndexByte(s, ']') || at < 0 {
		return s, "", true
	}
	n, err := strconv.ParseUint(s[at+1:], 10, 16)
	return s[:at], s[at+1:], err == nil && n > 0 && s[at+1] != '0'
}

// canonicalHost returns a name as it is and an IPv6 address in its short form; "" for what is no host.
func canonicalHost(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !a.Is6() || a.Zone() != "" || !strings.HasSuffix(inner, "]") {
			return ""
		}
		return "[" + a.String() + "]"
	}
	if !areLabels(host) {
		return ""
	}
	return host
}
