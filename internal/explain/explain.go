// Package explain holds what `weir explain` asks and is told: a request that might be sent, and everything that Weir
// would do with it, as plain data with its JSON form, and as a text for a person.
//
// http7/serve fills the Report with the very code that serves, the exchange being dry; gateway, admin and cmd carry it.
// The package decides nothing and knows nobody.
package explain

// Report is what Weir would do with a request. Everything is a copy; lists are in the order of what they tell.
type Report struct {
	// Listener is the name of the listener that was asked.
	Listener string `json:"listener"`
	// Request is the request as Weir understands it.
	Request Request `json:"request"`
	// Candidates are the routes whose host and path fit, the most specific first; where none takes the request, near
	// misses follow, the nearest first. More is how many other routes there are, that are not listed.
	Candidates []Candidate `json:"candidates"`
	More       int         `json:"more_candidates,omitempty"`
	// Route is the route that takes the request; nil if there is none.
	Route *Route `json:"route,omitempty"`
	// Policies are those of the listener and the route, in the order in which requests pass them.
	Policies []Policy `json:"policies"`
	// Action is what becomes of the request, one of the Action constants.
	Action Action `json:"action"`
	// Split says how a split decides; nil without one.
	Split *Split `json:"split,omitempty"`
	// Upstreams are those that the request may go to: one, or each side of a split that draws. Empty if Weir answers.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// Mirror is where a copy of the request may go; nil without one.
	Mirror *Mirror `json:"mirror,omitempty"`
	// Answer is what Weir answers by itself, a refusal included; nil if an endpoint answers.
	Answer *Answer `json:"answer,omitempty"`
	// Notes are what an operator should know besides: what could not be found out without asking somebody, a wait that
	// was taken as granted, numbers that the command line can't know.
	Notes []string `json:"notes,omitempty"`
}

// Action is what becomes of a request.
type Action string

// The actions.
const (
	Forwarded  Action = "forwarded"  // to one upstream
	Divided    Action = "split"      // to one side of a split, which Split tells
	Redirected Action = "redirected" // to another place, by the client
	Responded  Action = "responded"  // from the config: respond, or a page
	Handled    Action = "handled"    // by a handler compiled into the program
	Answered   Action = "answered"   // by a policy, such as cors a preflight, or a cache what it has stored
	Refused    Action = "refused"    // by a rule of the protocol, a policy, or since no route takes it
)

// Request is a request as Weir understands it.
type Request struct {
	Method string `json:"method"`
	// Target is as received.
	Target string `json:"target"`
	// Host is the name that routes are compared with: in lower case, without its port.
	Host string `json:"host"`
	// Path is the canonical path, which is matched and forwarded; Changed says that it is written otherwise than received.
	Path    string `json:"path"`
	Changed bool   `json:"path_changed,omitempty"`
	Query   string `json:"query,omitempty"`
	// Client is the address that is believed to be the user's, Peer the other end of the connection.
	Client string `json:"client,omitempty"`
	Peer   string `json:"peer,omitempty"`
	// Secure says that the client's side is https.
	Secure bool   `json:"secure,omitempty"`
	SNI    string `json:"sni,omitempty"`
	// Preflight is the method that a CORS preflight asks for; it is matched as that one.
	Preflight string `json:"preflight,omitempty"`
	// Country, Consumer and RequestID are what policies have found out or made.
	Country  string `json:"country,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	// Scheme is the way in which the consumer was found out, Groups and Scopes what may be asked of him.
	Scheme    string   `json:"scheme,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
	// Body is how many bytes of content there are.
	Body int64 `json:"body_bytes,omitempty"`
}

// Candidate is a route that came into question.
type Candidate struct {
	Route string `json:"route"`
	// Where is the route's place in the config, file:line:column; "" if nobody knows.
	Where string `json:"where,omitempty"`
	// Pattern is what of host and path the route asks for, such as "GET api.example.com/v1/*".
	Pattern string `json:"pattern,omitempty"`
	// Taken marks the route that is taken. Of the others, Failed is what does not hold.
	Taken  bool    `json:"taken,omitempty"`
	Failed *Failed `json:"failed,omitempty"`
	// Why says in words what Failed can't: "less specific than orders".
	Why string `json:"why,omitempty"`
}

// Failed is a condition that does not hold.
type Failed struct {
	// Key is the condition's in the route's match: "hosts", "path", "methods", "headers.X-Tenant", "clients" …
	Key string `json:"key"`
	// Want is what the config asks for, as it is written there: "acme", "*", "!", "~^a".
	Want string `json:"want"`
	// Saw is the value that the request has. What is a secret by its name is masked. Absent says that there is none.
	Saw    string `json:"saw,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// Route is the route that takes the request.
type Route struct {
	Name string `json:"name"`
	// Where is its place in the config, file:line:column; "" if nobody knows.
	Where   string `json:"where,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	// Captures are what its path pattern has captured, in order.
	Captures []Field `json:"captures,omitempty"`
	// Timeout bounds the whole exchange, such as "5s"; "" is no bound. BodyLimit bounds the body in bytes; 0 is no bound.
	Timeout   string `json:"timeout,omitempty"`
	BodyLimit int64  `json:"body_limit,omitempty"`
}

