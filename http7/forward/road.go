package forward

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"weir/http7"
	"weir/http7/forward/h2"
	"weir/internal/deadline"
)

const (
	// laneStreams is how many streams share a connection at most, if the endpoint takes that many: enough
	// to be worth it, and few enough that the work of reading is spread over goroutines.
	laneStreams = 256
	// maxRoads is how many shared connections there are to one endpoint at most.
	maxRoads = 128
)

// road is a connection that many attempts share.
type road struct {
	*h2.Conn
	nc     net.Conn
	secure bool
}

// roads are the shared connections to one endpoint.
type roads struct {
	mu     sync.Mutex
	way    way
	all    []*road
	single bool     // the endpoint has chosen HTTP/1
	making *opening // the connection that is being made; nil: none
	closed bool
}

// opening is a connection that is being made, for all who wait for it.
type opening struct {
	done  chan struct{}
	fault *http7.Fault
	cause error
}

// share returns a stream of a shared connection to p's endpoint, made now if need be: one at a time, so that
// a burst of requests does not make a burst of connections. Without any, and without a fault, the endpoint
// speaks HTTP/1; nc is a connection to it, if one was made to find that out.
func (t *Transport) share(p *Pool, limit int64) (c *Conn, nc net.Conn, f *http7.Fault, cause error) {
	r := &p.roads
	for {
		r.mu.Lock()
		r.follow(t.way)
		if r.single {
			r.mu.Unlock()
			return nil, nil, nil, nil
		}
		if road := r.free(); road != nil {
			r.mu.Unlock()
			return t.lane(p, road, true), nil, nil, nil
		}
		o, mine := r.making, false
		if o == nil {
			if len(r.all) >= maxRoads {
				r.mu.Unlock()
				return nil, nil, http7.Overloaded, nil
			}
			o, mine = &opening{done: make(chan struct{})}, true
			r.making = o
		}
		r.mu.Unlock()
		if mine {
			return t.open(p, o, limit)
		}
		if !o.wait(limit) {
			return nil, nil, http7.ConnectTimeout, nil
		}
		if o.fault != nil {
			return nil, nil, o.fault, o.cause
		}
	}
}

// follow gives up the connections that were made in another way.
func (r *roads) follow(w way) {
	if r.way == w {
		return
	}
	for _, road := range r.all {
		road.Retire()
	}
	r.way, r.all, r.single = w, nil, false
}

// free reserves a stream.
func (r *roads) free() *road {
	for _, road := range r.all {
		if road.Reserve() {
			return road
		}
	}
	return nil
}

// wait waits until the connection is made, or can't be. It reports false if limit comes before.
func (o *opening) wait(limit int64) bool {
	if limit == 0 {
		<-o.done
		return true
	}
	timer := time.NewTimer(time.Duration(limit - deadline.Now()))
	defer timer.Stop()
	select {
	case <-o.done:
		return true
	case <-timer.C:
		return false
	}
}

// open makes a connection and tells those who wait for it.
func (t *Transport) open(p *Pool, o *opening, limit int64) (c *Conn, nc net.Conn, f *http7.Fault, cause error) {
	nc, f, cause = t.dial(p, "", limit)
	var road *road
	if f == nil && (t.way.protocol == ProtocolH2C || chosen(nc) == alpnH2) {
		road, f, cause = t.newRoad(p, nc, limit)
		nc = nil
	}
	r := &p.roads
	r.mu.Lock()
	r.making = nil
	fits := r.way == t.way && !r.closed
	if fits {
		r.single = nc != nil
		if road != nil {
			r.all = append(r.all, road)
		}
	}
	r.mu.Unlock()
	// Whose own time was short has learned nothing for the others.
	if f != http7.ConnectTimeout || limit == 0 || deadline.Now() < limit {
		o.fault, o.cause = f, cause
	}
	close(o.done)
	if road == nil {
		return nil, nc, f, cause
	}
	if !fits {
		road.Retire() // once the stream that is reserved has ended
	}
	return t.lane(p, road, false), nil, nil, nil
}

// adopt makes a connection shared that was made for one.
func (t *Transport) adopt(p *Pool, nc net.Conn, limit int64) (*Conn, *http7.Fault, error) {
	road, f, cause := t.newRoad(p, nc, limit)
	if f != nil {
		return nil, f, cause
	}
	r := &p.roads
	r.mu.Lock()
	fits := r.way == t.way && !r.closed
	if fits {
		r.all, r.single = append(r.all, road), false
	}
	r.mu.Unlock()
	if !fits {
		road.Retire()
	}
	return t.lane(p, road, false), nil, nil
}

// chosen returns the protocol that ALPN has chosen.
func chosen(nc net.Conn) string {
	if tc, ok := nc.(*tls.Conn); ok {
		return tc.ConnectionState().NegotiatedProtocol
	}
	return ""
}

// newRoad starts a connection, with one stream reserved, and waits until the endpoint has spoken; what has
// no HTTP/2 to say is no connection. Its goroutines end with it.
func (t *Transport) newRoad(p *Pool, nc net.Conn, limit int64) (*road, *http7.Fault, error) {
	var below io.Closer = nc
	tc, secure := nc.(*tls.Conn)
	if secure {
		below = tc.NetConn()
	}
	r := &road{nc: nc, secure: secure}
	r.Conn = h2.New(nc, below, t.wheel, h2.Options{
		Streams: laneStreams, HeaderBytes: uint32(answerLimits.HeadBytes),
		KeepAlive: t.pool.keepAlive, MaxAge: t.pool.maxAge,
		Ended: func() { p.open.Add(-1); p.roads.remove(r) },
	})
	p.open.Add(1)
	go r.Run() // the goroutine "h2 reader": ends with the connection
	within := t.connect
	if limit != 0 {
		within = min(within, time.Duration(limit-deadline.Now()))
	}
	late := time.AfterFunc(within, func() { r.Close(errNoSettings) })
	err := r.Await()
	switch {
	case !late.Stop() || err == errNoSettings:
		return nil, http7.ConnectTimeout, errNoSettings
	case err == nil && r.Reserve():
		return r, nil, nil
	case err == nil: // it takes no streams
		r.Retire()
		return nil, http7.Overloaded, nil
	case alerted(err):
		return nil, http7.UpstreamTLS, err
	}
	return nil, http7.ConnectFailed, err
}

var errNoSettings = errors.New("the endpoint did not begin HTTP/2 in time")

func (r *roads) remove(gone *road) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, road := range r.all {
		if road == gone {
			r.all = append(r.all[:i:i], r.all[i+1:]...)
			return
		}
	}
}

// close lets the connections end when their streams have.
func (r *roads) close() {
	r.mu.Lock()
	all := r.all
	r.all, r.closed = nil, true
	r.mu.Unlock()
	for _, road := range all {
		road.Retire()
	}
}

// idle returns how many connections have no stream.
func (r *roads) idle() (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, road := range r.all {
		if road.Held() == 0 {
			n++
		}
	}
	return n
}

// lane returns an attempt on the stream of r that was reserved.
func (t *Transport) lane(p *Pool, r *road, reused bool) *Conn {
	c := &Conn{pool: p, lane: &lane{Stream: r.Stream(), road: r}}
	c.lane.to = c
	if reused {
		c.uses = 1
	}
	c.S.InitAny(c.lane)
	t.wheel.Bind(&c.S.Timer, c.due)
	return c
}
