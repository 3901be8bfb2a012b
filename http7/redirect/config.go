package redirect

import (
	"slices"
	"strconv"

	"weir/http7/template"
	"weir/internal/conf"
)

// Config sends clients elsewhere instead of to an upstream.
type Config struct {
	// To is where: "https://www.example.com/new/{rest}", or "/new/{rest}" on the host that was asked.
	// Variables are {host}, {path}, {rest}, {path.NAME}, {query} and those of header templates; the host
	// stays the one that is written here, whatever a request holds. The client's query is kept unless
	// there is a "?". Required.
	To string `toml:"to"`
	// Status is 301, 302, 303, 307 or 308. Only 307 and 308 keep the method and the body; browsers
	// remember 301 and 308 for as long as they like. Default: 308.
	Status int `toml:"status"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{Status: 308} }

var statuses = []int{301, 302, 303, 307, 308}

func allowed(status int) bool { return slices.Contains(statuses, status) }

// Check notes what is wrong with c; captures are as in [Compile].
func (c *Config) Check(p *conf.Problems, captures []string) {
	switch _, err := template.CompileURL(c.To, captures...); {
	case c.To == "":
		p.Add("to", "the redirect leads nowhere", `write to = "https://host/path", or "/path" for the host that was asked`)
	case err != nil:
		p.AddError("to", err)
	}
	if !allowed(c.Status) {
		p.Add("status", strconv.Itoa(c.Status)+" is not the status of a redirect", "write 301, 302, 303, 307 or 308")
	}
}
