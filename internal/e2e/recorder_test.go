//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// recorder is an endpoint that keeps every request as it came, by the field X-Seq, and answers 200.
type recorder struct {
	name, addr string
	show       bool // the answer's content is the request

	mu   sync.Mutex
	seen map[string]recorded
}

// recorded is a request as an endpoint got it: the head with its empty line, and the content.
type recorded struct{ head, body string }

// newRecorder starts a recorder on a free port; it ends with the test.
func newRecorder(t *testing.T, name string) *recorder { return startRecorder(t, name, false) }

// newShower starts an endpoint that answers every request with the request itself, head and content.
func newShower(t *testing.T) string { return startRecorder(t, "shower", true).addr }

func startRecorder(t *testing.T, name string, show bool) *recorder {
	t.Helper()
	ln := listen(t)
	r := &recorder{name: name, show: show, addr: endpointOf(ln), seen: map[string]recorded{}}
	var running sync.WaitGroup
	running.Go(func() { // accepts; ends with the test
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(nc) })
		}
	})
	t.Cleanup(func() { ln.Close() }) // its connections end with the child
	return r
}

func (r *recorder) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	for {
		head, err := readHead(in)
		if err != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), in)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.seen[req.Header.Get("X-Seq")] = recorded{head, string(body)}
		r.mu.Unlock()
		content := r.name
		if r.show {
			content = head + string(body)
		}
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(content))
		if req.Method != "HEAD" {
			answer += content
		}
		if _, err := io.WriteString(nc, answer); err != nil {
			return
		}
	}
}

// readHead reads a head to its empty line, byte for byte.
func readHead(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if line == "\r\n" {
			return b.String(), nil
		}
	}
}

// take returns the request with that number and forgets it.
func (r *recorder) take(seq string) (got recorded, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got, ok = r.seen[seq]
	delete(r.seen, seq)
	return got, ok
}
