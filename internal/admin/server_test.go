package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
)

// stub is a gateway of fixed answers that counts reloads.
type stub struct {
	reloads atomic.Int32
	verdict Verdict
	notWhy  string // why it is not ready; "" if it is
}

func (s *stub) gateway() Gateway {
	return Gateway{
		Reload: func(context.Context) Verdict { s.reloads.Add(1); return s.verdict },
		Status: func() Status {
			return Status{
				Version: "0.1", Generation: 3,
				Listeners: []ListenerStatus{{Name: "web", Kind: "http", Addresses: []string{"127.0.0.1:80"}, Connections: 2}},
				Upstreams: []UpstreamStatus{{Name: "api", Balance: "ewma", Ready: 1, Endpoints: []EndpointStatus{
					{Address: "10.0.0.1:80", Weight: 1, State: "down", Since: time.Unix(1700000000, 0).UTC(), Why: "connect: refused", InFlight: 4},
				}}, {Name: "empty"}},
			}
		},
		Ready:   func() (bool, string) { return s.notWhy == "", s.notWhy },
		Metrics: func(w io.Writer) { io.WriteString(w, "weir_config_generation 3\n") },
		Config:  func(w io.Writer) error { _, err := io.WriteString(w, "[admin]\n"); return err },
	}
}

// config returns a config for address text and token ("" for none).
func config(t *testing.T, address, token string) Config {
	t.Helper()
	a, err := conf.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Address: a}
	if token != "" {
		c.Token = conf.SecretText(token)
	}
	return c
}

