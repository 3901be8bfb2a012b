package shared

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// Config says where nodes keep what they share. Without the table each node is for itself.
type Config struct {
	// Redis is the address of a Redis (6 or newer) or Valkey: "redis://host:6379/0" with the number of its database,
	// "rediss://host:6379/0" for TLS, "unix:///run/redis.sock". A user name goes in front of the host. Nodes that share
	// have the same one. Neither a Sentinel nor a node of a Redis Cluster with several masters is one. It has no default.
	Redis string `toml:"redis"`
	// Password is what the server asks for. Default: none.
	Password conf.Secret `toml:"password"`
	// OnFailure is what happens while the server does not answer: with "local" every node enforces each limit alone, so
	// that all of them together admit up to as many times the limit as there are nodes; "open" admits everything; "closed"
	// refuses every request that has such a limit with 503. Default: "local".
	OnFailure string `toml:"on_failure"`
	// Prefix begins the name of each key on the server, for servers that others use as well. Default: "weir:".
	Prefix string `toml:"prefix"`
	// Timeout is how long a request may wait for answers, all its limits together, and what makes a server count as failed. It is at most 1s.
	// Default: "40ms".
	Timeout conf.Duration `toml:"timeout"`
	// Grant is how many tokens of a limit's burst, or of a quota, a node may take at once and hold. All nodes together
	// admit at most the limit and a grant for each node. More means fewer questions to the server; "0%", and a grant that is
	// less than one token, mean one for every request. Default: "2%".
	Grant conf.Share `toml:"grant"`
}

// The choices of Config.OnFailure.
const (
	onLocal  = "local"
	onOpen   = "open"
	onClosed = "closed"
)

// Default returns the values of absent keys.
func Default() Config {
	return Config{OnFailure: onLocal, Prefix: "weir:", Timeout: conf.Dur(40 * time.Millisecond), Grant: conf.Percent(2)}
}

const (
	longestTimeout = time.Second
	largestGrant   = 0.5
	longestPrefix  = 64
)

// Check notes what is wrong with c. It asks nobody.
func (c *Config) Check(p *conf.Problems) {
	if _, wrong := parsePlace(c.Redis); wrong != nil {
		p.AddError("redis", wrong)
	}
	p.OneOf("on_failure", c.OnFailure, "what to do without the server", onLocal, onOpen, onClosed)
	if len(c.Prefix) > longestPrefix || strings.ContainsFunc(c.Prefix, notVisible) {
		p.Add("prefix", strconv.Quote(c.Prefix)+" is no prefix", "write up to 64 visible characters of ASCII, such as \"weir:\"")
	}
	if t := c.Timeout.Value(); c.Timeout.IsOff() || t < time.Millisecond || t > longestTimeout {
		p.Add("timeout", strconv.Quote(c.Timeout.String())+" is out of range", "write a time from 1ms to 1s: requests wait for so long")
	}
	if g := c.Grant.Value(); g < 0 || g > largestGrant {
		p.Add("grant", strconv.Quote(c.Grant.String())+" is out of range", `write a share from "0%" to "50%"`)
	}
}

// Host returns the name of the server, and whether it is spoken to over TLS.
func (c *Config) Host() (host string, secure bool) {
	at, err := parsePlace(c.Redis)
	return at.host, err == nil && at.secure
}

func notVisible(r rune) bool { return r <= ' ' || r >= 0x7f }

// place is where a server is.
type place struct {
	// network and address are what net.Dial takes, host the name that TLS asks for.
	network, address, host string
	user                   string
	database               int
	secure                 bool
}

var placeHint = `write redis://host:6379/0, rediss://host:6379/0 or unix:///path`

// parsePlace reads an address of a server.
func parsePlace(text string) (place, error) {
	bad := func(why string) (place, error) { return place{}, &conf.BadValue{Text: why, Hint: placeHint} }
	if text == "" {
		return bad("there is no address of a server")
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("it is not an address") // the error may show a password
	}
	if _, has := u.User.Password(); has {
		return place{}, &conf.BadValue{Text: "a password does not belong in an address", Hint: `write password = { env = "NAME" } beside it`}
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return bad(strconv.Quote(text) + " is not the address of a server")
	}
	at := place{user: u.User.Username(), secure: u.Scheme == "rediss"}
	switch u.Scheme {
	case "redis", "rediss":
		return at.overTCP(u)
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return bad(strconv.Quote(text) + " has no path of a socket")
		}
		at.network, at.address, at.host = "unix", u.Path, "localhost"
		return at, nil
	}
	return bad(strconv.Quote(text) + " is not the address of a server")
}

// overTCP takes host, port and database from u.
func (at place) overTCP(u *url.URL) (place, error) {
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if at.host = u.Hostname(); at.host == "" || err != nil || n == 0 {
		return place{}, &conf.BadValue{Text: "the address lacks a host, or its port is none", Hint: placeHint}
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		number, err := strconv.ParseUint(path, 10, 16)
		if err != nil {
			return place{}, &conf.BadValue{Text: strconv.Quote(path) + " is not the number of a database", Hint: placeHint}
		}
		at.database = int(number)
	}
	at.network, at.address = "tcp", net.JoinHostPort(at.host, port)
	return at, nil
}
