package proxyproto

import (
	"crypto/tls"
	"crypto/x509"
)

// Ended is what a header says of TLS that its sender has ended: by version and cipher of crypto/tls, 0 where
// they are not known, in a session that was resumed or not. cert is the client's; nil without one.
func Ended(version, cipher uint16, resumed bool, cert *x509.Certificate, verified bool) *TLS {
	t := &TLS{Version: versionWords[version]}
	if cipher != 0 {
		t.Cipher = tls.CipherSuiteName(cipher)
	}
	if cert != nil {
		t.ClientCert, t.InSession, t.Verified = !resumed, true, verified
		t.CommonName = cert.Subject.CommonName
	}
	return t
}

// versionWords are written as OpenSSL does, which is what receivers know.
var versionWords = map[uint16]string{tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}
