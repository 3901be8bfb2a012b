package config

import (
	"strconv"
	"strings"

	"weir/internal/conf"
)

// lower puts hosts in lower case, in which they are compared (RFC 9110 §4.2.3).
func (m *Match) lower() {
	for i, h := range m.Hosts {
		m.Hosts[i] = strings.ToLower(h)
	}
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

func (m *Match) check(p *conf.Problems) {
	checkEach(p, "hosts", m.Hosts, checkHost)
	checkEach(p, "path", m.Path, checkPath)
	checkEach(p, "methods", m.Methods, checkMethod)
}

// checkEach runs check, which returns what is wrong and the way out, on each element of a list, and
// notes those written twice. An empty list would match nothing.
func checkEach(p *conf.Problems, key string, list []string, check func(string) (text, hint string)) {
	if list != nil && len(list) == 0 {
		p.Add(key, "an empty list matches nothing", "leave the key out to match everything")
	}
	seen := map[string]bool{}
	for i, s := range list {
		if text, hint := check(s); text != "" {
			p.Index(key, i).Add("", text, hint)
		} else if seen[s] {
			p.Index(key, i).Add("", strconv.Quote(s)+" is written twice", "leave one out")
		}
		seen[s] = true
	}
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
	case !validAuthority(bare):
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
	prefix := strings.TrimSuffix(path, "/*")
	switch {
	case strings.HasPrefix(path, "~"):
		return "regular expressions are not supported yet", `write "/exact" or "/prefix/*"`
	case !strings.HasPrefix(path, "/"):
		return strconv.Quote(path) + " does not begin with /", "write " + strconv.Quote("/"+path)
	case strings.ContainsAny(path, "{}"):
		return "{segments} are not supported yet", `write "/exact" or "/prefix/*"`
	case strings.Contains(prefix, "*"):
		return strconv.Quote(path) + " has a * that is not its end", `a prefix is written "/prefix/*"`
	case strings.ContainsAny(path, "?#"):
		return strconv.Quote(path) + " has more than a path", "the query is not matched here; write the path alone"
	case strings.Contains(path, "//"), strings.Contains(path+"/", "/./"), strings.Contains(path+"/", "/../"):
		return strconv.Quote(path) + " is not a plain path", "write it without //, /./ and /../"
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return strconv.Quote(path) + " has characters that no path has", "write them percent-encoded, such as %20"
	}
	return "", ""
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
