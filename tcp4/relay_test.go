package tcp4

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/lb"
)

func TestRelayPassesBytesBothWays(t *testing.T) {
	leavesNothing(t)
	s := relayTo(t, nil, endpoint(t, echo))
	c := s.dial()
	for _, text := range []string{"a", "hello", strings.Repeat("x", 100_000)} {
		send(t, c, text)
		expect(t, c, text)
	}
	_ = c.CloseWrite()
	expectEnd(t, c)
	r := s.record()
	if r.End != Done || r.BytesIn != 100_006 || r.BytesOut != 100_006 || r.Attempts != 1 {
		t.Errorf("record = %+v, want done with 100006 bytes each way", r)
	}
	if r.Listener != "db" || r.Upstream != "postgres" || r.Endpoint == "" || r.Client.String() != c.LocalAddr().String() || r.Duration <= 0 || r.Connect <= 0 {
		t.Errorf("record = %+v lacks something", r)
	}
}

func TestClientMayHalfCloseAndStillReadsTheAnswer(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, func(c *net.TCPConn) {
		question, _ := io.ReadAll(c)
		_, _ = c.Write([]byte("you said " + string(question)))
	}))
	c := s.dial()
	send(t, c, "all of it")
	_ = c.CloseWrite()
	expect(t, c, "you said all of it")
	expectEnd(t, c)
	if r := s.record(); r.End != Done {
		t.Errorf("ended %v, want done", r.End)
	}
}

func TestEndpointMayHalfCloseAndStillReads(t *testing.T) {
	heard := make(chan string, 1)
	s := relayTo(t, nil, endpoint(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("banner"))
		_ = c.CloseWrite()
		rest, _ := io.ReadAll(c)
		heard <- string(rest)
	}))
	c := s.dial()
	expect(t, c, "banner")
	expectEnd(t, c)
	send(t, c, "still here")
	_ = c.Close()
	if got := await(t, heard); got != "still here" {
		t.Errorf("endpoint read %q after its half-close", got)
	}
	if r := s.record(); r.End != Done {
		t.Errorf("ended %v, want done", r.End)
	}
}

func TestResetOfTheClientResetsTheEndpoint(t *testing.T) {
	leavesNothing(t)
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	c := s.dial()
	send(t, c, "x")
	e := await(t, conns)
	expect(t, e, "x")
	reset(c)
	expectReset(t, e)
	if r := s.record(); r.End != ClientReset {
		t.Errorf("ended %v, want client_reset", r.End)
	}
}

func TestResetOfTheEndpointResetsTheClientAfterItsLastBytes(t *testing.T) {
	leavesNothing(t)
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	c := s.dial()
	send(t, c, "x")
	e := await(t, conns)
	send(t, e, "half an ans")
	expect(t, c, "half an ans")
	reset(e) // "x" is unread, too
	expectReset(t, c)
	if r := s.record(); r.End != EndpointReset || r.BytesOut != 11 {
		t.Errorf("record = %+v, want endpoint_reset after 11 bytes", r)
	}
}

// A client that half-closes and then resets used to be noticed only at the next write to it.
func TestResetAfterAHalfCloseReachesASilentEndpoint(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	c := s.dial()
	send(t, c, "x")
	_ = c.CloseWrite()
	e := await(t, conns)
	expect(t, e, "x")
	expectEnd(t, e)
	reset(c)
	if r := s.record(); r.End != ClientReset {
		t.Errorf("ended %v, want client_reset", r.End)
	}
	eventually(t, "the endpoint's connection broken", func() bool {
		_, err := e.Write([]byte("x"))
		return err != nil
	})
}

func TestAnEndpointThatDiesInBulkIsNeverACleanEnd(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, func(c *net.TCPConn) {
		block := make([]byte, 64<<10)
		for range 256 {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
		reset(c)
	}))
	c := s.dial()
	n, err := io.Copy(io.Discard, c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("client read %d bytes, then %v, want a reset", n, err)
	}
	if r := s.record(); r.End != EndpointReset {
		t.Errorf("ended %v, want endpoint_reset", r.End)
	}
}

