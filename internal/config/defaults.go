package config

import (
	"time"

	"weir/health"
	"weir/http7"
	"weir/http7/forward"
	"weir/http7/paths"
	"weir/internal/admin"
	"weir/internal/conf"
	"weir/internal/obs"
	"weir/lb"
)

// Default returns the values of absent keys of a whole file: no listener, route or upstream.
func Default() Config {
	return Config{
		Admin:     admin.Default(),
		Log:       obs.DefaultLog(),
		AccessLog: obs.DefaultAccessLog(),
		AuditLog:  obs.DefaultAuditLog(),
		Cache:     DefaultCacheStore(),
		Shutdown:  Shutdown{Delay: conf.Dur(0), Grace: conf.Dur(30 * time.Second)},
	}
}

// DefaultListener returns the values of absent keys of a listener of the given kind.
func DefaultListener(kind string) Listener {
	l := Listener{Kind: kind, MaxConnectionsPerClient: conf.OffLimit}
	if kind == KindTCP {
		l.Limits.IdleTimeout = conf.Dur(time.Hour)
		return l
	}
	l.Protocols = []string{ProtocolH1, ProtocolH2}
	l.Forwarded = ForwardedX
	l.Limits = http7.DefaultLimits()
	l.Paths = paths.Default()
	return l
}

// DefaultRoute returns the values of absent keys of a route, its name apart.
func DefaultRoute() Route { return Route{Timeout: conf.OffDuration} }

// DefaultSide returns the values of absent keys of one side of a split.
func DefaultSide() Side { return Side{Weight: 1} }

// DefaultRespond returns the values of absent keys of a respond table that is there.
func DefaultRespond() Respond { return Respond{Status: 200} }

// DefaultUpstream returns the values of absent keys of an upstream.
func DefaultUpstream() Upstream {
	return Upstream{Balancing: lb.Default(), Forwarding: forward.Default(), Host: HostPreserve, Outliers: health.DefaultOutliers()}
}
