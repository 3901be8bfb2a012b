package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/discover"
	"weir/internal/plan"
	"weir/internal/tomlfile"
)

// Effective writes c as TOML with every default filled in and every include and [defaults] table
// merged. It loads again to an equal Config. Secrets are written by their source; one whose text
// stands in the config itself is masked, and its line must be replaced before loading.
func Effective(c *Config) []byte { return write(treeOf(c)) }

// Shown is Effective for whoever asks a process that serves, and need not be one who may read its files: the values of
// fields whose names are those of credentials are masked too, for they may come from variables.
func Shown(c *Config) []byte {
	n := treeOf(c)
	hideCredentials(n, false)
	return write(n)
}

// hideCredentials masks texts below n. field says that n is below a table of header fields.
func hideCredentials(n *tomlfile.Node, field bool) {
	for _, k := range n.Keys {
		v := n.Get(k)
		if field && http7.SecretName(k) {
			for _, text := range v.List() {
				if text.Kind == tomlfile.String && !slices.Contains([]string{"", "*", "!"}, text.Text) {
					text.Text = conf.Mask
				}
			}
		}
		hideCredentials(v, field || k == "headers")
	}
	for _, item := range n.Items {
		hideCredentials(item, field)
	}
}

// HideCredentials masks in changes what [Shown] masks.
func HideCredentials(c *plan.Changes) {
	hide := func(keys []plan.Key) {
		for i := range keys {
			if _, field, is := strings.Cut(keys[i].Key, "headers."); is && http7.SecretName(field) {
				keys[i].Old, keys[i].New = masked(keys[i].Old), masked(keys[i].New)
			}
		}
	}
	for _, list := range [][]plan.Change{c.Listeners, c.Routes, c.Policies, c.Upstreams} {
		for i := range list {
			hide(list[i].Keys)
		}
	}
	hide(c.Settings)
}

// masked leaves what is absent so.
func masked(text string) string {
	if text == "" {
		return ""
	}
	return conf.Mask
}

func treeOf(c *Config) *tomlfile.Node {
	n := tomlfile.FromValue(c)
	for name, l := range c.Listeners {
		n.Get("listeners").Set(name, listenerTree(*l))
	}
	return n
}

func write(n *tomlfile.Node) []byte {
	n.Escape()
	return bytes.TrimLeft(tomlfile.Write(n), "\n")
}

// Summary describes in a few lines what would run.
func Summary(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s, %s\n", plural(len(c.Listeners), "listener", "listeners"), plural(len(c.Routes), "route", "routes"),
		plural(len(c.Policies), "policy", "policies"), plural(len(c.Upstreams), "upstream", "upstreams"))
	for _, name := range c.ListenerNames() {
		fmt.Fprintf(&b, "  listener %-12s %s\n", name, c.Listeners[name].summary()+judged(c.Listeners[name].Policies, nil))
	}
	for _, r := range c.Routes {
		fmt.Fprintf(&b, "  route    %-12s %s\n", r.Name, r.summary()+judged(r.Policies, r.Without))
	}
	for _, name := range c.UpstreamNames() {
		fmt.Fprintf(&b, "  upstream %-12s %s\n", name, c.Upstreams[name].summary())
	}
	if c.Admin.Address.IsOff() {
		b.WriteString("  admin    off\n")
	} else {
		fmt.Fprintf(&b, "  admin    %s\n", c.Admin.Address)
	}
	return b.String()
}

// judged tells the policies of a listener or a route, and those of the listener that a route opts out of.
func judged(policies, without []string) (s string) {
	if len(policies) > 0 {
		s = ", policies " + strings.Join(policies, " ")
	}
	if len(without) > 0 {
		s += ", without " + strings.Join(without, " ")
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (l *Listener) summary() string {
	addresses := make([]string, len(l.Address))
	for i, a := range l.Address {
		addresses[i] = a.String()
	}
	s := l.Kind + " on " + strings.Join(addresses, ", ")
	if l.TLS != nil {
		s += " with TLS"
	}
	if l.Kind == KindHTTP && !slices.Equal(l.Protocols, DefaultListener(KindHTTP).Protocols) {
		s += ", " + strings.Join(l.Protocols, " ")
	}
	if l.RedirectToHTTPS {
		s += " → https"
	}
	if l.Upstream != "" {
		s += " → " + l.Upstream
	}
	if to := l.passesTo(); len(to) > 0 {
		s += ", passthrough → " + strings.Join(to, ", ")
	}
	return s
}

func (r *Route) summary() string {
	switch {
	case r.Upstream != "":
		return "→ " + r.Upstream
	case r.Handler != "":
		return "→ handler " + r.Handler
	case r.Redirect != nil:
		return fmt.Sprintf("→ %d to %s", r.Redirect.Status, r.Redirect.To)
	case len(r.Split) > 0:
		sides := make([]string, len(r.Split))
		for i, side := range r.Split {
			sides[i] = fmt.Sprintf("%s (%d)", side.Upstream, side.Weight)
		}
		return "→ " + strings.Join(sides, ", ")
	}
	return fmt.Sprintf("→ status %d from here", r.Respond.Status)
}

func (u *Upstream) summary() string {
	s := plural(len(u.Endpoints), "endpoint", "endpoints") + " by " + u.Balance
	if u.Discover != nil {
		s = "endpoints by " + foundBy(u.Discover) + ", chosen by " + u.Balance
	}
	switch {
	case u.Health == nil:
		return s + ", not probed"
	case u.Health.HTTP != nil:
		return s + ", probed by GET " + u.Health.HTTP.Path + " every " + u.Health.Interval.String()
	case u.Health.GRPC != nil:
		return s + ", probed by gRPC every " + u.Health.Interval.String()
	}
	return s + ", probed by TCP every " + u.Health.Interval.String()
}

// foundBy says where endpoints are looked up.
func foundBy(d *discover.Config) string {
	switch {
	case d.DNS != "":
		return "dns " + d.DNS
	case d.SRV != "":
		return "srv " + d.SRV
	}
	return "file " + d.File
}