// Field is a name with its value.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Policy is one step of a request, and what it says.
type Policy struct {
	// Name is bundle and section, such as "edge.headers.request".
	Name string `json:"name"`
	// Stage is the stage's word: guard, identify, authorise, limit, inspect, present, cache, rewrite.
	Stage string `json:"stage"`
	// Mode is "enforce" or "observe".
	Mode string `json:"mode"`
	// From is whose policy it is: "listener" or "route".
	From string `json:"from,omitempty"`
	// Verdict is one of the Verdict constants. In mode observe it is what would have been said.
	Verdict Verdict `json:"verdict"`
	// Status is that of an answer or a refusal, Fault the refusal's name.
	Status int    `json:"status,omitempty"`
	Fault  string `json:"fault,omitempty"`
	// Why says the rest in words: which entry of a list it was, whom it would have asked.
	Why string `json:"why,omitempty"`
}

// Verdict is what a policy says of a request.
type Verdict string

// The verdicts.
const (
	Continues  Verdict = "continue"
	Answers    Verdict = "answer"      // with an answer of its own
	Refuses    Verdict = "refuse"      // with a fault
	Waits      Verdict = "wait"        // taken as granted
	Unknown    Verdict = "unknown"     // it would have to ask somebody, whom Why names
	NotReached Verdict = "not reached" // somebody before it has answered
	OptedOut   Verdict = "opted out"   // by the route's without
	OnAnswer   Verdict = "on answer"   // it acts on the answer alone
)

// Split says how a split decides.
type Split struct {
	// By are the selectors that place a user on a side, such as "cookie:uid"; "" is a draw for each request.
	By string `json:"by,omitempty"`
	// Key is the value that the request has for them, masked where it is a secret; "" if it has none: then it draws.
	Key   string `json:"key,omitempty"`
	Sides []Side `json:"sides"`
}

// Side is one side of a split.
type Side struct {
	Upstream string `json:"upstream"`
	Weight   int    `json:"weight"`
	// Share is its part of the requests, from 0 to 1.
	Share float64 `json:"share"`
	// Chosen says that this request goes here, whatever is drawn.
	Chosen bool `json:"chosen,omitempty"`
}

// Upstream is an upstream that the request may go to.
type Upstream struct {
	Name string `json:"name"`
	// Balance is how it chooses, Key what its hash or its sticky cookie chooses by, masked where it is a secret.
	Balance string `json:"balance"`
	Key     string `json:"key,omitempty"`
	// Breaker is "closed", "open" or "half_open"; "" without one. Queued is how many wait.
	Breaker string `json:"breaker,omitempty"`
	Queued  int    `json:"queued,omitempty"`
	// Panic says that ejected endpoints are used too, since so few others are fit.
	Panic bool `json:"panic,omitempty"`
	// Endpoints are all of it, those that may be chosen first, in descending order of their chance.
	Endpoints []Endpoint `json:"endpoints"`
	// Request is the request as it would leave for the first endpoint; nil if nobody could be asked.
	Request *Outgoing `json:"request,omitempty"`
	// Note says what decides: "sticky", "hash", "turn", "draw", "rest", "spare"; or why nobody can be chosen: "no_endpoint",
	// "all_full", "breaker_open"; or something else in words; may be "".
	Note string `json:"note,omitempty"`
}

// Endpoint is one endpoint and its prospects.
type Endpoint struct {
	Address string `json:"address"`
	State   string `json:"state"`
	Tier    int    `json:"tier,omitempty"` // 0 is used first, backups later
	Zone    string `json:"zone,omitempty"`
	Weight  int    `json:"weight"`
	// InFlight is what it has now, Limit what it may have; 0 is no limit.
	InFlight int64 `json:"in_flight"`
	Limit    int64 `json:"limit,omitempty"`
	// LatencyUS is the moving average of the time to the first byte in microseconds; 0 is unknown.
	LatencyUS int64 `json:"latency_us,omitempty"`
	// Score is what the balancer compares, the smaller the better; 0 where it compares nothing.
	Score float64 `json:"score,omitempty"`
	// Chance is how likely it is the next to be chosen, from 0 to 1.
	Chance float64 `json:"chance"`
	// Why says why it has no chance, or the only one: "down", "at its limit", "sticky".
	Why string `json:"why,omitempty"`
}

// Outgoing is a request as it would leave.
type Outgoing struct {
	Method string `json:"method"`
	Target string `json:"target"`
	// Protocol is the endpoint's: "h1", "h2", "h2c" or, where the endpoint chooses between h1 and h2, "auto".
	Protocol string `json:"protocol,omitempty"`
	// TLS says that the endpoint is spoken to over TLS.
	TLS bool `json:"tls,omitempty"`
	// Fields are the header fields in their order, Host first.
	Fields []Field `json:"fields"`
	Body   int64   `json:"body_bytes,omitempty"`
}

// Mirror is where a copy of the request may go.
type Mirror struct {
	Upstream string `json:"upstream"`
	// Sample is the part of the requests that is copied, from 0 to 1.
	Sample  float64 `json:"sample"`
	Compare bool    `json:"compare,omitempty"`
}

// Answer is what Weir answers by itself.
type Answer struct {
	Status int `json:"status"`
	// By is who answers: a policy's name, "route" or "protocol".
	By string `json:"by,omitempty"`
	// Fault, Title and Detail are a refusal's.
	Fault  string `json:"fault,omitempty"`
	Title  string `json:"title,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Location is where a redirect points.
	Location string `json:"location,omitempty"`
	// Fields are the header fields of the answer, as far as they are known.
	Fields []Field `json:"fields,omitempty"`
	Body   int64   `json:"body_bytes,omitempty"`
}
