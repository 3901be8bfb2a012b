package config

import (
	"slices"
	"strconv"

	"weir/internal/conf"
)

// sendsTo lists the upstreams that a listener sends sessions to, each once.
func (l *Listener) sendsTo() []string {
	names := l.passesTo()
	if l.Upstream != "" && !slices.Contains(names, l.Upstream) {
		names = append(names, l.Upstream)
	}
	return names
}

// passesTo lists the upstreams that a listener's passthrough names, each once.
func (l *Listener) passesTo() (names []string) {
	for i := range l.Passthrough {
		if name := l.Passthrough[i].Upstream; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkSessions notes what an upstream has that needs requests, where a listener sends it sessions. A session is
// known by its client alone.
func (c *Config) checkSessions(p *conf.Problems) {
	for _, name := range c.ListenerNames() {
		l := c.Listeners[name]
		who := "tcp listener " + strconv.Quote(name)
		if l.Kind != KindTCP {
			who = "the passthrough of listener " + strconv.Quote(name)
		}
		for _, upstream := range l.sendsTo() {
			if u := c.Upstreams[upstream]; u != nil {
				u.checkSessions(p.At(u.Path), who)
			}
		}
	}
}

// checkSessions checks one upstream that gets sessions; who sends them.
func (u *Upstream) checkSessions(p *conf.Problems, who string) {
	const own = "give the listener an upstream of its own"
	if !u.HashOn.OfSession() {
		p.Add("hash_on", u.HashOn.String()+" is known of requests only, and "+who+" sends sessions here", `write hash_on = "client", or `+own)
	}
	if u.TLS != nil {
		p.AddKey("tls", "sessions are relayed as they are, without a TLS of our own, and "+who+" sends some here", own)
	}
	if u.Sticky != nil {
		p.AddKey("sticky", "a session has no cookie, and "+who+" sends sessions here",
			`write balance = "maglev" and hash_on = "client" to keep clients at their endpoint, or `+own)
	}
}
