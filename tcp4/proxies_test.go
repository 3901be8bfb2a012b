package tcp4

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/proxyproto"
)

// defences collects the words that a listener was told.
type defences struct {
	mu    sync.Mutex
	words []string
}

func (d *defences) told(kind string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.words = append(d.words, kind)
}

func (d *defences) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.words, " ")
}

// believing are the Proxies of a listener that trusts from.
func believing(t testing.TB, from func(netip.Addr) bool, timeout time.Duration) (*Proxies, *defences) {
	t.Helper()
	d := new(defences)
	p, err := NewProxies(ProxiesConfig{Listener: "db", From: from, Timeout: timeout, Log: quiet(), Defended: d.told})
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

func everybody(netip.Addr) bool { return true }
func nobody(netip.Addr) bool    { return false }

// listenProxied listens with limits for an echo that first says who the client is.
func listenProxied(t testing.TB, limits Limits, addresses ...string) *Listener {
	t.Helper()
	l, err := Listen(Config{Name: "db", Addresses: addresses, Limits: limits, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(func(c net.Conn) {
		_, _ = io.WriteString(c, c.RemoteAddr().String()+" "+c.LocalAddr().String()+"\n")
		_, _ = io.Copy(c, c)
	})
	t.Cleanup(l.StopAccepting)
	return l
}

// said returns the line that the listener answers with; "" for none.
func said(c net.Conn) string {
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

func header(version int, source, destination string) string {
	h := proxyproto.Header{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination), Authority: "db.example.com"}
	return string(proxyproto.Append(nil, version, &h))
}

func TestAHeaderNamesTheClient(t *testing.T) {
	p, d := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	for _, c := range []struct{ send, want string }{
		{header(1, "192.0.2.1:1000", "192.0.2.2:443"), "192.0.2.1:1000 192.0.2.2:443"},
		{header(2, "192.0.2.1:1000", "192.0.2.2:443"), "192.0.2.1:1000 192.0.2.2:443"},
		{header(2, "[2001:db8::1]:1000", "[2001:db8::2]:443"), "[2001:db8::1]:1000 [2001:db8::2]:443"},
	} {
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, c.send+"and more")
		r := bufio.NewReader(conn)
		line, _ := r.ReadString('\n')
		if line != c.want+"\n" {
			t.Errorf("%q: the client is %q, want %q", c.send, line, c.want)
		}
		rest := make([]byte, len("and more"))
		if _, err := io.ReadFull(r, rest); err != nil || string(rest) != "and more" {
			t.Errorf("%q: behind the header %q, %v", c.send, rest, err)
		}
	}
	if d.String() != "" {
		t.Error(d)
	}
}

func TestAHeaderThatNamesNobodyLeavesTheAddresses(t *testing.T) {
	p, _ := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	for version := 1; version <= 2; version++ {
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, string(proxyproto.AppendLocal(nil, version)))
		if got, want := said(conn), conn.LocalAddr().String()+" "+conn.RemoteAddr().String(); got != want {
			t.Errorf("version %d: %q, want %q", version, got, want)
		}
	}
}

func TestAHeaderMayComeByteByByte(t *testing.T) {
	p, d := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	for version := 1; version <= 2; version++ {
		conn := dialTCP(t, l.Addrs()[0].String())
		_ = conn.SetNoDelay(true)
		for _, b := range []byte(header(version, "192.0.2.1:1", "192.0.2.2:2")) {
			send(t, conn, string([]byte{b}))
		}
		if got := said(conn); got != "192.0.2.1:1 192.0.2.2:2" {
			t.Errorf("version %d: %q; told of %v", version, got, d)
		}
	}
}

func TestHeadersThatCannotBeBelieved(t *testing.T) {
	v2 := header(2, "192.0.2.1:1", "192.0.2.2:2")
	for what, c := range map[string]struct{ send, want string }{
		"no header":             {"GET / HTTP/1.1\r\n\r\n", DefendedProxyHeader},
		"a lying line":          {"PROXY TCP4 192.0.2.1 2001:db8::1 1 2\r\n", DefendedProxyHeader},
		"a line without end":    {"PROXY UNKNOWN " + strings.Repeat("x", 100), DefendedProxyHeader},
		"a version of tomorrow": {strings.Replace(v2, "QUIT\n!", "QUIT\n1", 1), DefendedProxyHeader},
		"an endless header":     {v2[:14] + "\xff\xff", DefendedProxyHeader},
	} {
		p, d := believing(t, everybody, patience)
		l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, c.send)
		expectReset(t, conn)
		if d.String() != c.want {
			t.Errorf("%s: told of %q", what, d)
		}
	}
}

