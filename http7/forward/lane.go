package forward

import (
	"bytes"
	"io"
	"net"
	"sync"

	"weir/http7"
	"weir/http7/forward/h2"
	"weir/http7/wire"
)

// lane is a stream of a shared connection as an attempt uses it: a net.Conn for [sock.Conn], whose bytes
// in are the request as HTTP/1 writes it. So the drivers need not know what their endpoint speaks.
type lane struct {
	*h2.Stream
	to      *Conn
	road    *road
	q       question
	framer  wire.Framer
	trailer http7.Header
	opened  bool
	unsent  error // why it could not be opened
	raw     bool  // a tunnel: bytes are passed as they are
}

var _ net.Conn = (*lane)(nil)

// blocks are the buffers that header blocks are written to.
var blocks = sync.Pool{New: func() any { return new([]byte) }}

// Write sends bytes of the request; at first its whole head. It ends the stream with the end of the body.
func (l *lane) Write(b []byte) (int, error) {
	if l.raw {
		return l.Stream.Write(b, false)
	}
	n := len(b)
	if !l.opened {
		defer l.Flush() // a head without a body, or before one that takes its time
		head, err := l.open(b)
		if l.unsent = err; err != nil {
			return 0, err
		}
		b = b[head:]
	}
	if l.q.protocol != nil {
		return n, nil // the tunnel begins with the answer
	}
	return n, l.body(b)
}

// open writes the request's head and returns its length.
func (l *lane) open(b []byte) (n int, err error) {
	block := blocks.Get().(*[]byte)
	l.q.block = (*block)[:0]
	defer func() {
		*block, l.q.block = l.q.block[:0], nil
		l.q.method, l.q.target, l.q.authority = nil, nil, nil // views of b
		if l.q.protocol == nil {
			l.q.key = nil
		}
		blocks.Put(block)
	}()
	if n, err = l.q.read(b, l.road.secure, l.to.offer != nil); err != nil {
		return 0, err
	}
	if l.q.protocol != nil {
		l.q.protocol, l.q.key = bytes.Clone(l.q.protocol), bytes.Clone(l.q.key)
		if !l.TakesConnect() {
			return 0, errNoTunnels
		}
	}
	if err = l.Open(l.q.block, !l.q.frame.Body() && l.q.protocol == nil); err != nil {
		return 0, err
	}
	l.opened = true
	l.framer.Reset(l.q.frame, &l.trailer, http7.Client)
	return n, nil
}

// body sends bytes of the body, without what frames it in HTTP/1.
func (l *lane) body(b []byte) error {
	for {
		chunk, k, s, f := l.framer.Next(b)
		b = b[k:]
		switch s {
		case http7.Chunk:
			if _, err := l.Stream.Write(chunk, l.framer.Remaining() == 0); err != nil {
				return err
			}
		case http7.Parked:
			return nil
		case http7.End:
			return l.finish()
		case http7.Failure:
			return f
		}
	}
}

// finish ends the request, with its trailers if it has any.
func (l *lane) finish() error {
	if l.Said() {
		return nil
	}
	if l.trailer.Len() == 0 {
		_, err := l.Stream.Write(nil, true)
		return err
	}
	var q question
	for name, value := range l.trailer.All() {
		q.literal(name, value)
	}
	return l.Trail(q.block)
}

// AwaitRead blocks until Read will not.
func (l *lane) AwaitRead() error { return l.Await() }

// Read reads bytes of the answer's body, or of a tunnel.
func (l *lane) Read(b []byte) (int, error) {
	for {
		n, s, err := l.Take(b)
		switch {
		case s == http7.Chunk:
			return n, nil
		case s == http7.End:
			return 0, io.EOF
		case s == http7.Failure:
			return 0, err
		}
		if err := l.Await(); err != nil {
			return 0, err
		}
	}
}

// CloseWrite ends this side of a tunnel.
func (l *lane) CloseWrite() error {
	_, err := l.Stream.Write(nil, true)
	return err
}

// Close ends the stream; what is not whole is cancelled.
func (l *lane) Close() error {
	l.Stream.Close()
	return nil
}

// LocalAddr returns this end of the shared connection.
func (l *lane) LocalAddr() net.Addr { return l.road.nc.LocalAddr() }

// RemoteAddr returns the endpoint's end.
func (l *lane) RemoteAddr() net.Addr { return l.road.nc.RemoteAddr() }
