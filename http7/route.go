package http7

import (
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
	// Paths are exact, or prefixes written "/a/*"; empty means any.
	Paths []string
	// Methods are exact; empty means any.
	Methods  []string
	Priority int

	// Upstream, or Handler: the action.
	Upstream string
	Handler  Handler

	// Timeout bounds the whole exchange; 0 means none.
	Timeout time.Duration
	// BodyLimit bounds the request body in bytes; 0 means none.
	BodyLimit int64

	// Steps are the policies behind the match, in the order of requests.
	Steps []Step
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
	if x.Route != nil {
		d.Upstream = x.Route.Upstream
	}
	d.Header.CopyFrom(&x.Request)
	return d
}
