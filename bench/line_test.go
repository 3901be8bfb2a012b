package bench

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// waitClosed reads until the other side has gone.
func waitClosed(c *net.TCPConn) { io.Copy(io.Discard, c) }

// asker is a line that sends one request of a Config again and again.
type asker struct {
	*line
	t       *testing.T
	patient time.Duration
	request Request
}

// lineTo returns an asker for cfg.
func lineTo(t *testing.T, cfg Config) *asker {
	t.Helper()
	cfg.Requests = 1
	to, err := cfg.compile()
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{line: newLine(to), t: t, patient: cfg.Timeout}
	to.source.Maker(Wire, to.authority, 0).Fill(0, &a.request)
	t.Cleanup(func() { a.Close() })
	return a
}

func (a *asker) once() (Answer, error) {
	got, err := a.Do(a.t.Context(), time.Now().Add(a.patient), &a.request)
	if err == nil {
		err = a.request.Expect.judge(&got)
	}
	return got, err
}

// script answers the n-th request of all connections with the n-th text and closes where it is marked with "!".
func script(t *testing.T, texts ...string) (address string, accepted *atomic.Int64) {
	t.Helper()
	var n, conns atomic.Int64
	return listen(t, func(c *net.TCPConn) {
		conns.Add(1)
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			i := int(n.Add(1)) - 1
			if i >= len(texts) {
				return
			}
			text, closes := strings.CutSuffix(texts[i], "!")
			if _, err := io.WriteString(c, text); err != nil || closes {
				return
			}
		}
	}), &conns
}

func TestALineKeepsItsConnectionAsLongAsItMay(t *testing.T) {
	var statusError error = &unexpectedStatus{}
	const length0 = "Content-Length: 0\r\n\r\n"
	for _, c := range []struct {
		what  string
		texts []string
		conns int64 // connections for two requests
		err   error // of the first
	}{
		{"kept alive", []string{fine, fine}, 1, nil},
		{"Connection: close", []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length0 + "!", fine}, 2, nil},
		{"HTTP/1.0", []string{"HTTP/1.0 200 OK\r\n" + length0 + "!", fine}, 2, nil},
		{"HTTP/1.0 that keeps", []string{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length0, fine}, 1, nil},
		{"until the close", []string{"HTTP/1.1 200 OK\r\n\r\nall there is!", fine}, 2, nil},
		{"a 404 is an answer", []string{"HTTP/1.1 404 No\r\n" + length0, fine}, 1, statusError},
		{"a 500 is an answer", []string{"HTTP/1.1 500 No\r\n" + length0, fine}, 1, statusError},
		{"a 302 is no failure", []string{"HTTP/1.1 302 Found\r\n" + length0, fine}, 1, nil},
		{"a malformed answer", []string{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", fine}, 2, ErrMalformed},
		{"bytes behind the answer", []string{fine + "HTTP/1.1 200 OK\r\n", fine}, 2, nil},
		{"cut short", []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab!", fine}, 2, ErrShort},
		{"103 first", []string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + fine, fine}, 1, nil},
	} {
		at, conns := script(t, c.texts...)
		l := lineTo(t, Config{Target: "http://" + at})
		if _, err := l.once(); !errors.Is(err, c.err) && (c.err != statusError || KindOf(err) != Status) {
			t.Errorf("%s: got %v, want %v", c.what, err, c.err)
		}
		if a, err := l.once(); err != nil || a.Status != 200 {
			t.Errorf("%s: the request behind it: %+v, %v", c.what, a, err)
		}
		if n := conns.Load(); n != c.conns {
			t.Errorf("%s: %d connections, want %d", c.what, n, c.conns)
		}
	}
}

func TestALateExtraAnswerIsNotTheNextOnes(t *testing.T) {
	// The endpoint sends a second answer nobody asked for, after the first was read. Taking it for the next
	// request's answer would count a request that was never served.
	extra := make(chan *net.TCPConn, 2)
	at := listen(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			io.WriteString(c, fine)
			extra <- c
		}
	})
	l := lineTo(t, Config{Target: "http://" + at})
	if _, err := l.once(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(<-extra, "HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")
	for !l.stale() { // until the bytes have crossed the loopback
	}
	if a, err := l.once(); err != nil || a.Status != 200 || !a.Reopened || !a.Opened {
		t.Errorf("got %+v, %v; want a fresh connection in the old one's place and its 200", a, err)
	}
}

func TestABodyForHEADIsNotWaitedFor(t *testing.T) {
	at, conns := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	l := lineTo(t, Config{Target: "http://" + at, Method: "HEAD"})
	for range 2 {
		if a, err := l.once(); err != nil || a.Status != 200 || l.conn == nil {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections, want 1", conns.Load())
	}
}

// stalls are endpoints that never complete an answer.
func stalls() map[string]func(*net.TCPConn) {
	return map[string]func(*net.TCPConn){
		"nothing comes": waitClosed,
		"half a head":   func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nCont"); waitClosed(c) },
		"half a body": func(c *net.TCPConn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")
			waitClosed(c)
		},
		"no end to the chunks": func(c *net.TCPConn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
			waitClosed(c)
		},
		"an answer that drips": func(c *net.TCPConn) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
			for range tick.C {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		},
	}
}

func TestTheTimeoutBoundsTheWholeRequest(t *testing.T) {
	for what, serve := range stalls() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := lineTo(t, Config{Target: "http://" + listen(t, serve), Timeout: time.Second})
			begin := time.Now()
			_, err := l.once()
			if KindOf(err) != Timeout || time.Since(begin) < time.Second || l.conn != nil {
				t.Errorf("got %v after %v, connection kept %v; want a timeout and a fresh start", err, time.Since(begin), l.conn != nil)
			}
		})
	}
}

