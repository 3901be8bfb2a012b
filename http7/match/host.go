package match

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/net/idna"
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

// Host returns a host pattern in the form in which hosts are compared: in lower case, without a
// trailing dot, international names as IDNA2008 looks them up (RFC 5891 §5); or a [*Mistake].
func Host(pattern string) (string, error) {
	bare, wild := strings.CutPrefix(pattern, "*.")
	name, err := hostName(pattern, bare, wild)
	if wild {
		name = "*." + name
	}
	return name, err
}

func hostName(pattern, bare string, wild bool) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(bare, "."))
	switch quoted := strconv.Quote(pattern); {
	case pattern == "*":
		return "", &Mistake{`"*" is not a host`, "leave hosts out to match every host"}
	case strings.Contains(name, "://"):
		return "", &Mistake{quoted + " is a URL, not a host", `write the host alone, such as "api.example.com"`}
	case strings.Contains(name, "*"):
		return "", &Mistake{quoted + " has a * that is not its first label", `write "*.example.com" for every name below example.com`}
	case strings.HasPrefix(name, "[") && !wild:
		return ipv6(quoted, name)
	case strings.Contains(name, ":"):
		return "", &Mistake{quoted + " has a port", "hosts are compared without their port; leave it out"}
	}
	if !isASCII(name) || strings.Contains(name, "xn--") {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", &Mistake{strconv.Quote(pattern) + " is not an international host name", "write it as browsers look it up (IDNA2008)"}
		}
		name = ascii
	}
	if !isHostName(name) {
		return "", &Mistake{strconv.Quote(pattern) + " is not a host", `write a host name, or "*." and a host name`}
	}
	return name, nil
}

func ipv6(quoted, name string) (string, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(name[1:], "]"))
	if err != nil || !strings.HasSuffix(name, "]") || !a.Is6() || a.Zone() != "" {
		return "", &Mistake{quoted + " is not a host", `write an IPv6 address in brackets and without a port, such as "[2001:db8::1]"`}
	}
	return "[" + a.String() + "]", nil
}

// isHostName reports whether s, in lower case, is labels of letters, digits, "-" and "_" (which DNS
// knows in names of services), as long as DNS allows (RFC 1035 §2.3.4).
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		odd := strings.IndexFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
		})
		if label == "" || len(label) > 63 || odd >= 0 {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= 0x80 }) < 0
}

// newHost takes a pattern as the config has checked it: what Host refuses is compared as it is.
func newHost(text string) hostPattern {
	if text == "" || text == "*" {
		return hostPattern{}
	}
	if name, err := Host(text); err == nil {
		text = name
	}
	if suffix, wild := strings.CutPrefix(text, "*"); wild {
		return hostPattern{wildHost, suffix}
	}
	return hostPattern{exactHost, text}
}

// holds reports whether the pattern takes a host in its bare form.
func (p *hostPattern) holds(host []byte) bool {
	switch p.kind {
	case exactHost:
		return string(host) == p.text
	case wildHost:
		n := len(host) - len(p.text)
		return n > 0 && string(host[n:]) == p.text
	}
	return true
}

func (p *hostPattern) String() string {
	switch p.kind {
	case wildHost:
		return "*" + p.text
	case anyHost:
		return "*"
	}
	return p.text
}

// compareHosts orders the more specific first: exact, longest wildcard, any.
func compareHosts(a, b *hostPattern) int {
	return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
}

// maxHost is the longest host that can match a name: DNS ends at 253 (RFC 1035 §2.3.4).
const maxHost = 255

// bareHost returns authority without its port and one trailing dot, in lower case, an IPv6 address as
// RFC 5952 writes it: as it is, or in buf. A longer host than buf holds is nil, which no name matches.
func bareHost(buf *[maxHost]byte, authority []byte) []byte {
	host := cutPort(authority)
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return bareIPv6(buf, host)
	}
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

// bareIPv6 brings an address in brackets into the one form that patterns have. What is no address stays
// as it is, which no pattern is.
func bareIPv6(buf *[maxHost]byte, host []byte) []byte {
	inner := host[1 : len(host)-1]
	a, err := netip.ParseAddr(unsafe.String(&inner[0], len(inner))) // it keeps nothing of the text
	if err != nil || !a.Is6() || a.Zone() != "" {
		return host
	}
	return append(a.AppendTo(append(buf[:0], '[')), ']')
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
