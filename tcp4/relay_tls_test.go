package tcp4

import (
	"crypto/tls"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// relaySecure stages a relay behind the end of TLS.
func relaySecure(t testing.TB, endpoint string) (s *stage, dial func() (*tls.Conn, *net.TCPConn)) {
	t.Helper()
	s = relayTo(t, nil, endpoint)
	hand, err := NewTLS(TLSConfig{Listener: "db", Config: selfSigned(t), Whole: true, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l := listenOn(t, hand.Handler(s.relay.Serve), "127.0.0.1:0")
	return s, func() (*tls.Conn, *net.TCPConn) {
		raw := dialTCP(t, l.Addrs()[0].String())
		secure := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		return secure, raw
	}
}

func TestATLSSessionIsRelayedAndEndsInOrder(t *testing.T) {
	address, conns := waiting(t)
	s, dial := relaySecure(t, address)
	client, _ := dial()
	endpoint := await(t, conns)
	for range 2 * talkAfter {
		send(t, client, "question")
		expect(t, endpoint, "question")
		send(t, endpoint, "answer")
		expect(t, client, "answer")
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, endpoint)
	send(t, endpoint, "last words") // after the client's end
	expect(t, client, "last words")
	_ = endpoint.CloseWrite()
	expectEnd(t, client)
	if rec := s.record(); rec.End != Done || rec.BytesIn != 16*talkAfter || rec.BytesOut != 12*talkAfter+10 {
		t.Errorf("%+v", rec)
	}
}

func TestTheEndpointsEndComesAsCloseNotify(t *testing.T) {
	s, dial := relaySecure(t, endpoint(t, func(c *net.TCPConn) { _, _ = io.WriteString(c, "all") }))
	client, _ := dial()
	if b, err := io.ReadAll(client); err != nil || string(b) != "all" {
		t.Errorf("%q, %v", b, err)
	}
	_ = client.Close()
	if rec := s.record(); rec.End != Done {
		t.Errorf("%+v", rec)
	}
}

func TestATLSStreamThatIsCutNeverLooksComplete(t *testing.T) {
	for what, cut := range map[string]func(*net.TCPConn){
		"an end without close_notify": func(raw *net.TCPConn) { _ = raw.CloseWrite() },
		"a reset":                     func(raw *net.TCPConn) { reset(raw) },
	} {
		address, conns := waiting(t)
		s, dial := relaySecure(t, address)
		client, raw := dial()
		endpoint := await(t, conns)
		send(t, client, "half a")
		expect(t, endpoint, "half a")
		cut(raw)
		if _, err := io.ReadAll(endpoint); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the endpoint has seen %v, want a reset", what, err)
		}
		if rec := s.record(); rec.End != ClientReset {
			t.Errorf("%s: %+v", what, rec)
		}
	}
}

func TestAnEndpointsResetReachesATLSClientAsReset(t *testing.T) {
	address, conns := waiting(t)
	s, dial := relaySecure(t, address)
	client, _ := dial()
	endpoint := await(t, conns)
	send(t, client, "hello")
	expect(t, endpoint, "hello")
	reset(endpoint)
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client has seen %v, want a reset", err)
	}
	if rec := s.record(); rec.End != EndpointReset {
		t.Errorf("%+v", rec)
	}
}

func TestATLSClientThatHasEndedAndThenResetsFreesItsEndpoint(t *testing.T) {
	address, conns := waiting(t)
	s, dial := relaySecure(t, address)
	client, raw := dial()
	endpoint := await(t, conns)
	_ = client.CloseWrite()
	expectEnd(t, endpoint)
	reset(raw)
	if rec := s.record(); rec.End != ClientReset {
		t.Errorf("%+v", rec)
	}
}

func TestMuchTravelsThroughTLSBothWays(t *testing.T) {
	s, dial := relaySecure(t, endpoint(t, echo))
	client, _ := dial()
	const much = 8 << 20
	sums := make(chan uint32, 1)
	go func() { sums <- pump(client, much); _ = client.CloseWrite() }()
	table, sum := crc32.MakeTable(crc32.Castagnoli), uint32(0)
	buf, n := make([]byte, 64<<10), 0
	for {
		m, err := client.Read(buf)
		sum = crc32.Update(sum, table, buf[:m])
		if n += m; err != nil {
			break
		}
	}
	if want := await(t, sums); n != much || sum != want {
		t.Errorf("%d bytes with sum %x, want %d with %x", n, sum, much, want)
	}
	if rec := s.record(); rec.End != Done || rec.BytesIn != much || rec.BytesOut != much {
		t.Errorf("%+v", rec)
	}
}

func TestSessionsThatWaitForTLSHoldLittle(t *testing.T) {
	address, conns := waiting(t)
	s, dial := relaySecure(t, address)
	large := s.sessions.buffers.New
	var made atomic.Int32
	s.sessions.buffers.New = func() any { made.Add(1); return large() }
	const sessions = 12
	for range sessions {
		client, _ := dial()
		endpoint := await(t, conns)
		send(t, client, "question")
		expect(t, endpoint, "question")
	}
	// The way back looks for bytes with a large one and gives it back at once.
	if n := made.Load(); n >= sessions {
		t.Errorf("%d large buffers for %d sessions that wait", n, sessions)
	}
}
