package conf

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where something listens or is reached: "10.0.0.1:80", "[::1]:80", ":80",
// "name:80", "unix:/path", or "off". It is comparable and may be a map key.
// The zero Address is empty.
type Address struct {
	host string // IP literal without brackets, name, or path of a socket
	port uint16
	kind addressKind
}

type addressKind uint8

const (
	addressNone addressKind = iota
	addressOff
	addressUnix
	addressAny // no host: both families
	address4
	address6
	addressName
)

// ParseAddress reads s as [Address.UnmarshalText] does.
func ParseAddress(s string) (Address, error) {
	var a Address
	err := a.UnmarshalText([]byte(s))
	return a, err
}

// Network returns what net.Listen and net.Dial want: "unix", "tcp4" for an IPv4 literal, "tcp6"
// for an IPv6 literal, and "tcp" (both families) for a name or an empty host.
func (a Address) Network() string {
	switch a.kind {
	case addressUnix:
		return "unix"
	case address4:
		return "tcp4"
	case address6:
		return "tcp6"
	}
	return "tcp"
}

// Dial returns the address in the form of net.Dial: "host:port", or the path of a socket.
func (a Address) Dial() string {
	if a.kind == addressUnix {
		return a.host
	}
	return net.JoinHostPort(a.host, strconv.Itoa(int(a.port)))
}

// Host returns the IP literal or name, without port and brackets; "" for an empty host and for
// sockets.
func (a Address) Host() string {
	if a.kind == addressUnix {
		return ""
	}
	return a.host
}

// Port returns the port; 0 for sockets.
func (a Address) Port() uint16 { return a.port }

// IP returns the address of an IP literal; the zero Addr for everything else.
func (a Address) IP() netip.Addr {
	if a.kind != address4 && a.kind != address6 {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(a.host)
	return ip
}

// IsOff reports whether the operator wrote "off".
func (a Address) IsOff() bool { return a.kind == addressOff }

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a.kind == addressNone }

// IsUnix reports whether a is the path of a socket.
func (a Address) IsUnix() bool { return a.kind == addressUnix }

// IsName reports whether the host is a name, to be resolved.
func (a Address) IsName() bool { return a.kind == addressName }

// IsLocal reports whether a can be reached from this machine alone: a socket or a loopback IP.
func (a Address) IsLocal() bool { return a.IsUnix() || a.IP().IsLoopback() }

// Overlaps reports whether two listeners can't hold a and b at once.
func (a Address) Overlaps(b Address) bool {
	switch {
	case a.IsUnix() || b.IsUnix():
		return a == b && a.IsUnix()
	case a.port != b.port || a.port == 0 || a.IsOff() || b.IsOff():
		return false
	case a.kind == addressAny || b.kind == addressAny:
		return true
	case a.kind != b.kind:
		return false
	}
	return a.host == b.host || a.IP().IsUnspecified() || b.IP().IsUnspecified()
}

// String returns the text that an operator would write.
func (a Address) String() string {
	switch a.kind {
	case addressNone:
		return ""
	case addressOff:
		return "off"
	case addressUnix:
		return "unix:" + a.host
	}
	return a.Dial()
}

// MarshalText writes the value as an operator would.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Wants implements [Value].
func (Address) Wants() (noun, hint string) {
	return "an address", `write host and port, such as "10.0.0.1:8080" or "[::1]:8080", or "unix:/path"`
}

// UnmarshalText reads host and port, a socket "unix:/path", or "off".
func (a *Address) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "off" {
		*a = Address{kind: addressOff}
		return nil
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return a.setUnix(b, path)
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return badBecause(a, b, "it begins with a scheme", `leave out "`+scheme+`://" and write host and port, such as `+strconv.Quote(withPort(rest)))
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return a.noPort(b)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return badBecause(a, b, "the port must be a number up to 65535", "")
	}
	return a.set(b, host, uint16(n))
}

func (a *Address) setUnix(text []byte, path string) error {
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		return badBecause(a, text, "the path of a socket begins with /", `write "unix:/path"`)
	}
	// sockaddr_un holds 108 bytes with the closing zero (unix(7)).
	if len(path) > 107 {
		return badBecause(a, text, "the path of a socket has at most 107 bytes", "")
	}
	*a = Address{host: path, kind: addressUnix}
	return nil
}

// noPort explains a text that does not split into host and port.
func (a *Address) noPort(text []byte) error {
	s := string(text)
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		example := netip.AddrPortFrom(ip, 8080).String()
		return badBecause(a, text, "the port is missing", "write it behind a colon, such as "+strconv.Quote(example))
	}
	if validName(s) {
		return badBecause(a, text, "the port is missing", "write it behind a colon, such as "+strconv.Quote(s+":8080"))
	}
	return bad(a, text)
}

func (a *Address) set(text []byte, host string, port uint16) error {
	if host == "" {
		*a = Address{port: port, kind: addressAny}
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		kind := address6
		if ip.Is4() {
			kind = address4
		}
		*a = Address{host: ip.String(), port: port, kind: kind}
		return nil
	}
	if !validName(host) {
		return badBecause(a, text, strconv.Quote(host)+" is neither an IP address nor a host name", "")
	}
	*a = Address{host: strings.ToLower(host), port: port, kind: addressName}
	return nil
}

// withPort adds a port to the host of what may be a URL without its scheme.
func withPort(rest string) string {
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(host, ":") {
		return host
	}
	return host + ":80"
}

// validName reports whether s is a host name of letters, digits, hyphens and underscores, with
// at least one letter in its last label (so that a wrong IP address is no name).
func validName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	last := s
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || !bare(label) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		last = label
	}
	return strings.ContainsFunc(last, func(r rune) bool { return r > '9' })
}
