package clients

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/bench"
)

// quiet takes what servers log of clients that misbehave on purpose.
var quiet = log.New(io.Discard, "", 0)

// h2Server serves HTTP/2 by h until the test ends: over TLS, or in clear text with prior knowledge.
func h2Server(t testing.TB, secure bool, h http.Handler) (*h2Origin, Config) {
	t.Helper()
	s := &h2Origin{Server: httptest.NewUnstartedServer(h)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.accepted.Add(1)
		}
	}
	s.Config.ErrorLog = quiet
	s.Config.Protocols = new(http.Protocols)
	if secure {
		s.EnableHTTP2 = true
		s.Config.Protocols.SetHTTP2(true)
		s.StartTLS()
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	cfg := Config{Target: s.URL}
	if secure {
		cfg.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	}
	return s, cfg
}

// h2Origin is a server that counts the connections that it accepts.
type h2Origin struct {
	*httptest.Server
	accepted atomic.Int64
}

func TestHTTP2CarriesWhatTheRequestNames(t *testing.T) {
	for _, secure := range []bool{true, false} {
		_, cfg := h2Server(t, secure, newOrigin())
		c := must(t)(HTTP2(cfg))
		host := strings.SplitAfter(cfg.Target, "://")[1]
		for _, d := range []struct {
			name    string
			request bench.Request
			body    string
		}{
			{"nothing more", get("/saw?q=1&r=%2F"), "GET " + host + " /saw?q=1&r=%2F "},
			{"a body", post("/echo", "some bytes"), "some bytes"},
			{"a body with its length", post("/saw", "some bytes"), "POST " + host + " /saw Content-Length: 10"},
			{"a field twice, none of the connection's",
				bench.Request{Method: "GET", Path: []byte("/saw"), Expect: anything, Host: "other.example",
					Header: []bench.Field{{Name: "X-A", Value: "1"}, {Name: "Connection", Value: "keep-alive"}, {Name: "x-a", Value: "2"}}},
				"GET other.example /saw X-A: 1; X-A: 2"},
			{"its own User-Agent", bench.Request{Method: "GET", Path: []byte("/saw"), Expect: anything,
				Header: []bench.Field{{Name: "User-Agent", Value: "me"}}}, "GET " + host + " /saw User-Agent: me"},
			{"two slashes", get("//saw"), ""},
			{"HEAD", bench.Request{Method: "HEAD", Path: []byte("/saw"), Expect: anything}, ""},
		} {
			a := mustAsk(t, c, d.request)
			if a.Status != 200 || string(a.Body) != d.body || a.In != int64(len(d.body)) || a.Out != int64(len(d.request.Body)) {
				t.Errorf("%s: %d %q, %d in, %d out; want 200 %q", d.name, a.Status, a.Body, a.In, a.Out, d.body)
			}
		}
	}
}

func TestHTTP2KeepsABodyOnlyWhereItIsWanted(t *testing.T) {
	_, cfg := h2Server(t, false, newOrigin())
	c := must(t)(HTTP2(cfg))
	long := strings.Repeat("x", bench.MaxExpectedBody+5)
	r := post("/echo", long)
	if a := mustAsk(t, c, r); len(a.Body) != bench.MaxExpectedBody || a.In != int64(len(long)) {
		t.Errorf("kept %d of %d; want the first %d", len(a.Body), a.In, bench.MaxExpectedBody)
	}
	r.Expect = nil
	if a := mustAsk(t, c, r); a.Body != nil || a.In != int64(len(long)) {
		t.Errorf("kept %d of %d; want none", len(a.Body), a.In)
	}
}

func TestHTTP2WorkersShareConnections(t *testing.T) {
	for _, secure := range []bool{true, false} {
		s, cfg := h2Server(t, secure, newOrigin())
		cfg.Connections = 3
		p, err := HTTP2(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, p, bench.Config{Target: cfg.Target + "/echo", Method: "POST", Body: []byte("hello"), Connections: 3, Workers: 12, Requests: 600})
		if r.OK != 600 || r.Failed() != 0 || r.Opened > 3 || r.Redials != 0 || s.accepted.Load() != r.Opened {
			t.Errorf("ok %d, failed %v %v, opened %d, redials %d, accepted %d; want 600 on at most 3", r.OK, r.Failures, r.FirstFailures, r.Opened, r.Redials, s.accepted.Load())
		}
		if r.BytesIn != 3000 || r.BytesOut != 3000 || r.Statuses[200] != 600 {
			t.Errorf("%d in, %d out, statuses %v", r.BytesIn, r.BytesOut, r.Statuses)
		}
		if want := map[bool]string{true: "HTTP/2", false: "HTTP/2 in clear text"}[secure]; r.Settings.Protocol != want {
			t.Errorf("protocol %q, want %q", r.Settings.Protocol, want)
		}
	}
	checkNoGoroutines(t, "weir/bench/clients.", "http2ClientConn")
}

