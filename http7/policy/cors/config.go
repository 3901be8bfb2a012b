package cors

import (
	"time"

	"weir/internal/conf"
)

// Config says which scripts of other sites may read the answers (Fetch standard, §3.2 CORS protocol).
type Config struct {
	// Mode is "enforce", "observe" (record what would be done; the endpoint's own fields pass) or "off".
	// Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Origins are the sites that are allowed: "https://app.example.com", with the port unless it is the
	// scheme's own; "https://*.example.com" for every host below that one, at any depth; "*" for all;
	// "null" for documents without an origin of their own, which any site can make. Required.
	Origins []string `toml:"origins"`
	// Methods are what a script may ask with; "*" is any. Browsers let GET, HEAD and POST pass unasked.
	// Default: GET, HEAD and POST.
	Methods []string `toml:"methods"`
	// Headers are the request fields that a script may set, besides those that need no leave (Accept,
	// Accept-Language, Content-Language, Range); "*" is any. Default: Content-Type.
	Headers []string `toml:"headers"`
	// Expose are the answer's fields that a script may read, besides Cache-Control, Content-Language,
	// Content-Length, Content-Type, Expires, Last-Modified and Pragma; "*" is any, without credentials.
	// Default: none.
	Expose []string `toml:"expose"`
	// Credentials lets scripts send cookies and client certificates along and read what comes back: an
	// allowed site acts as its visitor. Origins must then be named. Default: false.
	Credentials bool `toml:"credentials"`
	// MaxAge is how long a browser may remember what a preflight said, in whole seconds; browsers cut
	// it, Chromium to 2h. "off": not at all. Default: 1h.
	MaxAge conf.Duration `toml:"max_age"`
	// PrivateNetwork lets public sites ask this server at a private address
	// (Access-Control-Request-Private-Network). Default: false.
	PrivateNetwork bool `toml:"private_network"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Methods: []string{"GET", "HEAD", "POST"},
		Headers: []string{"Content-Type"},
		MaxAge:  conf.Dur(time.Hour),
	}
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if len(c.Origins) == 0 {
		p.Add("origins", "no origin is allowed", `write the sites that may ask, such as "https://app.example.com"`)
	}
}
