package serve

import (
	"context"
	"time"

	"weir/http7"
	"weir/internal/deadline"
)

// blocked is the wait of a policy for somebody outside, as the Source that is waited for meanwhile.
type blocked struct{ cancel context.CancelFunc }

var _ http7.Interrupter = (*blocked)(nil)

func (b *blocked) Interrupt() { b.cancel() }

// Next, Await and Close make it a Source; nobody reads from it.
func (b *blocked) Next() ([]byte, http7.State, *http7.Fault) { return nil, http7.End, nil }
func (b *blocked) Await()                                    {}
func (b *blocked) Close()                                    {}

// block is what Exchange.Block is made of: the context ends when the client leaves, when the exchange's time is up, when
// the engine is cut, and after most.
func (c *conn) block(most time.Duration) (context.Context, func()) {
	x := c.x
	ctx, cancel := context.WithTimeout(context.Background(), x.within(time.Now().Add(most)))
	c.setSource(&blocked{cancel})
	at := deadline.Now() + int64(watchAfter)
	if x.limit != 0 {
		at = min(at, x.limit)
	}
	c.enter(waiting, at)
	if c.cut.Load() || c.lost(x) {
		cancel()
	}
	return ctx, func() {
		c.enter(waiting, 0)
		c.setSource(nil)
		x.unheard = x.unheard || ctx.Err() != nil
		cancel()
	}
}

// unheard returns why a policy that refuses with f got no answer from outside, if that is the exchange's end and not
// its own: f otherwise.
func (c *conn) unheard(x *exchange, f *http7.Fault) *http7.Fault {
	switch {
	case f == nil || !x.unheard:
	case c.cut.Load():
		return http7.Stopping
	case c.lost(x):
		return http7.ClientLeft
	case x.limit != 0 && deadline.Now() >= x.limit:
		return http7.RouteTimeout
	}
	return f
}
