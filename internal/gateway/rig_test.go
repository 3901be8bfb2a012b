package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// rig is a gateway in this process on a config file of its own.
type rig struct {
	t      testing.TB
	path   string
	g      *Gateway
	stop   context.CancelFunc
	ended  chan struct{}
	log    *buffer // what Weir says
	access *buffer
	client *http.Client
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// prepared returns a rig whose gateway has not been opened.
func prepared(t testing.TB, config string) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "weir.toml"), log: &buffer{}, access: &buffer{}, ended: make(chan struct{})}
	r.client = &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	r.write(config)
	r.g = New(Options{Handlers: handlers(), Stdout: r.access, Stderr: r.log})
	return r
}

// start runs a gateway on config until the test ends.
func start(t testing.TB, config string) *rig {
	t.Helper()
	r := prepared(t, config)
	if err := r.g.Open(r.path); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { // ends with the test
		defer close(r.ended)
		r.g.Run(ctx)
	}()
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		r.stop()
		r.g.Cut()
		<-r.ended
	})
	until(t, "ready", func() bool { ok, _ := r.g.Ready(); return ok })
	return r
}

// write replaces the config. The admin server is off unless the config has one.
func (r *rig) write(config string) {
	r.t.Helper()
	if !strings.Contains(config, "[admin]") {
		config = "admin.address = \"off\"\n" + config
	}
	if err := os.WriteFile(r.path, []byte(config), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload writes config and expects that it is taken.
func (r *rig) reload(config string) {
	r.t.Helper()
	r.write(config)
	if v := r.g.Reload(); !v.OK {
		r.t.Fatalf("the reload was refused: %v", v.Problems)
	}
}

func (r *rig) url(listener, path string) string {
	r.t.Helper()
	a := r.g.Addr(listener)
	if a == nil {
		r.t.Fatalf("no listener %s", listener)
	}
	return "http://" + a.String() + path
}

// get returns the status and the body of an answer.
func (r *rig) get(listener, path string) (int, string) {
	r.t.Helper()
	res, err := r.client.Get(r.url(listener, path))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// says expects a body.
func (r *rig) says(listener, path, want string) {
	r.t.Helper()
	if status, body := r.get(listener, path); status != 200 || body != want {
		r.t.Fatalf("%s %s answered %d %q, want 200 %q", listener, path, status, body, want)
	}
}

// metrics returns a scrape.
func (r *rig) metrics() string {
	var b bytes.Buffer
	r.g.metrics(&b)
	return b.String()
}

// until waits until it is so, and fails the test after ten seconds.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it did not come to this in 10 s: %s", what)
		}
	}
}

// endpoint is an HTTP server that answers name; its address fits a config.
func endpoint(t testing.TB, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// echo is a TCP server that sends back what it gets.
func echo(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// free returns an address of this machine that was free just now.
func free(t testing.TB) string {
	t.Helper()
	host := fmt.Sprintf("127.77.%d.%d:0", os.Getpid()%250+1, frees.Add(1)%250+1) // no connection that goes out takes a port there
	l, err := net.Listen("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// frees counts addresses that were handed out.
var frees atomic.Int64

// session is a client of a tcp listener behind which an echo is.
type session struct {
	t testing.TB
	net.Conn
}

func (r *rig) session(listener string) *session {
	r.t.Helper()
	c, err := net.Dial("tcp", r.g.Addr(listener).String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return &session{r.t, c}
}

// refused expects that a session ends at once. One that is reset while the dial still waits fails the dial.
func (r *rig) refused(listener string) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.g.Addr(listener).String())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	(&session{r.t, c}).over()
}

// echoes expects that what is sent comes back.
func (s *session) echoes(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		s.t.Fatal(err)
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(s, back); err != nil || string(back) != text {
		s.t.Fatalf("sent %q, got %q, %v", text, back, err)
	}
}

// over expects that the session has ended.
func (s *session) over() {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := s.Read(make([]byte, 1))
	var timeout net.Error
	if n > 0 || err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		s.t.Fatalf("the session goes on: %d, %v", n, err)
	}
}
