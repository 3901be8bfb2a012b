package serve

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"weir/internal/certs"
)

// dial connects to f once.
func (f *h3front) dial(c *tls.Config) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	qc, err := quic.DialAddr(ctx, f.addr, c, nil)
	if err == nil {
		f.t.Cleanup(func() { _ = qc.CloseWithError(0, "") })
	}
	return qc, err
}

func TestH3NewConnectionsAreThoseOfThePortsHost(t *testing.T) {
	t.Parallel()
	first, second := newRig(t, saying(t, hello)), newRigWith(t, func(r *rig) {}, saying(t, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
	f := newH3Front(t, first)
	ask := func(c *rawH3) string {
		str := c.open(getHead("/"))
		_ = str.Close()
		return c.outcome(str)
	}
	before := f.raw()
	if got := ask(before); got != "200" {
		t.Fatalf("the first host answers %s", got)
	}
	host := *f.host
	host.Engine = second.engine
	if err := f.port.Publish(&host); err != nil {
		t.Fatal(err)
	}
	if got := ask(f.raw()); got != "404" {
		t.Errorf("a new connection is answered %s", got)
	}
	if got := ask(before); got != "200" {
		t.Errorf("a connection from before is answered %s", got)
	}
	<-first.engine.Drain()
	before.ended()
	if got := ask(f.raw()); got != "404" {
		t.Errorf("behind the drain of the first host: %s", got)
	}
}

func TestH3TheCertificateIsTheOneOfNow(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, hello)))
	other, err := certs.SelfSigned("other.test")
	if err != nil {
		t.Fatal(err)
	}
	f.raw()
	host := *f.host
	host.TLS = func() *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{other}, NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}
	}
	if err := f.port.Publish(&host); err != nil {
		t.Fatal(err)
	}
	qc, err := f.dial(&tls.Config{RootCAs: certs.Pool(other), ServerName: "other.test", NextProtos: []string{"h3"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := qc.ConnectionState().TLS.PeerCertificates[0].DNSNames[0]; got != "other.test" {
		t.Errorf("the certificate is for %s", got)
	}
}

func TestH3HandshakesAreCountedByHowTheyEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, hello))
	f := newH3Front(t, r)
	at := func(series string) func() string {
		return func() string { return r.sample(series) }
	}
	if _, err := f.dial(&tls.Config{RootCAs: certs.Pool(), ServerName: "localhost", NextProtos: []string{"h3"}}); err == nil {
		t.Fatal("a client that trusts nobody connects")
	}
	becomes(t, "failures", "1", at(`weir_listener_tls_handshake_failures_total{listener="web",reason="other"}`))
	f.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		c := f.raw()
		str := c.open(getHead("/"))
		_ = str.Close()
		if got := c.outcome(str); got != "200" { // the ticket has come by then
			t.Fatal(got)
		}
	}
	becomes(t, "handshakes", "2", at(`weir_listener_tls_handshakes_total{listener="web",version="1.3"}`))
	becomes(t, "resumptions", "1", at(`weir_listener_tls_resumptions_total{listener="web"}`))
}

func TestH3NothingIsServedIn0RTT(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, hello)))
	client := f.client.Clone()
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	f.client = client
	c := f.raw()
	str := c.open(getHead("/"))
	_ = str.Close()
	c.outcome(str)
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	qc, err := quic.DialAddrEarly(ctx, f.addr, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = qc.CloseWithError(0, "") }()
	<-qc.HandshakeComplete()
	if s := qc.ConnectionState(); s.Used0RTT || !s.TLS.DidResume {
		t.Errorf("0-RTT was used: %v; resumed: %v", s.Used0RTT, s.TLS.DidResume)
	}
}

func TestH3ConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		bound  func(*H3Host)
		series string
	}{
		{"in all", func(h *H3Host) { h.MaxConnections = 2 }, `weir_listener_connections_refused_total{listener="web",reason="max_connections"}`},
		{"by client", func(h *H3Host) { h.MaxPerClient = 2 }, `weir_listener_connections_refused_total{listener="web",reason="max_connections_per_client"}`},
	} {
		r := newRig(t, saying(t, hello))
		f := newH3Front(t, r)
		host := *f.host
		c.bound(&host)
		if err := f.port.Publish(&host); err != nil {
			t.Fatal(err)
		}
		first := f.raw()
		f.raw()
		if _, err := f.dial(f.client); err == nil {
			t.Errorf("%s: a third connection is let in", c.name)
		}
		becomes(t, c.name, "1", func() string { return r.sample(c.series) })
		_ = first.CloseWithError(0, "")
		becomes(t, "connections", "1", func() string { return strconv.Itoa(f.port.guests.count()) })
		f.raw()
	}
}

