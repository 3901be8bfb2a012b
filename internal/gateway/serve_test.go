package gateway

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crypto/x509"

	"weir/internal/certs"
)

const any0 = "address = \"127.0.0.1:0\"\n"

func TestRequestsReachUpstreamsHandlersAndFixedAnswers(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+`
[[routes]]
match = { path = "/api/*" }
upstream = "api"
[[routes]]
match = { path = "/ping" }
respond = { body = "pong" }
[[routes]]
match = { path = "/hello" }
handler = "hello"
[upstreams.api]
endpoints = "`+endpoint(t, "one")+`"
`)
	r.says("web", "/api/x", "one")
	r.says("web", "/ping", "pong")
	r.says("web", "/hello", "hello /hello")
	if status, body := r.get("web", "/else"); status != 404 || !strings.Contains(body, "no_route") {
		t.Errorf("no route: %d %s", status, body)
	}
}

func TestAPanicOfAHandlerIsAnswered(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nhandler = \"panic\"\n")
	if status, _ := r.get("web", "/"); status != 500 {
		t.Errorf("status %d, want 500", status)
	}
}

func TestSessionsOfATCPListenerReachTheirUpstream(t *testing.T) {
	r := start(t, "access_log.path = \"-\"\n[listeners.raw]\nkind = \"tcp\"\nupstream = \"echo\"\n"+any0+
		"[upstreams.echo]\nendpoints = \""+echo(t)+"\"\n")
	s := r.session("raw")
	s.echoes("through and back")
	if err := s.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s.over()
	until(t, "a line for the session", func() bool { return strings.Contains(r.access.String(), `"proto":"tcp"`) })
	for _, want := range []string{`"listener":"raw"`, `"upstream":"echo"`, `"bytes_in":16,"bytes_out":16`, `"fault":""`, `"client":"127.0.0.1"`} {
		if line := r.access.String(); !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
	m := r.metrics()
	for _, want := range []string{`weir_listener_bytes_in_total{listener="raw"} 16`, `weir_upstream_attempts_total{upstream="echo",outcome="ok"} 1`} {
		if !strings.Contains(m, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// pair writes a self-signed certificate for host and returns the table of it and what trusts it.
func pair(t testing.TB, host string) (table string, roots *x509.CertPool) {
	t.Helper()
	c, err := certs.SelfSigned(host)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pair.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return `{ cert = "` + file + `", key = "` + file + `" }`, certs.Pool(c)
}

// secure asks over TLS on a connection of its own.
func (r *rig) secure(listener, host string, roots *x509.CertPool) (string, error) {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host}}}
	q, err := http.NewRequest("GET", "https://"+r.g.Addr(listener).String()+"/", nil)
	if err != nil {
		return "", err
	}
	q.Host = host
	res, err := client.Do(q)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestTLSIsTerminatedAndItsCertificatesAreSwappedByAReload(t *testing.T) {
	const route = "[[routes]]\nrespond = { body = \"safe\" }\n"
	first, firstRoots := pair(t, "first.example")
	second, secondRoots := pair(t, "second.example")
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = ["+first+"]\n"+route)
	if body, err := r.secure("web", "first.example", firstRoots); err != nil || body != "safe" {
		t.Fatalf("first: %q, %v", body, err)
	}
	if _, err := r.secure("web", "second.example", secondRoots); err == nil {
		t.Fatal("a client that trusts another certificate got in")
	}
	r.reload("[listeners.web]\n" + any0 + "tls.certificates = [" + second + "]\n" + route)
	if body, err := r.secure("web", "second.example", secondRoots); err != nil || body != "safe" {
		t.Fatalf("second: %q, %v", body, err)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_tls_handshake_failures_total{listener="web",reason="refused_by_client"} 1`) {
		t.Error("the handshake that failed is not counted once")
	}
	r.reload("[listeners.web]\n" + any0 + route)
	r.says("web", "/", "safe") // without TLS now
}

func TestAPortInUseNamesTheListenerAndLeavesNothingBound(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other := free(t)
	r := prepared(t, "[listeners.a]\naddress = \""+other+"\"\n[listeners.b]\naddress = \""+taken.Addr().String()+"\"\n[[routes]]\nrespond = {}\n")
	err = r.g.Open(r.path)
	if want := "listener b: address " + taken.Addr().String() + ": address already in use"; err == nil || err.Error() != want || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %s", err, want)
	}
	l, err := net.Listen("tcp", other)
	if err != nil {
		t.Fatalf("the other listener's address stays bound: %v", err)
	}
	_ = l.Close()
}

func TestAWrongConfigOpensNothing(t *testing.T) {
	r := prepared(t, "[listeners.web]\naddress = \":x\"\n")
	var wrong *ConfigError
	if err := r.g.Open(r.path); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "listeners.web.address") {
		t.Errorf("got %v", err)
	}
}

func TestCloseUndoesOpen(t *testing.T) {
	address, admin := free(t), free(t)
	r := prepared(t, "[admin]\naddress = \""+admin+"\"\n[listeners.web]\naddress = \""+address+"\"\n[[routes]]\nrespond = {}\n")
	if err := r.g.Open(r.path); err != nil {
		t.Fatal(err)
	}
	if got := r.g.Addr("web").String(); got != address {
		t.Errorf("web is at %s, want %s", got, address)
	}
	if v := r.g.Reload(); v.OK || v.Problems[0].Text != errStarting.Error() {
		t.Errorf("a reload before the first config serves: %+v", v)
	}
	r.g.Close()
	for _, a := range []string{address, admin} {
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatalf("%s stays bound: %v", a, err)
		}
		_ = l.Close()
	}
	if m := r.metrics(); strings.Contains(m, `listener="web"`) {
		t.Error("the series of a listener that never served are still there")
	}
}

func TestAnUnreachableEndpointIsLoggedOncePerChange(t *testing.T) {
	address := free(t)
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+address+"\"\nconnections.idle = \"off\"\n")
	for range 3 {
		if status, body := r.get("web", "/"); status != 502 || !strings.Contains(body, "refused") {
			t.Fatalf("%d %s, want a 502 with the cause", status, body)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(l) }() // ends with Close
	for range 3 {
		if status, _ := r.get("web", "/"); status != 404 {
			t.Fatalf("status %d, want 404", status)
		}
	}
	_ = server.Close()
	if status, _ := r.get("web", "/"); status != 502 {
		t.Fatal("want a 502 again")
	}
	if n := strings.Count(r.log.String(), `"endpoint unreachable"`); n != 2 {
		t.Errorf("%d lines say that it is unreachable, want 2:\n%s", n, r.log)
	}
	if n := strings.Count(r.log.String(), `"endpoint reachable again"`); n != 1 {
		t.Errorf("%d lines say that it is back, want 1", n)
	}
	if why := r.g.Status().Upstreams[0].Endpoints[0].Why; !strings.Contains(why, "connection refused") {
		t.Errorf("status says %q", why)
	}
}

func TestASessionThatFindsNoEndpointIsLoggedOnce(t *testing.T) {
	r := start(t, "[listeners.raw]\nkind = \"tcp\"\nupstream = \"u\"\n"+any0+"[upstreams.u]\nendpoints = \""+free(t)+"\"\n")
	for range 2 {
		r.refused("raw")
	}
	until(t, "both sessions are counted", func() bool {
		return strings.Contains(r.metrics(), `weir_upstream_attempts_total{upstream="u",outcome="connect_failed"} 2`)
	})
	if n := strings.Count(r.log.String(), `"endpoint unreachable"`); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, r.log)
	}
}

func TestConnectionsOverALimitAreCountedByReason(t *testing.T) {
	r := start(t, "[listeners.raw]\nkind = \"tcp\"\nupstream = \"u\"\nmax_connections = 3\nmax_connections_per_client = 1\n"+any0+
		"[upstreams.u]\nendpoints = \""+echo(t)+"\"\n")
	s := r.session("raw")
	s.echoes("in")
	r.refused("raw")
	s.echoes("untouched")
	want := `weir_listener_connections_refused_total{listener="raw",reason="max_connections_per_client"} 1`
	for range 2 { // a second scrape must not count again
		if m := r.metrics(); !strings.Contains(m, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestStatusDescribesWhatRuns(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+"[listeners.raw]\nkind = \"tcp\"\nupstream = \"u\"\n"+any0+
		"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = [\""+echo(t)+"\", { address = \"127.0.0.1:9\", weight = 3 }]\nbalance = \"least_requests\"\n")
	r.session("raw").echoes("x")
	s := r.g.Status()
	if s.Generation != 1 || !s.Ready || s.Config != r.path || s.Version != "devel" || len(s.Listeners) != 2 || len(s.Upstreams) != 1 {
		t.Fatalf("got %+v", s)
	}
	raw := s.Listeners[0]
	if raw.Name != "raw" || raw.Kind != "tcp" || raw.Connections != 1 || len(raw.Addresses) != 1 || raw.Addresses[0] != r.g.Addr("raw").String() {
		t.Errorf("raw is %+v", raw)
	}
	u := s.Upstreams[0]
	if u.Name != "u" || u.Balance != "least_requests" || u.Ready != 2 || u.Endpoints[0].State != "ready" || u.Endpoints[1].Weight != 3 {
		t.Errorf("u is %+v", u)
	}
	if n := u.Endpoints[0].InFlight + u.Endpoints[1].InFlight; n != 1 {
		t.Errorf("%d in flight, want the open session", n)
	}
}

func TestMetricsShowEveryEndpoint(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+endpoint(t, "x")+"\"\n")
	r.says("web", "/", "x")
	for _, want := range []string{ // a use is counted just after its last byte has gone
		`weir_endpoint_state{upstream="u",endpoint="`, `state="ready"} 1`, `weir_endpoint_in_flight{`,
		"weir_config_generation 1\n", `weir_http_requests_total{listener="web",route="/*",class="2xx"} 1`,
	} {
		until(t, "the metrics have "+want, func() bool { return strings.Contains(r.metrics(), want) })
	}
}

func TestTheLogSaysWhereWeirListens(t *testing.T) {
	r := start(t, "[admin]\naddress = \"127.0.0.1:0\"\n[listeners.web]\n"+any0+"[listeners.local]\n"+any0+"[[routes]]\nrespond = {}\n")
	want := `"listeners":["admin ` + r.g.AdminAddr().String() + `","local ` + r.g.Addr("local").String() + `","web ` + r.g.Addr("web").String() + `"]`
	until(t, "the log has "+want, func() bool { return strings.Contains(r.log.String(), want) })
}
