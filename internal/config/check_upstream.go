package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
	"weir/lb"
)

// check notes what is wrong with u, each room's part and what is between them.
func (u *Upstream) check(p *conf.Problems) {
	u.checkMembership(p)
	u.Forwarding.Check(p)
	if u.Health != nil {
		u.Health.Check(p.In("health"))
	}
	u.Outliers.Check(p.In("outliers"))
	if u.Sticky != nil {
		u.Sticky.Check(p.In("sticky"))
	}
	for i := range u.Endpoints {
		if zone := u.Endpoints[i].Zone; zone != "" {
			checkZone(p.Index("endpoints", i), zone)
		}
	}
	u.checkHost(p)
}

// checkMembership wants endpoints or discover.
func (u *Upstream) checkMembership(p *conf.Problems) {
	b := u.Balancing
	switch {
	case u.Discover == nil && len(u.Endpoints) == 0:
		p.Add("endpoints", "the upstream has no endpoint", `write endpoints = ["host:port"], or discover = { dns = "name:port" }`)
		b.Discovered = true // said already
	case u.Discover != nil && len(u.Endpoints) > 0:
		p.AddKey("discover", "the endpoints are written down already", "keep endpoints or discover")
	}
	b.Check(p)
	if u.Discover != nil {
		u.Discover.Check(p.In("discover"))
	}
	u.checkBackups(p)
}

// checkBackups warns of backups that are hardly found to be needed.
func (u *Upstream) checkBackups(p *conf.Problems) {
	some := slices.ContainsFunc(u.Endpoints, func(e lb.EndpointConfig) bool { return !e.Backup })
	for i := range u.Endpoints {
		if some && u.Endpoints[i].Backup && u.Health == nil {
			p.Index("endpoints", i).Warn("backup", "without probes it takes failed requests to find out that a backup is needed", `write health.http = { path = "/healthz" }, or health.tcp = {}`)
			return
		}
	}
}

func (u *Upstream) checkHost(p *conf.Problems) {
	if u.Host == HostPreserve || u.Host == HostEndpoint {
		return
	}
	if !validAuthority(u.Host) {
		p.Add("host", strconv.Quote(u.Host)+" is not a host", `write "preserve", "endpoint", or a host name`)
	} else if near := conf.Nearest(u.Host, []string{HostPreserve, HostEndpoint}); near != "" {
		p.Warn("host", strconv.Quote(u.Host)+" is sent as the name of the host", "did you mean "+strconv.Quote(near)+"?")
	}
}

// checkZone refuses what can only be a mistake: a zone is compared as it is written.
func checkZone(p *conf.Problems, zone string) {
	if len(zone) > longestName || strings.ContainsFunc(zone, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		p.Add("zone", strconv.Quote(zone)+" is not a zone", "a zone has up to 64 characters and no space")
	}
}

// checkZones warns of zones that can't have an effect, because only one side names any.
func (c *Config) checkZones(p *conf.Problems) {
	for _, name := range c.UpstreamNames() {
		u := c.Upstreams[name]
		for i := range u.Endpoints {
			if u.Endpoints[i].Zone != "" && c.Zone == "" {
				p.At(u.Path).Index("endpoints", i).Warn("zone", "this node has no zone, so that no endpoint is nearer than another", `write zone = "…" at the top of the file`)
				return
			}
		}
	}
}
