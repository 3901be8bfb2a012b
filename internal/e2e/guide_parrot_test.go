//go:build linux

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// newParrot starts an endpoint that answers with its name and what it was asked: the line, the fields
// that it does not get from every client or proxy, the body. /gone is not there. Under /pages it has HTML
// of 4 KiB, and anything else that ends in .json is JSON of that length. /quiet and what is below /products/ say
// how often they were asked for, and the latter how long they may be kept; /shaky answers once. /how says how it was
// asked, /events are two events, a WebSocket gets back what it says, and gRPC finds the health service.
//
// It takes what it is given: HTTP/1 and HTTP/2, over TLS with the certificate endpoint.pem in dir too, behind a PROXY header
// of version 1 or none.
func newParrot(t *testing.T, name, dir string) string {
	t.Helper()
	p := &parrot{name: name, grpc: grpc.NewServer(), times: map[string]int{}}
	grpc_health_v1.RegisterHealthServer(p.grpc, health.NewServer())
	reflection.Register(p.grpc)
	server := &http.Server{Handler: p, Protocols: &http.Protocols{}, ErrorLog: log.New(io.Discard, "", 0)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	server.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if secure, ok := nc.(*tls.Conn); ok {
			nc = secure.NetConn()
		}
		return context.WithValue(ctx, headerKey{}, nc.(*heard).header)
	}
	e := &ears{Listener: listen(t), dir: dir, calls: make(chan net.Conn), closed: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(e.listen)
	serving.Go(func() { _ = server.Serve(e) }) // ends by Close
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	return e.Addr().String()
}

// ears accept connections and find out what they speak.
type ears struct {
	net.Listener
	dir    string
	calls  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// heard is a connection of which some bytes have been looked at.
type heard struct {
	net.Conn
	r      *bufio.Reader
	header string // of the PROXY protocol; "" if there was none
}

type headerKey struct{}

// Read reads them first.
func (h *heard) Read(b []byte) (int, error) { return h.r.Read(b) }

func (e *ears) listen() {
	var callers sync.WaitGroup
	defer callers.Wait()
	for {
		nc, err := e.Listener.Accept()
		if err != nil {
			return
		}
		callers.Go(func() {
			if call := e.answer(nc); call != nil {
				select {
				case e.calls <- call:
				case <-e.closed:
					_ = call.Close() // nobody serves it
				}
			}
		})
	}
}

// answer returns what is inside of a PROXY header and TLS.
func (e *ears) answer(nc net.Conn) net.Conn {
	h := &heard{Conn: nc, r: bufio.NewReader(nc)}
	first, err := h.r.Peek(6)
	if string(first) == "PROXY " {
		if h.header, err = h.r.ReadString('\n'); err == nil {
			first, err = h.r.Peek(1)
		}
	}
	if err != nil {
		_ = nc.Close() // it said nothing
		return nil
	}
	if first[0] != 22 {
		return h
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "endpoint.pem"), filepath.Join(e.dir, "endpoint.key"))
	if err != nil {
		_ = nc.Close() // the guide has not made it
		return nil
	}
	return tls.Server(h, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"h2", "http/1.1"}})
}

// Accept implements net.Listener.
func (e *ears) Accept() (net.Conn, error) {
	select {
	case nc := <-e.calls:
		return nc, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (e *ears) Close() error {
	e.once.Do(func() { close(e.closed) })
	return e.Listener.Close()
}

// parrot is an endpoint.
type parrot struct {
	name string
	grpc *grpc.Server

	mu    sync.Mutex
	times map[string]int // by target: how often it was asked for
}

// ServeHTTP implements http.Handler.
func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		p.grpc.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("Upgrade") == "websocket" {
		talkBack(w, r)
		return
	}
	w.Header().Set("Server", "shop/1.0")
	switch {
	case strings.HasSuffix(r.URL.Path, "/gone"):
		http.Error(w, "nothing here", http.StatusNotFound)
	case strings.HasSuffix(r.URL.Path, "/broken"):
		http.Error(w, "stack trace", http.StatusInternalServerError)
	case strings.HasPrefix(r.URL.Path, "/products/"):
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Surrogate-Key", "shop product-"+filepath.Base(r.URL.Path))
		p.tellTimes(w, r)
	case strings.HasSuffix(r.URL.Path, "/quiet"):
		p.tellTimes(w, r)
	case strings.HasSuffix(r.URL.Path, "/shaky"):
		p.once(w, r)
	case strings.HasSuffix(r.URL.Path, "/how"):
		fmt.Fprintln(w, p.name+" was asked"+how(r))
	case strings.HasSuffix(r.URL.Path, "/events"):
		tellEvents(w)
	case strings.HasSuffix(r.URL.Path, ".json"):
		w.Header().Set("Content-Type", "application/json")
		w.Header()["ETag"] = []string{`"v1"`} // as it is spelt
		fmt.Fprintf(w, `{"text":%q}`, strings.Repeat("all work and no play ", 200))
	default:
		p.repeat(w, r)
	}
}

// count returns how often r's target was asked for.
func (p *parrot) count(r *http.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times[r.RequestURI]++
	return p.times[r.RequestURI]
}

// once answers the first time, and then no more.
func (p *parrot) once(w http.ResponseWriter, r *http.Request) {
	if p.count(r) > 1 {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Cache-Control", "max-age=0")
	fmt.Fprintln(w, "/shaky, for the 1st time")
}

// tellTimes answers with that.
func (p *parrot) tellTimes(w http.ResponseWriter, r *http.Request) {
	n, word := p.count(r), "th"
	if n <= 3 {
		word = []string{"", "st", "nd", "rd"}[n]
	}
	fmt.Fprintf(w, "%s, for the %d%s time\n", r.RequestURI, n, word)
}

// how says what a request came by.
func how(r *http.Request) string {
	text := " by " + r.Proto
	if r.TLS != nil {
		text += " over TLS, as " + r.TLS.ServerName
		for _, c := range r.TLS.PeerCertificates {
			text += ", from " + c.Subject.CommonName
		}
	}
	if header := r.Context().Value(headerKey{}).(string); header != "" {
		text += ", behind " + strings.TrimSpace(header)
	}
	return text
}

func tellEvents(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, what := range []string{"the kettle is on", "the tea is ready"} {
		fmt.Fprintf(w, "data: %s\n\n", what)
		_ = http.NewResponseController(w).Flush() // a client that left is told nothing
	}
}

func talkBack(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow() // it may be closed
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// usual are the fields that every request brings.
var usual = []string{"Accept", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func (p *parrot) repeat(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s got %s %s\n", p.name, r.Method, r.RequestURI)
	for _, field := range sortedNames(r.Header) {
		if !slices.Contains(usual, field) && !strings.HasPrefix(field, "Content-") {
			fmt.Fprintf(w, "%s: %s\n", field, strings.Join(r.Header[field], ", "))
		}
	}
	_, _ = io.Copy(w, r.Body) // a client that leaves reads no answer
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
