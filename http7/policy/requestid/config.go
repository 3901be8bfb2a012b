package requestid

import (
	"strconv"

	"weir/http7"
	"weir/internal/conf"
)

// Config gives every request an id that its log line, the endpoint and the client see.
type Config struct {
	// Mode is "enforce", "observe" (record what would be done) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Header is the field that carries the id, to the endpoint and to the client.
	// Default: "X-Request-Id".
	Header string `toml:"header"`
	// Trust keeps the id that the request came with, if it came with exactly one of 1 to 128 visible
	// ASCII characters. Whoever is believed can give two requests one id: trust only behind a proxy of
	// your own that sets the field. Default: false, every request gets a new id.
	Trust bool `toml:"trust"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{Header: http7.XRequestID.String()} }

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	name, ok := http7.NewName(c.Header)
	switch {
	case !ok:
		p.Add("header", strconv.Quote(c.Header)+" is not a field name", "a name has letters, digits and hyphens")
	case name.ID() != http7.Unlisted && name.ID() != http7.XRequestID:
		p.Add("header", strconv.Quote(c.Header)+" has another meaning", `write a field for ids alone, such as "X-Request-Id"`)
	}
}
