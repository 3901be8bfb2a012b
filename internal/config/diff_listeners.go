package config

import (
	"slices"
	"strings"

	"weir/internal/certs"
	"weir/internal/conf"
	"weir/internal/plan"
)

func (d *differ) listeners() []plan.Change {
	return named(d.old.Listeners, d.new.Listeners, aboutListener, func(c *plan.Change, old, new *Listener) {
		apart(c, "address", places(old.Address), places(new.Address))
	})
}

func aboutListener(l *Listener) string {
	return l.summary()
}

func places(addresses []conf.Address) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = a.String()
	}
	return out
}

// endings says what becomes of connections that are open when the new config is published (docs/operations.md, Reload):
// sessions of tcp listeners live until they end by themselves, http listeners that are gone are drained.
func (d *differ) endings() []plan.Ending {
	out := []plan.Ending{}
	for _, name := range d.old.ListenerNames() {
		old, new := d.old.Listeners[name], d.new.Listeners[name]
		if new != nil && new.Kind != old.Kind {
			new = nil // another listener under the same name
		}
		if e, any := d.ending(old, new); any {
			e.Listener = name
			out = append(out, e)
		}
	}
	for _, name := range d.old.UpstreamNames() {
		if why := d.left(name); why != "" {
			out = append(out, plan.Ending{Upstream: name, Why: why})
		}
	}
	return out
}

// ending says what becomes of the connections of one listener; new is nil if it is gone.
func (d *differ) ending(old, new *Listener) (plan.Ending, bool) {
	http, grace := old.Kind == KindHTTP, d.new.Shutdown.Grace.String()
	switch {
	case new == nil && http:
		return plan.Ending{Ends: true, Why: "the listener goes: idle connections close at once, exchanges, tunnels and streams have " +
			grace + " and are then cut"}, true
	case new == nil:
		return plan.Ending{Why: "the listener goes: nothing new is accepted, open sessions live until they end"}, true
	case len(missingIn(places(new.Address), places(old.Address))) > 0:
		return plan.Ending{Why: "accepted no more at " + strings.Join(missingIn(places(new.Address), places(old.Address)), ", ") +
			": what is open there lives on"}, true
	case !http && new.Upstream != old.Upstream && old.Upstream != "" && new.Upstream != "":
		return plan.Ending{Why: "open sessions live on with upstream " + old.Upstream + ", new ones go to " + new.Upstream}, true
	case (old.TLS == nil) != (new.TLS == nil):
		return plan.Ending{Why: "open connections stay as they are, new ones " + tlsWord(new)}, true
	case http && old.Speaks(ProtocolH3) && !new.Speaks(ProtocolH3):
		return plan.Ending{Ends: true, Why: "h3 is spoken no more: its connections are told to go, and have " + grace + " until they are cut"}, true
	case clientAuth(old) != clientAuth(new):
		return plan.Ending{Why: "open connections stay with the certificates that they have shown or not; new ones " + authWord(new)}, true
	case !slices.EqualFunc(old.Passthrough, new.Passthrough, equalPassthrough):
		return plan.Ending{Why: "what is relayed as it is lives on where it goes; new connections go by the new passthrough"}, true
	}
	return plan.Ending{}, false
}

// clientAuth is what a listener asks of clients; the zero value is nothing.
func clientAuth(l *Listener) certs.ClientAuth {
	if l.TLS == nil || l.TLS.ClientAuth == nil {
		return certs.ClientAuth{}
	}
	return *l.TLS.ClientAuth
}

func authWord(l *Listener) string {
	switch clientAuth(l).Mode {
	case certs.Require:
		return "must show one"
	case certs.Request:
		return "may show one"
	}
	return "are not asked for any"
}

func equalPassthrough(a, b Passthrough) bool {
	return a.Upstream == b.Upstream && slices.Equal(a.SNI, b.SNI) && slices.Equal(a.ALPN, b.ALPN)
}

func tlsWord(l *Listener) string {
	if l.TLS == nil {
		return "speak no TLS"
	}
	return "speak TLS"
}

// left says what becomes of those who are at endpoints of an upstream that go; "" if none goes.
func (d *differ) left(name string) string {
	old, new := d.old.Upstreams[name], d.new.Upstreams[name]
	if new == nil {
		return "the upstream goes: exchanges and sessions that have begun there are left to finish"
	}
	gone := missingIn(addressesOf(new), addressesOf(old))
	if len(gone) == 0 {
		return ""
	}
	if new.Discover != nil {
		return "what a lookup does not find of the endpoints goes: exchanges and sessions that have begun there are left to finish"
	}
	slices.Sort(gone)
	return strings.Join(gone, ", ") + " gets nothing new; exchanges and sessions that have begun there are left to finish"
}