func TestALineDialsAgainOnceTheTargetIsBack(t *testing.T) {
	at, _ := script(t, fine, fine)
	l := lineTo(t, Config{Target: "http://127.0.0.1:1"})
	if _, err := l.once(); KindOf(err) != Connect {
		t.Fatalf("got %v, want a failure to connect", err)
	}
	l.to.address = at
	if a, err := l.once(); err != nil || a.Reopened || !a.Opened {
		t.Errorf("got %+v, %v: a first connection replaces none", a, err)
	}
}

func TestACertificateNobodyTrustsIsAFailureOfTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for what, c := range map[string]struct {
		tls  *tls.Config
		want Kind
	}{
		"the system's roots": {nil, TLS},
		"another name":       {&tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "other.test"}, TLS},
		"trusted":            {&tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"}, Status},
	} {
		l := lineTo(t, Config{Target: server.URL, TLS: c.tls})
		if _, err := l.once(); err == nil || KindOf(err) != c.want {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
}

func TestTheGivenTLSConfigIsNotChanged(t *testing.T) {
	given := &tls.Config{}
	cfg := Config{Target: "https://a.test:8443/x", Requests: 1, TLS: given}
	to, err := cfg.compile()
	if err != nil || to.tls.ServerName != "a.test" || given.ServerName != "" || to.address != "a.test:8443" {
		t.Errorf("%v, name %q, given %q, address %s", err, to.tls.ServerName, given.ServerName, to.address)
	}
}

func TestTargetsAreCompiledToAddressesAndRequests(t *testing.T) {
	for _, c := range []struct {
		cfg     Config
		address string
		request string
	}{
		{Config{Target: "http://a"}, "a:80", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{Config{Target: "https://a"}, "a:443", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{Config{Target: "http://[::1]:8080/x?y=1#z"}, "[::1]:8080", "GET /x?y=1 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"},
		{Config{Target: "http://a:81/b c"}, "a:81", "GET /b%20c HTTP/1.1\r\nHost: a:81\r\n\r\n"},
		{Config{Target: "http://a?q"}, "a:80", "GET /?q HTTP/1.1\r\nHost: a\r\n\r\n"},
		{Config{Target: "http://a", Method: "POST"}, "a:80", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
		{Config{Target: "http://a", Method: "DELETE", Body: []byte("x")}, "a:80", "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"},
		{Config{Target: "http://a", Header: []Field{{"host", "b"}, {"A", ""}, {"A", "2"}}}, "a:80", "GET / HTTP/1.1\r\nHost: b\r\nA: \r\nA: 2\r\n\r\n"},
		{Config{Target: "tcp://a:7", Body: []byte("ping")}, "a:7", "ECHO / HTTP/1.1\r\nHost: a:7\r\nContent-Length: 4\r\n\r\nping"},
	} {
		c.cfg.Requests = 1
		to, err := c.cfg.compile()
		if err != nil || to.address != c.address {
			t.Errorf("%s: %v, %+v; want %s", c.cfg.Target, err, to, c.address)
			continue
		}
		var r Request
		if to.source.Maker(Wire, to.authority, 0).Fill(0, &r); string(r.Wire) != c.request {
			t.Errorf("%s: %q; want %q", c.cfg.Target, r.Wire, c.request)
		}
	}
	if m := echoMessage(nil); len(m) != echoBytes || !strings.HasPrefix(string(m), "weir-echo.weir-echo.") {
		t.Errorf("the usual message is %q", m)
	}
}

func TestFieldsThatWouldBreakTheRequestAreRefused(t *testing.T) {
	for _, f := range []Field{{"", "x"}, {"A B", "x"}, {"A:", "x"}, {"A\r\n", "x"}, {"A", "x\nB: y"}, {"A", "x\r"}, {"Host", "a\r\nX: y"}} {
		cfg := Config{Target: "http://a", Requests: 1, Header: []Field{f}}
		if _, err := cfg.compile(); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: got %v, want ErrConfig", f, err)
		}
	}
}

func TestALongEchoComesBackInPieces(t *testing.T) {
	message := []byte(strings.Repeat("0123456789", 10_000)) // more than one read
	at := listen(t, func(c *net.TCPConn) { io.Copy(c, c) })
	r := mustRun(t, Config{Target: "tcp://" + at, Body: message, Requests: 2})
	if r.OK != 2 || r.BytesIn != 2*int64(len(message)) {
		t.Errorf("ok %d, %v, %d bytes; want 2 and %d", r.OK, r.Failures, r.BytesIn, 2*len(message))
	}
}
