package gateway

import (
	"errors"
	"log/slog"
	"net"
	"sync"

	"weir/lb"
)

// reach logs once that an endpoint can't be connected to, and once that it can again. Endpoints
// that are fine are not in it.
type reach struct {
	log   *slog.Logger
	cause sync.Map // *lb.Endpoint -> string
}

// lost notes a connection that could not be made.
func (r *reach) lost(e *lb.Endpoint, cause error) {
	if cause == nil {
		return
	}
	text := reason(cause)
	if _, known := r.cause.Swap(e, text); !known {
		r.log.Warn("endpoint unreachable", "upstream", e.Upstream(), "endpoint", e.Address(), "cause", text)
	}
}

// reason drops what net says before a dial's error: it repeats the endpoint's address.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return op.Err.Error()
	}
	return err.Error()
}

// dialed notes what an attempt to connect came to.
func (r *reach) dialed(e *lb.Endpoint, err error) {
	if err != nil {
		r.lost(e, err)
	} else {
		r.found(e)
	}
}

// found notes a connection that was made. It costs a look into an empty map while all is well.
func (r *reach) found(e *lb.Endpoint) {
	if _, known := r.cause.LoadAndDelete(e); known {
		r.log.Info("endpoint reachable again", "upstream", e.Upstream(), "endpoint", e.Address())
	}
}

// why returns what keeps e from being reached, "" if nothing is known to.
func (r *reach) why(e *lb.Endpoint) string {
	if cause, ok := r.cause.Load(e); ok {
		return cause.(string)
	}
	return ""
}

func (r *reach) forget(e *lb.Endpoint) { r.cause.Delete(e) }
