package admin

import (
	"context"
	"io"
	"time"

	"weir/internal/explain"
)

// Gateway is what the admin server asks of the rest of Weir. Every function must be safe for
// concurrent use; Reload, Status, Ready and Metrics are required.
type Gateway struct {
	// Reload loads the config again and returns when it serves or has been refused. When ctx ends
	// first, the verdict says so; the reload may still come to its end.
	Reload func(ctx context.Context) Verdict
	// Status describes what runs.
	Status func() Status
	// Ready reports whether Weir takes traffic; if not, why says what it waits for: "starting",
	// "draining".
	Ready func() (ok bool, why string)
	// Metrics writes all metrics in the Prometheus text format.
	Metrics func(w io.Writer)
	// Config writes the config that serves as TOML, with secrets masked. Nil: no /config.
	Config func(w io.Writer) error
	// Assign gives endpoints a duty; an [*UnknownError] says that there are none of that name.
	// Nil: no calls about endpoints.
	Assign func(o Order, d Duty) (Standing, error)
	// Standing returns where endpoints stand, and changes nothing. It goes with Assign.
	Standing func(o Order) (Standing, error)
	// Purge lets objects leave the cache; an [*UnknownError] says that there is none, any other error what is wrong
	// with p. Nil: no /purge.
	Purge func(p Purge) (Purged, error)
	// Mirrors returns the mirrors of the config that serves, in the order of their routes; the caller may change them.
	// Nil: no /mirrors.
	Mirrors func() []Mirror
	// Explain says what would become of a request, and consumes nothing. The error says what is wrong with the question.
	// Nil: no /explain.
	Explain func(q explain.Question) (*explain.Report, error)
	// Plan compares the config that serves with another one, and replays a log. The error says what is wrong with the
	// log, or that ctx has ended. Nil: no /plan.
	Plan func(ctx context.Context, q PlanQuestion) (PlanAnswer, error)
}

// Verdict is what became of a reload.
type Verdict struct {
	// OK says that the new config serves; if not, the old one still does.
	OK bool `json:"ok"`
	// Generation is that of the config that serves now.
	Generation uint64 `json:"generation"`
	// Problems are what the new config was refused for, and warnings.
	Problems []Problem `json:"problems"`
}

// Problem is one thing wrong with a config, or with the world that it needs.
type Problem struct {
	// Where is file:line:column; "" if the trouble is not in a file.
	Where string `json:"where,omitempty"`
	// Key is the path of the key, such as "routes[2].upstream"; may be "".
	Key string `json:"key,omitempty"`
	// Text says what is wrong.
	Text string `json:"text"`
	// Hint says the way out; may be "".
	Hint string `json:"hint,omitempty"`
	// Warning marks what does not refuse the config.
	Warning bool `json:"warning,omitempty"`
}

// String returns the problem as a person reads it, in the words of weir check: "weir.toml:42:8: warning: key: text", and the
// hint on a line of its own.
func (p Problem) String() string {
	s := ""
	if p.Where != "" {
		s = p.Where + ": "
	}
	if p.Warning {
		s += "warning: "
	}
	if p.Key != "" {
		s += p.Key + ": "
	}
	s += p.Text
	if p.Hint != "" {
		s += "\n  hint: " + p.Hint
	}
	return s
}

// Status is what runs, as GET /status answers it.
type Status struct {
	Version    string    `json:"version"`
	Commit     string    `json:"commit,omitempty"`
	Generation uint64    `json:"generation"`
	Config     string    `json:"config,omitempty"` // the file
	Started    time.Time `json:"started"`
	UptimeS    float64   `json:"uptime_s"`
	// Ready and Why are filled in by the admin server from Gateway.Ready.
	Ready     bool             `json:"ready"`
	Why       string           `json:"why,omitempty"`
	Listeners []ListenerStatus `json:"listeners"`
	Upstreams []UpstreamStatus `json:"upstreams"`
	// Cache is the store of answers; nil while no policy has a cache.
	Cache *CacheStatus `json:"cache,omitempty"`
}

// fill makes absent lists empty ones, so that a reader never meets null.
func (s *Status) fill() {
	if s.Listeners == nil {
		s.Listeners = []ListenerStatus{}
	}
	if s.Upstreams == nil {
		s.Upstreams = []UpstreamStatus{}
	}
	for i := range s.Upstreams {
		if s.Upstreams[i].Endpoints == nil {
			s.Upstreams[i].Endpoints = []EndpointStatus{}
		}
	}
}