func TestAHeaderThatIsCutIsRefused(t *testing.T) {
	for _, whole := range []string{header(1, "192.0.2.1:1", "192.0.2.2:2"), header(2, "192.0.2.1:1", "192.0.2.2:2")} {
		p, d := believing(t, everybody, patience)
		l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
		for cut := 1; cut < len(whole); cut += 7 {
			conn := dialTCP(t, l.Addrs()[0].String())
			send(t, conn, whole[:cut])
			_ = conn.CloseWrite()
			if got := said(conn); got != "" {
				t.Errorf("%q: served %q", whole[:cut], got)
			}
		}
		if n := len(strings.Fields(d.String())); n != (len(whole)+5)/7 {
			t.Errorf("told of %d: %v", n, d)
		}
	}
}

func TestAConnectionWithoutAByteIsACheckAndNoOffence(t *testing.T) {
	p, d := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	conn := dialTCP(t, l.Addrs()[0].String())
	_ = conn.CloseWrite()
	if got := said(conn); got != "" || d.String() != "" {
		t.Errorf("said %q, told of %v", got, d)
	}
}

func TestASlowHeaderIsRefused(t *testing.T) {
	t.Parallel()
	p, d := believing(t, everybody, time.Second) // within which even a slow machine gets as far as to send
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	conn := dialTCP(t, l.Addrs()[0].String())
	send(t, conn, "PROXY TCP4 ")
	expectReset(t, conn)
	if d.String() != DefendedSlowProxyHeader {
		t.Errorf("told of %q", d)
	}
}

func TestStrangersGetNoHeaderTakenOff(t *testing.T) {
	p, _ := believing(t, nobody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	conn := dialTCP(t, l.Addrs()[0].String())
	if got, want := said(conn), conn.LocalAddr().String()+" "+conn.RemoteAddr().String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	line := header(1, "192.0.2.1:1", "192.0.2.2:2")
	send(t, conn, line)
	expect(t, conn, line)
}

func TestClientsOfAUnixSocketSendHeadersToo(t *testing.T) {
	p, _ := believing(t, nobody, patience)
	path := filepath.Join(t.TempDir(), "s")
	listenProxied(t, Limits{Proxies: p}, "unix:"+path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	for _, b := range []byte(header(2, "192.0.2.1:1", "192.0.2.2:2")) {
		send(t, conn, string([]byte{b}))
	}
	if got := said(conn); got != "192.0.2.1:1 192.0.2.2:2" {
		t.Errorf("%q", got)
	}
}

func TestTheLimitPerClientBoundsThoseThatHeadersName(t *testing.T) {
	p, _ := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p, MaxPerClient: 1}, "127.0.0.1:0")
	connect := func(client string) *net.TCPConn {
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, header(2, client+":1", "192.0.2.9:2"))
		return conn
	}
	first, other := connect("192.0.2.1"), connect("192.0.2.2")
	if said(first) == "" || said(other) == "" {
		t.Fatal("two clients of one proxy are two clients")
	}
	expectReset(t, connect("192.0.2.1"))
	if n := l.Counters().RefusedClient.Load(); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	_ = first.Close()
	eventually(t, "room for the client again", func() bool { return said(connect("192.0.2.1")) != "" })
}

