package proxyproto

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
)

// The specification (2.2.6): CERT_SESS holds on the first connection of a session too, and verify is zero
// for a certificate that was verified alone. Both were otherwise, and receivers took a client without a
// certificate for one with a good one.
func TestTLSThatEndedHereIsToldAsTheSpecificationHasIt(t *testing.T) {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "app"}}
	for _, c := range []struct {
		name              string
		cert              *x509.Certificate
		resumed, verified bool
		client, verify    string // of PP2_TYPE_SSL
	}{
		{"no certificate", nil, false, false, "\x01", "\x00\x00\x00\x01"},
		{"no certificate, resumed", nil, true, false, "\x01", "\x00\x00\x00\x01"},
		{"a good one", cert, false, true, "\x07", "\x00\x00\x00\x00"},
		{"a good one in a session that is resumed", cert, true, true, "\x05", "\x00\x00\x00\x00"},
		{"one that nobody has verified", cert, false, false, "\x07", "\x00\x00\x00\x01"},
	} {
		h := Header{Source: ap("192.0.2.1:1"), Destination: ap("192.0.2.2:2"), TLS: Ended(tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, c.resumed, c.cert, c.verified)}
		got := string(Append(nil, 2, &h))
		_, value, _ := strings.Cut(got[headLen+12:], "\x20")
		if value[2:7] != c.client+c.verify || !strings.Contains(value, "\x21\x00\x07TLSv1.3") || !strings.Contains(value, "\x16TLS_AES_128_GCM_SHA256") ||
			strings.Contains(value, "app") != (c.cert != nil) {
			t.Errorf("%s: %q, want client %q and verify %q", c.name, value, c.client, c.verify)
		}
	}
}

func TestWhatIsNotKnownOfTLSIsNotTold(t *testing.T) {
	if got := *Ended(0, 0, false, nil, false); got != (TLS{}) {
		t.Errorf("%+v", got)
	}
	for version, want := range map[uint16]string{tls.VersionTLS10: "TLSv1", tls.VersionTLS12: "TLSv1.2"} {
		if got := Ended(version, 0, false, nil, false).Version; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
