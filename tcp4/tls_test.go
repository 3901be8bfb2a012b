package tcp4

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// selfSigned returns a getter of a configuration with a fresh certificate.
func selfSigned(t testing.TB) func() *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return func() *tls.Config { return cfg }
}

// tlsEcho listens with a TLS hand-off in front of an echo.
func tlsEcho(t testing.TB, timeout time.Duration) (*TLS, *Listener) {
	t.Helper()
	hand, err := NewTLS(TLSConfig{Listener: "db", Config: selfSigned(t), Timeout: timeout, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return hand, listenOn(t, hand.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) }), "127.0.0.1:0")
}

func TestTLSIsTerminatedInFrontOfTheHandler(t *testing.T) {
	hand, l := tlsEcho(t, 0)
	c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true})
	send(t, c, "secret")
	expect(t, c, "secret")
	if n, f := hand.Handshakes.Load(), hand.Failures.Load(); n != 1 || f != 0 {
		t.Errorf("%d handshakes and %d failures, want 1 and 0", n, f)
	}
}

func TestTheHandshakesDeadlineDoesNotOutliveIt(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // so that even a slow machine shakes hands in time
	_, l := tlsEcho(t, timeout)
	c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-time.After(timeout + timeout/5)
	send(t, c, "late")
	expect(t, c, "late")
}

func TestASilentClientIsDroppedAfterTheTimeout(t *testing.T) {
	hand, l := tlsEcho(t, 50*time.Millisecond)
	c := dialTCP(t, l.Addrs()[0].String())
	expectEnd(t, c)
	if f, n := hand.Failures.Load(), hand.Timeouts.Load(); f != 1 || n != 1 {
		t.Errorf("%d failures, %d timeouts, want 1 and 1", f, n)
	}
}

func TestAClientThatDoesNotSpeakTLSIsCounted(t *testing.T) {
	hand, l := tlsEcho(t, 0)
	c := dialTCP(t, l.Addrs()[0].String())
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.Copy(io.Discard, c)
	if f, n, ok := hand.Failures.Load(), hand.NotTLS.Load(), hand.Handshakes.Load(); f != 1 || n != 1 || ok != 0 {
		t.Errorf("%d failures, %d of them not TLS, %d handshakes, want 1, 1, 0", f, n, ok)
	}
}

func TestPlainHTTPIsAnsweredWithWhatTheConfigSays(t *testing.T) {
	const answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct{ first, want string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer},
		{"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70_000), answer},
		{"OPTIONS * HTTP/1.1\r\n\r\n", answer},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", answer},
		{"SSH-2.0-OpenSSH_9\r\n", ""},
		{"\x16\x03\x01\x00\x05\x02\x00\x00\x01x", "\x15\x03"}, // TLS, but no hello: an alert
	} {
		hand, err := NewTLS(TLSConfig{Config: selfSigned(t), Plain: []byte(answer), Log: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		l := listenOn(t, hand.Handler(func(net.Conn) { t.Errorf("%.20q was taken for TLS", c.first) }), "127.0.0.1:0")
		nc := dialTCP(t, l.Addrs()[0].String())
		_, _ = io.WriteString(nc, c.first)
		got, _ := io.ReadAll(nc)
		if c.want == "" && len(got) > 0 || !strings.HasPrefix(string(got), c.want) || c.want == answer && string(got) != answer {
			t.Errorf("%.20q was answered %q, want %q", c.first, got, c.want)
		}
	}
}

// silent opens n connections that say nothing, and waits until all have been accepted.
func silent(t *testing.T, l *Listener, n int) (all []*net.TCPConn) {
	t.Helper()
	for range n {
		all = append(all, dialTCP(t, l.Addrs()[0].String()))
	}
	eventually(t, "all silent ones accepted", func() bool { return l.Counters().Accepted.Load() >= int64(n) })
	return all
}

func TestAClientHasSoManyHandshakesUnderWay(t *testing.T) {
	hand, l := tlsEcho(t, 0)
	hand.Bound(time.Minute, 3)
	held := silent(t, l, 3)
	eventually(t, "three handshakes under way", func() bool { return shakingOf(hand, "127.0.0.1") == 3 })
	expectEnd(t, dialTCP(t, l.Addrs()[0].String()))
	if n, f := hand.Flooded.Load(), hand.Failures.Load(); n != 1 || f != 0 {
		t.Errorf("%d flooded, %d failures, want 1 and 0", n, f)
	}
	// One that ends makes room for another, and one that has shaken hands takes none.
	_ = held[0].Close()
	eventually(t, "one given up", func() bool { return shakingOf(hand, "127.0.0.1") == 2 })
	for range 3 { // two of them would be one too many if a handshake were counted on
		c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true})
		send(t, c, "hi")
		expect(t, c, "hi")
	}
	hand.Bound(time.Minute, Off)
	more := silent(t, l, 8)
	eventually(t, "only those of before are counted", func() bool { return shakingOf(hand, "127.0.0.1") == 2 })
	for _, c := range append(more, held...) {
		_ = c.Close()
	}
}

