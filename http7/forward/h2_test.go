package forward

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/certs"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/tlsto"
	"weir/lb"
)

// before returns a stand whose endpoint is at that address.
func before(t *testing.T, address string, change func(*Config)) *stand {
	t.Helper()
	s := &stand{t: t, reg: lb.NewRegistry(CloseIdle)}
	s.wheel = deadline.New()
	ctx, stop := context.WithCancel(context.Background())
	go s.wheel.Run(ctx)
	t.Cleanup(stop)
	cfg := lb.Default()
	a, err := conf.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Endpoints = []lb.EndpointConfig{{Address: a, Weight: 1}}
	if _, err := s.reg.Adopt("u", cfg); err != nil {
		t.Fatal(err)
	}
	s.endpoint = s.reg.Endpoints()[0]
	t.Cleanup(func() { CloseIdle(s.endpoint) })
	s.reload(change)
	return s
}

// reload gives the stand a transport of another config.
func (s *stand) reload(change func(*Config)) {
	s.t.Helper()
	fc := unhurried()
	if change != nil {
		change(&fc)
	}
	tr, err := New(&fc, s.wheel)
	if err != nil {
		s.t.Fatal(err)
	}
	s.tr = tr
}

// speaking starts a server that speaks those protocols to a handler.
func speaking(t *testing.T, handler http.HandlerFunc, protocols func(*http.Protocols)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	protocols(server.Protocols)
	go func() { _ = server.Serve(l) }() // ends with the listener
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func h2c(c *Config) { c.Protocol = ProtocolH2C }

func unencryptedH2(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }

// told is what an attempt came to.
type told struct {
	status  int
	body    string
	header  *http7.Header
	trailer *http7.Header
	fault   *http7.Fault
	cause   error
}

// ask makes one attempt with a whole request.
func (s *stand) ask(request string) (got told) {
	s.t.Helper()
	c, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
	if f != nil {
		return told{fault: f, cause: cause}
	}
	c.Begin(s.tr, 0)
	return s.askOn(c, request)
}

func (s *stand) askOn(c *Conn, request string) (got told) {
	s.t.Helper()
	method, _, _ := strings.Cut(request, " ")
	c.AwaitHead(deadline.Now())
	if !c.Ask([]byte(request), c.Reused()) {
		s.t.Fatal("the connection was of no use")
	}
	for {
		if got.fault, got.cause = c.ReadHead([]byte(method)); got.fault != nil {
			c.Cut()
			return got
		}
		if c.Final() {
			break
		}
	}
	got.status = c.Answer.Status
	got.header = new(http7.Header)
	got.header.CopyFrom(&c.Answer.Header)
	var body bytes.Buffer
	for {
		b, state, f := c.Next()
		switch state {
		case http7.Chunk:
			body.Write(b)
		case http7.Parked:
			c.Await()
		default:
			got.fault, got.body = f, body.String()
			got.trailer = new(http7.Header)
			got.trailer.CopyFrom(&c.Answer.Trailer)
			c.Close()
			return got
		}
	}
}

func TestARequestOverH2ArrivesAsItWouldOverH1(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, request, want string }{
		{"a GET", "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=1; b=2\r\nConnection: close\r\nKeep-Alive: 5\r\nVia: 1.1 weir\r\n\r\n",
			"GET /a?b=c example.com length 0 X-A=[1 2] Cookie=[a=1; b=2] Te=[] body \"\" trailer map[]"},
		{"a POST with a length", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
			"POST /p a length 5 X-A=[] Cookie=[] Te=[] body \"hello\" trailer map[]"},
		{"a POST of nothing", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
			"POST /p a length 0 X-A=[] Cookie=[] Te=[] body \"\" trailer map[]"},
		{"chunks and trailers", "PUT /p HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-T: end\r\n\r\n",
			"PUT /p a length -1 X-A=[] Cookie=[] Te=[trailers] body \"hello!\" trailer map[X-T:[end]]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := speaking(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%s %s %s length %d X-A=%v Cookie=%v Te=%v body %q trailer %v", r.Method, r.URL, r.Host,
					r.ContentLength, r.Header["X-A"], r.Header["Cookie"], r.Header["Te"], b, r.Trailer)
				if r.ProtoMajor != 2 {
					t.Errorf("the endpoint was spoken to in %s", r.Proto)
				}
			}, unencryptedH2)
			got := before(t, at, h2c).ask(test.request)
			if got.fault != nil || got.status != 200 || got.body != test.want {
				t.Errorf("%v (%v) %d\n got %s\nwant %s", got.fault, got.cause, got.status, got.body, test.want)
			}
		})
	}
}

// origin is an endpoint with TLS, that h2 is spoken to or not.
func origin(t *testing.T, h2 bool, change func(*tls.Config)) (at string, ca string) {
	t.Helper()
	pair, err := certs.SelfSigned("orders.internal", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s, resumed %v", r.Proto, r.TLS.ServerName, r.TLS.DidResume)
	}))
	server.EnableHTTP2 = h2
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(server.TLS)
	}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), writePEM(t, "CERTIFICATE", pair.Certificate[0])
}

func TestALPNDecidesWhatIsSpokenOverTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		protocol string
		h2       bool
		want     string
		fault    *http7.Fault
	}{
		{ProtocolAuto, true, "HTTP/2.0 for orders.internal, resumed false", nil},
		{ProtocolAuto, false, "HTTP/1.1 for orders.internal, resumed false", nil},
		{ProtocolH1, true, "HTTP/1.1 for orders.internal, resumed false", nil},
		{ProtocolH2, true, "HTTP/2.0 for orders.internal, resumed false", nil},
		{ProtocolH2, false, "", http7.UpstreamTLS},
	} {
		t.Run(fmt.Sprint(test.protocol, " to h2 ", test.h2), func(t *testing.T) {
			at, ca := origin(t, test.h2, nil)
			s := before(t, at, func(c *Config) {
				c.Protocol, c.TLS = test.protocol, &tlsto.Config{ServerName: "orders.internal", CA: ca}
			})
			if test.fault != nil {
				if _, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil); f != test.fault {
					t.Fatal(f, cause)
				}
				return
			}
			for range 3 { // the second time on the same connection
				if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != test.want {
					t.Fatalf("got %q, %v, %v", got.body, got.fault, got.cause)
				}
			}
			s.stats(1, 1)
		})
	}
}