// count returns how many connections there are.
func (g *guests) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// peeked is a client's socket that counts the Retry packets that come (RFC 9000 §17.2.5).
type peeked struct {
	net.PacketConn
	retries atomic.Int64
}

// SetReadBuffer and SetWriteBuffer keep quic-go from a warning.
func (p *peeked) SetReadBuffer(int) error  { return nil }
func (p *peeked) SetWriteBuffer(int) error { return nil }

func (p *peeked) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.PacketConn.ReadFrom(b)
	if n > 0 && b[0]&0xf0 == 0xf0 {
		p.retries.Add(1)
	}
	return n, from, err
}

func TestH3ClientsMustShowWhereTheyAreWhenHandshakesPileUp(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, hello)))
	retries := func() int64 {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pc.Close() })
		p := &peeked{PacketConn: pc}
		ctx, cancel := context.WithTimeout(context.Background(), ample)
		defer cancel()
		to, _ := net.ResolveUDPAddr("udp4", f.addr)
		qc, err := quic.Dial(ctx, p, to, f.client, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = qc.CloseWithError(0, "")
		return p.retries.Load()
	}
	if n := retries(); n != 0 {
		t.Errorf("%d Retry packets in quiet times", n)
	}
	for i := range busyFrom {
		f.port.guests.enter(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), f.host)
	}
	if n := retries(); n == 0 {
		t.Errorf("no Retry packet while %d shake hands", busyFrom)
	}
}

func TestH3GuestsAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	h := &H3Host{Handshakes: 2, MaxPerClient: 3}
	var g guests
	for _, c := range []struct {
		do   func() string
		what string
		want string
	}{
		{func() string { return g.enter(addr("192.0.2.1"), h) }, "first", ""},
		{func() string { return g.enter(addr("192.0.2.1"), h) }, "second", ""},
		{func() string { return g.enter(addr("192.0.2.1"), h) }, "third at once", "handshake_flood"},
		{func() string { return g.enter(addr("192.0.2.2"), h) }, "somebody else", ""},
		{func() string { g.shaken(addr("192.0.2.1")); return g.enter(addr("192.0.2.1"), h) }, "third behind the end of a handshake", ""},
		{func() string {
			g.shaken(addr("192.0.2.1"))
			g.shaken(addr("192.0.2.1"))
			return g.enter(addr("192.0.2.1"), h)
		}, "fourth connection", "max_connections_per_client"},
		{func() string { return g.enter(addr("2001:db8::1"), h) }, "IPv6", ""},
		{func() string { return g.enter(addr("2001:db8::2"), h) }, "of the same /64", ""},
		{func() string { return g.enter(addr("2001:db8::3"), h) }, "one more of it", "handshake_flood"},
		{func() string { return g.enter(addr("2001:db8:0:1::3"), h) }, "of another /64", ""},
	} {
		if got := c.do(); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	for _, a := range []string{"192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"} {
		g.shaken(addr(a))
		g.leave(addr(a))
	}
	for range 3 {
		g.leave(addr("192.0.2.1"))
	}
	if len(g.open)+len(g.hands)+g.all+g.shaking != 0 {
		t.Errorf("what is left: %v %v %d %d", g.open, g.hands, g.all, g.shaking)
	}
}

func TestH3AClientCertificateIsAskedForAndKnown(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, hello)))
	mine, err := certs.SelfSigned("me")
	if err != nil {
		t.Fatal(err)
	}
	host := *f.host
	server := f.host.TLS().Clone()
	server.ClientAuth, server.ClientCAs = tls.RequireAnyClientCert, certs.Pool(mine)
	host.TLS = func() *tls.Config { return server }
	if err := f.port.Publish(&host); err != nil {
		t.Fatal(err)
	}
	// QUIC's handshake is over for a client before the server has judged its certificate.
	qc, err := f.dial(f.client)
	if err == nil {
		select {
		case <-qc.Context().Done():
		case <-time.After(ample):
			t.Error("a client without a certificate may stay")
		}
	}
	f.client = f.client.Clone()
	f.client.Certificates = []tls.Certificate{mine}
	c := f.raw()
	str := c.open(getHead("/"))
	_ = str.Close()
	if got := c.outcome(str); got != "200" {
		t.Errorf("a client with a certificate is answered %s", got)
	}
}
