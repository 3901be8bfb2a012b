//go:build linux

package tcp4

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReceiveAndTransmitSayWhatTheSystemSaid(t *testing.T) {
	fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := uintptr(fd[0]), uintptr(fd[1])
	buf := make([]byte, 16)
	if n, errno := receive(near, buf); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("nothing there: %d, %v, want EAGAIN", n, errno)
	}
	if n, errno := transmit(far, []byte("hello")); n != 5 || errno != 0 {
		t.Errorf("transmit: %d, %v, want 5", n, errno)
	}
	if n, errno := receive(near, buf); string(buf[:n]) != "hello" || errno != 0 {
		t.Errorf("receive: %q, %v, want hello", buf[:n], errno)
	}
	for errno := syscall.Errno(0); errno != syscall.EAGAIN; {
		if _, errno = transmit(far, bytes.Repeat([]byte("x"), 4096)); errno != 0 && errno != syscall.EAGAIN {
			t.Fatalf("into a full socket: %v, want EAGAIN", errno)
		}
	}
	_ = unix.Close(fd[0])
	if n, errno := transmit(far, []byte("x")); n != 0 || errno != syscall.EPIPE {
		t.Errorf("peer gone: %d, %v, want EPIPE", n, errno)
	}
	_ = unix.Close(fd[1])
	if n, errno := receive(far, buf); n != 0 || errno != syscall.EBADF {
		t.Errorf("closed: %d, %v, want EBADF", n, errno)
	}
}

// tcpPair returns the two ends of a connection.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	address, conns := waiting(t)
	near = dialTCP(t, address)
	return near, await(t, conns)
}

// between returns a direction from the far end of one pair to the near end of another.
func between(t *testing.T) (d *direction, sender, receiver *net.TCPConn) {
	t.Helper()
	sender, in := tcpPair(t)
	out, receiver := tcpPair(t)
	var from, to side
	from.join(in, ClientReset)
	to.join(out, EndpointReset)
	d = new(direction)
	d.join(NewSessions(), &from, &to)
	return d, sender, receiver
}

func TestADirectionSaysHowItEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(d *direction, sender, receiver *net.TCPConn)
		want verdict
	}{
		{"the source ends", func(_ *direction, s, _ *net.TCPConn) { _ = s.CloseWrite() }, sourceEnded},
		{"the source is reset", func(_ *direction, s, _ *net.TCPConn) { reset(s) }, sourceFailed},
		{"the source is closed under it", func(d *direction, _, _ *net.TCPConn) { _ = d.from.conn.Close() }, sourceFailed},
		{"the receiver is closed under it", func(d *direction, s, _ *net.TCPConn) {
			_ = d.to.conn.Close()
			_, _ = s.Write([]byte("x"))
		}, sinkFailed},
	} {
		for _, bulk := range []bool{false, true} {
			d, sender, receiver := between(t)
			d.bulk = bulk
			c.end(d, sender, receiver)
			if got := d.pass(); got != c.want || d.buf != nil || d.pipe != nil {
				t.Errorf("%s, bulk %v: verdict %d, want %d; buffer kept %v, pipe kept %v", c.name, bulk, got, c.want, d.buf != nil, d.pipe != nil)
			}
			d.shared.pipes.Close()
			if n := d.shared.pipes.Open(); n != 0 {
				t.Errorf("%s, bulk %v: %d pipes are open", c.name, bulk, n)
			}
		}
	}
}

func TestWhatASpliceFoundDecidesHowToGoOn(t *testing.T) {
	for err, want := range map[error]verdict{
		nil:                goesOn,
		io.EOF:             sourceEnded,
		syscall.ECONNRESET: sourceFailed,
		syscall.EINVAL:     goesOn,
	} {
		d := direction{bulk: true, err: err}
		if got := d.judgeFill(); got != want {
			t.Errorf("%v: verdict %d, want %d", err, got, want)
		}
		if can := !errors.Is(err, syscall.EINVAL); d.bulk != can || d.noSplice == can {
			t.Errorf("%v: bulk %v, noSplice %v", err, d.bulk, d.noSplice)
		}
	}
}
