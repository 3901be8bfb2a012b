package serve

import (
	"net/netip"
	"strings"

	"weir/http7"
	"weir/http7/match"
)

// covered reports whether the connection may carry requests for authority (RFC 9110 §7.4): over TLS, only those for
// the name that the client has asked for, and for others that the certificate which it got covers. A client that
// asked for no name may ask an address. Of a request from a log it is not asked: its line need not tell the name, and
// certificates are no part of a config that is compared.
func (x *exchange) covered(info *http7.Conn) bool {
	if x.Recorded != nil || !info.TLS || x.site.Covers == nil || string(x.Authority) == info.SNI && info.SNI != "" {
		return true
	}
	host := match.BareHost(x.Authority)
	if host == info.SNI && host != "" {
		return true
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if info.SNI == "" && (host == "" || isAddress(host)) {
		return true
	}
	return x.site.Covers(info.SNI, host)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
