package demo

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// living starts an endpoint at a free port and returns it with a connection to it.
func living(t *testing.T, serve func(*endpoint, net.Listener)) (*endpoint, net.Conn) {
	t.Helper()
	base, err := block(0)
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint("api-1", net.JoinHostPort("127.0.0.1", strconv.Itoa(base)), serve)
	if err := e.revive(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.kill() })
	conn, err := net.Dial("tcp", e.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	return e, conn
}

func get(t *testing.T, conn net.Conn, path string) string {
	t.Helper()
	io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("status %d, %v", answer.StatusCode, err)
	}
	return string(body)
}

func TestAnEndpointSaysWhoServedAndCountsNoProbes(t *testing.T) {
	e, conn := living(t, serveAPI)
	if body := get(t, conn, "/healthz"); body != "ok\n" || e.served.Load() != 0 || e.first.Load() != 0 {
		t.Errorf("a probe: %q, served %d; want ok and 0", body, e.served.Load())
	}
	if body := get(t, conn, "/v1/orders/7"); !strings.Contains(body, `"path":"/v1/orders/7"`) || !strings.Contains(body, `"served_by":"api-1"`) {
		t.Errorf("got %q", body)
	}
	if e.served.Load() != 1 || e.first.Load() == 0 {
		t.Errorf("served %d, first %d; want 1 and a time", e.served.Load(), e.first.Load())
	}
}

func TestAKilledEndpointResetsAndRefusesUntilItIsRevived(t *testing.T) {
	e, conn := living(t, serveAPI)
	get(t, conn, "/")
	if n := e.kill(); n != 1 || !e.dead() {
		t.Errorf("killed with %d connections, dead %v; want 1 and true", n, e.dead())
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the open connection ended in %v, want a reset", err)
	}
	if _, err := net.Dial("tcp", e.address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v, want a refusal", err)
	}
	if e.kill() != 0 {
		t.Error("the dead can be killed")
	}
	if err := e.revive(); err != nil || e.dead() || e.first.Load() != 0 {
		t.Fatalf("revived: %v, dead %v", err, e.dead())
	}
	again, err := net.Dial("tcp", e.address)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	get(t, again, "/")
	if e.served.Load() != 2 {
		t.Errorf("served %d in both lives, want 2", e.served.Load())
	}
}

func TestTheEchoSendsBackWhatComes(t *testing.T) {
	e, conn := living(t, serveEcho)
	for _, message := range []string{"a", "hello"} {
		io.WriteString(conn, message)
		back := make([]byte, len(message))
		if _, err := io.ReadFull(conn, back); err != nil || string(back) != message {
			t.Errorf("got %q, %v; want %q", back, err, message)
		}
	}
	if e.served.Load() != 2 {
		t.Errorf("served %d, want 2", e.served.Load())
	}
}
