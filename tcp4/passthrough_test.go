package tcp4

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/internal/hello"
)

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// sorted listens with a passthrough: each entry and, if ends, the one who ends TLS says its name to
// a client that speaks TLS.
func sorted(t testing.TB, cfg PassthroughConfig, ends bool, entries ...PassthroughEntry) (*Listener, *defences) {
	t.Helper()
	d := new(defences)
	for i, e := range entries {
		name := strings.Join(append(e.SNI, e.ALPN...), " ")
		entries[i].Serve = func(c net.Conn, h *hello.Hello) { answering(t, name, e.ALPN)(c) }
	}
	cfg.Listener, cfg.Entries, cfg.Log, cfg.Defended = "web", entries, quiet(), d.told
	p, err := NewPassthrough(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var next Handler
	if ends {
		next = answering(t, "here", []string{"h2", "http/1.1"})
	}
	return listenOn(t, p.Handler(next), "127.0.0.1:0"), d
}

// bounding returns what bounds hellos, and does nothing else.
func bounding(timeout time.Duration, perClient int) *TLS {
	return newTLS(TLSConfig{Timeout: timeout, PerClient: perClient})
}

// answering ends TLS and says name.
func answering(t testing.TB, name string, protocols []string) Handler {
	c := selfSigned(t)().Clone()
	c.NextProtos = protocols
	return func(conn net.Conn) {
		secure := tls.Server(conn, c)
		_, _ = io.WriteString(secure, name)
		_ = secure.Close()
	}
}

// hear returns what a client is told who asks for host and offers protocols.
func hear(t testing.TB, l *Listener, host string, protocols ...string) (string, error) {
	t.Helper()
	conn := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{ServerName: host, NextProtos: protocols, InsecureSkipVerify: true})
	b, err := io.ReadAll(conn)
	return string(b), err
}

func TestTheHelloDecidesWhoTakesAConnection(t *testing.T) {
	l, d := sorted(t, PassthroughConfig{}, true,
		PassthroughEntry{SNI: []string{"*.example.com"}},
		PassthroughEntry{SNI: []string{"db.example.com"}},
		PassthroughEntry{SNI: []string{"db.example.com"}, ALPN: []string{"postgresql"}},
		PassthroughEntry{SNI: []string{"*.raw.example.com"}},
		PassthroughEntry{ALPN: []string{"mqtt"}},
	)
	for _, c := range []struct {
		host, offers, want string
	}{
		{"db.example.com", "", "db.example.com"},
		{"DB.example.com", "", "db.example.com"},
		{"db.example.com", "postgresql", "db.example.com postgresql"},
		{"db.example.com", "mqtt", "db.example.com"},
		{"web.example.com", "h2", "*.example.com"},
		{"a.b.example.com", "", "*.example.com"},
		{"x.raw.example.com", "", "*.raw.example.com"},
		{"raw.example.com", "", "*.example.com"},
		{"example.com", "h2", "here"},
		{"wexample.com", "", "here"},
		{"other.test", "mqtt", "mqtt"},
		{"", "mqtt", "mqtt"},
		{"", "", "here"},
	} {
		var offers []string
		if c.offers != "" {
			offers = []string{c.offers}
		}
		if got, err := hear(t, l, c.host, offers...); err != nil || got != c.want {
			t.Errorf("%q offering %q: %q, %v, want %q", c.host, c.offers, got, err, c.want)
		}
	}
	if d.String() != "" {
		t.Error(d)
	}
}

// trickle writes in pieces of n bytes, each a packet of its own.
type trickle struct {
	*net.TCPConn
	n int
}

func (c trickle) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += c.n {
		if _, err := c.TCPConn.Write(b[at:min(at+c.n, len(b))]); err != nil {
			return at, err
		}
	}
	return len(b), nil
}

func TestAHelloMayComeInPieces(t *testing.T) {
	l, _ := sorted(t, PassthroughConfig{}, true, PassthroughEntry{SNI: []string{"db.example.com"}})
	for _, n := range []int{1, 5, 100, 1400} {
		raw := dialTCP(t, l.Addrs()[0].String())
		_ = raw.SetNoDelay(true)
		conn := tls.Client(trickle{raw, n}, &tls.Config{ServerName: "db.example.com", InsecureSkipVerify: true})
		if b, err := io.ReadAll(conn); err != nil || string(b) != "db.example.com" {
			t.Errorf("pieces of %d: %q, %v", n, b, err)
		}
	}
}

func TestATrickleOfAHelloCostsFewLooks(t *testing.T) {
	far, near := pair(t)
	var looks atomic.Int32
	done := make(chan error, 1)
	look := peek{look: func(b []byte) (int, error) {
		if looks.Add(1); len(b) < 2000 {
			return 2000, errMore
		}
		return 0, nil
	}}
	go func() { done <- look.run(near, patience) }()
	_ = far.SetNoDelay(true)
	for range 2000 {
		send(t, far, "x")
	}
	if err := await(t, done); err != nil || looks.Load() > 3 {
		t.Errorf("%d looks, %v", looks.Load(), err)
	}
	send(t, far, "y")
	got := make([]byte, 2001)
	if _, err := io.ReadFull(near, got); err != nil || got[2000] != 'y' {
		t.Errorf("what was looked at is not there: %v", err)
	}
}