// shakingOf returns how many handshakes an address has under way.
func shakingOf(hand *TLS, addr string) int {
	a := netip.MustParseAddr(addr)
	s := hand.shaking.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[a]
}

func TestHandshakesAreAccountedToAnAddressOrABlock(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:1": "192.0.2.1", "[::ffff:192.0.2.1]:1": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::", "[fe80::1%eth0]:1": "fe80::",
	} {
		if got, ok := shakes(addrConn{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))}); !ok || got.String() != want {
			t.Errorf("%s is accounted to %s, want %s", addr, got, want)
		}
	}
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if _, ok := shakes(a); ok {
		t.Error("a pipe has an address")
	}
}

func TestHandshakesAreCountedByWhatTheyCameTo(t *testing.T) {
	config := selfSigned(t)()
	config.ClientAuth = tls.RequestClientCert
	hand, err := NewTLS(TLSConfig{Config: func() *tls.Config { return config }, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) }), "127.0.0.1:0")
	client := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1), ServerName: "localhost"}
	talk := func(c *tls.Config) {
		nc := tls.Client(dialTCP(t, l.Addrs()[0].String()), c)
		send(t, nc, "hi")
		expect(t, nc, "hi")
		_ = nc.Close()
	}
	talk(client)
	talk(client)
	client = client.Clone()
	client.MaxVersion, client.ClientSessionCache = tls.VersionTLS12, nil
	talk(client)
	if all, v12, v13, resumed := hand.Handshakes.Load(), hand.TLS12.Load(), hand.TLS13.Load(), hand.Resumed.Load(); all != 3 || v12 != 1 || v13 != 2 || resumed != 1 {
		t.Errorf("%d handshakes, %d of 1.2, %d of 1.3, %d resumed, want 3, 1, 2, 1", all, v12, v13, resumed)
	}
}

func TestClientsWithoutAGoodCertificateAreCounted(t *testing.T) {
	config := selfSigned(t)().Clone()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	hand, err := NewTLS(TLSConfig{Config: func() *tls.Config { return config }, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(func(net.Conn) { t.Error("a stranger was let in") }), "127.0.0.1:0")
	for _, shown := range [][]tls.Certificate{nil, selfSigned(t)().Certificates} {
		c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true, Certificates: shown})
		if _, err := io.ReadAll(c); err == nil {
			t.Error("no error")
		}
	}
	eventually(t, "both counted", func() bool { return hand.Unproven.Load() == 2 }) // the alert comes before
	if f := hand.Failures.Load(); f != 2 {
		t.Errorf("%d failures, want 2", f)
	}
}

func TestNamesThatNobodyHasAndClientsThatRefuseAreCounted(t *testing.T) {
	pair := selfSigned(t)().Certificates[0]
	hand, err := NewTLS(TLSConfig{Log: quiet(), Config: func() *tls.Config {
		return &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.ServerName != "localhost" {
				return nil, nil
			}
			return &pair, nil
		}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) }), "127.0.0.1:0")
	for _, c := range []struct {
		name, want        string
		unknown, byClient int64
	}{
		{"other.test", "unrecognized name", 1, 0},
		{"localhost", "unknown authority", 1, 1}, // of the client
	} {
		nc := dialTCP(t, l.Addrs()[0].String())
		if err := tls.Client(nc, &tls.Config{ServerName: c.name, RootCAs: x509.NewCertPool()}).Handshake(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		_ = nc.Close()
		eventually(t, c.name+" counted", func() bool { return hand.Unknown.Load() == c.unknown && hand.ByClient.Load() == c.byClient })
	}
	if n := hand.Failures.Load(); n != 2 {
		t.Errorf("%d failures, want 2", n)
	}
}

