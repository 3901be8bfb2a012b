//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	big "encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
)

// webbed has routes for gRPC-Web by the service's name to each kind of gRPC server.
const webbed = `
[access_log]
path = "{dir}/access.log"
[listeners.web]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
tls = { certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }] }
[policies.app.translate]
request = "grpc-web"
[policies.app.cors]
origins = ["https://app.example.com"]
methods = ["POST"]
headers = ["Content-Type", "X-Grpc-Web", "X-User-Agent", "Grpc-Timeout"]
expose = ["Grpc-Status", "Grpc-Message"]
[policies.app.compress]
types = ["*"]
min_bytes = "0B"
[defaults.routes]
policies = "app"
timeout = "off"
[[routes]]
match.path = "/h2.Service/*"
upstream = "h2"
[[routes]]
match.path = "/h2c.Service/*"
upstream = "h2c"
[[routes]]
match.path = "/dead.Service/*"
upstream = "dead"
[upstreams.h2]
endpoints = "{h2}"
tls = { ca = "{dir}/cert.pem", server_name = "weir.test" }
[upstreams.h2c]
endpoints = "{h2c}"
protocol = "h2c"
[upstreams.dead]
endpoints = "{ip}:7001"
protocol = "h2c"
`

// website starts a Weir before gRPC servers, and returns the ways to it that a browser has.
func website(t *testing.T) (*child, *caller, map[string]http.RoundTripper) {
	t.Helper()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	server := newCaller(t, dir)
	c := start(t, strings.ReplaceAll(webbed, "{dir}", dir), "h2", endpointOf(server.ln["h2"]), "h2c", endpointOf(server.ln["h2c"]))
	return c, server, carriers(t, c, cfg)
}

// page is a page of a browser that makes calls.
type page struct {
	t       *testing.T
	way     http.RoundTripper
	address string
	kind    string // "application/grpc-web+proto"
}

func (p *page) text() bool { return strings.Contains(p.kind, "-text") }

// framed is a message as it is sent.
func (p *page) framed(m []byte) []byte {
	b := append(big.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
	if p.text() {
		return []byte(base64.StdEncoding.EncodeToString(b))
	}
	return b
}

// webAnswer is an answer to a call of gRPC-Web.
type webAnswer struct {
	*http.Response
	text  bool
	coded *bufio.Reader // of a text
	plain []byte        // of a text, what is decoded and not read
}

func (a *webAnswer) Read(b []byte) (int, error) {
	if !a.text {
		return a.Body.Read(b)
	}
	if a.coded == nil {
		a.coded = bufio.NewReader(a.Body)
	}
	for len(a.plain) == 0 {
		var group [4]byte
		if _, err := io.ReadFull(a.coded, group[:]); err != nil {
			return 0, err
		}
		var err error
		if a.plain, err = base64.StdEncoding.DecodeString(string(group[:])); err != nil {
			return 0, err
		}
	}
	n := copy(b, a.plain)
	a.plain = a.plain[n:]
	return n, nil
}

// next returns the next frame.
func (a *webAnswer) next() (flags byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(a, head[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, big.BigEndian.Uint32(head[1:]))
	_, err = io.ReadFull(a, payload)
	return head[0], payload, err
}

// request is a call as a library of gRPC-Web makes it.
func (p *page) request(ctx context.Context, method string, body io.Reader, fields ...string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", "https://"+p.address+method, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Host = "weir.test:8443"
	for _, f := range append(fields, "Content-Type: "+p.kind, "Accept: "+p.kind, "X-Grpc-Web: 1", "X-User-Agent: grpc-web-test/1", "User-Agent: Mozilla/5.0", "Accept-Encoding: gzip, br", "Origin: https://app.example.com") {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// call makes a call, which is answered.
func (p *page) call(ctx context.Context, method string, body io.Reader, fields ...string) *webAnswer {
	p.t.Helper()
	res, err := p.way.RoundTrip(p.request(ctx, method, body, fields...))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), strings.TrimSuffix(p.kind, "+proto")) || len(res.Header.Values("Content-Encoding")) > 0 {
		p.t.Fatalf("got %d, %v", res.StatusCode, res.Header)
	}
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example.com" || res.Header.Get("Access-Control-Expose-Headers") != "Grpc-Status, Grpc-Message" {
		p.t.Errorf("the page may not read it: %v", res.Header)
	}
	return &webAnswer{Response: res, text: p.text()}
}

// everyPage runs do for each way, kind of gRPC-Web and kind of server.
func everyPage(t *testing.T, c *child, ways map[string]http.RoundTripper, do func(t *testing.T, p *page, service string)) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		for _, kind := range []string{"grpc-web+proto", "grpc-web-text"} {
			for _, server := range []string{"h2", "h2c"} {
				t.Run(fmt.Sprintf("%s-%s-to-%s", strings.ReplaceAll(proto, "/", "-"), kind, server), func(t *testing.T) {
					do(t, &page{t, ways[proto], c.at(8443), "application/" + kind}, "/"+server+".Service/")
				})
			}
		}
	}
}

