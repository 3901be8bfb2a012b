package conf

import (
	"net/netip"
	"strconv"
	"strings"
)

// Prefix is a block of IP addresses in a config: "10.0.0.0/8", "2001:db8::/32", or one address.
// The zero Prefix contains nothing.
type Prefix struct{ p netip.Prefix }

// PrefixOf returns p as a config value.
func PrefixOf(p netip.Prefix) Prefix { return Prefix{p} }

// Value returns the block; one address is a block of its full length.
func (p Prefix) Value() netip.Prefix { return p.p }

// Contains reports whether ip lies in the block; an IPv4 address mapped into IPv6 counts as IPv4.
func (p Prefix) Contains(ip netip.Addr) bool { return p.p.Contains(ip.Unmap()) }

// IsZero reports whether there is no block.
func (p Prefix) IsZero() bool { return !p.p.IsValid() }

// String returns the text that an operator would write.
func (p Prefix) String() string {
	switch {
	case p.IsZero():
		return ""
	case p.p.IsSingleIP():
		return p.p.Addr().String()
	}
	return p.p.String()
}

// MarshalText writes the value as an operator would.
func (p Prefix) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Wants implements [Value].
func (Prefix) Wants() (noun, hint string) {
	return "a block of IP addresses", `write a block such as "10.0.0.0/8" or "2001:db8::/32", or one address`
}

// UnmarshalText reads a block or one address. A block whose address has bits behind its length
// is refused, because it is unclear which of the two is wrong.
func (p *Prefix) UnmarshalText(b []byte) error {
	s := string(b)
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		*p = Prefix{netip.PrefixFrom(ip, ip.BitLen())}
		return nil
	}
	v, err := netip.ParsePrefix(s)
	switch {
	case err != nil && strings.Contains(s, "/"):
		return bad(p, b)
	case err != nil:
		return badBecause(p, b, "names are not looked up here", "")
	case v.Addr().Is4In6():
		return badBecause(p, b, "it is IPv4 mapped into IPv6", "write it as an IPv4 block")
	case v.Masked() != v:
		return badBecause(p, b, "its address goes on behind the first "+strconv.Itoa(v.Bits())+" bits",
			"write "+strconv.Quote(v.Masked().String())+", or the one address without a length")
	}
	*p = Prefix{v}
	return nil
}
