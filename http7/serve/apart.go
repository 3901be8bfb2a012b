package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/internal/deadline"
	"weir/lb"
)

// apart is an attempt whose request lies whole in memory and that knows no client: a hedge, or one
// of a detached request.
type apart struct {
	plan  *Plan
	lease lb.Lease
	route uint32 // of the lease's outcome
	up    *forward.Conn
	from  *http7.Conn // the client that the attempt is made for; nil: none
	// began is when the request was sent, headAt when the final head was there, on the wheel's clock.
	began, headAt int64
}

// connect gets the attempt a connection.
func (a *apart) connect(s *Shared, fresh bool, limit int64) (*http7.Fault, error) {
	a.began = deadline.Now()
	up, f, cause := s.connect(a.plan, a.lease.Endpoint(), fresh, limit, a.from, false)
	if f != nil {
		return f, cause
	}
	if !up.Reused() {
		a.began = deadline.Now()
	}
	a.up = up
	return nil, nil
}

// exchangeHeads sends the request and reads the head of the final answer. It is not fine if the
// connection is of no use; nothing has been sent then.
func (a *apart) exchangeHeads(request, method []byte) (fine bool, f *http7.Fault, cause error) {
	a.up.AwaitHead(a.began)
	if !a.up.Ask(request, a.up.Reused()) {
		return false, nil, nil
	}
	for {
		if f, cause = a.up.ReadHead(method); f != nil {
			return true, f, cause
		}
		if a.up.Answer.Status >= 200 {
			a.headAt = deadline.Now()
			return true, nil, nil
		}
	}
}

// end accounts for the lease, if there is one; f is what went wrong.
func (a *apart) end(status int, f *http7.Fault) {
	if !a.lease.Ok() {
		return
	}
	o := lb.Outcome{Result: resultOf(f, status), Route: a.route}
	switch {
	case a.headAt > a.began:
		o.FirstByte = deadline.Since(a.began, a.headAt)
	case o.Result.Failed() || o.Result == lb.Outrun:
		o.FirstByte = max(deadline.Since(a.began, deadline.Now()), 1)
	}
	a.plan.endLease(a.lease, o, f)
	a.lease, a.headAt = lb.Lease{}, 0
}
