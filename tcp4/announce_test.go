package tcp4

import (
	"crypto/tls"
	"net"
	"reflect"
	"testing"

	"weir/internal/proxyproto"
)

// announced is an endpoint that reads a header and echoes what follows; the header goes to the test.
func announced(t testing.TB) (address string, headers <-chan proxyproto.Header) {
	c := make(chan proxyproto.Header, 16)
	return endpoint(t, func(conn *net.TCPConn) {
		var b []byte
		for one := make([]byte, 1); ; {
			if _, err := conn.Read(one); err != nil {
				return
			}
			b = append(b, one[0])
			if h, n, err := proxyproto.Parse(b); err == nil && n == len(b) {
				c <- h
				break
			}
		}
		echo(conn)
	}), c
}

func TestEndpointsAreToldWhoTheClientIs(t *testing.T) {
	for version := 1; version <= 2; version++ {
		address, headers := announced(t)
		s := relayTo(t, func(c *RelayConfig) { c.SendProxy = version }, address)
		client := s.dial()
		h := await(t, headers) // before the client has said a word
		if h.Version != version || h.Source.String() != client.LocalAddr().String() || h.Destination.String() != client.RemoteAddr().String() {
			t.Errorf("%+v, want version %d from %v to %v", h, version, client.LocalAddr(), client.RemoteAddr())
		}
		send(t, client, "hello")
		expect(t, client, "hello")
		_ = client.CloseWrite()
		expectEnd(t, client)
		if rec := s.record(); rec.BytesIn != 5 || rec.BytesOut != 5 || rec.End != Done {
			t.Errorf("%+v: the header is none of the client's bytes", rec)
		}
	}
}

func TestWhatABelievedHeaderSaysIsPassedOn(t *testing.T) {
	address, headers := announced(t)
	s := relayTo(t, func(c *RelayConfig) { c.SendProxy = 2 }, address)
	p, _ := believing(t, everybody, patience)
	l, err := Listen(Config{Name: "db", Addresses: []string{"127.0.0.1:0"}, Limits: Limits{Proxies: p}, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(s.relay.Serve)
	t.Cleanup(l.StopAccepting)
	want := proxyproto.Header{
		Version: 2, Source: mustAddr("192.0.2.1:1"), Destination: mustAddr("192.0.2.2:2"), Authority: "a.example", ALPN: "h2",
		TLS: &proxyproto.TLS{Version: "TLSv1.3", CommonName: "partner", ClientCert: true, Verified: true}, UniqueID: []byte("7"),
	}
	client := dialTCP(t, l.Addrs()[0].String())
	send(t, client, string(proxyproto.Append(nil, 2, &want))+"hello")
	expect(t, client, "hello")
	if h := await(t, headers); !reflect.DeepEqual(h, want) {
		t.Errorf("%+v, want %+v", h, want)
	}
	_ = client.CloseWrite()
	expectEnd(t, client)
	if rec := s.record(); rec.Client.String() != "192.0.2.1:1" || rec.ServerName != "a.example" {
		t.Errorf("%+v", rec)
	}
}

func TestEndpointsAreToldOfTheTLSThatEndedHere(t *testing.T) {
	address, headers := announced(t)
	s := relayTo(t, func(c *RelayConfig) { c.SendProxy = 2 }, address)
	get := selfSigned(t)
	hand, err := NewTLS(TLSConfig{Listener: "db", Whole: true, Log: quiet(), Config: func() *tls.Config {
		c := get().Clone()
		c.NextProtos, c.ClientAuth = []string{"postgresql"}, tls.RequestClientCert
		return c
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(s.relay.Serve), "127.0.0.1:0")
	client := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{
		InsecureSkipVerify: true, ServerName: "db.example.com", NextProtos: []string{"postgresql"},
	})
	send(t, client, "hello")
	expect(t, client, "hello")
	h := await(t, headers)
	want := &proxyproto.TLS{Version: "TLSv1.3", Cipher: tls.CipherSuiteName(client.ConnectionState().CipherSuite)}
	if h.Authority != "db.example.com" || h.ALPN != "postgresql" || !reflect.DeepEqual(h.TLS, want) || h.Source.String() != client.LocalAddr().String() {
		t.Errorf("%+v with %+v, want %+v", h, h.TLS, want)
	}
}

func TestASessionWhoseEndpointLeavesBeforeTheHeaderIsReset(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveAll(t, ln, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })
	s := relayTo(t, func(c *RelayConfig) { c.SendProxy = 1 }, ln.Addr().String())
	s.expectRefusal()
	if rec := s.record(); rec.End != EndpointReset && rec.End != ConnectFailed { // connect itself may see the reset
		t.Errorf("%+v", rec)
	}
}

func TestARelayWantsAVersionThatThereIs(t *testing.T) {
	if _, err := NewRelay(RelayConfig{Upstream: upstream(t, "127.0.0.1:1"), Sessions: NewSessions(), SendProxy: 3}); err == nil {
		t.Error("version 3 was taken")
	}
}