func TestGRPCWebMessagesCross(t *testing.T) {
	t.Parallel()
	c, _, ways := website(t)
	everyPage(t, c, ways, func(t *testing.T, p *page, service string) {
		for _, n := range []int{0, 1, 1000, 300_000} {
			var body bytes.Buffer
			for i := range 3 {
				body.Write(p.framed(slices.Repeat([]byte{byte('a' + i)}, n)))
			}
			a := p.call(t.Context(), service+"echo", &body, "X-Ask: what")
			for i := range 3 {
				flags, m, err := a.next()
				if flags != 0 || err != nil || !bytes.Equal(m, slices.Repeat([]byte{byte('a' + i)}, n)) {
					t.Fatalf("message %d of %d bytes: flags %d, %d bytes, %v", i, n, flags, len(m), err)
				}
			}
			flags, last, err := a.next()
			lines := strings.Split(string(last), "\r\n")
			for _, want := range []string{"grpc-status: 0", "x-end: what", "x-end-bin: AP8"} {
				if flags != 0x80 || err != nil || !slices.Contains(lines, want) {
					t.Errorf("no %q in the last frame, %d %q, %v", want, flags, last, err)
				}
			}
			if _, _, err := a.next(); err != io.EOF || len(a.Trailer) > 0 || a.Header.Get("X-Got") != "what" {
				t.Errorf("the end is %v, trailers %v, header %v", err, a.Trailer, a.Header)
			}
		}
	})
}

func TestGRPCWebMessagesAreNotHeldBack(t *testing.T) {
	t.Parallel()
	c, _, ways := website(t)
	everyPage(t, c, ways, func(t *testing.T, p *page, service string) {
		body, talk := io.Pipe()
		first := make(chan error, 1)
		go func() { // ends when the message is read
			_, err := talk.Write(p.framed([]byte("message 0")))
			first <- err
		}()
		late := time.AfterFunc(patience, func() { _ = talk.CloseWithError(context.DeadlineExceeded) })
		defer late.Stop()
		a := p.call(t.Context(), service+"echo", body)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if flags, m, err := a.next(); flags != 0 || err != nil || string(m) != fmt.Sprint("message ", i) {
				t.Fatalf("message %d: %d %q, %v", i, flags, m, err)
			}
			if i == 4 {
				break
			}
			if _, err := talk.Write(p.framed(fmt.Append(nil, "message ", i+1))); err != nil {
				t.Fatal(err)
			}
		}
		if err := talk.Close(); err != nil {
			t.Fatal(err)
		}
		if flags, last, err := a.next(); flags != 0x80 || err != nil || !bytes.Contains(last, []byte("grpc-status: 0\r\n")) {
			t.Errorf("the last frame is %d %q, %v", flags, last, err)
		}
	})
}

func TestGRPCWebStatusesCross(t *testing.T) {
	t.Parallel()
	c, _, ways := website(t)
	everyPage(t, c, ways, func(t *testing.T, p *page, service string) {
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			a := p.call(t.Context(), service+"fail", bytes.NewReader(p.framed(nil)), fmt.Sprint("X-Code: ", uint32(code)))
			_, _, err := a.next()
			if err != io.EOF || a.Header.Get("Grpc-Status") != fmt.Sprint(uint32(code)) || a.Header.Get("Grpc-Message") != "as asked: 100 %25 %C3%A4" {
				t.Errorf("%v: %v, %v", code, a.Header, err)
			}
		}
	})
}

