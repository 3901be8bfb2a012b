package config

import (
	"weir/http7"
	"weir/http7/paths"
	"weir/internal/conf"
)

// The kinds of listeners.
const (
	KindHTTP = "http"
	KindTCP  = "tcp"
)

// The values of Listener.Forwarded.
const (
	ForwardedX       = "x"
	ForwardedRFC7239 = "rfc7239"
	ForwardedBoth    = "both"
	ForwardedOff     = "off"
)

// Listener is one place where connections arrive.
type Listener struct {
	// Address is one or more of "0.0.0.0:80" (IPv4 alone), "[::]:80" (IPv6 alone), ":80" (both)
	// and "unix:/path". Required.
	Address []conf.Address `toml:"address"`
	// Kind is "http" or "tcp". Default: "http".
	Kind string `toml:"kind"`
	// Upstream takes every session of a tcp listener; http listeners have routes. Required on tcp.
	Upstream string `toml:"upstream"`
	// Policies apply to every route of this listener. Default: none. Not on tcp.
	Policies []string `toml:"policies"`
	// TrustedProxies are the blocks of addresses whose X-Forwarded-For or Forwarded is believed.
	// Hazard: a client inside them can claim any address. Default: none. Not on tcp.
	TrustedProxies []conf.Prefix `toml:"trusted_proxies"`
	// Forwarded is what is sent on about the client: "x" (X-Forwarded-For, -Host, -Proto),
	// "rfc7239" (Forwarded), "both" or "off". Default: "x". Not on tcp.
	Forwarded string `toml:"forwarded"`
	// Paths says what is done with paths that two readers could see differently. Not on tcp.
	Paths paths.Config `toml:"paths"`
	// MaxConnections bounds the connections of this listener; further ones are
	// closed at once, and counted.
	// Default: from RLIMIT_NOFILE.
	MaxConnections *conf.Limit `toml:"max_connections"`
	// MaxConnectionsPerClient bounds the connections of one client address; further ones are
	// closed. Default: off.
	MaxConnectionsPerClient conf.Limit `toml:"max_connections_per_client"`
	// Limits bound what one client may ask. On tcp, only idle_timeout.
	Limits http7.LimitsConfig `toml:"limits"`
	// TLS makes the listener speak TLS. Default: absent, plain. Not on tcp.
	TLS *TLS `toml:"tls"`

	// Path is the listener's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// TLS says how a listener ends TLS.
type TLS struct {
	// Certificates are those offered, chosen by the name that the client asks for; the first is
	// offered to clients that ask for none. Required.
	Certificates []Certificate `toml:"certificates"`
	// MinVersion is "1.2" or "1.3". Default: "1.2".
	MinVersion string `toml:"min_version"`
}

// Certificate is a chain and its key, in PEM files.
type Certificate struct {
	// Cert is the file of the certificate, its issuers behind it. Required.
	Cert string `toml:"cert"`
	// Key is the file of the private key. Required.
	Key string `toml:"key"`
}
