// Package splice moves bytes from one socket to another inside the kernel, through pooled pipes.
//
// tcp4's relay calls it for directions that have turned to bulk; nobody else does. It knows file
// descriptors and pipes, not connections, deadlines or pollers: every call is non-blocking, and
// the caller waits for readiness. It works on Linux; elsewhere every Pool is empty.
package splice

import "sync/atomic"

// Size is how many bytes a pipe is asked to hold, which bounds what one direction may have read
// ahead of its receiver. The kernel may grant less (pipe-user-pages-soft), never less than a page.
const Size = 256 << 10

// Pool keeps empty pipes for reuse and bounds how many are open, because each costs two file
// descriptors. It is safe for concurrent use and takes no lock.
type Pool struct {
	limit int32
	open  atomic.Int32
	idle  []atomic.Pointer[Pipe]
}

// NewPool returns a pool that opens at most limit pipes at a time and keeps at most a quarter of
// them (at least one) while they are not in use. It opens nothing yet. With limit 0 it is always
// empty.
func NewPool(limit int) *Pool {
	return &Pool{limit: int32(max(limit, 0)), idle: make([]atomic.Pointer[Pipe], max(limit/4, 1))}
}

// Get returns an empty pipe, or nil when the limit is reached, the system grants no more or has
// no splice: the caller then copies. Every pipe must go back by Put.
func (p *Pool) Get() *Pipe {
	for i := range p.idle {
		if p.idle[i].Load() == nil {
			continue
		}
		if pipe := p.idle[i].Swap(nil); pipe != nil {
			return pipe
		}
	}
	if p.open.Add(1) > p.limit {
		p.open.Add(-1)
		return nil
	}
	pipe, err := newPipe()
	if err != nil {
		p.open.Add(-1)
		return nil
	}
	return pipe
}

// Put takes a pipe back. One that still holds bytes is closed, so that they never reach another
// session.
func (p *Pool) Put(pipe *Pipe) {
	if pipe.held == 0 {
		for i := range p.idle {
			if p.idle[i].Load() == nil && p.idle[i].CompareAndSwap(nil, pipe) {
				return
			}
		}
	}
	pipe.close()
	p.open.Add(-1)
}

// Open returns how many pipes are open, in use or idle.
func (p *Pool) Open() int { return int(p.open.Load()) }

// Close closes the idle pipes. Pipes in use go on, and are kept or closed when they come back.
func (p *Pool) Close() {
	for i := range p.idle {
		if pipe := p.idle[i].Swap(nil); pipe != nil {
			pipe.close()
			p.open.Add(-1)
		}
	}
}

// Pipe is a kernel pipe between two sockets. It belongs to one goroutine at a time.
type Pipe struct {
	r, w int
	held int
}

// Held returns how many bytes are in the pipe.
func (p *Pipe) Held() int { return p.held }
