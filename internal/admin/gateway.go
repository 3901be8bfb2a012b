package admin

import (
	"context"
	"io"
	"time"
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

// String returns the problem as a person reads it: "weir.toml:42:8: key: text", and the hint on a
// line of its own.
func (p Problem) String() string {
	s := ""
	for _, part := range []string{p.Where, p.Key} {
		if part != "" {
			s += part + ": "
		}
	}
	if p.Warning {
		s += "warning: "
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

// ListenerStatus is the state of one listener.
type ListenerStatus struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // http or tcp
	Addresses   []string `json:"addresses"`
	TLS         bool     `json:"tls"`
	Connections int64    `json:"connections"` // open now
}

// UpstreamStatus is the state of one upstream.
type UpstreamStatus struct {
	Name      string           `json:"name"`
	Balance   string           `json:"balance"`
	Ready     int              `json:"ready"` // endpoints that take traffic
	Endpoints []EndpointStatus `json:"endpoints"`
}

// EndpointStatus is the state of one endpoint.
type EndpointStatus struct {
	Address  string    `json:"address"`
	Weight   int       `json:"weight"`
	State    string    `json:"state"`
	Since    time.Time `json:"since,omitzero"` // when it came into this state
	Why      string    `json:"why,omitempty"`  // what brought it there
	InFlight int64     `json:"in_flight"`
	Idle     int64     `json:"idle_connections"`
}
