// Package mirror is the policy that sends copies of requests to another upstream and, if asked to, compares
// what it answers with what the client got.
//
// gateway makes the [Pool] and compiles the steps; the hall runs them. On the client's way there is a draw and, for
// what is drawn, a bounded copy. A copy is sent by the pool's workers through [http7.Sender].
package mirror

import (
	"errors"

	"weir/http7"
)

// Needs is what a mirror is compiled with.
type Needs struct {
	// Route is the name of the route; its figures and differences go by it.
	Route string
	// Sender sends the copies, Pool holds them. Both may be nil where nothing is served, such as in `weir check`.
	Sender http7.Sender
	Pool   *Pool
	// Ready reports whether the mirror's upstream has an endpoint that may be picked; nil is always. It is
	// called for every request that is drawn.
	Ready func() bool
	// ForwardedX and Forwarded7239 say which fields tell about the client, as the listener's do.
	ForwardedX, Forwarded7239 bool
}

// Compile returns the step of c, at stage rewrite. It belongs behind all other steps, so that the copy is of what
// the endpoint gets, and the answer is compared as the endpoint gave it.
func Compile(c *Config, n Needs) (http7.Step, error) {
	if c.Upstream == "" {
		return http7.Step{}, errors.New("a mirror needs an upstream")
	}
	return http7.Step{Name: "mirror", Stage: http7.Rewrite}, nil
}
