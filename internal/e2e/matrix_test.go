//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// endpoints of every kind that Weir talks to, by the first segment of the path.
const crossing = `
[listeners.web]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
[listeners.web.tls]
certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }]
[listeners.plain]
address = "{ip}:8080"
[[routes]]
match.path = "/h1/*"
upstream = "h1"
[[routes]]
match.path = "/tls/*"
upstream = "tls"
[[routes]]
match.path = "/h2/*"
upstream = "h2"
[[routes]]
match.path = "/h2c/*"
upstream = "h2c"
[upstreams.h1]
endpoints = "{h1}"
[upstreams.tls]
endpoints = "{tls}"
protocol = "h1"
tls = { ca = "{dir}/cert.pem", server_name = "weir.test" }
[upstreams.h2]
endpoints = "{h2}"
tls = { ca = "{dir}/cert.pem", server_name = "weir.test" }
[upstreams.h2c]
endpoints = "{h2c}"
protocol = "h2c"
`

var endpointKinds = []string{"h1", "tls", "h2", "h2c"}

// far is an endpoint of every kind, that tells what it was sent.
//
//	/KIND/sink       reads the body; answers its length and hash, and the request's trailers as its own
//	/KIND/source?n=  n bytes, their hash as a trailer
//	/KIND/stall      answers a head and a byte, then nothing; ended gets what ends it
//	/KIND/abort      answers a head and a byte, then breaks off
//	/KIND/hold       reads the body to its end and says on ended why that came
//	/KIND/early      103 and then 200
//	/KIND/events     three events, each when asked for by next
//	/KIND/many       repeated fields
type far struct {
	at    map[string]string // by kind
	begun chan struct{}     // a hold has
	ended chan error
	next  chan struct{}
}

func newFar(t *testing.T, dir string) *far {
	t.Helper()
	f := &far{at: map[string]string{}, begun: make(chan struct{}, 100), ended: make(chan error, 100), next: make(chan struct{})}
	for _, kind := range endpointKinds {
		s := &http.Server{Handler: f, Protocols: new(http.Protocols)}
		ln := listen(t)
		f.at[kind] = endpointOf(ln)
		secure := false
		switch kind {
		case "h1":
			s.Protocols.SetHTTP1(true)
		case "tls":
			s.Protocols.SetHTTP1(true)
			secure = true
		case "h2":
			s.Protocols.SetHTTP2(true)
			secure = true
		case "h2c":
			s.Protocols.SetUnencryptedHTTP2(true)
		}
		var serving sync.WaitGroup
		serving.Go(func() { // ends with Close
			if secure {
				_ = s.ServeTLS(ln, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
			} else {
				_ = s.Serve(ln)
			}
		})
		t.Cleanup(func() { _ = s.Close(); serving.Wait() })
	}
	return f
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	rc := http.NewResponseController(w)
	switch what {
	case "sink":
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			f.ended <- err
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Trailer", "X-Echo")
		fmt.Fprintf(w, "%d %s", n, hex.EncodeToString(sum.Sum(nil)))
		w.Header().Set("X-Echo", r.Trailer.Get("X-Sum"))
	case "source":
		sum := sha256.New()
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(io.MultiWriter(w, sum), io.LimitReader(&pattern{}, number(r, "n")))
		w.Header().Set("X-Sum", hex.EncodeToString(sum.Sum(nil)))
	case "stall":
		_, _ = io.WriteString(w, "x")
		_ = rc.Flush()
		<-r.Context().Done()
		f.ended <- r.Context().Err()
	case "abort":
		_, _ = io.WriteString(w, "x")
		_ = rc.Flush()
		panic(http.ErrAbortHandler)
	case "hold":
		f.begun <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		f.ended <- err
	case "early":
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			<-f.next
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = rc.Flush()
		}
	case "many":
		w.Header()["X-Many"] = []string{"b", "a", "c"}
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		fmt.Fprintf(w, "%q %q", r.Header["X-Many"], r.Header["Cookie"])
	}
}