// An endpoint that refuses early and closes with unread bytes resets; what it said comes first.
func TestWhatARefusingEndpointSaidReachesTheClient(t *testing.T) {
	s := relayTo(t, nil, endpoint(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("ERR too many"))
		_ = c.CloseWrite()
		_, _ = c.Read(make([]byte, 1))
	}))
	c := s.dial()
	go func() { // ends with c
		block := make([]byte, 16<<10)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}()
	expect(t, c, "ERR too many")
	r := s.record()
	if r.End != EndpointReset && r.End != Done {
		t.Errorf("ended %v, want endpoint_reset or done", r.End)
	}
}

// Both sides wait far longer than the idle timeout, and its default is an hour.
func TestIdleSessionsAreCut(t *testing.T) {
	leavesNothing(t)
	const idle = 200 * time.Millisecond
	address, conns := waiting(t)
	s := relayTo(t, func(c *RelayConfig) { c.IdleTimeout = idle }, address)
	c := s.dial()
	e := await(t, conns)
	expectReset(t, c)
	expectReset(t, e)
	if r := s.record(); r.End != Idle || r.Duration < idle {
		t.Errorf("ended %v after %v, want idle after %v", r.End, r.Duration, idle)
	}
}

func TestActivityInOneDirectionKeepsASession(t *testing.T) {
	t.Parallel()
	const idle = 800 * time.Millisecond
	s := relayTo(t, func(c *RelayConfig) { c.IdleTimeout = idle }, endpoint(t, func(c *net.TCPConn) {
		tick := time.NewTicker(idle / 16)
		defer tick.Stop()
		for range 40 {
			<-tick.C
			_, _ = c.Write([]byte("."))
		}
	}))
	c := s.dial()
	expect(t, c, strings.Repeat(".", 40)) // more than twice as long as idle
	expectEnd(t, c)
}

func TestConnectGoesOnToAnotherEndpoint(t *testing.T) {
	dead, live := deaf(t), endpoint(t, echo)
	s := relayTo(t, nil, dead, live)
	for i := range 4 {
		c := s.dial()
		send(t, c, "x")
		expect(t, c, "x")
		_ = c.CloseWrite()
		expectEnd(t, c)
		if r := s.record(); r.End != Done || r.Endpoint != live {
			t.Errorf("session %d: %v at %s, want done at %s", i, r.End, r.Endpoint, live)
		}
	}
	for _, e := range s.relay.cfg.Upstream.View().Members() {
		failed := e.Endpoint.Ended(lb.ConnectFailed)
		if (e.Endpoint.Address() == dead) != (failed > 0) || e.Endpoint.InFlight() != 0 {
			t.Errorf("%v: %d failed connects, %d in flight", e.Endpoint, failed, e.Endpoint.InFlight())
		}
	}
}

func TestConnectGivesUpAfterAttempts(t *testing.T) {
	for _, c := range []struct {
		attempts, tried int
		endpoints       int
		end             End
	}{
		{attempts: 0, endpoints: 5, tried: 3, end: ConnectFailed}, // the default: two more
		{attempts: 1, endpoints: 5, tried: 2, end: ConnectFailed},
		{attempts: Off, endpoints: 5, tried: 1, end: ConnectFailed},
		{attempts: 4, endpoints: 2, tried: 2, end: ConnectFailed}, // there are no more
	} {
		var dead []string
		for range c.endpoints {
			dead = append(dead, deaf(t))
		}
		s := relayTo(t, func(cfg *RelayConfig) { cfg.Attempts = c.attempts }, dead...)
		s.expectRefusal()
		if r := s.record(); r.Attempts != c.tried || r.End != c.end || !errors.Is(r.Err, syscall.ECONNREFUSED) {
			t.Errorf("%+v: record = %+v", c, r)
		}
	}
}

func TestAnUpstreamWithoutEndpointsResetsTheClient(t *testing.T) {
	s := relayTo(t, nil)
	s.expectRefusal()
	if r := s.record(); r.End != NoEndpoint || r.Attempts != 0 {
		t.Errorf("record = %+v, want no_endpoint", r)
	}
}

// The default is a second. A machine that stands still makes a timeout late, never early: the soonest of some counts.
func TestConnectTimeoutIsKept(t *testing.T) {
	s := relayTo(t, func(c *RelayConfig) { c.ConnectTimeout = 50 * time.Millisecond }, frozen(t))
	soonest := time.Hour
	for tries := 0; tries < 5 && soonest > 900*time.Millisecond; tries++ {
		s.expectRefusal()
		r := s.record()
		if r.End != ConnectFailed || r.Connect < 40*time.Millisecond {
			t.Errorf("ended %v, connect took %v, want connect_failed after 50ms", r.End, r.Connect)
		}
		soonest = min(soonest, r.Connect)
	}
	if soonest > 900*time.Millisecond {
		t.Errorf("connects took at least %v, want 50ms", soonest)
	}
}