func TestHTTP2FreshTakesAConnectionForEachRequest(t *testing.T) {
	s, cfg := h2Server(t, true, newOrigin())
	cfg.Fresh = true
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target, Workers: 4, Requests: 60, Fresh: true})
	if r.OK != 60 || r.Opened != 60 || s.accepted.Load() != 60 {
		t.Errorf("ok %d, %v, opened %d, accepted %d; want 60 each", r.OK, r.FirstFailures, r.Opened, s.accepted.Load())
	}
	checkNoGoroutines(t, "weir/bench/clients.", "http2ClientConn")
}

func TestHTTP2OpenLoopSendsOnTheSchedule(t *testing.T) {
	_, cfg := h2Server(t, false, newOrigin())
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target, Workers: 8, Rate: 1000, Duration: 300 * time.Millisecond})
	if r.OK != 300 || r.Opened != 1 {
		t.Errorf("ok %d, opened %d, %v; want 300 on one connection", r.OK, r.Opened, r.FirstFailures)
	}
}

func TestHTTP2TellsAClosedIdleConnectionFromALostOne(t *testing.T) {
	s, cfg := h2Server(t, false, newOrigin())
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := worker(t, p, 0)
	if a := mustAsk(t, c, get("/")); !a.Opened || a.Reopened {
		t.Errorf("first: %+v; want opened", a)
	}
	if a := mustAsk(t, c, get("/")); a.Opened || a.Reopened {
		t.Errorf("second: %+v; want the same connection", a)
	}
	lane := c.(*exchanger[*http2Link]).lane
	s.CloseClientConnections()
	until(t, "the end is noticed", func() bool { return !lane.current.link.usable() })
	if a := mustAsk(t, c, get("/")); !a.Opened || !a.Reopened {
		t.Errorf("behind an idle close: %+v; want reopened", a)
	}
}

func TestHTTP2SendsOnceMoreWhatAGracefulServerDidNotTake(t *testing.T) {
	// A server that says GOAWAY in the middle of a load, as nginx does after keepalive_requests: requests that cross
	// with it are not processed, and not lost.
	var served atomic.Int64
	_, cfg := h2Server(t, false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1)%20 == 0 {
			w.Header().Set("Connection", "close") // Go's server: GOAWAY
		}
	}))
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target, Workers: 8, Requests: 400})
	if r.OK != 400 || served.Load() != 400 {
		t.Errorf("ok %d, served %d, %v %v; want 400 each", r.OK, served.Load(), r.Failures, r.FirstFailures)
	}
	if r.Opened < 5 || r.Redials == 0 {
		t.Errorf("opened %d, redials %d; want the GOAWAYs counted", r.Opened, r.Redials)
	}
}

func TestHTTP2WaitsForAStreamBeyondTheServersLimit(t *testing.T) {
	var now, most atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		<-time.After(time.Millisecond) // the work of the endpoint
		now.Add(-1)
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 2}
	s.Start()
	defer s.Close()
	p, err := HTTP2(Config{Target: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: s.URL, Workers: 10, Requests: 100, Warmup: 20 * time.Millisecond})
	if r.OK != 100 || most.Load() > 2 {
		t.Errorf("ok %d, %v, %d at once; want 100, never more than 2", r.OK, r.FirstFailures, most.Load())
	}
}

