package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"weir/bench"
)

// scratchBytes is how much of a body is read at once.
const scratchBytes = 32 << 10

// httpRequest makes r a net/http request on ctx. It sends what r names and nothing else that would be worth bytes:
// no User-Agent, no Accept-Encoding. Fields of HTTP/1 connections are left out (RFC 9113 §8.2.2).
func (t *target) httpRequest(ctx context.Context, r *bench.Request) (*http.Request, *lentBody, error) {
	u, err := originForm(string(r.Path))
	if err != nil {
		return nil, nil, err
	}
	u.Scheme, u.Host = t.url.Scheme, t.authority
	q := &http.Request{Method: r.Method, URL: u, Host: r.Host, Header: make(http.Header, len(r.Header)+1)}
	if q.Host == "" {
		q.Host = t.authority
	}
	q.Header["User-Agent"] = nil
	for _, f := range r.Header {
		if !ofConnection(f.Name) {
			q.Header.Add(f.Name, f.Value)
		}
	}
	body := (*lentBody)(nil)
	if len(r.Body) > 0 {
		body = &lentBody{rest: r.Body}
		q.Body, q.ContentLength = body, int64(len(r.Body))
	}
	return q.WithContext(ctx), body, nil
}

// originForm makes path a URL whose RequestURI is path, byte for byte: a replayed log has paths that are no URL's.
func originForm(path string) (*url.URL, error) {
	switch {
	case strings.HasPrefix(path, "//"): // net/url would take it for a host
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
		return u, nil
	case path == "*", strings.HasPrefix(path, "/"):
		return &url.URL{Opaque: path}, nil
	}
	return nil, fmt.Errorf("path %q does not begin with a slash", path)
}

// ofConnection reports whether a field belongs to an HTTP/1 connection (RFC 9110 §7.6.1).
func ofConnection(name string) bool {
	switch strings.ToLower(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade":
		return true
	}
	return false
}

// lentBody is a request's body while a library sends it, which may go on behind the answer: recall takes it back, so
// that the bytes may be used for the next request.
type lentBody struct {
	mu   sync.Mutex
	rest []byte
	gone bool
}

// Read copies the next bytes.
func (b *lentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.gone:
		return 0, io.ErrClosedPipe
	case len(b.rest) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close does nothing; the bytes are the Maker's.
func (b *lentBody) Close() error { return nil }

// recall makes every later Read fail and returns how many bytes were never read. b may be nil.
func (b *lentBody) recall() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
	return len(b.rest)
}

// bodyReader reads answers' bodies for one worker.
type bodyReader struct {
	scratch []byte
	kept    bytes.Buffer
}

// read reads body to its end, counts it in a, and keeps its start where keep says so.
func (b *bodyReader) read(body io.Reader, keep bool, a *bench.Answer) error {
	if b.scratch == nil {
		b.scratch = make([]byte, scratchBytes)
	}
	b.kept.Reset()
	for {
		n, err := body.Read(b.scratch)
		a.In += int64(n)
		if keep {
			b.kept.Write(b.scratch[:min(n, bench.MaxExpectedBody-b.kept.Len())])
			a.Body = b.kept.Bytes()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
