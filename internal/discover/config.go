package discover

import (
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// Config says where an upstream's endpoints are found. Exactly one of DNS, SRV and File is set.
type Config struct {
	// DNS is "name:port": every address of the name, IPv4 and IPv6, is an endpoint with that port. Addresses that
	// this machine has no way to are left out. Default: none.
	DNS string `toml:"dns"`
	// SRV is the name of an SRV record (RFC 2782), such as "_http._tcp.orders.internal": the addresses of its targets
	// are the endpoints, with their ports and weights; the targets of the lowest priority are used first, the others
	// as backup tiers. Default: none.
	SRV string `toml:"srv"`
	// File is a TOML file with endpoints = [...] in the words of an upstream. It is read again when it changes, which
	// is noticed within a second. Default: none.
	File string `toml:"file"`
	// Refresh is the time between two lookups of a name; "off" follows the time to live of the answers, but at least
	// 1s and at most 5m. Default: off.
	Refresh conf.Duration `toml:"refresh"`
	// Resolver are the DNS servers to ask, as "host:port" with an IP address; another is asked when one does not
	// answer. Default: those of /etc/resolv.conf, with its search list; /etc/hosts goes first then.
	Resolver []conf.Address `toml:"resolver"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{Refresh: conf.OffDuration} }

// leastRefresh keeps a mistake from becoming an attack on the resolver.
const leastRefresh = 100 * time.Millisecond

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	switch n := c.kinds(); {
	case n == 0:
		p.Add("", "discover does not say where", `write dns = "name:port", srv = "_http._tcp.name" or file = "/path"`)
	case n > 1:
		p.Add("", "discover has more than one source", "keep one of dns, srv and file")
	}
	if c.DNS != "" {
		checkDNS(c.DNS, p)
	}
	if c.SRV != "" && !isName(c.SRV) {
		p.Add("srv", strconv.Quote(c.SRV)+" is not the name of a record", `write such as "_http._tcp.orders.internal"`)
	}
	if c.File != "" && !c.Refresh.IsOff() {
		p.AddKey("refresh", "a file is watched, not looked up", "leave refresh out")
	}
	if !c.Refresh.IsOff() && c.Refresh.Value() < leastRefresh {
		p.Add("refresh", strconv.Quote(c.Refresh.String())+" is too short", `write at least "100ms"`)
	}
	for i, a := range c.Resolver {
		if a.IsUnix() || a.IsOff() || !a.IP().IsValid() || a.Port() == 0 {
			p.Index("resolver", i).Add("", strconv.Quote(a.String())+" is not the address of a DNS server", `write such as "10.0.0.53:53"`)
		}
	}
}

func (c *Config) kinds() int {
	n := 0
	for _, text := range []string{c.DNS, c.SRV, c.File} {
		if text != "" {
			n++
		}
	}
	return n
}

func checkDNS(text string, p *conf.Problems) {
	a, err := conf.ParseAddress(text)
	switch {
	case err != nil || !a.IsName() || !isName(a.Host()):
		p.Add("dns", strconv.Quote(text)+" is not a name with a port", `write such as "orders.internal:8080"`)
	case a.Port() == 0:
		p.Add("dns", strconv.Quote(text)+" has port 0, which can't be connected to", "write the port that the endpoints listen on")
	}
}

// isName reports whether s may be a domain name (RFC 1035 §2.3.4 lengths, printable ASCII, no empty label but the root's).
func isName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\:@"`, r) }) {
			return false
		}
	}
	return true
}
