package rewrite

import (
	"weir/internal/conf"
)

// Config changes the path and query that the endpoint gets. What is here is done in the order of the
// fields, on the canonical path; matching, policies before this stage and the log see the client's.
type Config struct {
	// StripPrefix drops these segments from the front of the path: "/site" makes "/site/a" "/a" and
	// "/site" "/", and leaves "/sites" alone. Default: none.
	StripPrefix string `toml:"strip_prefix"`
	// Regex is a regular expression (RE2); each of its matches in the path becomes To. Default: none.
	Regex string `toml:"regex"`
	// To stands in for what Regex matches: text with "$1", "${name}" and the variables of header
	// templates. A "?" in it begins a new query, in place of the client's; {query} is that one.
	// Required with Regex.
	To string `toml:"to"`
	// Prefix is put in front of the path, after the others. Default: none.
	Prefix string `toml:"prefix"`
}

// Default returns the values of absent keys: no change.
func Default() Config { return Config{} }

// Check notes what is wrong with c; captures are as in Compile.
func (c *Config) Check(p *conf.Problems, captures []string) {
}
