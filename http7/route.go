package http7

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
)

// Handler answers a request inside Weir. It is given a RequestCtx whose body is collected up to
// the route's limit; stream writers work; Hijack, Conn and the connection's deadlines are not
// offered, and Hijack answers 500.
type Handler = fasthttp.RequestHandler

// Route is one compiled route. It never changes after Compile.
type Route struct {
	// ID numbers the routes of one snapshot from 0.
	ID   int
	Name string
	// Listeners are the names of the listeners that serve the route; empty means every one.
	Listeners []string
	// Hosts are exact names or "*.suffix", in lower case without a port; empty means any.
	Hosts []string
	// Paths are exact, prefixes "/a/*", with {segments}, or regular expressions "~^/a"; empty means any.
	Paths []string
	// Methods are exact; empty means any.
	Methods []string
	// Conditions are the others that a request must meet, all of them.
	Conditions []Condition
	Priority   int

	// Upstream, or Handler: the action.
	Upstream string
	Handler  Handler

	// Timeout bounds the whole exchange; 0 means none.
	Timeout time.Duration
	// BodyLimit bounds the request body in bytes; 0 means none.
	BodyLimit int64

	// Steps are the policies behind the match, in the order of requests.
	Steps []Step
	// Unidentified refuses requests of nobody that a policy would let pass if it knew who sends them: 401, naming in
	// WWW-Authenticate every scheme in which the route and its listener take credentials (RFC 9110 §15.5.2). nil: they take none.
	Unidentified *Fault
}

// Sender sends a detached request, one that no longer refers to its client, to an upstream and
// returns the answer's head and Source. http7/serve implements it; policies receive it at compile
// time for mirrors, revalidation and the like. It blocks until the answer's head is there.
type Sender interface {
	Send(d *Detached) (*Answer, *Fault)
}

// Detached is a request that outlives its exchange: a copy of the head and a body in memory.
type Detached struct {
	Upstream                        string
	Method, Target, Authority, Path []byte
	Header                          Header
	Body                            []byte
	// Deadline bounds the whole exchange; the zero time means the upstream's own limits alone.
	Deadline time.Time
}

// Detach copies x's request so that it may outlive x. The body is not copied.
func (x *Exchange) Detach() *Detached {
	d := &Detached{
		Method: append([]byte(nil), x.Method...), Target: append([]byte(nil), x.Target...),
		Authority: append([]byte(nil), x.Authority...), Path: append([]byte(nil), x.Path...),
	}
	switch {
	case x.Out != nil:
		d.Target = append(d.Target[:0], x.Out...)
	case !bytes.HasPrefix(x.Target, x.Path): // in absolute-form, which no endpoint gets
		d.Target = append(d.Target[:0], x.Path...)
		if x.Query != nil {
			d.Target = append(append(d.Target, '?'), x.Query...)
		}
	}
	if x.Route != nil {
		d.Upstream = x.Route.Upstream
	}
	d.Header.CopyFrom(&x.Request)
	x.Outgoing.Apply(&d.Header)
	return d
}

// Subject is what a condition of a route is about.
type Subject uint8

// The subjects.
const (
	OnClient  Subject = iota // the client's address
	OnCountry                // the client's country
	OnSNI                    // the server name of the TLS hello, in lower case
	OnHeader
	OnQuery // a parameter of the query, decoded as a form is
	OnCookie
	OnClaim
	OnContent // a value in the request's body
)

var subjectNames = [...]string{"clients", "country", "sni", "headers", "query", "cookies", "claims", "body"}

// String returns the subject's key in a route's match.
func (s Subject) String() string { return subjectNames[s] }

// Test is how a condition looks at the values of its subject. One that may occur several times meets
// Equals and Matches only if it is there and all its values do: where two readers could take
// different ones, neither decides.
type Test uint8

// The tests.
const (
	Equals  Test = iota
	Matches      // a regular expression (RE2), anywhere in the value unless it says ^ and $
	Exists
	Missing
	OneOf // of Values or Prefixes: for clients and countries
)

// Condition is one thing that a route asks of a request besides host, path and method. It is plain
// data, as the config has checked it.
type Condition struct {
	On Subject
	// Name is that of the header, parameter, cookie or claim, or the path to a value in the body; "" for
	// the other subjects.
	Name  string
	Test  Test
	Value string
	// Values are those of OneOf for countries, Prefixes those for clients.
	Values   []string
	Prefixes []netip.Prefix
}