// framing sends its SETTINGS, reads up to the first request's HEADERS, answers with frames and closes.
func framing(frames string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, "\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		in := bufio.NewReader(c)
		in.Discard(len(http2Preface))
		for {
			head, err := in.Peek(9) // length, type, flags, stream (RFC 9113 §4.1)
			if err != nil {
				return
			}
			kind := head[3]
			in.Discard(9 + int(head[0])<<16 + int(head[1])<<8 + int(head[2]))
			if kind == 1 {
				break
			}
		}
		io.WriteString(c, frames)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func TestEveryWayToFailInHTTP2IsToldApart(t *testing.T) {
	_, trusting := certificate(t)
	direct := func(target string) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client {
			return must(t)(HTTP2(Config{Target: target, TLS: trusting}))
		}
	}
	_, plain := h2Server(t, false, newOrigin())
	_, secure := h2Server(t, true, newOrigin())
	h1 := httptest.NewServer(newOrigin())
	t.Cleanup(h1.Close)
	h1TLS := httptest.NewUnstartedServer(newOrigin())
	h1TLS.Config.ErrorLog = quiet
	h1TLS.StartTLS()
	t.Cleanup(h1TLS.Close)
	closing := func(c net.Conn) { c.Read(make([]byte, 4096)) }
	noALPN, _ := secured(t, func(c net.Conn) { c.(*tls.Conn).Handshake() })
	untrusted := func(t *testing.T) bench.Client { return must(t)(HTTP2(Config{Target: secure.Target})) }
	checkFailures(t, []failure{
		{name: "nobody listens", client: direct("http://" + refusing(t)), request: get("/"), kind: bench.Connect, says: "refused"},
		{name: "nobody listens, TLS", client: direct("https://" + refusing(t)), request: get("/"), kind: bench.Connect, says: "refused"},
		{name: "an unknown certificate", client: untrusted, request: get("/"), kind: bench.TLS, says: "certificate"},
		{name: "plain text where TLS is due", client: direct("https://" + plain.Target[7:]), request: get("/"), kind: bench.TLS, says: "TLS"},
		{name: "HTTP/1 behind TLS", client: direct(h1TLS.URL), request: get("/"), kind: bench.TLS, says: "does not speak h2 here"},
		{name: "HTTP/1 in clear text", client: direct(h1.URL), request: get("/"), kind: bench.Malformed, says: "not HTTP/2"},
		{name: "garbage", client: direct("http://" + listen(t, saying("what do you want of me?\n"))), request: get("/"), kind: bench.Malformed, says: "not HTTP/2"},
		{name: "a frame where SETTINGS is due", client: direct("http://" + listen(t, saying("\x00\x00\x08\x06\x00\x00\x00\x00\x00whatever"))), request: get("/"), kind: bench.Malformed, says: "not HTTP/2"},
		{name: "a head that does not decode", client: direct("http://" + listen(t, framing("\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff"))), request: get("/"), kind: bench.Malformed, says: "not HTTP/2"},
		{name: "an answer without a status", client: direct("http://" + listen(t, framing("\x00\x00\x05\x01\x05\x00\x00\x00\x01\x40\x01a\x01b"))), request: get("/"), kind: bench.Malformed, says: "status"},
		{name: "a field that must not be", client: direct("http://" + listen(t, framing("\x00\x00\x05\x01\x05\x00\x00\x00\x01\x40\x01A\x01b"))), request: get("/"), kind: bench.Malformed, says: "PROTOCOL_ERROR"},
		{name: "TLS without ALPN", client: direct("https://" + noALPN), request: get("/"), kind: bench.TLS, says: `does not speak h2 here: asked by ALPN, it chose ""`},
		{name: "a server that closes behind its SETTINGS", client: direct("http://" + listen(t, saying("\x00\x00\x00\x04\x00\x00\x00\x00\x00"))), request: get("/"), kind: bench.Reset, says: ""},
		{name: "a refused stream", client: direct("http://" + listen(t, framing("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07"))), request: get("/"), kind: bench.Reset, says: "refused the stream"},
		{name: "a connection that is sent away", client: direct("http://" + listen(t, framing("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b"))), request: get("/"), kind: bench.Reset, says: ""},
		{name: "a request that the server finds malformed", client: direct(plain.Target), request: get("/%zz"), kind: bench.Reset, says: "received from peer"},
		{name: "a close without an answer", client: direct("http://" + listen(t, closing)), request: get("/"), kind: bench.Reset, says: "EOF"},
		{name: "an answer cut by a reset", client: direct(plain.Target), request: get("/cut"), kind: bench.ShortBody, says: "cut short"},
		{name: "a timeout", client: direct(plain.Target), request: get("/hang"), within: 30 * time.Millisecond, kind: bench.Timeout, says: "deadline"},
		{name: "a handshake that hangs", client: direct("https://" + listen(t, hang(nil))), request: get("/"), within: 30 * time.Millisecond, kind: bench.TLS, says: "deadline"},
		{name: "a path that is none", client: direct(plain.Target), request: get("no-slash"), kind: bench.Reset, says: "slash"},
	})
}

func TestHTTP2GivesUpWhenTheRunEnds(t *testing.T) {
	o := newOrigin()
	_, cfg := h2Server(t, false, o)
	checkGivesUp(t, must(t)(HTTP2(cfg)), get("/hang"), o.asked)
	asked := make(chan struct{}, 1)
	handshake := "https://" + listen(t, hang(asked))
	checkGivesUp(t, must(t)(HTTP2(Config{Target: handshake})), get("/"), asked)
}

func TestHTTP2TakesAnEarlyAnswerAndItsBodyBack(t *testing.T) {
	// The server answers before it has read the body. What it did not take is not counted, and the body's bytes may
	// be used for the next request, whatever the library still wants to send.
	_, cfg := h2Server(t, false, newOrigin())
	c := must(t)(HTTP2(cfg))
	r := post("/early", strings.Repeat("x", 8<<20))
	for range 5 {
		a := mustAsk(t, c, r)
		if a.Status != 403 || a.Out > int64(len(r.Body)) {
			t.Errorf("%+v", a)
		}
		clear(r.Body)
	}
}

func TestAnAnswerThatIsCutHasNoStatus(t *testing.T) {
	// The head of an answer that was cut counted among the statuses of complete answers.
	_, cfg := h2Server(t, false, newOrigin())
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target + "/cut", Requests: 3})
	if r.Failures[bench.ShortBody] != 3 || len(r.Statuses) != 0 {
		t.Errorf("%v, statuses %v; want three short bodies and no status", r.Failures, r.Statuses)
	}
}