// A client of TLS 1.3 is through with the handshake before its certificate is looked at, and sends its
// request. Closing on that reset the connection, and the reset overtook the alert.
func TestARefusedClientSeesTheAlertThoughItHasSentMore(t *testing.T) {
	config := selfSigned(t)().Clone()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	hand, err := NewTLS(TLSConfig{Config: func() *tls.Config { return config }, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(func(net.Conn) { t.Error("a stranger was let in") }), "127.0.0.1:0")
	for _, c := range []struct {
		shown []tls.Certificate
		want  string
	}{
		{nil, "tls: certificate required"},
		{selfSigned(t)().Certificates, "tls: unknown certificate authority"},
	} {
		for range 20 {
			nc := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true, Certificates: c.shown})
			for range 20 {
				if _, err = nc.Write(make([]byte, 1000)); err != nil {
					break
				}
			}
			if err == nil {
				_, err = io.ReadAll(nc)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			_ = nc.Close()
		}
	}
}

func TestAnAuthorityThatValidatesANameGetsItsHandshakeAndNoMore(t *testing.T) {
	config := selfSigned(t)().Clone()
	config.NextProtos = []string{acmeProtocol}
	hand, err := NewTLS(TLSConfig{Config: func() *tls.Config { return config }, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(func(net.Conn) { t.Error("the handler was called") }), "127.0.0.1:0")
	c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{acmeProtocol}})
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("read %q, %v; want a clean end", b, err)
	}
	if n := hand.Handshakes.Load(); n != 1 {
		t.Errorf("%d handshakes, want 1", n)
	}
}

// told is a connection whose client says something and then ends; what it is told is kept.
type told struct {
	net.Conn
	says  io.Reader
	heard []byte
}

func (c *told) Read(b []byte) (int, error)  { return c.says.Read(b) }
func (c *told) Write(b []byte) (int, error) { c.heard = append(c.heard, b...); return len(b), nil }
func (c *told) SetDeadline(time.Time) error { return nil }
func (c *told) Close() error                { return nil }
func (c *told) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// FuzzHandshake gives the hand-off whatever a client may say and then an end: it comes back, counts one
// failure, and nobody is left under way.
func FuzzHandshake(f *testing.F) {
	client := &told{says: strings.NewReader("")}
	_ = tls.Client(client, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}}).Handshake() // fails, having said its hello
	hello := client.heard
	f.Add(hello)
	f.Add(hello[:len(hello)/2])
	f.Add(append(append([]byte{}, hello...), hello...))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\xff\xff"))
	f.Add([]byte("\x16\x03\x01\x81\x00")) // a record that is too long: there is an alert
	hand, err := NewTLS(TLSConfig{Config: selfSigned(f), Plain: []byte("no"), Log: quiet()})
	if err != nil {
		f.Fatal(err)
	}
	serve := hand.Handler(func(net.Conn) { f.Error("nobody has finished a handshake") })
	f.Fuzz(func(t *testing.T, said []byte) {
		before := hand.Failures.Load()
		serve(&told{says: bytes.NewReader(said)})
		if n := hand.Failures.Load() - before; n != 1 || shakingOf(hand, "192.0.2.1") != 0 {
			t.Errorf("%d failures were counted, %d handshakes are left", n, shakingOf(hand, "192.0.2.1"))
		}
	})
}

func TestNewTLSWantsAConfiguration(t *testing.T) {
	if _, err := NewTLS(TLSConfig{}); err == nil {
		t.Error("no configuration was taken")
	}
	for _, c := range []struct {
		timeout   time.Duration
		perClient int
		want      tlsBounds
	}{
		{0, 0, tlsBounds{10 * time.Second, 256}},
		{time.Second, 5, tlsBounds{time.Second, 5}},
		{Off, Off, tlsBounds{}},
	} {
		hand, err := NewTLS(TLSConfig{Config: selfSigned(t), Timeout: c.timeout, PerClient: c.perClient})
		if err != nil || *hand.bounds.Load() != c.want {
			t.Errorf("%v, %d give %+v, %v, want %+v", c.timeout, c.perClient, *hand.bounds.Load(), err, c.want)
		}
	}
}
