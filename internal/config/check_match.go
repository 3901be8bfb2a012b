package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/http7/match"
	"weir/http7/policy/geo"
	"weir/internal/conf"
)

func (m *Match) check(p *conf.Problems) {
	checkEach(p, "hosts", m.Hosts, checkHost)
	checkEach(p, "path", m.Path, checkPath)
	for i, path := range m.Path {
		warnOfColon(p.Index("path", i), path)
	}
	checkEach(p, "methods", m.Methods, checkMethod)
	checkEach(p, "country", m.Country, checkCountry)
	checkEach(p, "continent", m.Continent, geo.CheckContinent)
	if m.Clients != nil && len(m.Clients) == 0 {
		p.Add("clients", "an empty list matches nothing", "leave the key out to match everything")
	}
	if m.SNI != "" {
		checkSNI(p, m.SNI)
		checkCondition(p.In("sni"), condition(http7.OnSNI, "", m.SNI))
	}
	for _, t := range m.tables() {
		if len(t.values) > 0 {
			checkTable(p.In(t.on.String()), t)
		}
	}
}

// warnOfColon warns of a segment as other proxies write it: here it is a text like any other.
func warnOfColon(p *conf.Problems, path string) {
	for s := range strings.SplitSeq(path, "/") {
		if name, is := strings.CutPrefix(s, ":"); is && name != "" && path[0] == '/' {
			p.Warn("", strconv.Quote(s)+" is a text, colon and all", "write {"+name+"} for a segment of any text")
			return
		}
	}
}

// checkEach runs check, which returns what is wrong and the way out, on each element of a list, and
// notes those written twice. An empty list would match nothing.
func checkEach(p *conf.Problems, key string, list []string, check func(string) (text, hint string)) {
	if list != nil && len(list) == 0 {
		p.Add(key, "an empty list matches nothing", "leave the key out to match everything")
	}
	for i, s := range list {
		if text, hint := check(s); text != "" {
			p.Index(key, i).Add("", text, hint)
		} else if slices.Contains(list[:i], s) {
			p.Index(key, i).Add("", strconv.Quote(s)+" is written twice", "leave one out")
		}
	}
}

// checkTable checks the conditions of one table. What is wrong with a name is noted at its key.
func checkTable(p *conf.Problems, t valueTable) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		at := p.In(name)
		if t.on == http7.OnHeader {
			lower := strings.ToLower(name)
			if other, twice := seen[lower]; twice {
				at.AddKey("", strconv.Quote(name)+" and "+strconv.Quote(other)+" are the same field", "keep one of them")
			}
			seen[lower] = name
		}
		if text, hint := checkSubject(t.on, name); text != "" {
			at.AddKey("", text, hint)
			continue
		}
		checkCondition(at, condition(t.on, name, t.values[name]))
	}
}

// checkSubject says what is wrong with the name of what a condition is about.
func checkSubject(on http7.Subject, name string) (text, hint string) {
	switch {
	case name == "":
		return "the name is empty", ""
	case on == http7.OnHeader && strings.EqualFold(name, "host"):
		return "the Host field is not matched as a header", `write hosts = ["…"]`
	case on == http7.OnHeader && strings.EqualFold(name, "cookie"):
		return "the Cookie field is not matched as a header", `write cookies = { name = "…" }`
	case (on == http7.OnHeader || on == http7.OnCookie) && !http7.IsToken([]byte(name)):
		return strconv.Quote(name) + " can't be the name of a " + strings.TrimSuffix(on.String(), "s"), "a name has letters, digits and hyphens"
	}
	return "", ""
}

// checkCondition notes what match says of a condition.
func checkCondition(p *conf.Problems, c http7.Condition) {
	if text, hint := mistake(match.CheckCondition(c)); text != "" {
		p.Add("", text, hint)
	}
}

// mistake returns what match says is wrong, and the way out; "" if nothing is.
func mistake(err error) (text, hint string) {
	var m *match.Mistake
	switch {
	case errors.As(err, &m):
		return m.What, m.Hint
	case err != nil:
		return err.Error(), ""
	}
	return "", ""
}

func checkSNI(p *conf.Problems, sni string) {
	if strings.HasPrefix(sni, "*.") {
		p.Add("sni", strconv.Quote(sni)+" is compared as it stands", "write "+strconv.Quote("~"+regexp.QuoteMeta(sni[1:])+"$")+" for every name below "+sni[2:])
	}
}

func checkCountry(code string) (text, hint string) {
	upper := strings.ToUpper(code)
	switch {
	case upper == "UK", upper == "EL": // as networks and the European Union write them; databases never do
		return strconv.Quote(code) + " is the code of no country", "write " + map[string]string{"UK": `"GB"`, "EL": `"GR"`}[upper]
	case len(code) != 2 || strings.ContainsFunc(upper, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return strconv.Quote(code) + " is not a country", `write two capitals (ISO 3166-1), such as "DE"`
	case code != upper:
		return strconv.Quote(code) + " is not a country", "write " + strconv.Quote(upper)
	}
	return "", ""
}

func checkHost(host string) (text, hint string) {
	bare := strings.TrimPrefix(host, "*.")
	switch {
	case host == "*":
		return `"*" is not a host`, "leave hosts out to match every host"
	case strings.Contains(host, "://"):
		return strconv.Quote(host) + " is a URL, not a host", "write the host alone, such as \"api.example.com\""
	case strings.Contains(bare, "*"):
		return strconv.Quote(host) + " has a * that is not its first label", `write "*.example.com" for every name below example.com`
	case strings.Contains(bare, ":") && !strings.HasPrefix(bare, "["):
		return strconv.Quote(host) + " has a port", "hosts are compared without their port; leave it out"
	}
	form, err := match.Host(host)
	if text, hint := mistake(err); text != "" {
		return text, hint
	}
	if !validAuthority(strings.TrimPrefix(form, "*.")) {
		return strconv.Quote(host) + " is not a host", "write a host name, or \"*.\" and a host name"
	}
	return "", ""
}

// validAuthority reports whether s is a host with or without a port.
func validAuthority(s string) bool {
	address := s
	if !strings.Contains(s, ":") || strings.HasSuffix(s, "]") {
		address = s + ":80"
	}
	a, err := conf.ParseAddress(address)
	return err == nil && a.Host() != ""
}

func checkPath(path string) (text, hint string) {
	_, err := match.CheckPattern(path)
	return mistake(err)
}

func checkMethod(m string) (text, hint string) {
	switch {
	case m == "CONNECT" || m == "TRACE":
		return m + " is refused before any route is looked for", "leave it out"
	case m != strings.ToUpper(m):
		return strconv.Quote(m) + " is not a method", "did you mean " + strconv.Quote(strings.ToUpper(m)) + "? methods are written in capitals"
	case m == "" || strings.ContainsFunc(m, func(r rune) bool { return r != '-' && (r < 'A' || r > 'Z') }):
		return strconv.Quote(m) + " is not a method", `write such as "GET"`
	}
	return "", ""
}
