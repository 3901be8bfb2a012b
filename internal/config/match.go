package config

import (
	"slices"
	"strings"

	"weir/http7/match"
	"weir/internal/conf"
)

// Match says which requests a route takes: those that meet every condition that is there. The values of
// headers, query, cookies, claims, sni and body are exact texts; "*" asks that there is one, "!"
// that there is none, and "~" begins a regular expression (RE2), which is found anywhere in the value
// unless it says ^ and $. Where a field occurs several times, all its values must fit.
type Match struct {
	// Hosts are exact names, or "*.example.com" for every name below it. Default: any.
	Hosts []string `toml:"hosts"`
	// Path is one or more of "/exact", "/prefix/*", which matches "/prefix" and all below it, either
	// with "{name}" for one segment, and "~^/a/\\d+$", a regular expression. It is compared with
	// the canonical path: see paths of a listener. Default: any.
	Path []string `toml:"path"`
	// Methods are exact, in capitals. Default: any.
	Methods []string `toml:"methods"`
	// Headers are what header fields hold, by name. Default: any.
	Headers map[string]string `toml:"headers"`
	// Query are what parameters of the query hold, decoded as those of a form. Default: any.
	Query map[string]string `toml:"query"`
	// Cookies are what cookies hold. Default: any.
	Cookies map[string]string `toml:"cookies"`
	// Claims are what the client's identity says. They need a policy on the listener that establishes
	// one. Default: any.
	Claims map[string]string `toml:"claims"`
	// Clients are the blocks of addresses that clients come from. Default: any.
	Clients []conf.Prefix `toml:"clients"`
	// Country are the countries that clients come from, in two capitals (ISO 3166-1). They need geo
	// on the listener. Default: any.
	Country []string `toml:"country"`
	// Continent are continents that clients come from: "AF", "AN", "AS", "EU", "NA", "OC", "SA". Each stands for its
	// countries, as if they were listed in country. They need geo on the listener. Default: any.
	Continent []string `toml:"continent"`
	// SNI is the server name that the client asked for when TLS began, in lower case. Default: any.
	SNI string `toml:"sni"`
	// Body are values in a JSON body, by keys such as "order.type" and "items.0.sku" ("*" for every
	// index), or in an XML body, such as "/order/@type". Hazard: where nothing else decides, the
	// body is read into memory first, up to the limit of the route, at most 1MiB.
	// Default: any.
	Body map[string]string `toml:"body"`
}

// name describes the condition in a few words: "GET api.example.com/v1/*".
func (m *Match) name() string {
	name := ""
	if len(m.Methods) > 0 {
		name = strings.Join(m.Methods, ",") + " "
	}
	if len(m.Hosts) > 0 {
		name += m.Hosts[0]
	}
	if len(m.Path) > 0 {
		return name + m.Path[0]
	}
	return name + "/*"
}

// lower puts hosts in lower case, in which they are compared (RFC 9110 §4.2.3).
func (m *Match) lower() {
	for i, h := range m.Hosts {
		m.Hosts[i] = strings.ToLower(h)
	}
}

// settle brings hosts that have been checked into the form in which they are compared.
func (m *Match) settle() {
	for i, h := range m.Hosts {
		if form, err := match.Host(h); err == nil {
			m.Hosts[i] = form
		}
	}
}

// Captures returns the names that every path of the match captures; it is never nil.
func (m *Match) Captures() []string {
	common := []string{"rest"} // of a match without a path, which is "/*"
	for i, path := range m.Path {
		names, _ := match.CheckPattern(path)
		if i == 0 {
			common = names
			continue
		}
		common = slices.DeleteFunc(common, func(n string) bool { return !slices.Contains(names, n) })
	}
	return append([]string{}, common...)
}
