package gateway

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"weir/health"
	"weir/lb"
)

// reach logs once that an endpoint can't be connected to, and once that it can again. Endpoints
// that are fine are not in it.
type reach struct {
	log   *slog.Logger
	cause sync.Map // *lb.Endpoint -> loss
}

// loss is a connection that could not be made.
type loss struct {
	cause string
	at    time.Time
}

// lost notes a connection that could not be made.
func (r *reach) lost(e *lb.Endpoint, cause error) {
	if cause == nil {
		return
	}
	text := reason(cause)
	if _, known := r.cause.Swap(e, loss{text, time.Now()}); !known {
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

// judged takes a probe that makes an endpoint Ready for a connection that was made: an endpoint that
// no request goes to would else keep its old cause for ever.
func (r *reach) judged(c health.Change) {
	if c.By == lb.ByProbe && c.State == lb.Ready {
		r.found(c.Endpoint)
	}
}

// why returns what keeps e from being reached, "" if nothing is known to. What is older than e's
// state says nothing about it.
func (r *reach) why(e *lb.Endpoint) string {
	last, ok := r.cause.Load(e)
	if !ok || last.(loss).at.Before(e.StateSince()) {
		return ""
	}
	return last.(loss).cause
}

func (r *reach) forget(e *lb.Endpoint) { r.cause.Delete(e) }
