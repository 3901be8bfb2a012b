package acme

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"weir/internal/conf"
)

// Config says which certificates are obtained by themselves, from whom and how (RFC 8555).
// Naming a directory means agreeing to the terms of service of the authority behind it.
type Config struct {
	// Email is where the authority writes to about the account. Default: none.
	Email string `toml:"email"`
	// Hosts are the names to hold certificates for, one certificate each; a wildcard such as
	// "*.example.com" needs dns. Required unless there is on_demand.
	Hosts []string `toml:"hosts"`
	// Directory is the authority: "letsencrypt", "letsencrypt-staging" (for trying out: nobody
	// trusts its certificates, and its limits are generous) or the https URL of a directory.
	// Default: "letsencrypt".
	Directory string `toml:"directory"`
	// CA is a PEM file of the roots to trust when talking to the directory. Default: the system's.
	CA string `toml:"ca"`
	// Challenges are the ways to prove that a host is ours: "http-01" (the authority asks port 80 of
	// the host; any plain http listener answers, one with redirect_to_https too), "tls-alpn-01" (it
	// asks port 443; any http listener with these hosts answers) and "dns-01" (needs dns). If one
	// fails, the others are tried. Default: "dns-01" with dns, else the other two.
	Challenges []string `toml:"challenges"`
	// KeyType is the kind of the certificates' keys: "ecdsa-p256", "ecdsa-p384", "rsa-2048" or
	// "rsa-4096". Another kind comes with the next renewal. Default: "ecdsa-p256".
	KeyType string `toml:"key_type"`
	// Profile is one of the profiles that the authority offers, such as "shortlived".
	// Another one comes with the next renewal. Default: the authority's own choice.
	Profile string `toml:"profile"`
	// DNS writes the records of dns-01. Default: absent.
	DNS *DNS `toml:"dns"`
	// OnDemand obtains certificates for further hosts when a client first asks for one.
	// Default: absent.
	OnDemand *OnDemand `toml:"on_demand"`
	// EAB ties the account to one that exists with the authority already; some want that.
	// Default: absent.
	EAB *EAB `toml:"eab"`
}

// DNS says how the records of dns-01 are written.
type DNS struct {
	// Exec is a program and its first arguments. It is called without a shell, with three more:
	// "present" or "cleanup", the record's name with a dot at its end
	// ("_acme-challenge.example.com."), and the text of its TXT record; several records of one name
	// must be able to exist at once. Success is exit status 0. Hazard: it runs as Weir's user and
	// with Weir's environment.
	Exec []string `toml:"exec"`
	// Propagation is how long to wait, after the program has ended well, until the authority is
	// asked to look: name servers need that. Default: 30s.
	Propagation conf.Duration `toml:"propagation"`
	// Timeout is how long one call of the program may take; then it is killed. Default: 60s.
	Timeout conf.Duration `toml:"timeout"`
}

// OnDemand says for which further hosts certificates are obtained when a client asks for them. That
// client waits.
type OnDemand struct {
	// Hosts are the names allowed: exact, or "*.example.com" for any one label there. Required.
	// Hazard: with a wildcard a stranger can choose the names, and use up the authority's limits.
	Hosts []string `toml:"hosts"`
	// Max bounds the names held at once. Default: 100.
	Max int `toml:"max"`
}

// EAB is an external account binding (RFC 8555 §7.3.4). The authority gives out both values.
type EAB struct {
	// KeyID names the account. Required.
	KeyID string `toml:"key_id"`
	// HMAC is its key, in base64url. Required.
	HMAC conf.Secret `toml:"hmac"`
}

// The values of Config.Directory that are no URL.
const (
	LetsEncrypt        = "letsencrypt"
	LetsEncryptStaging = "letsencrypt-staging"
)

// The values of Config.Challenges.
const (
	HTTP01    = "http-01"
	TLSALPN01 = "tls-alpn-01"
	DNS01     = "dns-01"
)

// The values of Config.KeyType.
const (
	ECDSAP256 = "ecdsa-p256"
	ECDSAP384 = "ecdsa-p384"
	RSA2048   = "rsa-2048"
	RSA4096   = "rsa-4096"
)

// Default returns the values of absent keys.
func Default() Config { return Config{Directory: LetsEncrypt, KeyType: ECDSAP256} }

// DefaultDNS returns the values of absent keys of dns.
func DefaultDNS() DNS {
	return DNS{Propagation: conf.Dur(30 * time.Second), Timeout: conf.Dur(time.Minute)}
}

// DefaultOnDemand returns the values of absent keys of on_demand.
func DefaultOnDemand() OnDemand { return OnDemand{Max: 100} }

// Same reports whether two configs ask for the same, so that one [Keeper] serves both.
func (c *Config) Same(o *Config) bool { return reflect.DeepEqual(c, o) }

// challenges returns the ways that are tried.
func (c *Config) challenges() []string {
	switch {
	case len(c.Challenges) > 0:
		return c.Challenges
	case c.DNS != nil:
		return []string{DNS01}
	}
	return []string{HTTP01, TLSALPN01}
}

// Uses reports whether a challenge of that kind may be tried.
func (c *Config) Uses(challenge string) bool { return slices.Contains(c.challenges(), challenge) }

// directory returns the URL of the directory.
func (c *Config) directory() string {
	switch c.Directory {
	case LetsEncrypt, "":
		return "https://acme-v02.api.letsencrypt.org/directory"
	case LetsEncryptStaging:
		return "https://acme-staging-v02.api.letsencrypt.org/directory"
	}
	return c.Directory
}

// public reports whether the authority is one that only certifies names of the public DNS.
func (c *Config) public() bool { return strings.HasSuffix(c.host(), ".letsencrypt.org") }

// host returns the host of the directory; "" if the URL is none.
func (c *Config) host() string {
	_, rest, _ := strings.Cut(c.directory(), "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
