package serve

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7/forward"
	"weir/internal/conf"
)

// h2Endpoint is an endpoint that speaks HTTP/2 with prior knowledge.
func h2Endpoint(t testing.TB, change func(*http.Server), handler http.HandlerFunc) (*http.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	if change != nil {
		change(s)
	}
	go func() { _ = s.Serve(l) }() // ends with the server
	t.Cleanup(func() { _ = s.Close() })
	return s, l.Addr().String()
}

// toH2 makes a rig speak HTTP/2 to its endpoints.
func toH2(r *rig) { r.forward.Protocol = forward.ProtocolH2C }

// through is a client of HTTP/1 before a rig.
func through(t testing.TB, r *rig) *http.Client {
	t.Helper()
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 5 * time.Minute}
}

func TestLargeBodiesPassBothWaysOverH2(t *testing.T) {
	t.Parallel()
	size := int64(32 << 20)
	if testing.Short() {
		size = 8 << 20
	}
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(sum, w), r.Body) // back as it comes
		if err != nil || n != size {
			t.Errorf("the endpoint got %d bytes, %v", n, err)
		}
		w.Header().Set(http.TrailerPrefix+"X-Sum", fmt.Sprintf("%x", sum.Sum(nil)))
	})
	r := newRigWith(t, toH2, at)
	for _, chunked := range []bool{false, true} {
		sent, got := sha256.New(), sha256.New()
		body := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), sent)
		req := request(t, "POST", "http://"+r.addr+"/", body)
		if !chunked {
			req.ContentLength = size
		}
		res, err := through(t, r).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(got, res.Body)
		if err != nil || n != size {
			t.Fatalf("chunked %v: %d bytes, %v", chunked, n, err)
		}
		sum := fmt.Sprintf("%x", got.Sum(nil))
		if sum != fmt.Sprintf("%x", sent.Sum(nil)) || res.Trailer.Get("X-Sum") != sum {
			t.Errorf("chunked %v: what was sent, came and was told of in trailers differ", chunked)
		}
		_ = res.Body.Close()
	}
}

func TestAnEarlyAnswerOverH2EndsTheUpload(t *testing.T) {
	t.Parallel()
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401) })
	r := newRigWith(t, toH2, at)
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { // sends for as long as somebody reads; ends with the pipe
		for b := make([]byte, 32<<10); ; {
			if _, err := pw.Write(b); err != nil {
				return
			}
		}
	}()
	res, err := through(t, r).Do(request(t, "POST", "http://"+r.addr+"/", pr))
	if err != nil || res.StatusCode != 401 {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
}

func TestInterimHeadsOfAnH2EndpointPass(t *testing.T) {
	t.Parallel()
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		w.WriteHeader(200)
	})
	r := newRigWith(t, toH2, at)
	var links []string
	req := request(t, "GET", "http://"+r.addr+"/", nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			links = append(links, fmt.Sprint(status, h["Link"]))
			return nil
		},
	}))
	res, _ := fetch(t, through(t, r), req)
	if res.StatusCode != 200 || len(links) != 1 || links[0] != "103 [</a.css>]" {
		t.Errorf("%v %v", res.StatusCode, links)
	}
}

// More requests than an endpoint takes at once are refused as long as Weir does not know its limit: none of them was
// processed, so that each may be sent again, whatever its method.
func TestRequestsThatAnEndpointRefusesAreSentAgain(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	_, at := h2Endpoint(t, func(s *http.Server) { s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 3} }, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // the client shows what is missing
		served.Add(1)
	})
	r := newRigWith(t, func(r *rig) { toH2(r); r.forward.Retry.Budget = conf.Percent(100) }, at)
	client := through(t, r)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			res, body := fetch(t, client, request(t, "POST", "http://"+r.addr+"/", strings.NewReader(fmt.Sprint("body ", i))))
			if res.StatusCode != 200 || body != fmt.Sprint("body ", i) {
				t.Errorf("%d: %d %q", i, res.StatusCode, body)
			}
		})
	}
	all.Wait()
	if n := served.Load(); n != 40 {
		t.Errorf("%d requests were processed", n)
	}
}

func TestAClientThatLeavesCancelsTheStream(t *testing.T) {
	t.Parallel()
	begun, over := make(chan struct{}), make(chan struct{})
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(over)
	})
	r := newRigWith(t, toH2, at)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := through(t, r).Do(request(t, "GET", "http://"+r.addr+"/", nil).WithContext(ctx))
		done <- err
	}()
	<-begun
	pause(4 * watchAfter) // until the watcher is armed: what comes before looks like a half-close
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	comes(t, "the end at the endpoint", over)
}

func TestAStreamThatTimesOutLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	patiently(t, 200*time.Millisecond, func(d time.Duration) error { // until what is fast comes in time
		var conns atomic.Int64
		_, at := h2Endpoint(t, func(s *http.Server) {
			s.ConnState = func(_ net.Conn, to http.ConnState) {
				if to == http.StateNew {
					conns.Add(1)
				}
			}
		}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-hold
			}
		})
		r := newRigWith(t, func(r *rig) {
			toH2(r)
			once(r)
			r.forward.Timeouts.Response = conf.Dur(d)
		}, at)
		client := through(t, r)
		for _, step := range []struct {
			path string
			want int
		}{{"/fast", 200}, {"/slow", 504}, {"/fast", 200}, {"/slow", 504}, {"/fast", 200}} {
			if res, _ := fetch(t, client, request(t, "GET", "http://"+r.addr+step.path, nil)); res.StatusCode != step.want {
				return fmt.Errorf("%s: %d, want %d", step.path, res.StatusCode, step.want)
			}
		}
		if n := conns.Load(); n != 1 {
			return fmt.Errorf("there were %d connections", n)
		}
		return nil
	})
}