func TestGRPCWebFaultsHaveStatuses(t *testing.T) {
	t.Parallel()
	c, _, ways := website(t)
	everyPage(t, c, ways, func(t *testing.T, p *page, service string) {
		a := p.call(t.Context(), "/dead.Service/x", bytes.NewReader(p.framed(nil)))
		if _, _, err := a.next(); err != io.EOF || a.Header.Get("Grpc-Status") != "14" {
			t.Errorf("no endpoint: %v, %v", a.Header, err)
		}
		for _, body := range []string{"\x02\x00\x00\x00\x00", string(p.framed([]byte("12345678")))[:12]} {
			if said := p.refusal(service+"echo", body); said != "" && said != "3" && said != "13" {
				t.Errorf("%q: status %q", body, said)
			}
		}
	})
}

// refusal returns the status that a broken call is refused with: Weir's, or the server's if its answer has begun; ""
// for an answer that is cut then.
func (p *page) refusal(method, body string) string {
	p.t.Helper()
	res, err := p.way.RoundTrip(p.request(p.t.Context(), method, strings.NewReader(body)))
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	if said := res.Header.Get("Grpc-Status"); said != "" {
		return said
	}
	a := &webAnswer{Response: res, text: p.text()}
	_, last, err := a.next()
	if err == nil {
		_, said, _ := strings.Cut(string(last), "grpc-status: ")
		said, _, _ = strings.Cut(said, "\r\n")
		return said
	}
	if err == io.EOF {
		return "an end without one"
	}
	return ""
}

func TestGRPCWebCallsEndFromBothSides(t *testing.T) {
	t.Parallel()
	c, server, ways := website(t)
	ended := func(t *testing.T) {
		t.Helper()
		select {
		case <-server.ended:
		case <-time.After(patience):
			t.Fatal("the server saw no end")
		}
	}
	everyPage(t, c, ways, func(t *testing.T, p *page, service string) {
		ctx, leave := context.WithCancel(t.Context())
		held := p.call(ctx, service+"hold", bytes.NewReader(p.framed(nil)))
		leave()
		if held.ProtoMajor > 1 { // over HTTP/1 the end of a connection looks like that of the request
			ended(t)
		}
		// On a busy machine a call may end before it comes to the server.
		if !p.pastDeadline(server, service, "100m") && !p.pastDeadline(server, service, "3S") {
			t.Error("the server saw nothing of a deadline")
		}
		body, talk := io.Pipe()
		defer talk.Close()
		a := p.call(t.Context(), service+"abort", body)
		if _, m, err := a.next(); err != nil || string(m) != "first" {
			t.Fatalf("%q, %v", m, err)
		}
		go func() { _, _ = talk.Write(p.framed(nil)) }() // ends with the pipe
		if _, _, err := a.next(); err == nil || err == io.EOF {
			t.Errorf("a server that dies: %v", err)
		}
	})
}

// pastDeadline makes a call that ends by its deadline, and reports whether the server saw that.
func (p *page) pastDeadline(server *caller, service, limit string) bool {
	p.t.Helper()
	a := p.call(p.t.Context(), service+"hold", bytes.NewReader(p.framed(nil)), "Grpc-Timeout: "+limit)
	switch flags, last, err := a.next(); {
	case err == io.EOF && a.Header.Get("Grpc-Status") == "4", err != nil && err != io.EOF: // Weir's clock is the first
	case flags != 0x80 || !bytes.Contains(last, []byte("grpc-status: 4\r\n")):
		p.t.Errorf("the deadline: %d %q, %v", flags, last, err)
	}
	select {
	case <-server.ended:
		return true
	case <-time.After(2 * time.Second):
		return false
	}
}

func TestBesideGRPCWebOthersPassAsTheyAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	server := newCaller(t, dir)
	c := start(t, strings.ReplaceAll(webbed, "{dir}", dir), "h2", endpointOf(server.ln["h2"]), "h2c", endpointOf(server.ln["h2c"]))
	cc := dialGRPC(t, c.at(8443), credentials.NewTLS(cfg))
	s := open(t, t.Context(), cc, "/h2c.Service/echo")
	m, got := []byte("hello"), []byte(nil)
	if err := s.SendMsg(&m); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&got); err != nil || string(got) != "hello" {
		t.Errorf("gRPC itself: %q, %v", got, err)
	}
	_ = s.CloseSend()
	for proto, way := range carriers(t, c, cfg) {
		r, err := http.NewRequestWithContext(t.Context(), "OPTIONS", "https://"+c.at(8443)+"/h2.Service/echo", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "weir.test:8443"
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "content-type,x-grpc-web")
		res, err := way.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Methods") != "POST" {
			t.Errorf("a preflight on %s: %d %v", proto, res.StatusCode, res.Header)
		}
	}
}
