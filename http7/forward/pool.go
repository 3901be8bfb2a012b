package forward

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// poolLimits bound the idle connections to one endpoint.
type poolLimits struct {
	idle              int
	keepAlive, maxAge time.Duration // maxAge 0: off
}

// Pool keeps the idle connections to one endpoint. The one used last is taken first: it is the
// least likely to have been closed, and the others may come of age.
type Pool struct {
	endpoint *lb.Endpoint
	open     atomic.Int64
	roads    roads

	mu        sync.Mutex
	idle      []*Conn
	closed    bool
	secure    *tls.Config // what connections made in secureWay share
	alone     *tls.Config // likewise, those of a Transport that is alone
	secureWay way
}

// take returns an idle connection that t would have made the same way, with that PROXY header; nil if
// there is none. If it is readable it has been closed, or holds an answer that nobody asked for: Ask
// and Idle find out.
func (p *Pool) take(t *Transport, proxy string) *Conn {
	for {
		p.mu.Lock()
		c := p.newest(proxy)
		p.mu.Unlock()
		if c == nil {
			return nil
		}
		c.S.Timer.Set(0)
		// Its keep-alive may have run out just now, too late to close it.
		if c.S.Interrupted() == sock.NotInterrupted && c.way == t.way && !c.aged(&t.pool) {
			return c
		}
		c.shut()
	}
}

// newest takes the idle connection out that was used last and begins with that header.
func (p *Pool) newest(proxy string) *Conn {
	for i := len(p.idle) - 1; i >= 0; i-- {
		c := p.idle[i]
		if c.proxy != proxy {
			continue
		}
		copy(p.idle[i:], p.idle[i+1:])
		p.idle[len(p.idle)-1] = nil
		p.idle = p.idle[:len(p.idle)-1]
		c.inPool = false
		return c
	}
	return nil
}

// aged reports whether c is too old for another use.
func (c *Conn) aged(l *poolLimits) bool {
	return l.maxAge > 0 && deadline.Now()-c.born > int64(l.maxAge)
}

// put keeps c for another use, or closes it.
func (p *Pool) put(c *Conn, l *poolLimits) {
	if l.idle == 0 || c.aged(l) {
		c.shut()
		return
	}
	var until int64
	if l.keepAlive > 0 {
		until = deadline.Now() + int64(l.keepAlive)
	}
	c.S.Timer.Set(until)
	p.mu.Lock()
	var over *Conn
	switch {
	case p.closed:
		over = c
	case len(p.idle) >= l.idle:
		over = p.idle[0]
		over.inPool = false
		copy(p.idle, p.idle[1:])
		p.idle[len(p.idle)-1] = c
		c.inPool = true
	default:
		p.idle = append(p.idle, c)
		c.inPool = true
	}
	p.mu.Unlock()
	if over != nil {
		over.shut()
	}
}

// drop takes c out of the idle ones and reports whether it was there.
func (p *Pool) drop(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.inPool {
		return false
	}
	for i := range p.idle {
		if p.idle[i] == c {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	c.inPool = false
	return true
}

func (p *Pool) close() {
	p.roads.close()
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	for _, c := range idle {
		c.inPool = false
	}
	p.mu.Unlock()
	for _, c := range idle {
		c.shut()
	}
}

func (p *Pool) count() int64 {
	shared := p.roads.idle()
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(len(p.idle)) + shared
}
