package config

import (
	"weir/http7"
	"weir/http7/paths"
	"weir/internal/certs"
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

// The values of Listener.Protocols.
const (
	ProtocolH1 = "h1"
	ProtocolH2 = "h2"
	ProtocolH3 = "h3"
)

// Listener is one place where connections arrive.
type Listener struct {
	// Address is one or more of "0.0.0.0:80" (IPv4 alone), "[::]:80" (IPv6 alone), ":80" (both)
	// and "unix:/path". Required.
	Address []conf.Address `toml:"address"`
	// Kind is "http" or "tcp". Default: "http".
	Kind string `toml:"kind"`
	// Protocols are the versions of HTTP that are spoken: "h1", "h2" and "h3". Over TLS the client
	// chooses by ALPN; on a plain listener h2 is for clients that know of it beforehand. h3 is
	// QUIC on the same port over UDP; it needs tls, and is announced by Alt-Svc. Default: h1 and h2.
	// Not on tcp.
	Protocols []string `toml:"protocols"`
	// Upstream takes the sessions of a tcp listener; http listeners have routes. Required on tcp,
	// unless passthrough says where sessions go.
	Upstream string `toml:"upstream"`
	// AcceptProxyProtocol are the blocks of addresses of load balancers whose connections begin with
	// a PROXY protocol header, version 1 or 2: it is required from these, and from everybody on a
	// unix socket, and refused from others.
	// Hazard: a client inside them can claim any address. Default: none.
	AcceptProxyProtocol []conf.Prefix `toml:"accept_proxy_protocol"`
	// RedirectToHTTPS answers every request with 308 to the same URL with https, at the port of this
	// file's listener that speaks TLS; ACME's HTTP-01 is answered before. Such a listener has no
	// routes. Default: false. Not on tcp, nor with tls.
	RedirectToHTTPS bool `toml:"redirect_to_https"`
	// Passthrough are TLS connections that are relayed to an upstream as they are, decided by their
	// hello before TLS is ended here; on http listeners only beside tls. The entry that names the
	// server most exactly takes the connection, and of equals one that names a protocol. How long a
	// hello may take, and how many of one client address are awaited, is what tls says of handshakes;
	// without it 10s and 256. Default: none.
	Passthrough []Passthrough `toml:"passthrough"`
	// Policies apply to every route of this listener. On tcp they judge the client of each session when it
	// arrives, by ip_filter and geo, and have nothing else; so are connections judged that are passed
	// through. Default: none.
	Policies []string `toml:"policies"`
	// TrustedProxies are the blocks of addresses whose X-Forwarded-For or Forwarded is believed.
	// Hazard: a client inside them can claim any address. Default: none. Not on tcp.
	TrustedProxies []conf.Prefix `toml:"trusted_proxies"`
	// Forwarded is what is sent on about the client: "x" (X-Forwarded-For, -Host, -Proto),
	// "rfc7239" (Forwarded), "both" or "off". Default: "x". Not on tcp.
	Forwarded string `toml:"forwarded"`
	// Paths says what is done with paths that two readers could see differently. Not on tcp.
	Paths paths.Config `toml:"paths"`
	// MaxConnections bounds the connections of this listener; further ones are closed at once, and
	// counted. Those of HTTP/3 are counted apart, by each address, and need no file descriptors.
	// Default: from RLIMIT_NOFILE; of HTTP/3 20,000.
	MaxConnections *conf.Limit `toml:"max_connections"`
	// MaxConnectionsPerClient bounds the connections of one client address; further ones are
	// closed. Default: off.
	MaxConnectionsPerClient conf.Limit `toml:"max_connections_per_client"`
	// Limits bound what one client may ask. On tcp, only idle_timeout.
	Limits http7.LimitsConfig `toml:"limits"`
	// TLS makes the listener speak TLS. Default: absent, plain.
	TLS *certs.Config `toml:"tls"`

	// Path is the listener's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// Passthrough is a set of TLS connections, and who takes them. It has sni, alpn or both. On an http listener their
// sessions may be silent for the upstream's timeouts.tunnel_idle, on a tcp listener for its limits.idle_timeout.
type Passthrough struct {
	// SNI are the server names of the hello: exact, or "*.example.com" for every name below it.
	// Default: any, none included.
	SNI []string `toml:"sni"`
	// ALPN are protocols of which the hello offers one, such as "postgresql" or "h2". Default: any.
	ALPN []string `toml:"alpn"`
	// Upstream takes the sessions. Required.
	Upstream string `toml:"upstream"`
}