// pair is a TCP connection, with deadlines.
func pair(t testing.TB) (far, near *net.TCPConn) {
	t.Helper()
	address, conns := waiting(t)
	far = dialTCP(t, address)
	return far, await(t, conns)
}

func TestALargeHelloIsRead(t *testing.T) {
	l, _ := sorted(t, PassthroughConfig{}, true, PassthroughEntry{SNI: []string{"db.example.com"}})
	offers := make([]string, 200)
	for i := range offers {
		offers[i] = strings.Repeat("x", 100)
	}
	if got, err := hear(t, l, "db.example.com", offers...); err != nil || got != "db.example.com" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWithoutTerminationTheUnknownAreToldSo(t *testing.T) {
	hand := bounding(0, 0)
	l, d := sorted(t, PassthroughConfig{TLS: hand}, false, PassthroughEntry{SNI: []string{"db.example.com"}})
	if _, err := hear(t, l, "other.test"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("%v, want the alert unrecognized_name", err)
	}
	if d.String() != "" || hand.Unknown.Load() != 1 || hand.Failures.Load() != 1 {
		t.Errorf("told of %v; %d of %d failures are unknown names, want 1 of 1", d, hand.Unknown.Load(), hand.Failures.Load())
	}
}

func TestWhatIsNoHelloIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		send, want string
		alert      bool
	}{
		"a request":             {"GET / HTTP/1.1\r\n", DefendedHello, false},
		"a server's hello":      {"\x16\x03\x03\x00\x04\x02\x00\x00\x00", DefendedHello, true},
		"a hello over 32 KiB":   {"\x16\x03\x01\x40\x00\x01\x01\x00\x00" + strings.Repeat("x", 9000), DefendedHello, true},
		"a PROXY header":        {header(1, "192.0.2.1:1", "192.0.2.2:2"), DefendedHello, false},
		"a hello that is cut":   {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", DefendedHello, false},
		"one byte, and the end": {"\x16", DefendedHello, false},
		"nothing":               {"", "", false},
	} {
		l, d := sorted(t, PassthroughConfig{}, false, PassthroughEntry{SNI: []string{"db.example.com"}})
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, c.send)
		_ = conn.CloseWrite()
		if b, _ := io.ReadAll(conn); (string(b) == string(hello.Alert(hello.DecodeError))) != c.alert {
			t.Errorf("%s: answered %q", what, b)
		}
		if d.String() != c.want {
			t.Errorf("%s: told of %q, want %q", what, d, c.want)
		}
	}
}

func TestWhatIsNoHelloGoesToWhoEndsTLS(t *testing.T) {
	p, err := NewPassthrough(PassthroughConfig{Entries: []PassthroughEntry{{SNI: []string{"a"}, Serve: func(net.Conn, *hello.Hello) {}}}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, p.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) }), "127.0.0.1:0")
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x03\x00\x04\x02\x00\x00\x00"} {
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, text)
		expect(t, conn, text)
	}
}

