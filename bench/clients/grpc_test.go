package clients

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	health1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"weir/bench"
)

// rawOrigin is a gRPC server that takes any method: /test.Raw/Echo gives the message back, Code N fails with that
// code, Saw gives the metadata,
// Hang never ends.
type rawOrigin struct {
	server   *grpc.Server
	accepted atomic.Int64
	asked    chan struct{}
	listener *cutListener
}

// cutListener counts connections and can cut them.
type cutListener struct {
	net.Listener
	accepted *atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *cutListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

// rawServer serves until the test ends; secure is nil for clear text.
func rawServer(t testing.TB, secure *tls.Config, options ...grpc.ServerOption) (*rawOrigin, string) {
	t.Helper()
	o := &rawOrigin{asked: make(chan struct{}, 1)}
	options = append(options, grpc.MaxRecvMsgSize(anySize), grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(o.serve))
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	o.server = grpc.NewServer(options...)
	o.listener = &cutListener{Listener: loopback(t), accepted: &o.accepted}
	serveGRPC(t, o.server, o.listener)
	return o, o.listener.Addr().String()
}

func serveGRPC(t testing.TB, s *grpc.Server, l net.Listener) {
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
}

func (o *rawOrigin) serve(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	m := &message{keep: true}
	if err := stream.RecvMsg(m); err != nil {
		return err
	}
	var code int
	if n, _ := fmt.Sscanf(method, "/test.Raw/Code%d", &code); n == 1 {
		return status.Error(codes.Code(code), "as asked")
	}
	switch method {
	case "/test.Raw/Saw":
		md, _ := metadata.FromIncomingContext(stream.Context())
		m.in = fmt.Append(nil, md[":authority"], md["x-a"], md["connection"])
	case "/test.Raw/Hang":
		select {
		case o.asked <- struct{}{}:
		default:
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	return stream.SendMsg(&message{out: m.in})
}

// healthServer serves the health service, with reflection or without.
func healthServer(t *testing.T, reflected bool) string {
	t.Helper()
	s := grpc.NewServer()
	health1.RegisterHealthServer(s, health.NewServer())
	if reflected {
		reflection.RegisterV1(s)
	}
	l := loopback(t)
	serveGRPC(t, s, l)
	return l.Addr().String()
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestGRPCCarriesTheMessage(t *testing.T) {
	serverTLS, clientTLS := certificate(t)
	for _, secure := range []bool{false, true} {
		var given *tls.Config
		scheme := "grpc"
		if secure {
			given, scheme = serverTLS, "grpcs"
		}
		_, address := rawServer(t, given)
		c := must(t)(GRPC(Config{Target: scheme + "://" + address, TLS: clientTLS}))
		for _, d := range []struct {
			name    string
			request bench.Request
			body    string
		}{
			{"a message", post("/test.Raw/Echo", "\x0a\x05hello"), "\x0a\x05hello"},
			{"an empty message", post("/test.Raw/Echo", ""), ""},
			{"a large message", post("/test.Raw/Echo", strings.Repeat("x", 5<<20)), strings.Repeat("x", bench.MaxExpectedBody)},
			{"metadata", bench.Request{Method: "POST", Path: []byte("/test.Raw/Saw"), Expect: anything, Host: "other.example",
				Header: []bench.Field{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}, {Name: "Connection", Value: "close"}}},
				"[other.example] [1 2] []"},
		} {
			a := mustAsk(t, c, d.request)
			if a.Status != 200 || string(a.Body) != d.body || a.In < int64(len(d.body)) || a.Out != int64(len(d.request.Body)) {
				t.Errorf("%s: %d %.40q, %d in, %d out; want 200 %.40q", d.name, a.Status, a.Body, a.In, a.Out, d.body)
			}
		}
		r := post("/test.Raw/Echo", "123")
		r.Expect = nil
		if a := mustAsk(t, c, r); a.Body != nil || a.In != 3 {
			t.Errorf("unwanted body %q, %d in", a.Body, a.In)
		}
	}
}

func TestAGRPCCodeIsAStatus(t *testing.T) {
	_, address := rawServer(t, nil)
	c := must(t)(GRPC(Config{Target: "grpc://" + address}))
	for code, want := range map[codes.Code]int{
		codes.Canceled: 499, codes.Unknown: 500, codes.InvalidArgument: 400, codes.DeadlineExceeded: 504,
		codes.NotFound: 404, codes.AlreadyExists: 409, codes.PermissionDenied: 403, codes.ResourceExhausted: 429,
		codes.FailedPrecondition: 400, codes.Aborted: 409, codes.OutOfRange: 400, codes.Unimplemented: 501,
		codes.Internal: 500, codes.Unavailable: 503, codes.DataLoss: 500, codes.Unauthenticated: 401, 77: 500,
	} {
		if a := mustAsk(t, c, post(fmt.Sprintf("/test.Raw/Code%d", code), "")); a.Status != want {
			t.Errorf("%v: status %d, want %d", code, a.Status, want)
		}
	}
	if grpcStatus(0) != 200 {
		t.Error("OK is not 200")
	}
}

func TestGRPCWorkersShareConnections(t *testing.T) {
	o, address := rawServer(t, nil)
	p, err := GRPC(Config{Target: "grpc://" + address, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: "grpc://" + address + "/test.Raw/Echo", Method: "POST", Body: []byte("hello"), Connections: 2, Workers: 8, Requests: 400})
	if r.OK != 400 || r.Opened > 2 || r.Redials != 0 || o.accepted.Load() != r.Opened || r.BytesIn != 2000 || r.BytesOut != 2000 || r.Statuses[200] != 400 {
		t.Errorf("ok %d, %v, opened %d, redials %d, accepted %d, %d in, %d out; want 400 on at most 2", r.OK, r.FirstFailures, r.Opened, r.Redials, o.accepted.Load(), r.BytesIn, r.BytesOut)
	}
	if r.Settings.Protocol != "gRPC" {
		t.Errorf("protocol %q", r.Settings.Protocol)
	}
	o.server.Stop()
	checkNoGoroutines(t, "weir/bench/clients.", "google.golang.org/grpc")
}

func TestGRPCFreshTakesAConnectionForEachRequest(t *testing.T) {
	serverTLS, clientTLS := certificate(t)
	o, address := rawServer(t, serverTLS)
	p, err := GRPC(Config{Target: "grpcs://" + address, Fresh: true, TLS: clientTLS})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: "grpcs://" + address + "/test.Raw/Echo", Method: "POST", Workers: 4, Requests: 40, Fresh: true})
	if r.OK != 40 || r.Opened != 40 || o.accepted.Load() != 40 {
		t.Errorf("ok %d, %v, opened %d, accepted %d; want 40 each", r.OK, r.FirstFailures, r.Opened, o.accepted.Load())
	}
	o.server.Stop()
	checkNoGoroutines(t, "weir/bench/clients.", "google.golang.org/grpc")
}

func TestGRPCTellsAClosedIdleConnectionFromALostOne(t *testing.T) {
	o, address := rawServer(t, nil)
	c := must(t)(GRPC(Config{Target: "grpc://" + address}))
	if a := mustAsk(t, c, post("/test.Raw/Echo", "")); !a.Opened || a.Reopened {
		t.Errorf("first: %+v; want opened", a)
	}
	link := c.(*grpcClient).lane.current.link
	o.listener.cut()
	for state := link.conn.GetState(); link.usable(); state = link.conn.GetState() {
		link.conn.WaitForStateChange(t.Context(), state)
	}
	if a := mustAsk(t, c, post("/test.Raw/Echo", "")); !a.Opened || !a.Reopened {
		t.Errorf("behind an idle close: %+v; want reopened", a)
	}
}

func TestGRPCGoesOnWhereAServerEndsItsConnections(t *testing.T) {
	// keepalive.ServerParameters.MaxConnectionAge and proxies end connections by GOAWAY under load: nothing is lost.
	var served atomic.Int64
	_, cfg := h2Server(t, false, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		if served.Add(1)%20 == 0 {
			w.Header().Set("Connection", "close") // Go's server: GOAWAY
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		w.Write([]byte{0, 0, 0, 0, 0})
		w.Header().Set("Grpc-Status", "0")
	}))
	target := "grpc" + strings.TrimPrefix(cfg.Target, "http")
	p, err := GRPC(Config{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: target + "/a.B/C", Method: "POST", Workers: 8, Requests: 400})
	if r.OK != 400 || served.Load() != 400 || r.Opened < 5 || r.Redials == 0 {
		t.Errorf("ok %d, served %d, opened %d, redials %d, %v %v; want 400 each, the GOAWAYs counted", r.OK, served.Load(), r.Opened, r.Redials, r.Failures, r.FirstFailures)
	}
}

