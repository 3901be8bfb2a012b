package forward

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"
	"time"

	"weir/http7"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// Transport is how the endpoints of one upstream are talked to in one snapshot. It never changes
// and is safe for concurrent use. Its pools live on the endpoints and outlive it.
type Transport struct {
	wheel        *deadline.Wheel
	connect      time.Duration
	Response     time.Duration // 0: off
	BetweenReads time.Duration // 0: off
	pool         poolLimits
	dialer       net.Dialer
}

// New compiles c. Deadlines are kept on wheel.
func New(c *Config, wheel *deadline.Wheel) *Transport {
	t := &Transport{
		wheel:        wheel,
		connect:      c.Timeouts.Connect.Value(),
		Response:     c.Timeouts.Response.Value(),
		BetweenReads: c.Timeouts.BetweenReads.Value(),
		pool: poolLimits{
			idle:      c.Connections.Idle.Value(),
			keepAlive: c.Connections.KeepAlive.Value(),
			maxAge:    c.Connections.MaxAge.Value(),
		},
	}
	t.dialer.Timeout = t.connect
	return t
}

// Acquire returns a connection to e: the idle one used last, or a new one. fresh demands a new
// one. It blocks for the connect timeout at most, and no longer than until limit if that is not 0.
// The cause is for the log.
func (t *Transport) Acquire(e *lb.Endpoint, fresh bool, limit int64) (c *Conn, f *http7.Fault, cause error) {
	p := t.poolOf(e)
	if !fresh {
		if c = p.take(&t.pool); c != nil {
			return c, nil, nil
		}
	}
	nc, err := t.dial(e, limit)
	if err != nil {
		return nil, connectFault(err), err
	}
	c = &Conn{pool: p, born: deadline.Now()}
	if err := c.S.Init(nc); err != nil {
		_ = nc.Close() // unusable anyway
		return nil, http7.ConnectFailed, err
	}
	c.In.Init(&c.S)
	t.wheel.Bind(&c.S.Timer, c.due)
	p.open.Add(1)
	return c, nil, nil
}

func (t *Transport) poolOf(e *lb.Endpoint) *Pool {
	if p, ok := e.Attachment(lb.SlotHTTP).(*Pool); ok {
		return p
	}
	return e.Attach(lb.SlotHTTP, &Pool{endpoint: e}).(*Pool)
}

func (t *Transport) dial(e *lb.Endpoint, limit int64) (net.Conn, error) {
	at, ctx := e.Target(), context.Background()
	if limit != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(limit-deadline.Now()))
		defer cancel()
	}
	return t.dialer.DialContext(ctx, at.Network(), at.Dial())
}

// connectFault says what a failed dial is.
func connectFault(err error) *http7.Fault {
	var timeout net.Error
	var name *net.DNSError
	var none *net.AddrError // the name has no address that can be dialled
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, ours) {
			return http7.Exhausted // it says nothing of the endpoint
		}
	}
	switch {
	case errors.As(err, &name), errors.As(err, &none):
		return http7.NameUnresolved
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return http7.ConnectRefused
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return http7.ConnectTimeout
	}
	return http7.ConnectFailed
}

// CloseIdle closes the idle connections of an endpoint that is gone, and those in use once they
// come back. The registry's callback calls it.
func CloseIdle(e *lb.Endpoint) {
	if p, ok := e.Attachment(lb.SlotHTTP).(*Pool); ok {
		p.close()
	}
}

// Stats returns the open and the idle connections of an endpoint.
func Stats(e *lb.Endpoint) (open, idle int64) {
	if p, ok := e.Attachment(lb.SlotHTTP).(*Pool); ok {
		return p.open.Load(), p.count()
	}
	return 0, 0
}

var _ http7.Source = (*Conn)(nil)

// Reasons for which others interrupt a connection; see [sock.Why].
const (
	ClientGone sock.Why = sock.Custom + iota // the client has left
	BodyFailed                               // the request's body can't be completed
	Nudged                                   // there is something to do beside the wait; see [Nudge]
	Stopped                                  // its owner asks the lent goroutine to stop
)
