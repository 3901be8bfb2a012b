package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"weir/bench"
)

// Way is the direction in which TCPBulk moves bytes.
type Way int

// The ways of TCPBulk.
const (
	// Echo sends a block and wants it back, both at once: for an echo server. The bytes are compared.
	Echo Way = iota
	// Send sends a block and reads nothing: for a sink. A request ends when the kernel has taken the last byte.
	Send
	// Receive reads as many bytes as a block has and sends nothing: for a source.
	Receive
)

// defaultBlock is what a request of TCPBulk moves where nothing says how much.
const defaultBlock = 1 << 20

// TCPBulk moves one block per request, cfg.Block or the body, by cfg.Way over a tcp:// or tls:// connection that each worker
// keeps (unless cfg.Fresh); throughput is the report's bytes by its time. With many blocks under way the measured
// latency is mostly that of the buffers between the two ends. A target that ends a connection within a block is a
// failure; with Echo and Send, one that ends it between two is dialled again.
func TCPBulk(cfg Config) (Protocol, error) {
	t, err := check(cfg, "bulk", "tcp", "tls")
	if err != nil {
		return Protocol{}, err
	}
	names := map[Way]string{Echo: "echo", Send: "send", Receive: "receive"}
	name, ok := names[cfg.Way]
	if !ok {
		return Protocol{}, fmt.Errorf("%w: bulk has no way %d", bench.ErrConfig, cfg.Way)
	}
	name = "TCP bulk " + name
	if t.secure {
		name += " over TLS"
	}
	size := cmp.Or(t.Block, defaultBlock)
	pattern := []byte(strings.Repeat("weir-bulk\n", size/10+1)[:size]) // shared, never written
	return Protocol{Name: name, Client: func(int) (bench.Client, error) {
		return &bulk{to: t, pattern: pattern}, nil
	}}, nil
}

// bulk is the Client of one worker.
type bulk struct {
	to      *target
	pattern []byte
	conn    net.Conn // nil: none
	body    bodyReader
}

// Close ends the connection.
func (b *bulk) Close() error {
	b.drop()
	return nil
}

func (b *bulk) drop() {
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
}

// Do moves one block.
func (b *bulk) Do(ctx context.Context, deadline time.Time, r *bench.Request) (a bench.Answer, err error) {
	if b.conn != nil {
		if ended, _ := idle(b.conn); ended && b.to.Way != Receive {
			b.drop()
			a.Reopened = true
		}
	}
	if b.conn == nil {
		dialling, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if b.conn, err = b.to.dialPlainOr(dialling); err != nil {
			b.conn = nil
			return a, err
		}
		a.Opened = true
	}
	b.conn.SetDeadline(deadline)
	conn := b.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = b.move(b.block(r), r.Expect.WantsBody(), &a)
	if err != nil {
		// TLS takes its time to say goodbye on a connection that takes nothing any more: up to 5 s.
		below(b.conn).Close()
	}
	if err != nil || b.to.Fresh {
		b.drop()
	}
	return a, err
}

// block is what a request moves.
func (b *bulk) block(r *bench.Request) []byte {
	if b.to.Block == 0 && len(r.Body) > 0 {
		return r.Body
	}
	return b.pattern
}

func (b *bulk) move(block []byte, keep bool, a *bench.Answer) error {
	switch b.to.Way {
	case Send:
		n, err := b.conn.Write(block)
		a.Out = int64(n)
		return err
	case Receive:
		return b.read(io.LimitReader(b.conn, int64(len(block))), len(block), keep, a)
	}
	return b.echo(block, keep, a)
}

// echo sends block by a goroutine of its own, joined here, while it reads.
func (b *bulk) echo(block []byte, keep bool, a *bench.Answer) error {
	type end struct {
		n   int
		err error
	}
	conn, written := b.conn, make(chan end, 1)
	go func() {
		n, err := conn.Write(block)
		written <- end{n, err}
	}()
	back := &comparer{from: io.LimitReader(conn, int64(len(block))), rest: block}
	err := b.read(back, len(block), keep, a)
	if err != nil {
		conn.SetWriteDeadline(time.Unix(1, 0)) // lets go of the write
	}
	sent := <-written
	a.Out = int64(sent.n)
	switch {
	case err != nil:
		return err
	case back.differs:
		return fmt.Errorf("%w: the echo differs", bench.ErrMalformed)
	}
	return sent.err
}

// read reads want bytes from a reader that ends there.
func (b *bulk) read(from io.Reader, want int, keep bool, a *bench.Answer) error {
	err := b.body.read(from, keep, a)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case err == nil && a.In == int64(want):
		return nil
	case a.In > 0:
		return fmt.Errorf("%w: %d bytes of %d", bench.ErrShort, a.In, want)
	case err == nil:
		return io.EOF
	}
	return err
}