// pattern is bytes without end that repeat at no power of two.
type pattern struct{ at int }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.at % 251)
		p.at++
	}
	return len(b), nil
}

// crossed starts a Weir before endpoints of every kind.
func crossed(t *testing.T) (*child, *far, *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	f := newFar(t, dir)
	var vars []string
	for kind, at := range f.at {
		vars = append(vars, kind, at)
	}
	return start(t, strings.ReplaceAll(crossing, "{dir}", dir), vars...), f, cfg
}

// sizes of bodies; the largest where all are wanted.
func sizes() []int64 {
	if raceDetector || testing.Short() {
		return []int64{0, 1, 64 << 10, 1 << 20}
	}
	return []int64{0, 1, 64 << 10, 64 << 20}
}

// call makes a request over a carrier. It fails the test if there is no answer.
func call(t *testing.T, way http.RoundTripper, method, url string, body io.Reader, set ...func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "weir.test"
	for _, f := range set {
		f(r)
	}
	res, err := way.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// each runs do for every carrier and every kind of endpoint.
func each(t *testing.T, c *child, cfg *tls.Config, do func(t *testing.T, proto, kind, url string, way http.RoundTripper)) {
	t.Helper()
	ways := carriers(t, c, cfg)
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		for _, kind := range endpointKinds {
			t.Run(strings.ReplaceAll(proto, "/", "-")+"-to-"+kind, func(t *testing.T) {
				do(t, proto, kind, "https://"+c.at(8443)+"/"+kind, ways[proto])
			})
		}
	}
}

// streamed hides what a reader is, so that its length is not known.
type streamed struct{ io.Reader }

func TestBodiesAndTrailersCrossEveryWay(t *testing.T) {
	c, _, cfg := crossed(t)
	each(t, c, cfg, func(t *testing.T, proto, _, url string, way http.RoundTripper) {
		for _, n := range sizes() {
			for _, known := range []bool{true, false} {
				sum := sha256.New()
				body := io.TeeReader(io.LimitReader(&pattern{}, n), sum)
				res := call(t, way, "POST", url+"/sink", streamed{body}, func(r *http.Request) {
					if known && n > 0 {
						r.ContentLength = n
						return
					}
					r.Trailer = http.Header{"X-Sum": nil}
					r.Body = io.NopCloser(&last{Reader: streamed{body}, end: func() { r.Trailer.Set("X-Sum", hexOf(sum)) }})
					r.ContentLength = -1
				})
				said, err := io.ReadAll(res.Body)
				if want := fmt.Sprintf("%d %s", n, hexOf(sum)); err != nil || res.Proto != proto || string(said) != want {
					t.Errorf("%d bytes up, known %v: %s %q, %v; want %q", n, known, res.Proto, said, err, want)
				}
				if !(known && n > 0) && res.Trailer.Get("X-Echo") != hexOf(sum) {
					t.Errorf("%d bytes up: trailers %v, want X-Echo %s", n, res.Trailer, hexOf(sum))
				}
			}
			res := call(t, way, "GET", fmt.Sprintf("%s/source?n=%d", url, n), nil)
			sum := sha256.New()
			got, err := io.Copy(sum, res.Body)
			if err != nil || got != n || res.Trailer.Get("X-Sum") != hexOf(sum) {
				t.Errorf("%d bytes down: %d, %v, trailers %v, want %s", n, got, err, res.Trailer, hexOf(sum))
			}
		}
	})
}

// last calls end once its reader is at its end.
type last struct {
	io.Reader
	end func()
}

