package obs

import (
	"slices"
	"testing"
	"time"
)

func TestCertificatesAreExportedWithTheirExpiry(t *testing.T) {
	c := NewCatalogue(Build{})
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	c.WatchCertificates(slices.Values([]CertificateReading{
		{Listener: "web", Certificate: "a.test", Expiry: at(2000)},
		{Listener: "web", Certificate: "a.test", Expiry: at(1000), Broken: true}, // another kind of key
		{Listener: "web", Certificate: "*.b.test", Expiry: at(3000)},
		{Listener: "api", Certificate: "a.test", Expiry: at(-5)}, // long ago
		{Listener: "api", Certificate: "clients", Broken: true},
	}))
	for _, line := range []string{
		`weir_certificate_expiry_timestamp_seconds{listener="web",certificate="a.test"} 1000`,
		`weir_certificate_expiry_timestamp_seconds{listener="web",certificate="*.b.test"} 3000`,
		`weir_certificate_expiry_timestamp_seconds{listener="api",certificate="a.test"} 0`,
		`weir_certificate_broken{listener="web",certificate="a.test"} 1`,
		`weir_certificate_broken{listener="web",certificate="*.b.test"} 0`,
		`weir_certificate_broken{listener="api",certificate="clients"} 1`,
	} {
		wantLine(t, c, line)
	}
	wantNone(t, c, `weir_certificate_expiry_timestamp_seconds{listener="api",certificate="clients"}`)
}
