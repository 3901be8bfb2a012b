package tcp4

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	address, conns := waiting(t)
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	here = c.(*net.TCPConn)
	t.Cleanup(func() { _ = here.Close() })
	return here, await(t, conns)
}

// The system tells of a reset once: a direction whose sibling was told at a write reads a clean end.
func TestAResetThatAWriteWasToldOfIsNoCleanEnd(t *testing.T) {
	here, there := connected(t)
	var s side
	s.join(here, EndpointReset)
	reset(there)
	eventually(t, "a write is told of the reset", func() bool {
		_, err := here.Write([]byte("x"))
		return errors.Is(err, syscall.ECONNRESET)
	})
	if n, err := here.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read %d, %v, want the end", n, err)
	}
	if !s.torn() {
		t.Error("the stream counts as whole")
	}
}

func TestAnEndIsAnEnd(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(there *net.TCPConn, s *side)
	}{
		{"the peer has shut its side", func(there *net.TCPConn, _ *side) { _ = there.CloseWrite() }},
		{"the peer has closed", func(there *net.TCPConn, _ *side) { _ = there.Close() }},
		{"we had shut ours before", func(there *net.TCPConn, s *side) {
			s.closeWrite()
			_, _ = io.ReadAll(there)
			_ = there.Close()
		}},
	} {
		here, there := connected(t)
		var s side
		s.join(here, EndpointReset)
		c.do(there, &s)
		if n, err := here.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("%s: read %d, %v, want the end", c.what, n, err)
		}
		if s.torn() {
			t.Errorf("%s: the end counts as a reset", c.what)
		}
	}
}