func TestHeadersLeaveNothingBehind(t *testing.T) {
	leavesNothing(t)
	p, _ := believing(t, everybody, patience)
	l := listenProxied(t, Limits{Proxies: p}, "127.0.0.1:0")
	for _, text := range []string{header(1, "192.0.2.1:1", "192.0.2.2:2"), "PROXY ", "nonsense"} {
		conn := dialTCP(t, l.Addrs()[0].String())
		send(t, conn, text)
		_ = conn.Close()
	}
}

// relayStrange is a relay that minds headers of strangers.
func relayStrange(t testing.TB, endpoint string) (*stage, *defences) {
	p, d := believing(t, nobody, patience)
	return relayTo(t, func(c *RelayConfig) { c.Strangers = p }, endpoint), d
}

func TestAStrangersHeaderDoesNotReachTheEndpoint(t *testing.T) {
	for _, text := range []string{"PROXY ", header(2, "192.0.2.1:1", "192.0.2.2:2")[:12]} {
		address, conns := waiting(t)
		s, d := relayStrange(t, address)
		client := s.dial()
		for _, b := range []byte(text) {
			send(t, client, string([]byte{b}))
		}
		expectReset(t, client)
		if n, err := await(t, conns).Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%q: the endpoint has read %d, %v", text, n, err)
		}
		if rec := s.record(); rec.End != ClientReset || d.String() != DefendedProxyStranger {
			t.Errorf("%q: %v, told of %v", text, rec.End, d)
		}
	}
}

// A stranger's first bytes that are also a header's were held for as long as nobody said more: for ever,
// where the client waits for an answer to its empty line.
func TestWhatStaysTheBeginningOfAHeaderEndsInTime(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	p, d := believing(t, nobody, timeout)
	s := relayTo(t, func(c *RelayConfig) { c.Strangers = p }, endpoint(t, echo))
	for i, text := range []string{"\r\n", "P"} {
		client := s.dial()
		<-time.After(2 * timeout) // whoever says nothing at all may take its time
		if n := strings.Count(d.String(), DefendedProxyStranger); n != i {
			t.Errorf("%q: told of %d before anything was said, want %d", text, n, i)
		}
		send(t, client, text)
		expectReset(t, client)
		if rec := s.record(); rec.End != ClientReset || rec.BytesIn != 0 || strings.Count(d.String(), DefendedProxyStranger) != i+1 {
			t.Errorf("%q: %+v, told of %v", text, rec, d)
		}
	}
}

func TestTheTimeForAHeaderIsNotTheConnections(t *testing.T) {
	t.Parallel()
	const timeout = time.Second // so that even a slow machine sends the rest in time
	p, d := believing(t, nobody, timeout)
	s := relayTo(t, func(c *RelayConfig) { c.Strangers = p }, endpoint(t, echo))
	client := s.dial()
	send(t, client, "P")
	send(t, client, "OST")
	expect(t, client, "POST")
	<-time.After(timeout + timeout/5)
	send(t, client, " on")
	expect(t, client, " on")
	if d.String() != "" {
		t.Errorf("told of %v", d)
	}
}

func TestWhatOnlyBeginsLikeAHeaderPasses(t *testing.T) {
	s, d := relayStrange(t, endpoint(t, echo))
	for _, text := range []string{"POST / HTTP/1.1\r\n", "PROX", "\r\n\r\n\x00\r\n", "x", "PROXYTCP4"} {
		client := s.dial()
		for _, b := range []byte(text) {
			send(t, client, string([]byte{b}))
		}
		_ = client.CloseWrite()
		expect(t, client, text)
		expectEnd(t, client)
	}
	if d.String() != "" {
		t.Error(d)
	}
}

func TestAnEndpointThatSpeaksFirstIsHeardAtOnce(t *testing.T) {
	s, _ := relayStrange(t, endpoint(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "220 ready\r\n")
		echo(c)
	}))
	client := s.dial()
	expect(t, client, "220 ready\r\n")
	send(t, client, "EHLO")
	expect(t, client, "EHLO")
}
