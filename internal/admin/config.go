package admin

import (
	"strconv"

	"weir/internal/conf"
)

// Config says where the admin server listens and who may use it.
type Config struct {
	// Address is where the admin API, /metrics, /healthz and /readyz listen: "host:port",
	// "unix:/path" (made with mode 0600), or "off". Default: "127.0.0.1:9901".
	Address conf.Address `toml:"address"`
	// Token is asked for, as a bearer token, on every call but /healthz and /readyz. Required
	// unless the address is loopback or a socket. Default: none.
	Token conf.Secret `toml:"token"`
}

// Default returns the values of absent keys.
func Default() Config {
	local, _ := conf.ParseAddress("127.0.0.1:9901")
	return Config{Address: local}
}

// minToken is how short a token may be: 16 characters resist guessing over a network.
const minToken = 16

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	switch a := c.Address; {
	case a.IsOff():
		return
	case a.IsZero():
		p.Add("address", "the admin server has no address", `write "127.0.0.1:9901", or "off"`)
	case a.IsName():
		p.Add("address", strconv.Quote(a.Host())+" is a name; the admin server binds an IP address", `write such as "127.0.0.1:9901"`)
	case c.Token.IsZero() && !a.IsLocal():
		p.Add("address", strconv.Quote(a.String())+" can be reached from outside, and there is no token",
			`write token = { env = "NAME" } beside it, or bind 127.0.0.1`)
	}
	if token := c.Token.Reveal(); token != "" && len(token) < minToken {
		p.Add("token", "the token is short enough to be guessed", "take one of "+strconv.Itoa(minToken)+" characters or more")
	}
}