// An endpoint that stops says goodbye: requests that it has not taken go to its successor, and no client notices.
func TestAnEndpointThatSaysGoodbyeFailsNobody(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	first, a := h2Endpoint(t, nil, answer)
	_, b := h2Endpoint(t, nil, answer)
	r := newRigWith(t, toH2, a, b)
	client := through(t, r)
	var all sync.WaitGroup
	var failed, sent atomic.Int64
	stop := make(chan struct{})
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(1)
				res, err := client.Post("http://"+r.addr+"/", "text/plain", strings.NewReader("hello"))
				if err != nil {
					failed.Add(1)
					continue
				}
				if got, err := io.ReadAll(res.Body); err != nil || string(got) != "hello" || res.StatusCode != 200 {
					failed.Add(1)
				}
				_ = res.Body.Close()
			}
		})
	}
	for sent.Load() < 200 {
		<-time.After(time.Millisecond)
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for at := sent.Load(); sent.Load() < at+200; {
		<-time.After(time.Millisecond)
	}
	close(stop)
	all.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d of %d failed", failed.Load(), sent.Load())
	}
}

func TestHedgesRunOverH2(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	left := make(chan struct{}, 100)
	_, slow := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
			left <- struct{}{}
		}
	})
	_, fast := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "fast") })
	r := newRigWith(t, func(r *rig) {
		toH2(r)
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(50 * time.Millisecond), Budget: conf.Percent(100)}
		r.forward.Retry.Budget = conf.Percent(100)
	}, slow, fast)
	client := through(t, r)
	late := time.After(ample)
	for { // until one was sent to the slow one first, which is then told
		if res, body := fetch(t, client, request(t, "GET", "http://"+r.addr+"/", nil)); res.StatusCode != 200 || body != "fast" {
			t.Errorf("%d %q", res.StatusCode, body)
		}
		select {
		case <-left:
			return
		case <-late:
			t.Fatal("the slow attempt was not cancelled")
		default:
		}
	}
}

func TestATunnelRunsThroughAnH2Endpoint(t *testing.T) {
	t.Parallel()
	end := origin(t, func(c net.Conn) { // switches, then echoes
		b := bufio.NewReader(c)
		if _, err := readHead(b); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n") // the client shows what is missing
		_, _ = io.Copy(c, b)
		_ = c.(*net.TCPConn).CloseWrite()
	})
	behind := newRigWith(t, func(r *rig) { r.site.Protocols = H1 | H2 }, end) // a Weir that speaks h2
	r := newRigWith(t, toH2, behind.addr)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(c, "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	b := bufio.NewReader(c)
	head, err := readHead(b)
	if err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "\r\nUpgrade: echo\r\n") {
		t.Fatalf("%q, %v", head, err)
	}
	for _, text := range []string{"a", strings.Repeat("long", 50_000), "b"} {
		go func() { _, _ = io.WriteString(c, text) }() // ends with what is read below
		got := make([]byte, len(text))
		if _, err := io.ReadFull(b, got); err != nil || string(got) != text {
			t.Fatalf("%d bytes came back otherwise, %v", len(text), err)
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(b); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestAnAnswerOfH2WithoutABodyIsFramedForHTTP1(t *testing.T) {
	t.Parallel()
	_, at := h2Endpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header()["Content-Length"] = nil // net/http would say 0
		w.WriteHeader(status)
	})
	r := newRigWith(t, toH2, at)
	for _, c := range []struct{ request, status, length string }{
		{"GET /200 HTTP/1.1", "200", "0"}, {"GET /302 HTTP/1.1", "302", "0"}, {"POST /201 HTTP/1.1", "201", "0"},
		{"GET /404 HTTP/1.1", "404", "0"}, {"GET /204 HTTP/1.1", "204", ""}, {"GET /304 HTTP/1.1", "304", ""},
		{"HEAD /200 HTTP/1.1", "200", ""}, {"GET /200 HTTP/1.0\r\nConnection: keep-alive", "200", "0"},
	} {
		one := c.request + "\r\nHost: a\r\nContent-Length: 0\r\n"
		b := bufio.NewReader(strings.NewReader(r.say(one + "\r\n" + one + "Connection: close\r\n\r\n")))
		for range 2 { // neither takes the other for its body
			head, _ := readHead(b)
			_, length, _ := strings.Cut(head, "Content-Length: ")
			length, _, _ = strings.Cut(length, "\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 "+c.status) || length != c.length || strings.Contains(head, "chunked") {
				t.Errorf("%q: %q", c.request, head)
			}
		}
		if rest, _ := io.ReadAll(b); len(rest) > 0 {
			t.Errorf("%q: behind the answers came %q", c.request, rest)
		}
	}
}
