//go:build linux

package e2e

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// web is the smallest config: one http listener at {ip}:8080 before {origin}.
const web = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "all"
upstream = "api"
[upstreams.api]
endpoints = "{origin}"
`

func TestSmoke(t *testing.T) {
	t.Parallel()
	c := prepare(t, `
[listeners.web]
address = "{ip}:8080"
[listeners.secure]
address = "{ip}:8443"
tls.certificates = { cert = "{dir}/cert.pem", key = "{dir}/key.pem" }
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[[routes]]
name = "all"
upstream = "api"
[[routes]]
name = "ping"
match = { path = "/ping" }
respond = { body = "pong\n" }
[upstreams.api]
endpoints = "{origin}"
[upstreams.echo]
endpoints = "{echo}"
`, "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	trust := certificate(t, c.dir, "weir.test")
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()

	secure := dial(t, c.at(8443))
	for _, door := range []struct {
		name string
		w    *wire
	}{
		{"http", dial(t, c.at(8080))},
		{"https", newWire(t, tls.Client(secure.Conn, trust))},
	} {
		for path, want := range map[string]string{"/": "one", "/ping": "pong\n"} {
			if status, body := door.w.get(path); status != 200 || body != want {
				t.Errorf("%s %s: %d %q, want 200 %q", door.name, path, status, body, want)
			}
		}
	}
	relay := dial(t, c.at(7000))
	relay.echo("hello")
	if err := relay.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	relay.ended()

	c.signal(syscall.SIGTERM)
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d after SIGTERM, want 0", code)
	}
}

func TestUnixSockets(t *testing.T) {
	t.Parallel()
	c := prepare(t, `
[admin]
address = "unix:{dir}/admin.sock"
[listeners.web]
address = "unix:{dir}/web.sock"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = "unix:{dir}/origin.sock"
`)
	newOrigin(t, "by path", "unix:"+filepath.Join(c.dir, "origin.sock"))
	c.launch(binary, "run", "-c", c.file)
	admin := filepath.Join(c.dir, "admin.sock")
	eventually(t, "the admin socket answers", func() bool {
		nc, err := connect("unix:" + admin)
		if err != nil {
			return false
		}
		defer nc.Close()
		status, _ := newWire(t, nc).get("/readyz")
		return status == 200
	})
	if status, body := get(t, "unix:"+filepath.Join(c.dir, "web.sock"), "/"); status != 200 || body != "by path" {
		t.Errorf("over sockets: %d %q", status, body)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(admin, &st); err != nil || st.Mode&0o777 != 0o600 {
		t.Errorf("the admin socket has mode %o, want 600: %v", st.Mode&0o777, err)
	}
	if code, out, errs := command(t, "status", "--admin", "unix:"+admin); code != 0 || !strings.Contains(out, "web.sock") {
		t.Errorf("weir status: exit %d\n%s%s", code, out, errs)
	}
}

// A chunked body that an endpoint sends bit by bit must come as it is sent, and whole.
func TestStreams(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.send("GET /drip?n=20&ms=20 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	if _, body := w.answer(); body != dripped(20) {
		t.Errorf("got %q", body)
	}
	w.send("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 1000000\r\n\r\n")
	if _, err := io.Copy(w, io.LimitReader(zeros{}, 1000000)); err != nil {
		t.Fatal(err)
	}
	if _, body := w.answer(); body != "1000000" {
		t.Errorf("the endpoint got %s bytes of 1000000", body)
	}
}

// zeros reads without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
