package headers

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/http7/template"
	"weir/internal/conf"
)

// Config edits the header fields of requests and answers.
type Config struct {
	// Request edits what goes to the endpoint. Default: absent.
	Request *SectionConfig `toml:"request"`
	// Response edits what goes to the client, whoever answered. Default: absent.
	Response *SectionConfig `toml:"response"`
}

// SectionConfig is one set of edits. Names are removed first, then set, then added. Values are templates:
// "{client}", "{path.id}" or "{jwt.sub}" in them is what it is of the request (see http7/template).
type SectionConfig struct {
	// Mode is "enforce", "observe" (record what would be edited) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Set gives a field one value, in place of any that it has. A value whose variables leave nothing of it
	// removes the field. Default: none.
	Set map[string]string `toml:"set"`
	// Add gives a field one or more further values, without those that are left empty by their variables.
	// Default: none.
	Add map[string][]string `toml:"add"`
	// Remove drops every field of these names. Default: none.
	Remove []string `toml:"remove"`
}

// Default returns the values of absent keys: no edit.
func Default() Config { return Config{} }

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	if c.Request != nil {
		c.Request.check(p.In("request"))
	}
	if c.Response != nil {
		c.Response.check(p.In("response"))
	}
}

func (s *SectionConfig) check(p *conf.Problems) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		at := p.In("set", name)
		checkName(at.AddKey, name)
		checkValue(at, s.Set[name])
		lower := strings.ToLower(name)
		if other, twice := seen[lower]; twice {
			at.AddKey("", strconv.Quote(name)+" and "+strconv.Quote(other)+" are the same field", "keep one of them")
		}
		seen[lower] = name
	}
	for _, name := range slices.Sorted(maps.Keys(s.Add)) {
		at := p.In("add", name)
		checkName(at.AddKey, name)
		for _, v := range s.Add[name] {
			checkValue(at, v)
		}
	}
	for i, name := range s.Remove {
		checkName(p.Index("remove", i).Add, name)
	}
	if len(s.Set)+len(s.Add)+len(s.Remove) == 0 {
		p.Warn("", "the section edits nothing", "write set, add or remove, or leave it out")
	}
}

// framing are the fields that Weir itself writes: an edit would break the message (RFC 9112 §6)
// or the connection (RFC 9110 §7.6.1).
var framing = []string{
	"connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
}

// checkName gives note what is wrong with a name, which is a key or a value.
func checkName(note func(key, text, hint string), name string) {
	switch lower := strings.ToLower(name); {
	case !token(name):
		note("", strconv.Quote(name)+" is not a field name", "a name has letters, digits and hyphens")
	case lower == "host":
		note("", "the Host field is not edited by a policy", `write host = "…" in the upstream`)
	case slices.Contains(framing, lower):
		note("", strconv.Quote(name)+" belongs to the connection or the framing, which Weir writes itself", "leave it out")
	}
}

func checkValue(p *conf.Problems, value string) {
	// RFC 9110 §5.5: visible characters, spaces, tabs and bytes from 0x80.
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		p.Add("", "a field value holds no line ends and no control characters", "")
		return
	}
	if strings.TrimSpace(value) != value {
		p.Add("", "a field value neither begins nor ends with a space", "")
	}
	if _, err := template.Compile(value); err != nil {
		p.AddError("", err)
	}
}

// token reports whether s is a token, the grammar of field names (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
