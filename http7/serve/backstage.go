package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

var _ http7.Backstage = (*conn)(nil)

// TakeAnswer implements [http7.Backstage]. What others still need for the answer stays with its exchange: a request
// body that is being sent, a filter that changes bytes, bytes that a policy has looked at, a change of protocol.
// Filters that only look see nothing of an answer that was taken.
func (c *conn) TakeAnswer(*http7.Exchange) *http7.Answer {
	x := c.x
	switch {
	case x.up == nil || x.Answer != &x.up.Answer || x.Answer.Source != http7.Source(x.up):
		return nil
	case c.pump.running && !c.joined(), x.switches(), changes(x.Answer.Filters), c.cut.Load():
		return nil
	}
	c.hide(x)
	t := &detachedAnswer{apart: apart{
		plan: x.plan, lease: x.lease, route: x.placing.key.Route, up: x.up,
		began: x.wheel(x.began), headAt: x.wheel(x.headAt),
	}}
	x.record.Endpoint = x.lease.Endpoint().Address()
	x.Answer, x.up, x.lease, x.headAt = nil, nil, lb.Lease{}, 0
	return t.free()
}

// free makes the attempt of one exchange that of nobody: neither that client's end nor its time is any of its
// concern. The route's timeout begins anew.
func (a *detachedAnswer) free() *http7.Answer {
	a.up.Bound(after(deadline.Now(), a.plan.Route.Timeout))
	if why := a.up.S.Interrupted(); why == forward.ClientGone || why == sock.DeadlinePassed {
		a.up.S.Resume()
	}
	answer := &a.up.Answer
	clear(answer.Filters)
	answer.Filters, answer.Source = answer.Filters[:0], a
	return answer
}