// recordedHello returns the bytes of a client's hello.
func recordedHello(t testing.TB) []byte {
	t.Helper()
	far, near := pair(t)
	go func() {
		_ = tls.Client(far, &tls.Config{ServerName: "db.example.com", InsecureSkipVerify: true}).Handshake()
	}() // ends with far
	b := make([]byte, 16<<10)
	n, err := near.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestNoHelloThatIsCutOrChangedHangsOrLeaks(t *testing.T) {
	whole := recordedHello(t)
	leavesNothing(t)
	served := make(chan struct{}, 1024)
	p, err := NewPassthrough(PassthroughConfig{Log: quiet(), Entries: []PassthroughEntry{
		{SNI: []string{"db.example.com"}, Serve: func(net.Conn, *hello.Hello) { served <- struct{}{} }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, p.Handler(nil), "127.0.0.1:0")
	try := func(b []byte) {
		conn := dialTCP(t, l.Addrs()[0].String())
		_, _ = conn.Write(b)
		_ = conn.CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		_ = conn.Close()
	}
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/40 {
		try(whole[:cut])
	}
	if n := len(served); n != 0 {
		t.Errorf("%d hellos that were cut were served", n)
	}
	for at := range min(len(whole), 150) {
		lie := slices.Clone(whole)
		lie[at] ^= 1 << (at % 8)
		try(lie)
	}
	try(whole)
	if len(served) == 0 {
		t.Error("the whole hello was not served")
	}
}

func TestASlowHelloIsRefused(t *testing.T) {
	t.Parallel()
	l, d := sorted(t, PassthroughConfig{TLS: bounding(time.Second, 0)}, true, PassthroughEntry{SNI: []string{"a"}})
	conn := dialTCP(t, l.Addrs()[0].String())
	send(t, conn, "\x16\x03\x01")
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("answered")
	}
	if d.String() != DefendedSlowHello {
		t.Errorf("told of %q", d)
	}
}

// With a passthrough, one address could hold as many connections as it liked with half a hello on each:
// only who ends TLS counted handshakes.
func TestAHelloThatIsAwaitedIsAHandshakeUnderWay(t *testing.T) {
	hand := bounding(time.Minute, 3)
	l, d := sorted(t, PassthroughConfig{TLS: hand}, true, PassthroughEntry{SNI: []string{"db"}})
	held := silent(t, l, 3)
	send(t, held[0], "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	eventually(t, "three hellos are awaited", func() bool { return shakingOf(hand, "127.0.0.1") == 3 })
	expectEnd(t, dialTCP(t, l.Addrs()[0].String()))
	if n := hand.Flooded.Load(); n != 1 || d.String() != "" {
		t.Errorf("%d are counted as a flood, want 1; and %q", n, d)
	}
	// One that gives up makes room, and one whose hello is there takes none.
	_ = held[0].Close()
	eventually(t, "one has given up", func() bool { return shakingOf(hand, "127.0.0.1") == 2 })
	for range 3 {
		if got, err := hear(t, l, "db"); err != nil || got != "db" {
			t.Errorf("%q, %v", got, err)
		}
	}
	hand.Bound(time.Minute, Off)
	more := silent(t, l, 8)
	eventually(t, "those of before are left", func() bool { return shakingOf(hand, "127.0.0.1") == 2 })
	for _, c := range append(more, held...) {
		_ = c.Close()
	}
}

func TestHellosAreBoundedWithoutWhoEndsTLS(t *testing.T) {
	p, err := NewPassthrough(PassthroughConfig{Entries: []PassthroughEntry{{Serve: func(net.Conn, *hello.Hello) {}}}})
	if want := (tlsBounds{10 * time.Second, 256}); err != nil || *p.cfg.TLS.bounds.Load() != want {
		t.Errorf("%+v, %v, want %+v", *p.cfg.TLS.bounds.Load(), err, want)
	}
}

func TestTheHellosDeadlineDoesNotOutliveIt(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // so that even a slow machine shakes hands in time
	echoes := PassthroughEntry{SNI: []string{"db.example.com"}}
	cfg := selfSigned(t)()
	echoes.Serve = func(c net.Conn, _ *hello.Hello) { secure := tls.Server(c, cfg); _, _ = io.Copy(secure, secure) }
	p, err := NewPassthrough(PassthroughConfig{TLS: bounding(timeout, 0), Entries: []PassthroughEntry{echoes}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, p.Handler(nil), "127.0.0.1:0")
	conn := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{ServerName: "db.example.com", InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-time.After(timeout + timeout/5)
	send(t, conn, "late")
	expect(t, conn, "late")
}

func TestAPassthroughIsRelayedToItsLastByte(t *testing.T) {
	cfg := selfSigned(t)()
	address := endpoint(t, func(c *net.TCPConn) {
		secure := tls.Server(c, cfg)
		_, _ = io.Copy(secure, secure)
		_ = secure.CloseWrite()
	})
	s := relayTo(t, nil, address)
	p, err := NewPassthrough(PassthroughConfig{Entries: []PassthroughEntry{{SNI: []string{"db.example.com"}, Serve: s.relay.ServeHello}}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, p.Handler(nil), "127.0.0.1:0")
	conn := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{ServerName: "db.example.com", InsecureSkipVerify: true})
	const much = 4 << 20
	go func() { // ends with the connection
		_, _ = io.Copy(conn, io.LimitReader(zeros{}, much))
		_ = conn.CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, conn); n != much || err != nil {
		t.Fatalf("%d, %v, want %d", n, err, much)
	}
	_ = conn.Close()
	if rec := s.record(); rec.End != Done || rec.ServerName != "db.example.com" || rec.BytesOut < much {
		t.Errorf("%+v", rec)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestAHelloBehindAPROXYHeader(t *testing.T) {
	proxies, _ := believing(t, everybody, patience)
	heard := make(chan string, 1)
	p, err := NewPassthrough(PassthroughConfig{Log: quiet(), Entries: []PassthroughEntry{{SNI: []string{"db.example.com"},
		Serve: func(c net.Conn, h *hello.Hello) {
			heard <- c.RemoteAddr().String() + " " + h.ServerName
			answering(t, "through", nil)(c)
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0"}, Limits: Limits{Proxies: proxies}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(p.Handler(nil))
	t.Cleanup(l.StopAccepting)
	raw := dialTCP(t, l.Addrs()[0].String())
	send(t, raw, header(1, "192.0.2.1:7", "192.0.2.2:443"))
	conn := tls.Client(raw, &tls.Config{ServerName: "db.example.com", InsecureSkipVerify: true})
	if b, err := io.ReadAll(conn); err != nil || string(b) != "through" {
		t.Errorf("%q, %v", b, err)
	}
	if got := await(t, heard); got != "192.0.2.1:7 db.example.com" {
		t.Error(got)
	}
}

func TestAPassthroughWantsEntriesThatServe(t *testing.T) {
	for _, cfg := range []PassthroughConfig{{}, {Entries: []PassthroughEntry{{SNI: []string{"a"}}}}} {
		if _, err := NewPassthrough(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
