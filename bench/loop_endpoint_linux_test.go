package bench

import (
	"bytes"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/evloop"
)

// endpoint answers every request without a body by the same bytes, on one thread and without allocating: so cheap
// that what a test measures beside it is the generator's.
type endpoint struct {
	loop   *evloop.Loop
	listen int
	block  []byte
	answer []byte
	stop   chan struct{}
	done   chan struct{}
}

// served is one of the endpoint's connections.
type served struct {
	fd int
	of *endpoint
}

const interestOfEndpoint = evloop.In | evloop.PeerEnd | evloop.Edge

// startEndpoint serves until the test ends and returns the address.
func startEndpoint(t testing.TB, answer string) string {
	t.Helper()
	e, address, err := newEndpoint(answer)
	if err != nil {
		t.Fatal(err)
	}
	go e.run()
	t.Cleanup(func() {
		close(e.stop)
		e.loop.Wake()
		<-e.done
	})
	return address
}

func newEndpoint(answer string) (*endpoint, string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, "", err
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return nil, "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, "", err
	}
	e := &endpoint{listen: fd, block: make([]byte, 64<<10), answer: []byte(answer), stop: make(chan struct{}), done: make(chan struct{})}
	if e.loop, err = evloop.New(256); err != nil {
		return nil, "", err
	}
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
	return e, address.String(), e.loop.Add(fd, evloop.In, e)
}

// run is the goroutine of the endpoint's thread; it ends with stop. Its connections end with the process.
func (e *endpoint) run() {
	defer close(e.done)
	evloop.LockThread()
	for {
		select {
		case <-e.stop:
			unix.Close(e.listen)
			e.loop.Close()
			return
		default:
		}
		n, err := e.loop.Poll()
		if n == 0 && err == nil {
			_, err = e.loop.Wait(time.Second)
		}
		if err != nil {
			return
		}
		e.loop.Serve()
	}
}

// Ready accepts connections.
func (e *endpoint) Ready(evloop.Events) {
	for {
		fd, _, err := unix.Accept4(e.listen, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := e.loop.Add(fd, interestOfEndpoint, &served{fd, e}); err != nil {
			unix.Close(fd)
		}
	}
}

// Ready answers as many requests as have come whole. A request never comes in pieces here: it is small, and the
// generator writes it at once.
func (s *served) Ready(evloop.Events) {
	n, err := evloop.Read(s.fd, s.of.block)
	if err != nil {
		s.of.loop.Remove(s.fd)
		unix.Close(s.fd)
		return
	}
	for range bytes.Count(s.of.block[:n], []byte("\r\n\r\n")) {
		_, _ = evloop.Write(s.fd, s.of.answer)
	}
}
