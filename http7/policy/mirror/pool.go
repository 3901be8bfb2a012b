package mirror

import (
	"context"
	"log/slog"
	"time"
)

// Pool is the bounded set of copies, one for the process. It survives reloads. All methods are safe for
// concurrent use.
type Pool struct{ log *slog.Logger }

// New returns a pool that logs differences to log. It starts nothing: workers are started by copies, as many as are
// needed, and end when there is nothing to do.
func New(log *slog.Logger) *Pool { return &Pool{log: log} }

// Run blocks until ctx is done; then no copy is taken any more, those that wait are dropped, and Run returns when
// the last that is under way has ended, which its timeout bounds.
func (p *Pool) Run(ctx context.Context) { <-ctx.Done() }

// Keep forgets the figures of mirrors that keep does not want any more. gateway calls it after a reload.
func (p *Pool) Keep(keep func(route, upstream string) bool) {}

// Stats returns the figures of all mirrors that have had something to do, by route.
func (p *Pool) Stats() []Stats { return nil }

// Differences returns what compare has found last for a route, the newest first, at most 100.
func (p *Pool) Differences(route string) []Difference { return nil }

// Stats are the figures of one mirror since it was first used; they survive reloads that leave route and
// upstream alone.
type Stats struct {
	Route, Upstream string
	// Sent copies left; Failed of them got no whole answer.
	Sent, Failed uint64
	// Full, Down, TooLarge and Incomplete were not sent: there was no room, the upstream had no fit endpoint or had
	// failed too often, the body was larger than max_body, the client did not send all of it.
	Full, Down, TooLarge, Incomplete uint64
	// Equal and Different answers were compared; Unequalled ones could not be: there was no answer of an endpoint, or
	// it was cut, too large or encoded in a way that is not read here.
	Equal, Different, Unequalled uint64
	// Waiting and InFlight are of now.
	Waiting, InFlight int
}

// Difference is one answer that differs.
type Difference struct {
	At              time.Time
	Route, Upstream string
	Method, Target  string
	RequestID       string
	// Where is "status", "header Content-Type", "body" for bytes, or "body items.3.price" for JSON.
	Where string
	// Live and Mirror are the two values there, shortened; "" may also mean that there is none.
	Live, Mirror string
	// More is how many other places differ.
	More int
}