// CacheStatus is the state of the store of answers.
type CacheStatus struct {
	// Bytes is what it holds of Limit, its bookkeeping included, in Objects.
	Bytes   int64 `json:"bytes"`
	Limit   int64 `json:"limit_bytes"`
	Objects int64 `json:"objects"`
	// Results are how many exchanges there were since the start, by what the cache had to do with the answer.
	Results map[string]uint64 `json:"results"`
	// HitRatio is the part of them that was answered from the store, from 0 to 1; 0 before the first.
	HitRatio float64 `json:"hit_ratio"`
	// Backlog is how many purges hold already without all their objects having been cleared away.
	Backlog int64 `json:"purge_backlog"`
}

// ListenerStatus is the state of one listener.
type ListenerStatus struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // http or tcp
	Addresses   []string `json:"addresses"`
	TLS         bool     `json:"tls"`
	Protocols   []string `json:"protocols,omitempty"` // of http: h1, h2, h3
	Connections int64    `json:"connections"`         // open now
	// Certificates are those that are served, and whom clients must be certified by.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
}

// CertificateStatus is the state of one certificate of a listener, or of the authorities of clients.
type CertificateStatus struct {
	Names []string `json:"names,omitempty"` // what it is for; none for authorities
	Files []string `json:"files,omitempty"` // none where it was obtained by ACME
	// NotBefore and Expires bound when it is valid; zero for authorities.
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	// Trouble is why newer files are not served, or none is obtained; "" while all is well. Since is when it began.
	Trouble string    `json:"trouble,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// UpstreamStatus is the state of one upstream.
type UpstreamStatus struct {
	Name    string `json:"name"`
	Balance string `json:"balance"`
	Ready   int    `json:"ready"` // endpoints that are fit to take traffic
	// Panic says that so few endpoints are fit that ejected ones take traffic too.
	Panic bool `json:"panic,omitempty"`
	// Source says where the endpoints come from, if not from the config.
	Source *SourceStatus `json:"source,omitempty"`
	// Breaker is "closed", "open" or "half_open" since BreakerSince; "" without one.
	Breaker      string    `json:"breaker,omitempty"`
	BreakerSince time.Time `json:"breaker_since,omitzero"`
	// Queued is how many requests and sessions wait for a place at an endpoint.
	Queued    int              `json:"queued"`
	Endpoints []EndpointStatus `json:"endpoints"`
	// Orders are those of an operator for endpoints that are not there, kept for when they come back.
	Orders []OrderStatus `json:"orders,omitempty"`
}

// OrderStatus is an operator's order for an endpoint that is not there.
type OrderStatus struct {
	Endpoint string    `json:"endpoint"` // its address, or a configured name that stands for its addresses
	Operator string    `json:"operator"` // "draining" or "maintenance"
	Since    time.Time `json:"since"`    // when it was given
}

// SourceStatus is the state of a discovery.
type SourceStatus struct {
	// About names what is asked: "dns site.internal:8080".
	About string `json:"about"`
	// Changed is when the endpoints last changed; zero before the first answer.
	Changed time.Time `json:"changed,omitzero"`
	// Why is what keeps it from answering, "" while it does, and Since when it began to. The
	// endpoints are those of the last good answer then.
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// EndpointStatus is the state of one endpoint.
type EndpointStatus struct {
	Address string    `json:"address"`
	Name    string    `json:"name,omitempty"` // host:port as configured, if that is not the address
	Zone    string    `json:"zone,omitempty"`
	Backup  int       `json:"backup,omitempty"` // its tier; 0 is used first
	Weight  int       `json:"weight"`
	State   string    `json:"state"`          // of a [Standing] also "absent": there is but an order for it
	Since   time.Time `json:"since,omitzero"` // when it came into this state
	Why     string    `json:"why,omitempty"`  // what brought it there
	// Operator is "draining" or "maintenance" where an operator has said so; it need not be the
	// state, since the worst word is.
	Operator string `json:"operator,omitempty"`
	// InFlight is how many requests and sessions it has, Limit how many it may have; 0 is no limit.
	InFlight int64 `json:"in_flight"`
	Limit    int64 `json:"limit,omitempty"`
	// LatencyUS is the moving average of the time to the first byte, in microseconds.
	LatencyUS int64 `json:"latency_us"`
	// Until is when its ejection ends, if nothing ends it before, and Ejections how many times as
	// long as the first one it lasts. Zero while it is not ejected.
	Until     time.Time `json:"until,omitzero"`
	Ejections int       `json:"ejections,omitempty"`
	Picked    uint64    `json:"picked"` // leases ever given
	Idle      int64     `json:"idle_connections"`
}
