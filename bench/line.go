package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"
)

// line is a Client of Weir's own: HTTP/1.1 with or without TLS, or an echo, on a connection that is dialled when it
// is first used and again whenever it has gone.
type line struct {
	to   *target
	talk talk

	conn net.Conn // nil: none
	base net.Conn // conn, or what lies below its TLS
	raw  syscall.RawConn
	used bool        // an answer has been read on conn
	free func() bool // no longer close conn when the run ends
}

// talk is the protocol spoken on a line: httpTalk or echoTalk.
type talk interface {
	// start begins with a fresh connection.
	start(conn net.Conn)
	// exchange sends one request on conn and reads its answer.
	exchange(conn net.Conn, r *Request) (answer, error)
	// spare reports whether bytes lie ready that nobody asked for.
	spare() bool
}

func newLine(to *target) *line {
	l := &line{to: to, talk: &httpTalk{authority: to.authority}}
	if to.scheme == "tcp" {
		l.talk = &echoTalk{}
	}
	return l
}

// Do makes one round trip. A connection that its peer closed while idle is replaced first, as any client would; one
// that fails with the request under way is a failure.
func (l *line) Do(ctx context.Context, deadline time.Time, r *Request) (a Answer, err error) {
	if l.conn != nil && l.used && l.stale() {
		l.drop()
		a.Reopened = true
	}
	if l.conn == nil {
		a.Opened = true
		if err := l.dial(ctx, deadline); err != nil {
			return a, err
		}
	}
	if err := l.conn.SetDeadline(deadline); err != nil {
		l.drop()
		return a, err
	}
	got, err := l.talk.exchange(l.conn, r)
	l.used = true
	switch {
	case err != nil || !got.keep:
		// TLS takes its time to say goodbye on a connection that takes nothing any more: up to 5 s.
		l.base.Close()
		l.drop()
	case l.talk.spare() || l.to.fresh:
		l.drop()
	}
	a.Status, a.In, a.Out, a.Body = got.status, got.bytes, got.sent, got.body
	return a, err
}

// Close ends the connection.
func (l *line) Close() error {
	l.drop()
	return nil
}

func (l *line) dial(ctx context.Context, deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "tcp", l.to.address)
	if err != nil {
		return &ConnectError{err}
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		conn.Close()
		return &ConnectError{err}
	}
	base := conn
	if l.to.tls != nil {
		shaking, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		secured := tls.Client(conn, l.to.tls)
		if err := secured.HandshakeContext(shaking); err != nil {
			conn.Close()
			return &TLSError{err}
		}
		conn = secured
	}
	l.conn, l.base, l.raw, l.used = conn, base, raw, false
	l.free = context.AfterFunc(ctx, func() { base.Close() })
	l.talk.start(conn)
	return nil
}

// stale reports whether the idle connection has ended or holds bytes that nobody asked for. It does not block.
func (l *line) stale() bool {
	quiet := false
	err := l.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
		return true
	})
	return err != nil || !quiet
}

func (l *line) drop() {
	if l.conn != nil {
		l.free()
		l.conn.Close()
		l.conn = nil
	}
}

// httpTalk speaks HTTP/1.1.
type httpTalk struct {
	authority string
	out       []byte // where a request is written that does not come whole
	in        []byte // what a read fills
	message   message
	answers   answerReader
	over      bool // bytes lie behind the last answer
}

// readBlock is a TLS record's content.
const readBlock = 16 << 10

func (t *httpTalk) start(net.Conn) {
	if t.in == nil {
		t.in = make([]byte, readBlock)
	}
	t.over = false
}

func (t *httpTalk) spare() bool { return t.over }

func (t *httpTalk) exchange(conn net.Conn, r *Request) (answer, error) {
	message := r.Wire
	if message == nil {
		t.out = AppendRequest(t.out[:0], r, t.authority)
		message = t.out
	}
	t.answers.begin(r.Method, r.Expect.WantsBody())
	t.message.start(conn, message)
	err := t.receive(conn)
	sent, failed := t.message.end()
	got := t.answers.got
	got.sent = int64(sent)
	switch {
	case err != nil && failed != nil && !t.answers.started:
		err = failed
		fallthrough
	case err != nil:
		got.status = 0 // it is not a complete answer's
	case failed != nil:
		got.keep = false // a target may refuse a request before it has read it all
	}
	return got, err
}

// receive reads until the answer is complete.
func (t *httpTalk) receive(conn io.Reader) error {
	for {
		n, err := conn.Read(t.in)
		if n > 0 {
			spare, done, bad := t.answers.feed(t.in[:n])
			if done || bad != nil {
				t.over = len(spare) > 0
				return bad
			}
		}
		switch {
		case err == io.EOF:
			return t.answers.end()
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}

// echoTalk sends a request's body and wants the same bytes back.
type echoTalk struct {
	message message
	back    []byte
}

func (t *echoTalk) start(net.Conn) {}
func (t *echoTalk) spare() bool    { return false }

func (t *echoTalk) exchange(conn net.Conn, r *Request) (answer, error) {
	t.back = slices.Grow(t.back[:0], len(r.Body))[:len(r.Body)]
	t.message.start(conn, r.Body)
	n, err := io.ReadFull(conn, t.back)
	sent, failed := t.message.end()
	switch {
	case n == 0 && failed != nil:
		return answer{}, failed
	case err == io.ErrUnexpectedEOF:
		return answer{}, ErrShort
	case err != nil:
		return answer{}, err
	case !bytes.Equal(t.back, r.Body):
		return answer{}, fmt.Errorf("%w: the echo differs", ErrMalformed)
	}
	return answer{bytes: int64(n), sent: int64(sent), keep: failed == nil}, nil
}

// ownWriter is from which length a message is sent beside the reading: a peer that answers while it reads, or before,
// would stall both sides.
const ownWriter = 32 << 10

// message is what a line sends for one request.
type message struct {
	conn net.Conn
	n    int
	err  error
	done chan struct{} // closed when n and err are there; nil: they are
}

// start writes text, a long one by a goroutine that ends with the write; end joins it.
func (m *message) start(conn net.Conn, text []byte) {
	*m = message{conn: conn}
	if len(text) < ownWriter {
		m.n, m.err = conn.Write(text)
		return
	}
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		m.n, m.err = conn.Write(text)
	}()
}

// end gives up what is not written yet, and returns how much was. A message that was written whole is no failure.
func (m *message) end() (int, error) {
	if m.done != nil {
		// On a connection that has ended it fails, and so has the write.
		_ = m.conn.SetWriteDeadline(time.Unix(1, 0))
		<-m.done
	}
	return m.n, m.err
}
