package cors

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// Config says which scripts of other sites may ask and read (Fetch standard, §3.3 CORS protocol).
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
	for i, text := range c.Origins {
		c.checkOrigin(p.Index("origins", i), text)
	}
	for i, m := range c.Methods {
		checkMethod(p.Index("methods", i), m)
	}
	checkNames(p, "headers", c.Headers)
	checkNames(p, "expose", c.Expose)
	if i := slices.Index(c.Expose, anything); i >= 0 && c.Credentials {
		p.Index("expose", i).Add("", `with credentials "*" is a field of that name`, "name the fields that scripts may read")
	}
	if c.MaxAge.Value()%time.Second != 0 {
		p.Add("max_age", strconv.Quote(c.MaxAge.String())+" is no whole number of seconds", `write seconds, such as "600s"`)
	}
}

// checkOrigin notes what is wrong with one origin. With credentials an origin that every site can have
// would let every site act as its visitors.
func (c *Config) checkOrigin(p *conf.Problems, text string) {
	open := text == anything || text == null
	switch o, err := parseOrigin(text); {
	case open && c.Credentials:
		p.Add("", strconv.Quote(text)+" with credentials would let every site act as its visitors", "name the sites, or leave credentials out")
	case open:
	case err != nil:
		p.AddError("", err)
	case o.wild && strings.Count(o.host, ".") == 1 && !strings.HasPrefix(o.host, ".localhost"):
		p.Warn("", strconv.Quote(text)+" holds for a whole top-level domain", "write a domain of your own")
	}
}

// checkMethod notes what is wrong with a method. Browsers write GET, HEAD, POST, PUT, DELETE and OPTIONS in
// upper case whatever the script says, and compare byte for byte.
func checkMethod(p *conf.Problems, m string) {
	switch {
	case !http7.IsToken([]byte(m)):
		p.Add("", strconv.Quote(m)+" is not a method", `write a method, such as "PUT", or "*"`)
	case m != strings.ToUpper(m):
		p.Add("", strconv.Quote(m)+" is not "+strconv.Quote(strings.ToUpper(m)), "upper and lower case differ in methods")
	}
}

func checkNames(p *conf.Problems, key string, names []string) {
	for i, name := range names {
		if !http7.IsToken([]byte(name)) {
			p.Index(key, i).Add("", strconv.Quote(name)+" is not a field name", "a name has letters, digits and hyphens")
		}
	}
}
