package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// line is one of the generator's connections, dialled when it is first used and again whenever it has gone.
// One goroutine owns it.
type line struct {
	to      *target
	timeout time.Duration
	talk    talk

	conn    net.Conn // nil: none
	raw     syscall.RawConn
	used    bool // an answer has been read on conn
	redials int64
}

// talk is the protocol spoken on a line: httpTalk or echoTalk.
type talk interface {
	// start begins with a fresh connection.
	start(conn net.Conn)
	// exchange sends one request on conn and reads its answer.
	exchange(conn net.Conn) (answer, error)
	// spare reports whether bytes lie ready that nobody asked for.
	spare() bool
}

func newLine(to *target, timeout time.Duration) *line {
	l := &line{to: to, timeout: timeout}
	if to.scheme == "tcp" {
		l.talk = &echoTalk{message: to.request, back: make([]byte, len(to.request))}
	} else {
		l.talk = &httpTalk{request: to.request, head: to.head}
	}
	return l
}

// once makes one round trip within the timeout. A connection that its peer closed while idle is replaced first,
// as any client would; one that fails with the request under way is a failure.
func (l *line) once() (answer, error) {
	deadline := time.Now().Add(l.timeout)
	if l.conn != nil && l.used && l.stale() {
		l.close()
		l.redials++
	}
	if l.conn == nil {
		if err := l.dial(deadline); err != nil {
			return answer{}, &connectError{err}
		}
	}
	if err := l.conn.SetDeadline(deadline); err != nil {
		l.close()
		return answer{}, err
	}
	a, err := l.talk.exchange(l.conn)
	l.used = true
	if err != nil || !a.keep || l.talk.spare() {
		l.close()
	}
	if err == nil && a.status >= 400 {
		err = errStatus
	}
	return a, err
}

func (l *line) dial(deadline time.Time) error {
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp", l.to.address)
	if err != nil {
		return err
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		conn.Close()
		return err
	}
	if l.to.tls != nil {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		secured := tls.Client(conn, l.to.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return err
		}
		conn = secured
	}
	l.conn, l.raw, l.used = conn, raw, false
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

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// httpTalk speaks HTTP/1.1.
type httpTalk struct {
	request []byte
	head    bool
	answers *answerReader
}

func (t *httpTalk) start(conn net.Conn) { t.answers = newAnswerReader(conn) }
func (t *httpTalk) spare() bool         { return t.answers.spare() }

func (t *httpTalk) exchange(conn net.Conn) (answer, error) {
	if _, err := conn.Write(t.request); err != nil {
		return answer{}, err
	}
	return t.answers.next(t.head)
}

// echoTalk sends a message and wants the same bytes back.
type echoTalk struct{ message, back []byte }

func (t *echoTalk) start(net.Conn) {}
func (t *echoTalk) spare() bool    { return false }

func (t *echoTalk) exchange(conn net.Conn) (answer, error) {
	if _, err := conn.Write(t.message); err != nil {
		return answer{}, err
	}
	n, err := io.ReadFull(conn, t.back)
	switch {
	case err == io.ErrUnexpectedEOF:
		return answer{}, errShort
	case err != nil:
		return answer{}, err
	case !bytes.Equal(t.back, t.message):
		return answer{}, fmt.Errorf("%w: the echo differs", errMalformed)
	}
	return answer{bytes: int64(n), keep: true}, nil
}
