package forward

import (
	"net"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/internal/tlsto"
	"weir/lb"
)

// Transport is how the endpoints of one upstream are talked to in one snapshot. It never changes
// and is safe for concurrent use. Its pools live on the endpoints and outlive it; what is in them is
// used only by transports that would have made it the same way.
type Transport struct {
	wheel        *deadline.Wheel
	connect      time.Duration
	Response     time.Duration // 0: off
	BetweenReads time.Duration // 0: off
	TunnelIdle   time.Duration // 0: off
	pool         poolLimits
	dialer       net.Dialer
	way          way
	secure       *tlsto.Compiled // nil: plain text
	alone        bool            // HTTP/1 is offered alone, whatever way says
}

// way is how a connection is made. Connections that were made in different ways don't stand in for
// each other.
type way struct {
	sum      tlsto.Sum
	protocol string
	proxy    int // the version of the PROXY header; 0: none
}

// New compiles c and reads the files that it names. Deadlines are kept on wheel.
func New(c *Config, wheel *deadline.Wheel) (*Transport, error) {
	t := &Transport{
		wheel:        wheel,
		connect:      c.Timeouts.Connect.Value(),
		Response:     c.Timeouts.Response.Value(),
		BetweenReads: c.Timeouts.BetweenReads.Value(),
		TunnelIdle:   c.Timeouts.TunnelIdle.Value(),
		pool: poolLimits{
			idle:      c.Connections.Idle.Value(),
			keepAlive: c.Connections.KeepAlive.Value(),
			maxAge:    c.Connections.MaxAge.Value(),
		},
		way: way{protocol: c.Protocol},
	}
	t.dialer.Timeout = t.connect
	switch c.SendProxyProtocol {
	case ProxyV1:
		t.way.proxy = 1
	case ProxyV2:
		t.way.proxy = 2
	}
	if c.TLS != nil {
		secure, err := c.TLS.Compile(conf.ReadFile)
		if err != nil {
			return nil, err
		}
		t.secure, t.way.sum = secure, secure.Sum
	}
	return t, nil
}

// Way returns how connections are made, for probes of the same endpoints: their TLS, nil for plain text,
// the protocol as Config has it, and the version of the PROXY header, 0 for none.
func (t *Transport) Way() (secure *tlsto.Compiled, protocol string, proxy int) {
	return t.secure, t.way.protocol, t.way.proxy
}

// Shares reports whether many attempts may share a connection, so that the endpoint may refuse one of them
// alone.
func (t *Transport) Shares() bool { return t.multiplexes() }

// Acquire returns a connection to e for an attempt that is made for the client at from, nil for one of
// Weir's own: the idle one used last, a stream of one that many share, or a new one. fresh demands
// one that is not idle. It blocks for the connect timeout at most, and no longer than until limit if
// that is not 0. The cause is for the log.
func (t *Transport) Acquire(e *lb.Endpoint, fresh bool, limit int64, from *http7.Conn) (c *Conn, f *http7.Fault, cause error) {
	p := t.poolOf(e)
	if t.multiplexes() {
		c, nc, f, cause := t.share(p, limit)
		switch {
		case c != nil || f != nil:
			return c, f, cause
		case nc != nil:
			return t.single(p, nc, "")
		}
	}
	proxy := t.proxyHeader(from)
	if !fresh {
		if c = p.take(t, proxy); c != nil {
			return c, nil, nil
		}
	}
	nc, f, cause := t.dial(p, proxy, limit)
	switch {
	case f != nil:
		return nil, f, cause
	case t.multiplexes() && chosen(nc) == alpnH2: // the endpoint has learned it meanwhile
		return t.adopt(p, nc, limit)
	}
	return t.single(p, nc, proxy)
}

// single makes a connection that one attempt has at a time.
func (t *Transport) single(p *Pool, nc net.Conn, proxy string) (*Conn, *http7.Fault, error) {
	c := &Conn{pool: p, born: deadline.Now(), way: t.way, proxy: proxy}
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
	Cutting                                  // Weir ends every connection: no fault of either side
)
