//go:build linux

package e2e

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wire is one client connection, read and written by hand.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial connects to "host:port", "tls:host:port" or "unix:/path"; the connection ends with the test and after a
// minute can be neither read nor written.
func dial(t *testing.T, address string) *wire {
	t.Helper()
	nc, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return newWire(t, nc)
}

func newWire(t *testing.T, nc net.Conn) *wire {
	t.Helper()
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &wire{Conn: nc, t: t, r: bufio.NewReader(nc)}
}

func connect(address string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return d.Dial("unix", path)
	}
	if secure, ok := strings.CutPrefix(address, "tls:"); ok {
		return tls.DialWithDialer(&d, "tcp", secure, &tls.Config{InsecureSkipVerify: true}) // its certificate is its own
	}
	return d.Dial("tcp", address)
}

// send writes text as it is.
func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// get sends a GET and returns the status and body of the answer.
func (w *wire) get(path string) (status int, body string) {
	w.t.Helper()
	w.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n") // the admin server takes no other name
	resp, body := w.answer()
	return resp.StatusCode, body
}

// answer reads one whole answer.
func (w *wire) answer() (*http.Response, string) {
	w.t.Helper()
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("answer %d cut after %d bytes: %v", resp.StatusCode, len(body), err)
	}
	return resp, string(body)
}

// readAnswer reads one whole answer and returns its body.
func readAnswer(r *bufio.Reader) (string, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// echo sends text and demands the same back.
func (w *wire) echo(text string) {
	w.t.Helper()
	w.send(text)
	back := make([]byte, len(text))
	if _, err := io.ReadFull(w.r, back); err != nil || string(back) != text {
		w.t.Fatalf("sent %q, got back %q: %v", text, back, err)
	}
}

// ended waits for the end of the connection and demands that nothing more comes before it.
func (w *wire) ended() {
	w.t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(patience)) // a closed connection needs none
	n, err := io.Copy(io.Discard, w.r)
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("connection still open, or %d more bytes: %v", n, err)
	}
}

// get makes one GET on a connection of its own.
func get(t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	w := dial(t, address)
	defer w.Close()
	return w.get(path)
}

// turnedAway connects and demands that the connection is ended unserved; a reset may come before
// connect has returned.
func turnedAway(t *testing.T, address string) {
	t.Helper()
	nc, err := connect(address)
	switch {
	case err == nil:
		defer nc.Close()
		newWire(t, nc).ended()
	case !errors.Is(err, syscall.ECONNRESET):
		t.Errorf("connect: %v", err)
	}
}
