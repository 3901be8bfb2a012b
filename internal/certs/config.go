package certs

import (
	"time"

	"weir/internal/certs/acme"
	"weir/internal/conf"
)

// Config says how a listener ends TLS.
type Config struct {
	// Certificates are those offered, chosen by the name that the client asks for: one for exactly
	// that name, else a wildcard for it, else the first of the list. There may be several for one
	// name, each with another kind of key. Files that change are taken up within seconds; while they
	// can't be used together, or are not valid by their dates, what was read before goes on being served.
	// Required without acme.
	Certificates []Pair `toml:"certificates"`
	// MinVersion is "1.2" or "1.3". Default: "1.2".
	MinVersion string `toml:"min_version"`
	// ClientAuth asks clients for certificates. Default: absent, they are not asked.
	ClientAuth *ClientAuth `toml:"client_auth"`
	// HandshakeTimeout bounds a handshake, from the connection's arrival to its last message; where
	// passthrough looks at the hello first, that has the same time before. It can't be "off": nobody
	// would end clients that never finish. Default: 10s.
	HandshakeTimeout conf.Duration `toml:"handshake_timeout"`
	// HandshakesPerClient bounds the handshakes that one client address (of IPv6, one /64) has under
	// way, a hello that passthrough waits for among them; further connections are closed at once, and
	// counted. Default: 256.
	HandshakesPerClient conf.Limit `toml:"handshakes_per_client"`
	// ACME obtains certificates by itself for the hosts that it names. Default: absent.
	ACME *acme.Config `toml:"acme"`
}

// Pair names the PEM files of one certificate: the chain, leaf first, and the leaf's key.
// Both may be the same file.
type Pair struct {
	// Cert is the file of the certificate, its issuers behind it. Required.
	Cert string `toml:"cert"`
	// Key is the file of the private key. Required.
	Key string `toml:"key"`
}

// ClientAuth says what clients have to show.
type ClientAuth struct {
	// CA is the PEM file of the authorities that may have signed a client's certificate. A file that
	// changes is taken up within seconds: sessions under the old one are not resumed, connections that
	// are open go on. Required.
	CA string `toml:"ca"`
	// Mode is "require", which refuses the handshake of a client without a certificate, or "request",
	// which lets it through without one. A certificate that is shown must be good in both.
	// Default: "require".
	Mode string `toml:"mode"`
}

// The values of ClientAuth.Mode.
const (
	Require = "require"
	Request = "request"
)

// Default returns the values of absent keys of a tls table that is there.
func Default() Config {
	return Config{MinVersion: "1.2", HandshakeTimeout: conf.Dur(10 * time.Second), HandshakesPerClient: conf.AtMost(256)}
}

// DefaultClientAuth returns the values of absent keys of a client_auth table that is there.
func DefaultClientAuth() ClientAuth { return ClientAuth{Mode: Require} }