const check1 = "/grpc.health.v1.Health/Check"

func TestAJSONBodyIsEncodedByReflection(t *testing.T) {
	address := healthServer(t, true)
	p, err := GRPC(Config{Target: "grpc://" + address + check1})
	if err != nil {
		t.Fatal(err)
	}
	serving, err := proto.Marshal(&health1.HealthCheckResponse{Status: health1.HealthCheckResponse_SERVING})
	if err != nil {
		t.Fatal(err)
	}
	c := worker(t, p, 0)
	for range 2 {
		if a := mustAsk(t, c, post(check1, ` {"service": ""}`)); a.Status != 200 || !bytes.Equal(a.Body, serving) {
			t.Errorf("%d %q, want 200 %q", a.Status, a.Body, serving)
		}
	}
	if a := mustAsk(t, c, post(check1, `{"service": "unheard of"}`)); a.Status != 404 {
		t.Errorf("status %d; want 404: the name arrived", a.Status)
	}
	r := run(t, p, bench.Config{Target: "grpc://" + address + check1, Method: "POST", Body: []byte("{}"), Workers: 4, Requests: 100})
	if r.OK != 100 {
		t.Errorf("ok %d, %v", r.OK, r.FirstFailures)
	}
}

func TestAReflectionIsAskedOnceForAllConnections(t *testing.T) {
	address := healthServer(t, true)
	p, err := GRPC(Config{Target: "grpc://" + address + check1, Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	known := worker(t, p, 0).(*grpcClient).schemas
	for n, body := range []string{`{}`, `{"service":""}`, `{ }`} {
		if a := mustAsk(t, worker(t, p, n), post(check1, body)); a.Status != 200 || !a.Opened {
			t.Errorf("%s: %+v", body, a)
		}
	}
	if len(known.known) != 1 || known.known[check1].input.FullName() != "grpc.health.v1.HealthCheckRequest" {
		t.Errorf("known: %v", known.known)
	}
}

func TestAMethodThatIsMissingIsRememberedAndALostConnectionIsNot(t *testing.T) {
	address := healthServer(t, false)
	p, err := GRPC(Config{Target: "grpc://" + address + check1})
	if err != nil {
		t.Fatal(err)
	}
	c := worker(t, p, 0).(*grpcClient)
	over, end := context.WithCancel(t.Context())
	end()
	r := post(check1, "{}")
	if _, err := c.Do(over, time.Now().Add(patience), &r); err == nil || len(c.schemas.known) != 0 {
		t.Errorf("%v, known %v; want nothing remembered", err, c.schemas.known)
	}
	for range 2 {
		if _, err := ask(t, c, r); !errors.Is(err, bench.ErrConfig) || len(c.schemas.known) != 1 {
			t.Errorf("%v, known %v; want one refusal, remembered", err, c.schemas.known)
		}
	}
}

func TestGRPCMessageEncodesBeforeTheRun(t *testing.T) {
	cfg := Config{Target: "grpc://" + healthServer(t, true) + check1}
	want, err := proto.Marshal(&health1.HealthCheckRequest{Service: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{`{"service":"a"}`: string(want), "{}": "", "\x0a\x01a": "\x0a\x01a", "": "", "{broken": "{broken"} {
		got, err := GRPCMessage(t.Context(), cfg, []byte(given))
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", given, got, err, want)
		}
	}
}

func TestWhatCannotBeEncodedIsSaidInWords(t *testing.T) {
	reflected, bare := "grpc://"+healthServer(t, true), "grpc://"+healthServer(t, false)
	for _, d := range []struct{ target, body, says string }{
		{bare + check1, "{}", "no reflection"},
		{reflected + check1, `{"serwice":"a"}`, "serwice"},
		{reflected + check1, `{"service":7}`, "service"},
		{reflected + "/grpc.health.v1.Health/Chek", "{}", "has no method Chek"},
		{reflected + "/grpc.health.v1.Health/Watch", "{}", "not unary"},
		{reflected + "/grpc.health.v1.Helth/Check", "{}", "Helth"},
		{reflected + "/grpc.health.v1.HealthCheckRequest/Check", "{}", "is not a service"},
		{reflected + "/nonsense", "{}", "/package.Service/Method"},
		{reflected, "{}", "/package.Service/Method"},
		{"http://host/a.B/C", "{}", "gRPC needs grpc:// or grpcs://"},
	} {
		_, err := GRPCMessage(t.Context(), Config{Target: d.target}, []byte(d.body))
		if !errors.Is(err, bench.ErrConfig) || !strings.Contains(err.Error(), d.says) {
			t.Errorf("%s %s: %v; want ErrConfig that says %q", d.target, d.body, err, d.says)
		}
	}
	_, err := GRPCMessage(t.Context(), Config{Target: "grpc://" + refusing(t) + check1}, []byte("{}"))
	if err == nil || bench.KindOf(err) != bench.Connect {
		t.Errorf("%v; want a refused connect", err)
	}
}

func TestEveryWayToFailInGRPCIsToldApart(t *testing.T) {
	to := func(target string, trust *tls.Config) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client { return must(t)(GRPC(Config{Target: target, TLS: trust})) }
	}
	serverTLS, clientTLS := certificate(t)
	_, raw := rawServer(t, nil)
	_, rawTLS := rawServer(t, serverTLS)
	h1 := httptest.NewServer(newOrigin())
	t.Cleanup(h1.Close)
	h1TLS := httptest.NewUnstartedServer(newOrigin())
	h1TLS.Config.ErrorLog = quiet
	h1TLS.StartTLS()
	t.Cleanup(h1TLS.Close)
	_, h2 := h2Server(t, false, newOrigin())
	h2Address := strings.TrimPrefix(h2.Target, "http://")
	abort := func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/a.B/Half" {
			w.Header().Set("Content-Type", "application/grpc")
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, aborting := h2Server(t, false, http.HandlerFunc(abort))
	echo := post("/test.Raw/Echo", "")
	checkFailures(t, []failure{
		{name: "nobody listens", client: to("grpc://"+refusing(t), nil), request: echo, kind: bench.Connect, says: "refused"},
		{name: "an unknown certificate", client: to("grpcs://"+rawTLS, nil), request: echo, kind: bench.TLS, says: "certificate"},
		{name: "HTTP/1 in clear text", client: to("grpc"+strings.TrimPrefix(h1.URL, "http"), nil), request: echo, kind: bench.Malformed, says: "not HTTP/2"},
		{name: "HTTP/1 behind TLS", client: to("grpcs"+strings.TrimPrefix(h1TLS.URL, "https"), clientTLS), request: echo, kind: bench.TLS, says: "does not speak h2 here"},
		{name: "garbage", client: to("grpc://"+listen(t, saying("what do you want of me?\n")), nil), request: echo, kind: bench.Malformed, says: "not HTTP/2"},
		{name: "HTTP/2 that is not gRPC", client: to("grpc://"+h2Address, nil), request: post("/status/404", ""), kind: bench.Malformed, says: "404 (Not Found)"},
		{name: "an HTTP answer", client: to("grpc://"+h2Address, nil), request: echo, kind: bench.Malformed, says: "not gRPC"},
		{name: "a close without SETTINGS", client: to("grpc://"+listen(t, func(c net.Conn) { c.Read(make([]byte, 4096)) }), nil), request: echo, kind: bench.Reset, says: "error reading server preface"},
		{name: "a stream reset", client: to("grpc"+strings.TrimPrefix(aborting.Target, "http"), nil), request: echo, kind: bench.Reset, says: "RST_STREAM"},
		{name: "an answer cut by a reset", client: to("grpc"+strings.TrimPrefix(aborting.Target, "http"), nil), request: post("/a.B/Half", ""), kind: bench.ShortBody, says: "cut short"},
		{name: "a server that closes behind its SETTINGS", client: to("grpc://"+listen(t, saying("\x00\x00\x00\x04\x00\x00\x00\x00\x00")), nil), request: echo, kind: bench.Reset, says: ""},
		{name: "a refused stream", client: to("grpc://"+listen(t, framing("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07")), nil), request: echo, kind: bench.Reset, says: "Unavailable"},
		{name: "a timeout", client: to("grpc://"+raw, nil), request: post("/test.Raw/Hang", ""), within: 50 * time.Millisecond, kind: bench.Timeout, says: "DeadlineExceeded"},
		{name: "a server that says nothing", client: to("grpc://"+listen(t, hang(nil)), nil), request: echo, within: 50 * time.Millisecond, kind: bench.Timeout, says: "deadline"},
		{name: "a path that is no method", client: to("grpc://"+raw, nil), request: post("/", ""), kind: bench.Reset, says: "/package.Service/Method"},
	})
}

func TestGRPCGivesUpWhenTheRunEnds(t *testing.T) {
	o, address := rawServer(t, nil)
	checkGivesUp(t, must(t)(GRPC(Config{Target: "grpc://" + address})), post("/test.Raw/Hang", ""), o.asked)
	asked := make(chan struct{}, 1)
	checkGivesUp(t, must(t)(GRPC(Config{Target: "grpc://" + listen(t, hang(asked))})), post("/test.Raw/Hang", ""), asked)
}

func TestARunNamesTheStatusOfAFailedCall(t *testing.T) {
	_, address := rawServer(t, nil)
	p, err := GRPC(Config{Target: "grpc://" + address})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: "grpc://" + address + "/test.Raw/Code14", Method: "POST", Requests: 10})
	if r.Failures[bench.Status] != 10 || r.Statuses[503] != 10 {
		t.Errorf("failures %v, statuses %v; want 10 of status 503", r.Failures, r.Statuses)
	}
	if first := r.FirstFailures["status"]; !strings.HasPrefix(first, "status 503: Unavailable: ") {
		t.Errorf("the first failure is %q, want gRPC's code in it", first)
	}
}

func FuzzABodyIsTakenForJSONOnlyWhereItIsAnObject(f *testing.F) {
	for _, s := range []string{"{}", ` {"a":1}`, "\x0a\x05hello", "{", "[1]", "", "{}x", "\x7b\x7c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		trimmed := bytes.Trim(body, " \t\r\n")
		if isJSON(body) && (len(trimmed) < 2 || trimmed[0] != '{' || trimmed[len(trimmed)-1] != '}') {
			t.Errorf("%q is no object", body)
		}
	})
}
