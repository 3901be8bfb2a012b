// Package config turns TOML text into one checked, plain Config.
//
// cmd and gateway call Load; nobody else does. The package composes the Config structs of the
// rooms, which speak in keys; it speaks in lines. It compiles nothing, binds nothing and knows no
// running state. A file with a problem yields no Config at all.
package config

import (
	"maps"
	"slices"

	"weir/health"
	"weir/http7/cache"
	"weir/http7/forward"
	"weir/http7/policy/compress"
	"weir/http7/policy/cors"
	"weir/http7/policy/headers"
	"weir/http7/policy/requestid"
	"weir/http7/policy/translate"
	"weir/http7/sticky"
	"weir/internal/admin"
	"weir/internal/conf"
	"weir/internal/discover"
	"weir/internal/obs"
	"weir/lb"
)

// Config is a whole, checked configuration with the defaults filled in. It is not changed after
// loading and is then safe for concurrent use.
type Config struct {
	// Include are further files, relative to this one; "*" and "?" match names. Their tables are
	// merged with this file's; a name defined twice is an error. Default: none.
	Include []string `toml:"include"`
	// StateDir is a directory for what must outlive the process, such as keys that Weir has made
	// itself; it is made when first needed, for the owner alone. Default: the user's state
	// directory: $STATE_DIRECTORY (systemd), else weir below $XDG_STATE_HOME or ~/.local/state.
	StateDir string `toml:"state_dir"`
	// Zone is where this node is. Upstreams whose endpoints have zones keep their traffic in it, as
	// far as it has fit endpoints. Default: none; zones count for nothing.
	Zone string `toml:"zone"`
	// Admin is the admin server.
	Admin admin.Config `toml:"admin"`
	// Log is what Weir says about itself.
	Log obs.LogConfig `toml:"log"`
	// AccessLog is the line that every exchange leaves. Absent: off.
	AccessLog obs.AccessLogConfig `toml:"access_log"`
	// AuditLog is the line that every refusal of a policy leaves. Absent: off.
	AuditLog obs.AuditLogConfig `toml:"audit_log"`
	// Shared is where several nodes keep what they count together. Absent: each node counts for itself.
	Shared *Shared `toml:"shared"`
	// Cache is the store of the cache sections of all policies. It takes no memory while there is none.
	Cache CacheStore `toml:"cache"`
	// Shutdown says how Weir stops.
	Shutdown Shutdown `toml:"shutdown"`
	// Defaults are merged, key by key, below every listener, route and upstream; lists replace.
	Defaults Defaults `toml:"defaults"`
	// Listeners are where connections arrive, by name.
	Listeners map[string]*Listener `toml:"listeners"`
	// Routes say which requests go where. The most specific route wins, whatever the order.
	Routes []*Route `toml:"routes"`
	// Policies are named bundles of sections, for listeners and routes to refer to.
	Policies map[string]*Policy `toml:"policies"`
	// Upstreams are named groups of endpoints.
	Upstreams map[string]*Upstream `toml:"upstreams"`
}

// Defaults are merged, key by key, below every entry of their kind; lists replace.
type Defaults struct {
	// Listeners holds any key of a listener. An entry gets only the keys that its kind has.
	Listeners *Listener `toml:"listeners"`
	// Routes holds any key of a route. A route's own action stands in place of this one.
	Routes *Route `toml:"routes"`
	// Upstreams holds any key of an upstream.
	Upstreams *Upstream `toml:"upstreams"`
}

// Shutdown says how Weir stops on SIGTERM.
type Shutdown struct {
	// Delay is how long Weir goes on accepting after readiness has begun to fail, so that load
	// balancers before it notice. Default: 0s.
	Delay conf.Duration `toml:"delay"`
	// Grace is how long running exchanges and sessions may take after that; then they are cut.
	// Default: 30s.
	Grace conf.Duration `toml:"grace"`
}

// Policy is a named bundle of sections.
type Policy struct {
	Guards
	// CORS says which scripts of other sites may read the answers. Default: absent.
	CORS *cors.Config `toml:"cors"`
	// RequestID gives every request an id. Default: absent.
	RequestID *requestid.Config `toml:"request_id"`
	// Headers edits the header fields of requests and answers.
	Headers headers.Config `toml:"headers"`
	// Compress makes answers smaller for clients that take it. Default: absent.
	Compress *compress.Config `toml:"compress"`
	// Cache stores what endpoints answer, and answers from it. A route has one cache at most. Default: absent.
	Cache *cache.Config `toml:"cache"`
	// Translate speaks to endpoints in another way than to clients. Default: absent.
	Translate *translate.Config `toml:"translate"`

	// Path is the policy's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// Upstream is a named group of endpoints, and how they are chosen, talked to and probed.
type Upstream struct {
	Balancing
	Forwarding
	// Discover says where the endpoints are found; it stands in place of endpoints. Absent: they
	// are written down.
	Discover *discover.Config `toml:"discover"`
	// Host is what the endpoint sees as Host: "preserve" the client's, "endpoint" its own
	// address, or any other text as a fixed name. Default: "preserve".
	Host string `toml:"host"`
	// Health says how endpoints are probed. Absent: they are judged by their traffic alone.
	Health *health.Config `toml:"health"`
	// Outliers says when traffic itself shows that an endpoint is unfit. Default: on, with the
	// defaults of its keys.
	Outliers health.OutliersConfig `toml:"outliers"`
	// Sticky keeps a client at the endpoint that answered it, by a cookie. Absent: off.
	Sticky *sticky.Config `toml:"sticky"`

	// Path is the upstream's place, for [Report.Problems].
	Path conf.Path `toml:"-"`
}

// Balancing is the part of an upstream that lb takes.
type Balancing = lb.Config

// Forwarding is the part of an upstream that http7/forward takes.
type Forwarding = forward.Config

// The values of Upstream.Host that are no host name.
const (
	HostPreserve = "preserve"
	HostEndpoint = "endpoint"
)

// ListenerNames returns the names of the listeners in order.
func (c *Config) ListenerNames() []string { return slices.Sorted(maps.Keys(c.Listeners)) }

// PolicyNames returns the names of the policies in order.
func (c *Config) PolicyNames() []string { return slices.Sorted(maps.Keys(c.Policies)) }

// UpstreamNames returns the names of the upstreams in order.
func (c *Config) UpstreamNames() []string { return slices.Sorted(maps.Keys(c.Upstreams)) }
