package http7

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"strconv"
	"strings"
)

// FillTLS notes what a TLS handshake came to. It is called once for a connection, before anything is
// read from it.
func (c *Conn) FillTLS(state *tls.ConnectionState) {
	c.TLS = true
	c.SNI = strings.ToLower(strings.TrimSuffix(state.ServerName, "."))
	c.ALPN, c.Version, c.Cipher, c.Resumed = state.NegotiatedProtocol, state.Version, state.CipherSuite, state.DidResume
	if len(state.VerifiedChains) > 0 {
		c.ClientCert = state.PeerCertificates[0]
		c.ClientNames = namesOf(c.ClientCert)
	}
}

// ClientNames are the texts by which a client's certificate is known. They never change.
type ClientNames struct {
	// Subject is the distinguished name as RFC 2253 writes it: "CN=app,O=Example".
	Subject string
	// CommonName is the subject's; "" without one.
	CommonName string
	// AltNames are the names and addresses that the certificate is for, with a comma between any two:
	// "DNS:app.example.com,URI:spiffe://example.com/app". A comma in one is written "%2C".
	AltNames string
	// Fingerprint is the SHA-256 of the whole certificate, 64 digits in lower case.
	Fingerprint string
}

func namesOf(c *x509.Certificate) *ClientNames {
	sum := sha256.Sum256(c.Raw)
	var alt []string
	add := func(kind, name string) { alt = append(alt, kind+":"+strings.ReplaceAll(name, ",", "%2C")) }
	for _, n := range c.DNSNames {
		add("DNS", n)
	}
	for _, n := range c.EmailAddresses {
		add("email", n)
	}
	for _, u := range c.URIs {
		add("URI", u.String())
	}
	for _, ip := range c.IPAddresses {
		add("IP", ip.String())
	}
	return &ClientNames{
		Subject: c.Subject.String(), CommonName: c.Subject.CommonName,
		AltNames: strings.Join(alt, ","), Fingerprint: hex.EncodeToString(sum[:]),
	}
}

// TLSVersion returns what a TLS version is called, "1.2" or "1.3"; "" for 0 and others.
func TLSVersion(number uint16) string {
	switch number {
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	}
	return ""
}

// TLSCipher returns what IANA calls a cipher suite, "TLS_AES_128_GCM_SHA256"; "" for 0. Of those that
// Weir serves it allocates nothing.
func TLSCipher(number uint16) string {
	switch number {
	case 0:
		return ""
	case tls.TLS_AES_128_GCM_SHA256:
		return "TLS_AES_128_GCM_SHA256"
	case tls.TLS_AES_256_GCM_SHA384:
		return "TLS_AES_256_GCM_SHA384"
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		return "TLS_CHACHA20_POLY1305_SHA256"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	case tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	case tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
		return "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	case tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
	case tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
	}
	return tls.CipherSuiteName(number)
}

// PlainOnTLS is the answer to a client that speaks plain HTTP where TLS is wanted: a whole HTTP/1.1
// message, after which the connection ends.
func PlainOnTLS() []byte {
	f := WithoutTLS
	body := ProblemBody(nil, f, nil)
	head := "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nProxy-Status: " + string(AppendProxyStatus(nil, f)) + "\r\nConnection: close\r\n\r\n"
	return append([]byte(head), body...)
}
