//go:build linux

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// newScript starts an endpoint whose every connection is served by serve, after which it is
// closed. It returns its address; it ends with the test.
func newScript(t *testing.T, serve func(nc net.Conn, r *bufio.Reader)) string {
	t.Helper()
	ln := listen(t)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				serve(nc, bufio.NewReader(nc))
			})
		}
	})
	t.Cleanup(func() { ln.Close() }) // the connections end with the child
	return endpointOf(ln)
}

// head reads a request's head and reports whether there was one.
func head(r *bufio.Reader) bool {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			return true
		}
	}
}

// say writes an answer; a connection that is gone shows when the next request is read.
func say(nc net.Conn, text string) { _, _ = io.WriteString(nc, text) }

const got = "GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n"

func TestEarlyAnswerEndsAnUpload(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newScript(t, func(nc net.Conn, r *bufio.Reader) {
		head(r)
		say(nc, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
		_, _ = http.ReadRequest(r) // reads no body: its bytes are no request
		<-t.Context().Done()
	}))
	w := dial(t, c.at(8080))
	go func() { // ends with the connection
		_, _ = io.WriteString(w.Conn, "POST / HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 1073741824\r\n\r\n")
		_, _ = io.Copy(w.Conn, io.LimitReader(zeros{}, 1<<30))
	}()
	// The upload cannot end, since nobody reads it: an answer that waited for its end would never come.
	if resp, body := w.answer(); resp.StatusCode != 401 || body != "no" {
		t.Errorf("%s %q", resp.Status, body)
	}
	w.ended()
}

// A client that leaves frees the endpoint's connection; one that only half-closes gets its answer.
func TestClientThatLeaves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		leave func(*net.TCPConn) error
	}{
		{"by close", func(nc *net.TCPConn) error { return nc.Close() }},
		{"by reset", func(nc *net.TCPConn) error { return errors.Join(nc.SetLinger(0), nc.Close()) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked, freed := make(chan struct{}, 1), make(chan struct{})
			c := start(t, web, "origin", newScript(t, func(_ net.Conn, r *bufio.Reader) {
				if head(r) {
					asked <- struct{}{}
					_, _ = r.ReadByte() // no more is to come
					close(freed)
				}
			}))
			w := dial(t, c.at(8080))
			w.send(got)
			<-asked
			// The client leaves in the middle of waiting: an end that is there when the watcher is armed, 50 ms
			// after the request, is a half-close.
			<-time.After(behindTheWatch())
			if err := test.leave(w.Conn.(*net.TCPConn)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-freed:
			case <-time.After(patience): // an answer is waited for longer
				t.Error("the endpoint's connection was never freed")
			}
		})
	}
}

func TestClientThatHalfCloses(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.send("GET /slow?ms=300 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if resp, body := w.answer(); resp.StatusCode != 200 || body != "one" {
		t.Errorf("%s %q", resp.Status, body)
	}
}

// An answer that the endpoint does not finish never looks finished.
func TestEndpointThatDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, answer string }{
		{"of a fixed length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
		{"of chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
		{"of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, web, "origin", newScript(t, func(nc net.Conn, r *bufio.Reader) {
				head(r)
				say(nc, test.answer)
			}))
			w := dial(t, c.at(8080))
			w.send(got)
			if body, err := readAnswer(w.r); err == nil {
				t.Errorf("looks whole with %q", body)
			}
			old := dial(t, c.at(8080))
			old.send("GET / HTTP/1.0\r\nHost: weir.test\r\n\r\n")
			if all, err := io.ReadAll(old.r); err == nil && !strings.Contains(string(all), "Content-Length: 100") {
				t.Errorf("to HTTP/1.0 it looks whole with %q", all)
			} else if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		})
	}
}

// An answer that nobody asked for must not become the answer to the next request, be it in one
// segment with the one before or later.
func TestAnswerThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	const answer, extra = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for _, test := range []struct {
		name string
		wait time.Duration
	}{{"in the same segment", 0}, {"50 ms later", 50 * time.Millisecond}} {
		t.Run(test.name, func(t *testing.T) {
			said := make(chan struct{}, 10)
			c := start(t, web, "origin", newScript(t, func(nc net.Conn, r *bufio.Reader) {
				for head(r) {
					if test.wait == 0 {
						say(nc, answer+extra)
					} else {
						say(nc, answer)
						<-time.After(test.wait)
						say(nc, extra)
					}
					said <- struct{}{}
				}
			}))
			w := dial(t, c.at(8080))
			for range 5 {
				if status, body := w.get("/"); status != 200 || body != "ok" {
					t.Errorf("got %d %q", status, body)
				}
				<-said // an extra answer behind the next request would be that one's
				<-time.After(test.wait)
			}
		})
	}
}

// An endpoint that closes after each answer without saying so costs no request.
func TestEndpointThatClosesSilently(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newScript(t, func(nc net.Conn, r *bufio.Reader) {
		head(r)
		say(nc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}))
	w := dial(t, c.at(8080))
	for range 200 {
		if status, body := w.get("/"); status != 200 || body != "ok" {
			t.Fatalf("got %d %q", status, body)
		}
	}
}

func TestInterimAnswersAndTrickles(t *testing.T) {
	t.Parallel()
	sent := make(chan time.Time, 10)
	c := start(t, web, "origin", newScript(t, func(nc net.Conn, r *bufio.Reader) {
		for head(r) {
			say(nc, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
			<-time.After(50 * time.Millisecond)
			sent <- time.Now()
			say(nc, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"+strings.Repeat("x", 100))
			<-time.After(300 * time.Millisecond)
			say(nc, strings.Repeat("y", 100))
		}
	}))
	w := dial(t, c.at(8080))
	// A busy machine can only make it slower: the fastest of several tries is judged.
	for i := range 5 {
		took := trickled(t, w, sent)
		if took <= 100*time.Millisecond { // 20 ms, on a machine that is not busy
			return
		}
		t.Logf("try %d: the first 100 bytes took %v", i+1, took)
	}
	t.Error("in each of 5 tries the first 100 bytes took more than 100ms")
}

// trickled asks once and returns how long the first bytes of the answer took.
func trickled(t *testing.T, w *wire, sent <-chan time.Time) (took time.Duration) {
	t.Helper()
	w.send(got)
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil || resp.StatusCode != 103 || resp.Header.Get("Link") != "</a.css>" {
		t.Fatalf("first came %v: %v", resp, err)
	}
	resp, err = http.ReadResponse(w.r, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("then came %v: %v", resp, err)
	}
	first := make([]byte, 100)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	took = time.Since(<-sent)
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 100 {
		t.Errorf("then came %d bytes: %v", len(rest), err)
	}
	return took
}

func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	var all strings.Builder
	for i := range 50 {
		fmt.Fprintf(&all, "POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: %d\r\n\r\n%s", i, strings.Repeat("x", i))
	}
	w.send(all.String())
	for i := range 50 {
		if resp, body := w.answer(); resp.StatusCode != 200 || body != fmt.Sprint(i) {
			t.Fatalf("answer %d: %s %q", i, resp.Status, body)
		}
	}
}