// serve runs a server until the test ends and returns it.
func serve(t *testing.T, cfg Config, g Gateway) *Server {
	t.Helper()
	s, err := New(cfg, g, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // the server; ends with the test
		s.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

// ask sends one raw request on a connection of its own and returns the answer with its body read.
func ask(t *testing.T, at net.Addr, raw string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(raw, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return res, string(body)
}

// wantProblem fails unless an answer is a refusal with this status and word in its detail.
func wantProblem(t *testing.T, what string, res *http.Response, body string, status int, word string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Errorf("%s: the body is no problem: %v: %s", what, err, body)
		return
	}
	if res.StatusCode != status || p.Status != status || p.Title == "" || !strings.Contains(p.Detail, word) ||
		res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: got %d %s %+v, want %d with %q", what, res.StatusCode, res.Header.Get("Content-Type"), p, status, word)
	}
}

func TestEachCallAnswers(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	for _, tc := range []struct{ path, contentType, part string }{
		{"/healthz", "text/plain; charset=utf-8", "ok\n"},
		{"/readyz", "text/plain; charset=utf-8", "ready\n"},
		{"/metrics", "text/plain; version=0.0.4; charset=utf-8", "weir_config_generation 3\n"},
		{"/status", "application/json", `"state": "down"`},
		{"/config", "application/toml; charset=utf-8", "[admin]\n"},
	} {
		res, body := ask(t, s.Addr(), "GET "+tc.path+" HTTP/1.1\nHost: localhost\n\n")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != tc.contentType || !strings.Contains(body, tc.part) {
			t.Errorf("%s: %d %s %s", tc.path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
		if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Server") != "" {
			t.Errorf("%s: head %v", tc.path, res.Header)
		}
	}
}

func TestReadinessSaysWhy(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{notWhy: "draining"}).gateway())
	res, body := ask(t, s.Addr(), "GET /readyz HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "readyz", res, body, 503, "draining")
	if res, _ := ask(t, s.Addr(), "GET /healthz HTTP/1.1\nHost: localhost\n\n"); res.StatusCode != 200 {
		t.Errorf("healthz while draining: %d, want 200", res.StatusCode)
	}
}

func TestUnknownPathsAndMethodsSayWhatThereIs(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	res, body := ask(t, s.Addr(), "GET /nothing HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "unknown", res, body, 404, "endpoints")
	for _, want := range []string{"GET /healthz", "GET /readyz", "GET /metrics", "GET /status", "GET /config", "POST /reload"} {
		if !strings.Contains(body, want) {
			t.Errorf("the 404 lacks %q: %s", want, body)
		}
	}
	res, body = ask(t, s.Addr(), "GET /reload HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "GET /reload", res, body, 405, "POST")
	if res.Header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", res.Header.Get("Allow"))
	}
}

func TestTheHostGuardsAgainstRebinding(t *testing.T) {
	for _, tc := range []struct {
		address, host string
		ok            bool
	}{
		{"127.0.0.1:9901", "127.0.0.1:9901", true},
		{"127.0.0.1:9901", "localhost:9901", true},
		{"127.0.0.1:9901", "LOCALHOST", true},
		{"127.0.0.1:9901", "[::1]:9901", true},
		{"127.0.0.1:9901", "[::1]", true},
		{"127.0.0.1:9901", "localhost:8080", true}, // a forwarded port
		{"127.0.0.1:9901", "evil.example:9901", false},
		{"127.0.0.1:9901", "localhost.evil.example", false},
		{"127.0.0.1:9901", "127.0.0.1.evil.example", false},
		{"127.0.0.1:9901", "10.0.0.7:9901", false},
		{"127.0.0.1:9901", "", false},
		{"10.0.0.7:9901", "10.0.0.7:9901", true},
		{"10.0.0.7:9901", "10.0.0.8:9901", false},
		{"10.0.0.7:9901", "weir.internal:9901", false},
		{"[2001:db8::7]:9901", "[2001:DB8::7]:9901", true},
		{"0.0.0.0:9901", "10.0.0.8:9901", true},
		{"[::]:9901", "10.0.0.8:9901", true},
		{":9901", "10.0.0.8", true},
		{":9901", "evil.example", false},
		{"unix:/run/weir.sock", "anything", true},
		{"unix:/run/weir.sock", "", true},
	} {
		a, err := conf.ParseAddress(tc.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostAllowed(a, tc.host); got != tc.ok {
			t.Errorf("bound to %s, Host %q: allowed %v, want %v", tc.address, tc.host, got, tc.ok)
		}
	}
	st := &stub{}
	s := serve(t, config(t, "127.0.0.1:0", ""), st.gateway())
	for _, raw := range []string{
		"GET /status HTTP/1.1\nHost: evil.example\n\n",
		"GET /healthz HTTP/1.1\nHost: evil.example\n\n",
		"GET /nothing HTTP/1.1\nHost: evil.example\n\n",
		"GET http://localhost/status HTTP/1.1\nHost: evil.example\n\n",
		"POST /reload HTTP/1.1\nHost: evil.example\nContent-Type: application/json\nContent-Length: 0\n\n",
	} {
		res, body := ask(t, s.Addr(), raw)
		wantProblem(t, raw, res, body, 403, "Host")
	}
	if st.reloads.Load() != 0 {
		t.Error("a rebound name reloaded")
	}
}

func TestAReloadIsGuardedAgainstForeignPages(t *testing.T) {
	for _, tc := range []struct {
		name, fields string
		status       int
		word         string
	}{
		{"a tool", "Content-Type: application/json\n", 200, ""},
		{"a charset", "Content-Type: application/json; charset=utf-8\n", 200, ""},
		{"no type", "", 415, "application/json"},
		{"a form", "Content-Type: application/x-www-form-urlencoded\n", 415, "application/json"},
		{"plain text", "Content-Type: text/plain\n", 415, "application/json"},
		{"a type that only begins so", "Content-Type: application/jsonp\n", 415, "application/json"},
		{"our own page", "Content-Type: application/json\nOrigin: http://localhost:9901\n", 200, ""},
		{"a foreign page", "Content-Type: application/json\nOrigin: http://evil.example\n", 403, "origin"},
		{"another port", "Content-Type: application/json\nOrigin: http://localhost:3000\n", 403, "origin"},
		{"another scheme", "Content-Type: application/json\nOrigin: https://localhost:9901\n", 403, "origin"},
		{"an opaque origin", "Content-Type: application/json\nOrigin: null\n", 403, "origin"},
		{"an empty origin", "Content-Type: application/json\nOrigin:\n", 403, "origin"},
		{"two origins", "Content-Type: application/json\nOrigin: http://localhost:9901\nOrigin: http://evil.example\n", 403, "origin"},
	} {
		st := &stub{verdict: Verdict{OK: true, Generation: 4}}
		s := serve(t, config(t, "127.0.0.1:0", ""), st.gateway())
		res, body := ask(t, s.Addr(), "POST /reload HTTP/1.1\nHost: localhost:9901\n"+tc.fields+"Content-Length: 0\n\n")
		if tc.status != 200 {
			wantProblem(t, tc.name, res, body, tc.status, tc.word)
		} else if res.StatusCode != 200 {
			t.Errorf("%s: %d %s", tc.name, res.StatusCode, body)
		}
		if did := st.reloads.Load() == 1; did != (tc.status == 200) {
			t.Errorf("%s: reloaded %v", tc.name, did)
		}
	}
}

func TestTheTokenIsAskedForButNotByProbes(t *testing.T) {
	const token = "0123456789abcdef-secret"
	s := serve(t, config(t, "127.0.0.1:0", token), (&stub{}).gateway())
	for _, tc := range []struct {
		path, authorization string
		status              int
	}{
		{"/healthz", "", 200},
		{"/readyz", "", 200},
		{"/status", "", 401},
		{"/metrics", "", 401},
		{"/nothing", "", 401},
		{"/status", "Bearer " + token, 200},
		{"/status", "bearer  " + token, 200},
		{"/metrics", "Bearer " + token, 200},
		{"/status", "Bearer " + token + "x", 401},
		{"/status", "Bearer " + token[:5], 401},
		{"/status", "Bearer", 401},
		{"/status", "Basic " + token, 401},
		{"/status", token, 401},
	} {
		res, body := ask(t, s.Addr(), "GET "+tc.path+" HTTP/1.1\nHost: localhost\nAuthorization: "+tc.authorization+"\n\n")
		if res.StatusCode != tc.status || (tc.status == 401) != (res.Header.Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s with %q: %d %v, want %d", tc.path, tc.authorization, res.StatusCode, res.Header, tc.status)
		}
		if strings.Contains(body, token) {
			t.Errorf("the answer repeats the token: %s", body)
		}
	}
}

func TestRequestsThatAreNoneAndTooLargeOnesAreRefused(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	for _, tc := range []struct {
		name, raw string
		status    int
	}{
		{"a long head", "GET /status HTTP/1.1\nHost: localhost\nX: " + strings.Repeat("x", maxHead) + "\n\n", 431},
		{"a long body", "POST /reload HTTP/1.1\nHost: localhost\nContent-Length: 999999\n\n", 413},
		{"nonsense", "nonsense\n\n", 400},
	} {
		res, body := ask(t, s.Addr(), tc.raw)
		wantProblem(t, tc.name, res, body, tc.status, "")
	}
}

func TestAPanicInACallIs500AndTheServerLives(t *testing.T) {
	g := (&stub{}).gateway()
	g.Status = func() Status { panic("boom") }
	s := serve(t, config(t, "127.0.0.1:0", ""), g)
	res, body := ask(t, s.Addr(), "GET /status HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "status", res, body, 500, "log")
	if res, _ := ask(t, s.Addr(), "GET /healthz HTTP/1.1\nHost: localhost\n\n"); res.StatusCode != 200 {
		t.Errorf("after the panic: %d", res.StatusCode)
	}
}

func TestAConfigThatCannotBeWrittenIs500(t *testing.T) {
	g := (&stub{}).gateway()
	g.Config = func(w io.Writer) error { io.WriteString(w, "half"); return errors.New("lost") }
	s := serve(t, config(t, "127.0.0.1:0", ""), g)
	res, body := ask(t, s.Addr(), "GET /config HTTP/1.1\nHost: localhost\n\n")
	wantProblem(t, "config", res, body, 500, "lost")
}

func TestASocketIsForItsOwnerAloneAndGoesWithTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	s, err := New(config(t, "unix:"+path, ""), (&stub{}).gateway(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", st.Mode(), err)
	}
	s.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestASocketInThePlaceIsRemovedOnlyIfDead(t *testing.T) {
	dir := t.TempDir()
	dead, taken, other := filepath.Join(dir, "dead"), filepath.Join(dir, "taken"), filepath.Join(dir, "file")
	for path, kept := range map[string]bool{dead: false, taken: true} {
		ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		if ln.SetUnlinkOnClose(false); !kept {
			ln.Close()
		}
		defer ln.Close()
	}
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dead: "", taken: ": address already in use", other: ": the path is taken by something that is not a socket", filepath.Join(dir, "no", "s"): ": no such file or directory"} {
		s, err := New(config(t, "unix:"+path, ""), (&stub{}).gateway(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Listen()
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != "admin.address unix:"+path+want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		s.Close()
	}
	if b, _ := os.ReadFile(other); string(b) != "precious" {
		t.Errorf("the file holds %q", b)
	}
}

func TestAPortInUseNamesTheKeyAndTheAddress(t *testing.T) {
	first := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	s, err := New(config(t, first.Addr().String(), ""), (&stub{}).gateway(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Listen()
	if want := "admin.address " + first.Addr().String() + ": address already in use"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestAServerThatIsOffDoesNothing(t *testing.T) {
	s, err := New(config(t, "off", ""), Gateway{}, nil)
	if s != nil || err != nil {
		t.Fatalf("got %v, %v; want nil, nil", s, err)
	}
	if err := s.Listen(); err != nil || s.Addr() != nil {
		t.Errorf("Listen %v, Addr %v", err, s.Addr())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(ctx)
	s.Close()
}

func TestAGatewayMustBeWhole(t *testing.T) {
	g := (&stub{}).gateway()
	g.Metrics = nil
	if _, err := New(Default(), g, nil); err == nil {
		t.Error("no error without Metrics")
	}
}

func TestRunEndsWithItsContextAtOnce(t *testing.T) {
	s, err := New(config(t, "127.0.0.1:0", ""), (&stub{}).gateway(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // before Serve has begun: the listener must be closed nevertheless
	begun := time.Now()
	s.Run(ctx)
	if d := time.Since(begun); d > closeTimeout {
		t.Errorf("Run took %v to end", d)
	}
	if conn, err := net.Dial("tcp", s.Addr().String()); err == nil {
		conn.Close()
		t.Error("the port still listens")
	}
}

func TestTheEndCancelsAReloadThatHangs(t *testing.T) {
	g := (&stub{}).gateway()
	begun := make(chan struct{})
	g.Reload = func(ctx context.Context) Verdict {
		close(begun)
		<-ctx.Done()
		return Verdict{Problems: []Problem{{Text: "stopped"}}}
	}
	s, err := New(config(t, "127.0.0.1:0", ""), g, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // the server; ends below
		s.Run(ctx)
		close(done)
	}()
	go func() { // the end, while the reload hangs
		<-begun
		cancel()
	}()
	res, body := ask(t, s.Addr(), "POST /reload HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 0\n\n")
	if res.StatusCode != 422 || !strings.Contains(body, "stopped") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	<-done
}

func TestWhatFasthttpSaysIsLoggedAtDebug(t *testing.T) {
	var b bytes.Buffer
	quiet{slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}.Printf("error %d", 7)
	if !strings.Contains(b.String(), "DEBUG") || !strings.Contains(b.String(), "error 7") {
		t.Errorf("logged %s", b.String())
	}
}