func (l *last) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if err == io.EOF {
		l.end()
	}
	return n, err
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func TestFieldsCrossEveryWay(t *testing.T) {
	t.Parallel()
	c, _, cfg := crossed(t)
	each(t, c, cfg, func(t *testing.T, _, _, url string, way http.RoundTripper) {
		res := call(t, way, "GET", url+"/many", nil, func(r *http.Request) {
			r.Header["X-Many"] = []string{"z", "y", "x"}
			r.Header["Cookie"] = []string{"a=1; b=2"}
		})
		said, err := io.ReadAll(res.Body)
		if err != nil || string(said) != `["z" "y" "x"] ["a=1; b=2"]` {
			t.Errorf("the endpoint saw %s, %v", said, err)
		}
		if got := res.Header["X-Many"]; !slices.Equal(got, []string{"b", "a", "c"}) {
			t.Errorf("X-Many: %q", got)
		}
		if got := res.Header["Set-Cookie"]; !slices.Equal(got, []string{"a=1", "b=2"}) {
			t.Errorf("Set-Cookie: %q", got)
		}
	})
}

func TestWhoLeavesIsNoticedEveryWay(t *testing.T) {
	t.Parallel()
	c, f, cfg := crossed(t)
	each(t, c, cfg, func(t *testing.T, proto, _, url string, way http.RoundTripper) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		res := call(t, way, "GET", url+"/stall", nil, func(r *http.Request) { *r = *r.WithContext(ctx) })
		if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if proto == "HTTP/1.1" { // who shuts a side within 50 ms may want the answer all the same
			<-time.After(behindTheWatch())
		}
		leave()
		f.ends(t, "a client that leaves amid an answer", true)

		pr, pw := io.Pipe()
		ctx, leave = context.WithCancel(t.Context())
		defer leave()
		up, _ := http.NewRequestWithContext(ctx, "POST", url+"/hold", pr)
		up.Host = "weir.test"
		go func() { // ends with leave
			if res, err := way.RoundTrip(up); err == nil {
				_ = res.Body.Close()
			}
		}()
		if _, err := pw.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		<-f.begun // over HTTP/3 a reset may overtake a request
		leave()
		_ = pw.CloseWithError(errors.New("left"))
		f.ends(t, "a client that leaves amid an upload", true)
	})
}

// behindTheWatch is a time after which Weir watches a client that waits: 50 ms, and more where the machine is busy.
func behindTheWatch() time.Duration { return time.Second }

// ends waits for the end that the endpoint saw, which is an error or not.
func (f *far) ends(t *testing.T, what string, failed bool) {
	t.Helper()
	select {
	case err := <-f.ended:
		if (err != nil) != failed {
			t.Errorf("%s: the endpoint saw %v", what, err)
		}
	case <-time.After(patience):
		t.Fatalf("%s: the endpoint saw nothing", what)
	}
}

func TestAnswersThatBreakOffNeverLookWhole(t *testing.T) {
	t.Parallel()
	c, _, cfg := crossed(t)
	each(t, c, cfg, func(t *testing.T, _, _, url string, way http.RoundTripper) {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/abort", nil)
		r.Host = "weir.test"
		res, err := way.RoundTrip(r)
		if err != nil {
			return // it broke off early
		}
		defer res.Body.Close()
		if said, err := io.ReadAll(res.Body); err == nil && !strings.Contains(string(said), `"fault":"upstream_cut"`) {
			t.Errorf("%d %q looks whole", res.StatusCode, said)
		}
	})
}

func TestEventsComeAtOnceEveryWay(t *testing.T) {
	t.Parallel()
	c, f, cfg := crossed(t)
	each(t, c, cfg, func(t *testing.T, _, _, url string, way http.RoundTripper) {
		got := make(chan *http.Response, 1)
		go func() { got <- call(t, way, "GET", url+"/events", nil) }() // ends with the head
		f.next <- struct{}{}
		res := <-got
		for i := range 3 {
			b := make([]byte, len("data: 0\n\n"))
			if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != fmt.Sprintf("data: %d\n\n", i) {
				t.Fatalf("event %d: %q, %v", i, b, err)
			}
			if i < 2 {
				f.next <- struct{}{}
			}
		}
		if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
	})
}
