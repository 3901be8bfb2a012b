// Package plan says what would be different under another config: what the config itself changes, and what the requests
// of an access log would have met.
//
// It holds the Report as plain data with its JSON form and as a text, reads the log, and counts. Who judges a recorded
// request is given to [Replay] as functions: gateway makes them from two compiled configs, with the code that serves.
// internal/config compares configs. plan knows neither configs nor the hall.
package plan

import "time"

// Report is what would change.
type Report struct {
	// Old and New name the configs, such as their files.
	Old string `json:"old"`
	New string `json:"new"`
	// Changes are those of the configs themselves.
	Changes Changes `json:"changes"`
	// Log is what the requests of a log would have met; nil without a log.
	Log *Log `json:"log,omitempty"`
}

// Changes are the differences of two configs.
type Changes struct {
	Listeners []Change `json:"listeners"`
	Routes    []Change `json:"routes"`
	Policies  []Change `json:"policies"`
	Upstreams []Change `json:"upstreams"`
	// Settings are the tables that there is one of: admin, log, access_log, shutdown, and keys at the top.
	Settings []Key `json:"settings"`
	// Endings are the sessions and connections that a reload would end, and those that would stay with what has gone.
	Endings []Ending `json:"endings"`
	// Shadowed are routes of the new config that can never match.
	Shadowed []Shadowed `json:"shadowed"`
}

// Kind is what has become of an entry of a config.
type Kind string

// The kinds.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
	Renamed Kind = "renamed" // the same but for its name, and perhaps some keys
)

// Change is an entry of a config that is not as it was.
type Change struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Was is the name before a Renamed.
	Was string `json:"was,omitempty"`
	// About describes the entry in a few words: a route's pattern and action, a listener's address.
	About string `json:"about,omitempty"`
	// Keys are those that differ, of a Changed or Renamed.
	Keys []Key `json:"keys,omitempty"`
	// Added and Removed are the endpoints of an upstream, or the addresses of a listener, that come and go.
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	// Used names who is concerned though his own text is the same: the routes and listeners of a policy or an upstream.
	Used []string `json:"used_by,omitempty"`
}

// Key is a key whose value differs. "" is an absent one.
type Key struct {
	Key string `json:"key"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Ending is what becomes of connections and sessions that are open when the new config is published.
type Ending struct {
	// Listener is whose they are, "" for those of an upstream's endpoints.
	Listener string `json:"listener,omitempty"`
	Upstream string `json:"upstream,omitempty"`
	// Ends says that they end within the grace time; if not, they stay until they end by themselves.
	Ends bool `json:"ends"`
	// Why says it in words.
	Why string `json:"why"`
}

// Shadowed is a route that can never match.
type Shadowed struct {
	Route string `json:"route"`
	By    string `json:"by"`
	Why   string `json:"why,omitempty"`
	// New says that the old config did not have it so.
	New bool `json:"new,omitempty"`
}

// NoListener is the Fault of an [Outcome] whose config does not have the listener: no connection is accepted.
const NoListener = "no_listener"

// TooLarge is the fault of a body over its limit: how long the body was, nobody has seen.
const TooLarge = "body_too_large"

// Outcome is what one config makes of a recorded request.
type Outcome struct {
	// Route is the route's name, "" if none takes it.
	Route string
	// Fault is the name of the refusal, "" if there is none, and By the policy that refused or answered, "" if it was the
	// protocol, the route or an endpoint.
	Fault string
	By    string
	// Status is that of an answer that Weir gives by itself, 0 if an endpoint answers; Location is where it redirects to.
	Status   int
	Location string
	// Alike says that both configs make the Location alike, from the same template: where that of the old one is unknown, it is
	// the same.
	Alike bool
	// Upstreams are those that the request may go to, in order.
	Upstreams []string
	// Verdicts are the remarks of policies, "name:what", those in mode observe among them.
	Verdicts []string
	// Timeout bounds the exchange on that route, BodyLimit its body in bytes; 0 is no bound.
	Timeout   time.Duration
	BodyLimit int64
	// Missed are the selectors whose values decide and that the log did not write: the outcome is then unknown, and
	// nothing else of it counts.
	Missed []string
}

// Judge says what a config makes of a recorded request. It is called for one record at a time.
type Judge func(*Record) Outcome
