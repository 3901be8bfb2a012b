package tcp4

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// patience is how long a test waits for what must happen. A machine that is busy may take its time; nothing that is tested
// takes as long.
const patience = 30 * time.Second

// quiet drops what is logged.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// stage is a relay behind a listener on a free port.
type stage struct {
	t        testing.TB
	listener *Listener
	sessions *Sessions
	relay    *Relay
	records  chan Record
}

// relayTo stages a relay to the given endpoints, taken in turns; tune may change its config.
func relayTo(t testing.TB, tune func(*RelayConfig), endpoints ...string) *stage {
	t.Helper()
	s := &stage{t: t, sessions: NewSessions(), records: make(chan Record, 4096)}
	cfg := RelayConfig{Listener: "db", Upstream: upstream(t, endpoints...), Sessions: s.sessions}
	cfg.Record = func(r *Record) { s.records <- *r }
	if tune != nil {
		tune(&cfg)
	}
	var err error
	if s.relay, err = NewRelay(cfg); err != nil {
		t.Fatal(err)
	}
	s.listener = listenOn(t, s.relay.Serve, "127.0.0.1:0")
	t.Cleanup(func() {
		s.listener.StopAccepting()
		s.sessions.Shutdown(ended())
	})
	return s
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// listenOn publishes a listener on addresses, which the test stops.
func listenOn(t testing.TB, h Handler, addresses ...string) *Listener {
	t.Helper()
	l, err := Listen(Config{Name: "db", Addresses: addresses, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(h)
	t.Cleanup(l.StopAccepting)
	return l
}

// upstream is a round robin over addresses, where every session may try again.
func upstream(t testing.TB, addresses ...string) *lb.Upstream {
	t.Helper()
	_, u := upstreamWith(t, nil, addresses...)
	return u
}

// upstreamWith is upstream with its config edited.
func upstreamWith(t testing.TB, edit func(*lb.Config), addresses ...string) (*lb.Registry, *lb.Upstream) {
	t.Helper()
	cfg := lb.Config{Balance: lb.RoundRobin, RetryBudget: conf.Percent(100)}
	for _, text := range addresses {
		var a conf.Address
		if err := a.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: a, Weight: 1})
	}
	if edit != nil {
		edit(&cfg)
	}
	registry := lb.NewRegistry(nil)
	u, err := registry.Adopt("postgres", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return registry, u
}

// dial connects to the stage as a client.
func (s *stage) dial() *net.TCPConn {
	s.t.Helper()
	return dialTCP(s.t, s.listener.Addrs()[0].String())
}

// expectRefusal connects and is reset, maybe before connect has returned.
func (s *stage) expectRefusal() {
	s.t.Helper()
	expectRefusal(s.t, s.listener.Addrs()[0].String())
}

func expectRefusal(t testing.TB, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%v, want a reset", err)
	}
}

func dialTCP(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// record returns the record of the next session that ends.
func (s *stage) record() Record {
	s.t.Helper()
	return await(s.t, s.records)
}

func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// endpoint serves each connection by h on a free port and returns its address.
func endpoint(t testing.TB, h func(*net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, ln, func(c net.Conn) { h(c.(*net.TCPConn)) })
	return ln.Addr().String()
}

func serveAll(t testing.TB, ln net.Listener, h func(net.Conn)) {
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(6 * patience))
			wg.Go(func() { defer conn.Close(); h(conn) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
}

// waiting serves by handing each connection to the test.
func waiting(t testing.TB) (address string, conns <-chan *net.TCPConn) {
	c := make(chan *net.TCPConn, 64)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // ends with ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			t.Cleanup(func() { _ = conn.Close() })
			c <- conn.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String(), c
}

func echo(c *net.TCPConn) { _, _ = io.Copy(c, c) }

// deaf returns an address that refuses connections until the test ends: it is bound, but nobody
// listens.
func deaf(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	return bindLoopback(t, fd)
}

// frozen returns an address that neither takes nor refuses connections: a listening socket whose
// backlog of none is full does not answer further handshakes.
func frozen(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	address := bindLoopback(t, fd)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	_ = dialTCP(t, address) // fills it
	return address
}

// bindLoopback binds fd to a free port of 127.0.0.1 and returns the address.
func bindLoopback(t testing.TB, fd int) string {
	t.Helper()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*syscall.SockaddrInet4).Port)).String()
}

// fixed returns n different addresses that were free a moment ago.
func fixed(t testing.TB, n int) (addresses []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got[:n], err, want)
	}
}

// expectEnd reads the clean end of the stream.
func expectEnd(t testing.TB, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read %d, %v, want the end", n, err)
	}
}

// expectReset reads a reset, before any byte.
func expectReset(t testing.TB, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read %d, %v, want a reset", n, err)
	}
}

// eventually waits until ok holds, looking again whenever others have run.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(until) {
			t.Fatal("never: " + what)
		}
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// leavesNothing checks, when the test has ended, that goroutines and files are as many as now.
func leavesNothing(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		eventually(t, "all goroutines and files of the test gone", func() bool {
			runtime.GC() // io.Copy of the test's endpoints keeps pipes in a pool until then
			return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
		})
	})
}
