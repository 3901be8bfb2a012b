package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

// patience is how long a test waits for what must happen, on a machine that may be busy.
const patience = 20 * time.Second

// listen serves each connection by f until the test ends and returns the address.
func listen(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, f)
	return l.Addr().String()
}

// serve is listen for a listener that is there; when the test ends its connections are cut, and their goroutines
// have ended.
func serve(t testing.TB, l net.Listener, f func(net.Conn)) {
	var serving sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			serving.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	})
}

// refusing returns an address at which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate is a TLS config for a server at 127.0.0.1, and one for clients that trust it.
func certificate(t testing.TB, protos ...string) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, NextProtos: protos}, &tls.Config{RootCAs: roots}
}

// must returns p's client for worker 0, closed at the test's end.
func must(t *testing.T) func(p Protocol, err error) bench.Client {
	return func(p Protocol, err error) bench.Client {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return worker(t, p, 0)
	}
}

func worker(t *testing.T, p Protocol, n int) bench.Client {
	t.Helper()
	c, err := p.Client(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask makes one round trip with a deadline that only a hanging client meets.
func ask(t *testing.T, c bench.Client, r bench.Request) (bench.Answer, error) {
	t.Helper()
	return c.Do(t.Context(), time.Now().Add(patience), &r)
}

func mustAsk(t *testing.T, c bench.Client, r bench.Request) bench.Answer {
	t.Helper()
	a, err := ask(t, c, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

func get(path string) bench.Request {
	return bench.Request{Method: http.MethodGet, Path: []byte(path), Expect: anything}
}

func post(path, body string) bench.Request {
	return bench.Request{Method: http.MethodPost, Path: []byte(path), Body: []byte(body), Expect: anything}
}

// anything wants the body and is content with all.
var anything = &bench.Expect{Status: func(int) bool { return true }, Body: func([]byte) bool { return true }}

// run makes a small run of cfg by p.
func run(t *testing.T, p Protocol, cfg bench.Config) *bench.Report {
	t.Helper()
	cfg.Client, cfg.Protocol = p.Client, p.Name
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failure is one way to fail, and what must be said of it.
type failure struct {
	name    string
	client  func(t *testing.T) bench.Client
	request bench.Request
	within  time.Duration // 0: patience
	kind    bench.Kind
	says    string
}

// checkFailures makes each failure happen.
func checkFailures(t *testing.T, all []failure) {
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			if f.within == 0 {
				f.within = patience
			}
			c := f.client(t)
			start := time.Now()
			a, err := c.Do(t.Context(), start.Add(f.within), &f.request)
			switch {
			case err == nil:
				t.Fatalf("no error, answer %+v", a)
			case bench.KindOf(err) != f.kind:
				t.Errorf("kind %q, want %q: %v", bench.KindOf(err), f.kind, err)
			case !strings.Contains(err.Error(), f.says):
				t.Errorf("%q does not say %q", err, f.says)
			}
			if took := time.Since(start); took > f.within+patience/2 {
				t.Errorf("took %v", took)
			}
		})
	}
}

// checkGivesUp asks a server that never answers, ends the run's context when the server has been asked, and wants
// the client back before its deadline.
func checkGivesUp(t *testing.T, c bench.Client, r bench.Request, asked <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		_, err := c.Do(ctx, time.Now().Add(time.Hour), &r)
		over <- err
	}()
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the server was never asked")
	}
	cancel()
	select {
	case err := <-over:
		if err == nil {
			t.Error("gave up without an error")
		}
	case <-time.After(patience):
		t.Fatal("did not give up")
	}
}

// checkNoGoroutines fails if goroutines are left that run code of the given packages. It waits for those that are
// about to end.
func checkNoGoroutines(t *testing.T, of ...string) {
	t.Helper()
	block := make([]byte, 1<<20)
	for end := time.Now().Add(patience); ; {
		left := goroutines(string(block[:runtime.Stack(block, true)]), of)
		if left == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left behind:\n%s", left)
		}
		runtime.Gosched()
	}
}

func goroutines(stacks string, of []string) string {
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		for _, name := range of {
			if strings.Contains(stack, name) && !strings.Contains(stack, "testing.tRunner") {
				return stack
			}
		}
	}
	return ""
}

// hang reads for ever, and tells asked of the first bytes.
func hang(asked chan<- struct{}) func(net.Conn) {
	return func(c net.Conn) {
		var one [1]byte
		if _, err := c.Read(one[:]); err != nil {
			return
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		io.Copy(io.Discard, c)
	}
}

// saying answers the first bytes with text and closes.
func saying(text string) func(net.Conn) {
	return func(c net.Conn) {
		var block [4096]byte
		if _, err := c.Read(block[:]); err != nil {
			return
		}
		io.WriteString(c, text)
		c.(interface{ CloseWrite() error }).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

// until waits for what another side brings about and no channel tells.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); !happened(); <-look.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}
