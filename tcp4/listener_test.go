package tcp4

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hold is a handler that keeps its connections until they end.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// greet says text and is done.
func greet(text string) Handler { return func(c net.Conn) { _, _ = io.WriteString(c, text) } }

func read(t testing.TB, c net.Conn) string {
	t.Helper()
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestAListenerServesAllItsAddresses(t *testing.T) {
	leavesNothing(t)
	l := listenOn(t, greet("hello"), "127.0.0.1:0", "127.0.0.1:0", ":0")
	if n := len(l.Addrs()); n != 3 {
		t.Fatalf("%d addresses, want 3", n)
	}
	for _, a := range l.Addrs() {
		_, port, _ := net.SplitHostPort(a.String())
		if got := read(t, dialTCP(t, "127.0.0.1:"+port)); got != "hello" {
			t.Errorf("%v said %q", a, got)
		}
	}
	eventually(t, "3 accepted and none active", func() bool {
		return l.Counters().Accepted.Load() == 3 && l.Counters().Active.Load() == 0
	})
}

func TestConnectionsBeyondTheLimitAreReset(t *testing.T) {
	l := listenOn(t, hold, "127.0.0.1:0")
	l.Update(hold, Limits{MaxConnections: 2})
	a := l.Addrs()[0].String()
	one, _ := dialTCP(t, a), dialTCP(t, a)
	eventually(t, "two active", func() bool { return l.Counters().Active.Load() == 2 })
	expectRefusal(t, a)
	expectRefusal(t, a)
	if n := l.Counters().RefusedLimit.Load(); n != 2 {
		t.Errorf("%d refused, want 2", n)
	}
	_ = one.Close()
	eventually(t, "room again", func() bool { return l.Counters().Active.Load() == 1 })
	three := dialTCP(t, a)
	eventually(t, "the third is in", func() bool { return l.Counters().Accepted.Load() == 3 })
	_ = three.Close()
}

func TestAClientHasAShareOfItsOwn(t *testing.T) {
	l := listenOn(t, hold, "127.0.0.1:0")
	l.Update(hold, Limits{MaxPerClient: 1})
	a := l.Addrs()[0].String()
	one := dialTCP(t, a)
	eventually(t, "one active", func() bool { return l.Counters().Active.Load() == 1 })
	expectRefusal(t, a)
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	second, err := other.Dial("tcp", a)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	eventually(t, "another client is in", func() bool { return l.Counters().Active.Load() == 2 })
	_ = one.Close()
	eventually(t, "the first has left", func() bool { return l.Counters().Active.Load() == 1 })
	_ = dialTCP(t, a)
	eventually(t, "the first is in again", func() bool { return l.Counters().Accepted.Load() == 3 })
	if n := l.Counters().RefusedClient.Load(); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
}

func TestUpdateSwapsHandlerForNewConnectionsAlone(t *testing.T) {
	l := listenOn(t, func(c net.Conn) { _, _ = io.Copy(c, c) }, "127.0.0.1:0")
	a := l.Addrs()[0].String()
	old := dialTCP(t, a)
	send(t, old, "x")
	expect(t, old, "x")
	l.Update(greet("new"), Limits{})
	if got := read(t, dialTCP(t, a)); got != "new" {
		t.Errorf("new connection: %q", got)
	}
	send(t, old, "y")
	expect(t, old, "y")
}

func TestAPanicCostsItsConnectionAlone(t *testing.T) {
	var log bytes.Buffer
	l, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0"}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(func(net.Conn) { panic("boom") })
	a := l.Addrs()[0].String()
	expectRefusal(t, a)
	eventually(t, "released", func() bool { return l.Counters().Active.Load() == 0 })
	l.Update(greet("alive"), Limits{})
	if got := read(t, dialTCP(t, a)); got != "alive" {
		t.Errorf("after the panic: %q", got)
	}
	l.StopAccepting()
	if n := l.Counters().Panics.Load(); n != 1 || !strings.Contains(log.String(), "boom") {
		t.Errorf("%d panics counted, log %q", n, log.String())
	}
}

func TestStopAcceptingServesWhoHasConnected(t *testing.T) {
	leavesNothing(t)
	l, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0"}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	a := l.Addrs()[0].String()
	var queued []net.Conn // by the kernel: nobody accepts yet
	for range 200 {
		queued = append(queued, dialTCP(t, a))
	}
	l.Publish(greet("served"))
	l.StopAccepting()
	for i, c := range queued {
		if got := read(t, c); got != "served" {
			t.Fatalf("connection %d: %q", i, got)
		}
	}
	if _, err := net.Dial("tcp", a); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after stop: %v, want refused", err)
	}
	l.StopAccepting() // again does nothing
}

func TestWaitReturnsWhenTheLastConnectionEnds(t *testing.T) {
	l := listenOn(t, hold, "127.0.0.1:0")
	one, two := dialTCP(t, l.Addrs()[0].String()), dialTCP(t, l.Addrs()[0].String())
	l.StopAccepting()
	if err := l.Wait(ended()); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with two open = %v, want the context's cause", err)
	}
	_, _ = one.Close(), two.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Wait(ctx); err != nil {
		t.Errorf("Wait = %v", err)
	}
}

func TestServeRunsUntilItsContextEnds(t *testing.T) {
	leavesNothing(t)
	l, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0"}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Serve(ctx, greet("hi")) }()
	if got := read(t, dialTCP(t, l.Addrs()[0].String())); got != "hi" {
		t.Errorf("said %q", got)
	}
	cancel()
	await(t, done)
}

