package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// choice is a set of certificates that one is chosen from by name. It never changes and is safe for
// concurrent use.
type choice struct {
	first []*tls.Certificate // the first of the list and those for its names, one for each kind of key; nil: none
	// byName holds, for each name in lower case ("*.example.com" for a wildcard), its certificates
	// in the order given: there may be one for each kind of key.
	byName map[string][]*tls.Certificate
}

// newChoice returns what is chosen from all. Each certificate gets its Leaf.
func newChoice(all []*tls.Certificate) (*choice, error) {
	c := &choice{byName: make(map[string][]*tls.Certificate, len(all))}
	for _, one := range all {
		if err := parseLeaf(one); err != nil {
			return nil, err
		}
		for _, name := range names(one.Leaf) {
			c.byName[name] = append(c.byName[name], one)
		}
	}
	if len(all) > 0 {
		c.first = all[:1:1]
		if n := names(all[0].Leaf); len(n) > 0 {
			c.first = c.byName[n[0]]
		}
	}
	return c, nil
}

func parseLeaf(c *tls.Certificate) error {
	if c.Leaf != nil {
		return nil
	}
	if len(c.Certificate) == 0 {
		return errors.New("certificates: one holds no chain")
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	c.Leaf = leaf
	return nil
}

// names returns the names that a certificate is for, in lower case. The common name is one only
// where there is nothing else (RFC 9525 §2 has done away with it; old internal authorities have not).
func names(leaf *x509.Certificate) []string {
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 && leaf.Subject.CommonName != "" {
		return []string{strings.ToLower(leaf.Subject.CommonName)}
	}
	out := make([]string, 0, len(leaf.DNSNames))
	for _, n := range leaf.DNSNames {
		if n != "" {
			out = append(out, strings.ToLower(n))
		}
	}
	return out
}

// exact returns the certificates for exactly a name in lower case.
func (c *choice) exact(name string) []*tls.Certificate { return c.byName[name] }

// wildcard returns the certificates whose wildcard stands for the first label of a name (RFC 9525 §6.3).
func (c *choice) wildcard(name string) []*tls.Certificate {
	i := strings.IndexByte(name, '.')
	if i <= 0 {
		return nil
	}
	var room [256]byte // no name is longer
	return c.byName[string(append(append(room[:0], '*'), name[i:]...))]
}

// fitting returns the first certificate with a kind of key that the client knows; where it knows
// none of them, the first: crypto/tls then tells the client.
func fitting(all []*tls.Certificate, hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(all) == 1 {
		return all[0]
	}
	anybody := *hello
	anybody.ServerName = "" // SupportsCertificate would refuse one for another name, such as the first of the list
	for _, c := range all {
		if anybody.SupportsCertificate(c) == nil {
			return c
		}
	}
	return all[0]
}

// covers reports whether a certificate is for a host in lower case: a name, or an IP address
// without brackets. It allocates nothing.
func covers(leaf *x509.Certificate, host string) bool {
	if isAddress(host) {
		ip, err := netip.ParseAddr(host)
		for _, of := range leaf.IPAddresses {
			if a, ok := netip.AddrFromSlice(of); err == nil && ok && a.Unmap() == ip.Unmap().WithZone("") {
				return true
			}
		}
		return false
	}
	for _, name := range leaf.DNSNames {
		if stands(name, host) {
			return true
		}
	}
	return len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 && stands(leaf.Subject.CommonName, host)
}

// stands reports whether a certificate's name, perhaps a wildcard, stands for a host. A wildcard is for names that go on
// behind their first label.
func stands(name, host string) bool {
	if dot := strings.IndexByte(host, '.'); dot > 0 && dot < len(host)-1 && strings.HasPrefix(name, "*.") {
		return strings.EqualFold(name[1:], host[dot:])
	}
	return host != "" && strings.EqualFold(name, host)
}

// isAddress reports whether a host is an IP address rather than a name, whose last label has a letter
// (RFC 3696 §2).
func isAddress(host string) bool {
	return strings.IndexByte(host, ':') >= 0 || host != "" && host[len(host)-1] <= '9' && strings.Trim(host, "0123456789.") == ""
}

// canonical returns a host as certificates are looked up by: in lower case, without a trailing dot.
func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }
