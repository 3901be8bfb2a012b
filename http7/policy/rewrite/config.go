package rewrite

import (
	"regexp"
	"strconv"
	"strings"

	"weir/http7/paths"
	"weir/http7/template"
	"weir/internal/conf"
)

// Config changes the path and the query that the endpoint gets. What is here is done in the order of
// the fields, on the canonical path; the match, the policies before this stage and the log see what the
// client sent.
type Config struct {
	// Mode is "enforce", "observe" (record that the target would change) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// StripPrefix drops these segments from the front of the path: "/site" makes "/site/a" "/a" and
	// "/site" "/", and leaves "/sites" alone. Default: none.
	StripPrefix string `toml:"strip_prefix"`
	// Regex is a regular expression (RE2); each of its matches in the path becomes To. Default: none.
	Regex string `toml:"regex"`
	// To is what stands in for a match of Regex: text with "$1" and "$name" for its groups ("$${1}" where
	// letters follow) and the variables of header templates, which are escaped. A "?" in it begins a new query in place of the client's, which is
	// {query}. Required with Regex.
	To string `toml:"to"`
	// Prefix is put in front of the path, after all else. Default: none.
	Prefix string `toml:"prefix"`
}

// Default returns the values of absent keys: no change.
func Default() Config { return Config{} }

// Check notes what is wrong with c; captures are as in [Compile].
func (c *Config) Check(p *conf.Problems, captures []string) {
	checkPrefix(p, "strip_prefix", c.StripPrefix)
	checkPrefix(p, "prefix", c.Prefix)
	if key, err := compileRegex(c, new(rewriter), captures); err != nil {
		p.AddError(key, err)
	}
	if c.StripPrefix == "" && c.Prefix == "" && c.Regex == "" && c.To == "" {
		p.Warn("", "the rewrite changes nothing", "write strip_prefix, prefix, or regex and to, or leave it out")
	}
}

func checkPrefix(p *conf.Problems, key, text string) {
	if _, err := prefixOf(text); err != nil {
		p.AddError(key, err)
	}
}

// prefixOf returns the canonical form of some first segments, without a slash at their end; "" for "".
func prefixOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	form, f := paths.Literal(text)
	switch {
	case text[0] != '/' || strings.ContainsAny(text, "?#"):
		return "", &conf.BadValue{Text: strconv.Quote(text) + " is not the beginning of a path", Hint: `write whole segments, such as "/site"`}
	case f != nil || strings.Contains(form, "//"):
		return "", &conf.BadValue{Text: strconv.Quote(text) + " is a path that could be read in more than one way", Hint: `write whole segments, such as "/site", without "." and ".."`}
	case form == "/":
		return "", &conf.BadValue{Text: `"/" is the beginning of every path: nothing would change`, Hint: "leave it out"}
	}
	return strings.TrimSuffix(form, "/"), nil
}

// compileRegex compiles regex and to into r; on failure key is the one that is wrong.
func compileRegex(c *Config, r *rewriter, captures []string) (key string, err error) {
	switch {
	case c.Regex == "" && c.To == "":
		return "", nil
	case c.To == "":
		return "regex", &conf.BadValue{Text: "nothing stands in for what the regular expression matches", Hint: `write to = "/$1"`}
	case c.Regex == "":
		return "to", &conf.BadValue{Text: "there is no regular expression whose matches this would stand in for", Hint: `write regex = "^/(.*)$" too, or prefix instead`}
	}
	if r.regex, err = regexp.Compile(c.Regex); err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return "regex", &conf.BadValue{Text: "not a regular expression: " + reason, Hint: "the syntax is RE2's (https://github.com/google/re2/wiki/Syntax)"}
	}
	r.once = anchored(c.Regex)
	r.to, err = template.CompileTarget(c.To, r.regex.SubexpNames(), captures...)
	return "to", err
}
