package evloop

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dialled waits until the dial on fd has an outcome and returns it.
func dialled(t *testing.T, l *Loop, fd int) error {
	t.Helper()
	told := Events(0)
	must(t, l.Add(fd, In|Out|PeerEnd|Edge, handle(func(e Events) { told |= e })))
	for from := time.Now(); told&(Out|Broken) == 0; {
		if _, err := l.Wait(time.Second); err != nil || time.Since(from) > time.Minute {
			t.Fatalf("%v: no outcome after %v", err, time.Since(from))
		}
		l.Serve()
	}
	return DialError(fd)
}

func TestDialConnectsOnBothFamilies(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		to := listener.Addr().(*net.TCPAddr).AddrPort()
		fd, err := Dial(to)
		must(t, err)
		must(t, dialled(t, newTest(t, 8), fd))
		if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); v != 1 || err != nil {
			t.Errorf("%s: TCP_NODELAY is %d, %v", at, v, err)
		}
		peer, err := listener.Accept()
		must(t, err)
		if _, err := Read(fd, make([]byte, 1)); err != ErrAgain {
			t.Errorf("%s: read %v, want ErrAgain", at, err)
		}
		if n, err := Write(fd, []byte("ping")); n != 4 || err != nil {
			t.Errorf("%s: wrote %d, %v", at, n, err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(peer, got); err != nil || string(got) != "ping" {
			t.Errorf("%s: the peer read %q, %v", at, got, err)
		}
		peer.Close()
		Close(fd)
	}
}

func TestAMappedAddressIsDialledAsIPv4(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	fd, err := Dial(netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), port))
	must(t, err)
	defer Close(fd)
	must(t, dialled(t, newTest(t, 8), fd))
}

func TestAPortWithoutAListenerRefuses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	to := listener.Addr().(*net.TCPAddr).AddrPort()
	listener.Close()
	fd, err := Dial(to)
	if err == nil {
		err = dialled(t, newTest(t, 8), fd)
		Close(fd)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestASocketThatConnectedToItselfIsARefusal(t *testing.T) {
	// A port of the range that outgoing connections use, with no listener, may be dialled from itself: the kernel
	// then joins the socket with itself, and what it sends comes back.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer Close(fd)
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	self, err := unix.Getsockname(fd)
	must(t, err)
	must(t, unix.Connect(fd, self))
	if err := DialError(fd); err != unix.ECONNREFUSED {
		t.Errorf("%v, want a refusal", err)
	}
}

func TestZonesAreNamesOrNumbersOfInterfaces(t *testing.T) {
	loopback, err := net.InterfaceByIndex(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint32{"": 0, "1": 1, loopback.Name: 1, "7": 7} {
		if got, err := zone(name); got != want || err != nil {
			t.Errorf("zone %q: %d, %v; want %d", name, got, err, want)
		}
	}
	if _, err := Dial(netip.MustParseAddrPort("[fe80::1%nosuchzone]:80")); err == nil {
		t.Error("a zone that is none is dialled")
	}
}

func TestAResetIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	fd, err := Dial(listener.Addr().(*net.TCPAddr).AddrPort())
	must(t, err)
	defer Close(fd)
	l := newTest(t, 8)
	must(t, dialled(t, l, fd))
	peer, err := listener.Accept()
	must(t, err)
	peer.(*net.TCPConn).SetLinger(0)
	peer.Close()
	if _, err := l.Wait(time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fd, make([]byte, 1)); err != unix.ECONNRESET {
		t.Errorf("read: %v, want a reset", err)
	}
	if _, err := Write(fd, []byte("x")); err != unix.EPIPE {
		t.Errorf("write: %v, want EPIPE and no signal", err)
	}
}

func TestReadingIntoNothingIsNoEnd(t *testing.T) {
	a, b := pair(t)
	if _, err := Write(b, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := Read(a, nil); n != 0 || err != nil {
		t.Errorf("%d, %v; want 0 and no error", n, err)
	}
}
