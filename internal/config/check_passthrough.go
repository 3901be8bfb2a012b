package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// checkPassthrough notes what is wrong with the entries of a listener.
func (c *Config) checkPassthrough(p *conf.Problems, l *Listener) {
	if l.Kind == KindHTTP && l.TLS == nil && len(l.Passthrough) > 0 {
		p.AddKey("passthrough", "the listener speaks no TLS, so that no connection says where it wants to go",
			`write tls beside it, or kind = "tcp" for a listener that hands on all it gets`)
	}
	taken := map[string]int{}
	for i := range l.Passthrough {
		c.checkEntry(p.Index("passthrough", i), &l.Passthrough[i], i, taken)
	}
	l.checkObtained(p)
}

// checkObtained warns of names for which certificates are obtained that nobody is ever shown here.
func (l *Listener) checkObtained(p *conf.Problems) {
	if l.TLS == nil || l.TLS.ACME == nil {
		return
	}
	for i, host := range l.TLS.ACME.Hosts {
		if upstream, passed := l.Passes(strings.ToLower(host)); passed {
			p.In("tls", "acme").Index("hosts", i).Warn("", strconv.Quote(host)+" is passed through to "+strconv.Quote(upstream)+" before a certificate is chosen", "leave it out here, or in passthrough")
		}
	}
}

// checkEntry checks one entry; taken are the hellos that those before it take.
func (c *Config) checkEntry(p *conf.Problems, e *Passthrough, at int, taken map[string]int) {
	if e.Upstream == "" {
		p.Add("upstream", "the entry does not say who takes the connections", `write upstream = "name"`)
	} else {
		refer(p, "upstream", e.Upstream, "upstream", c.Upstreams)
	}
	if e.SNI == nil && e.ALPN == nil {
		p.Add("sni", "the entry names neither a server nor a protocol", `write sni = ["db.example.com"], or alpn = ["postgresql"]`)
	}
	checkEach(p, "sni", e.SNI, checkServerName)
	checkEach(p, "alpn", e.ALPN, checkALPN)
	if !checkTaken(p, e, at, taken) {
		return
	}
	for _, hello := range e.hellos() {
		taken[hello] = at
	}
}

// checkTaken notes an entry some of whose hellos are another's; it reports whether none is.
func checkTaken(p *conf.Problems, e *Passthrough, at int, taken map[string]int) bool {
	for _, hello := range e.hellos() {
		other, twice := taken[hello]
		if !twice || other == at {
			continue
		}
		name, protocol, _ := strings.Cut(hello, "\x00")
		key, what := "sni", strconv.Quote(name)
		if name == "" {
			key, what = "alpn", strconv.Quote(protocol)
		} else if protocol != "" {
			what += " with " + strconv.Quote(protocol)
		}
		p.Add(key, what+" is taken by passthrough["+strconv.Itoa(other)+"]", "leave it out of one of the two")
		return false
	}
	return true
}

// hellos lists what the entry takes, each as name, NUL and protocol; "" is any.
func (e *Passthrough) hellos() (list []string) {
	names, protocols := e.SNI, e.ALPN
	if len(names) == 0 {
		names = []string{""}
	}
	if len(protocols) == 0 {
		protocols = []string{""}
	}
	for _, n := range names {
		for _, a := range protocols {
			list = append(list, strings.ToLower(strings.TrimSuffix(n, "."))+"\x00"+a)
		}
	}
	return list
}

// checkServerName says what is wrong with a name that a hello is to ask for.
func checkServerName(name string) (text, hint string) {
	bare := strings.TrimPrefix(name, "*.")
	switch a, err := conf.ParseAddress(bare + ":443"); {
	case name == "*":
		return `"*" is not a server name`, "leave sni out for every name, and write alpn"
	case strings.HasPrefix(name, "~"):
		return strconv.Quote(name) + " is not a server name", `regular expressions are not taken here; write "*.example.com" for every name below example.com`
	case strings.Contains(bare, "*"):
		return strconv.Quote(name) + " has a * that is not its first label", `write "*.example.com" for every name below example.com`
	case err == nil && !a.IsName():
		return strconv.Quote(name) + " is an address, and clients ask for names alone (RFC 6066 §3)", "write the name that clients connect to"
	case err != nil:
		return strconv.Quote(name) + " is not a server name", `write such as "db.example.com", without a scheme or a port`
	}
	return "", ""
}

func checkALPN(protocol string) (text, hint string) {
	known := []string{"http/1.1", "h2", "h3", "acme-tls/1"}
	switch {
	case protocol == "" || len(protocol) > 255:
		return strconv.Quote(protocol) + " is not a protocol", "a protocol's id has 1 to 255 bytes (RFC 7301 §3.1)"
	case protocol == "h1" || protocol == "http/1.0":
		return strconv.Quote(protocol) + " is not what clients offer", `write "http/1.1"`
	case protocol == "h3":
		return `"h3" is spoken over QUIC, and a passthrough takes TCP`, "leave it out"
	case !slices.Contains(known, protocol) && slices.Contains(known, strings.ToLower(protocol)):
		return strconv.Quote(protocol) + " is not what clients offer", "write " + strconv.Quote(strings.ToLower(protocol))
	}
	return "", ""
}