func TestANewListenerTakesSocketsOverWithoutAGap(t *testing.T) {
	leavesNothing(t)
	free := fixed(t, 3)
	kept, gone, added := free[0], free[1], free[2]
	old := listenOn(t, greet("old"), kept, gone)
	stop, failures := make(chan struct{}), make(chan error, 1)
	go func() { // a client that connects all the time
		defer close(failures)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := net.Dial("tcp", kept)
			if err == nil {
				_, err = io.ReadAll(c)
				_ = c.Close()
			}
			if err != nil {
				failures <- err
				return
			}
		}
	}()
	next, err := Listen(Config{Name: "db", Addresses: []string{kept, added}, Log: quiet()}, old)
	if err != nil {
		t.Fatal(err)
	}
	if next.Counters() != old.Counters() {
		t.Error("a listener of the same name does not go on with the counters")
	}
	next.Publish(greet("new"))
	old.StopAccepting()
	for _, a := range []string{kept, added} {
		if got := read(t, dialTCP(t, a)); got != "new" {
			t.Errorf("%s: %q", a, got)
		}
	}
	if _, err := net.Dial("tcp", gone); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the dropped address: %v, want refused", err)
	}
	close(stop)
	if err := <-failures; err != nil {
		t.Errorf("a client failed during the take-over: %v", err)
	}
	next.StopAccepting()
}

func TestAListenerMayBeRenamed(t *testing.T) {
	a := fixed(t, 1)[0]
	old := listenOn(t, greet("old"), a)
	next, err := Listen(Config{Name: "renamed", Addresses: []string{a}, Log: quiet()}, old)
	if err != nil {
		t.Fatal(err)
	}
	if next.Counters() == old.Counters() {
		t.Error("another listener got the counters")
	}
	next.Publish(greet("new"))
	old.StopAccepting()
	if got := read(t, dialTCP(t, a)); got != "new" {
		t.Errorf("said %q", got)
	}
	next.StopAccepting()
}

func TestCloseUndoesAListenThatWasNotPublished(t *testing.T) {
	leavesNothing(t)
	free := fixed(t, 2)
	kept, added := free[0], free[1]
	old := listenOn(t, greet("old"), kept)
	next, err := Listen(Config{Name: "db", Addresses: []string{added, kept}, Log: quiet()}, old)
	if err != nil {
		t.Fatal(err)
	}
	next.Close()
	if _, err := net.Dial("tcp", added); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the new address: %v, want refused", err)
	}
	if got := read(t, dialTCP(t, kept)); got != "old" {
		t.Errorf("the kept address: %q", got)
	}
}

func TestManyConnectionsUnderReloads(t *testing.T) {
	leavesNothing(t)
	a := fixed(t, 1)[0]
	current := listenOn(t, greet("x"), a)
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", a)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				if all, err := io.ReadAll(c); string(all) != "x" || err != nil {
					t.Errorf("read %q, %v", all, err)
				}
				_ = c.Close()
			}
		})
	}
	for range 100 {
		next, err := Listen(Config{Name: "db", Addresses: []string{a}, Log: quiet()}, current)
		if err != nil {
			t.Fatal(err)
		}
		next.Publish(greet("x"))
		current.StopAccepting()
		current = next
		current.Update(greet("x"), Limits{MaxPerClient: 100})
	}
	close(stop)
	clients.Wait()
	current.StopAccepting()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := current.Wait(ctx); err != nil {
		t.Errorf("Wait: %v with %d active", err, current.Counters().Active.Load())
	}
}

func TestGoroutinesHaveNames(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, echo))
	c := s.dial()
	send(t, c, "x")
	expect(t, c, "x")
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tcp4.accept", "tcp4.conn", "tcp4.relay.back"} {
		if !strings.Contains(profile.String(), `"goroutine":"`+name+`"`) {
			t.Errorf("no goroutine is called %s", name)
		}
	}
}

func TestDefaultLimits(t *testing.T) {
	n := DefaultMaxConnections()
	if n < 64 || n > 1<<23 {
		t.Errorf("%d connections by default", n)
	}
	for in, want := range map[Limits]Limits{
		{}:                                       {MaxConnections: n},
		{MaxConnections: 7, MaxPerClient: 3}:     {MaxConnections: 7, MaxPerClient: 3},
		{MaxConnections: Off, MaxPerClient: Off}: {MaxConnections: int(^uint(0) >> 1)},
	} {
		if got := in.withDefaults(); got != want {
			t.Errorf("%+v becomes %+v, want %+v", in, got, want)
		}
	}
}

func TestCountingAClientAllocatesNothing(t *testing.T) {
	c := newClients()
	a, _ := clientAddr(addrConn{addr: &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1}})
	c.enter(a, 9)
	if n := testing.AllocsPerRun(1000, func() { c.enter(a, 9); c.leave(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestClientAddr(t *testing.T) {
	for _, c := range []struct {
		remote net.Addr
		want   string
	}{
		{&net.TCPAddr{IP: net.ParseIP("192.0.2.1")}, "192.0.2.1"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}, "192.0.2.1"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::1"},
		{&net.UnixAddr{Name: "", Net: "unix"}, ""},
	} {
		a, ok := clientAddr(addrConn{addr: c.remote})
		if ok != (c.want != "") || ok && a.String() != c.want {
			t.Errorf("%v is accounted to %v, %v, want %q", c.remote, a, ok, c.want)
		}
	}
}

type addrConn struct {
	net.Conn
	addr net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.addr }

func BenchmarkAcceptAndClose(b *testing.B) {
	l := listenOn(b, func(net.Conn) {}, "127.0.0.1:0")
	a := l.Addrs()[0].String()
	b.ReportAllocs()
	for b.Loop() {
		c, err := net.DialTimeout("tcp", a, time.Second)
		if err != nil {
			b.Fatal(err)
		}
		reset(c)
	}
}