func TestLocalExhaustionIsNotTheEndpointsFault(t *testing.T) {
	for err, want := range map[error]lb.Result{
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}:  lb.ConnectFailed,
		&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}:  lb.ConnectFailed,
		&net.OpError{Op: "dial", Err: syscall.EMFILE}:        lb.Cancelled,
		&net.OpError{Op: "dial", Err: syscall.EADDRNOTAVAIL}: lb.Cancelled,
	} {
		if got := blame(err); got != want {
			t.Errorf("blame(%v) = %v, want %v", err, got, want)
		}
	}
}

func TestRelayBetweenUnixSockets(t *testing.T) {
	leavesNothing(t)
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, ln, func(c net.Conn) {
		_, _ = io.Copy(c, c)
	})
	s := relayTo(t, nil, "unix:"+filepath.Join(dir, "endpoint"))
	front := listenOn(t, s.relay.Serve, "unix:"+filepath.Join(dir, "front"))
	conn, err := net.Dial("unix", front.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const total = 64 << 20
	sum := make(chan uint32, 1)
	go func() {
		sum <- pump(conn, total)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	got, n := drink(conn)
	if want := await(t, sum); got != want || n != total {
		t.Errorf("%d bytes with sum %x came back, want %d with %x", n, got, total, want)
	}
}

func TestRelayOfATLSClient(t *testing.T) {
	leavesNothing(t)
	s := relayTo(t, nil, endpoint(t, echo))
	hand, err := NewTLS(TLSConfig{Config: selfSigned(t), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Update(hand.Handler(s.relay.Serve), Limits{})
	c := tls.Client(s.dial(), &tls.Config{InsecureSkipVerify: true})
	const total = 4 << 20
	sum := make(chan uint32, 1)
	go func() {
		sum <- pump(c, total)
		_ = c.CloseWrite()
	}()
	got, n := drink(c)
	if want := await(t, sum); got != want || n != total {
		t.Errorf("%d bytes with sum %x came back, want %d with %x", n, got, total, want)
	}
	if r := s.record(); r.End != Done || r.BytesIn != total {
		t.Errorf("record = %+v, want done", r)
	}
}

func TestATLSClientThatVanishesIsNotACleanEnd(t *testing.T) {
	address, conns := waiting(t)
	s := relayTo(t, nil, address)
	hand, err := NewTLS(TLSConfig{Config: selfSigned(t), Whole: true, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Update(hand.Handler(s.relay.Serve), Limits{})
	raw := s.dial()
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	send(t, c, "x")
	e := await(t, conns)
	expect(t, e, "x")
	_ = raw.Close() // without close_notify
	expectReset(t, e)
	if r := s.record(); r.End != ClientReset {
		t.Errorf("ended %v, want client_reset", r.End)
	}
}

func TestNewRelayWantsWhatItCannotDoWithout(t *testing.T) {
	u := upstream(t)
	for _, cfg := range []RelayConfig{{}, {Upstream: u}, {Sessions: NewSessions()}} {
		if _, err := NewRelay(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
	r, err := NewRelay(RelayConfig{Upstream: u, Sessions: NewSessions()})
	if err != nil || r.cfg.ConnectTimeout != time.Second || r.cfg.IdleTimeout != time.Hour || r.cfg.Attempts != 2 {
		t.Errorf("defaults: %+v, %v", r, err)
	}
}

func TestKeyIsAskedWithTheClientsAddress(t *testing.T) {
	asked := make(chan netip.Addr, 1)
	s := relayTo(t, func(c *RelayConfig) {
		c.Key = func(a netip.Addr) lb.Key { asked <- a; return lb.Key{Hash: 7} }
	}, endpoint(t, echo))
	_ = s.dial()
	if a := await(t, asked); a != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("asked for %v", a)
	}
}

func TestEndsHaveWords(t *testing.T) {
	for e := range Ends {
		if End(e).String() == "" || strings.Contains(End(e).String(), "(") {
			t.Errorf("end %d has no word", e)
		}
	}
	if got := End(99).String(); got != "end(99)" {
		t.Errorf("End(99) = %s", got)
	}
}
