package health

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// watched is a monitor on real sockets that tells of each change.
type watched struct {
	t        *testing.T
	registry *lb.Registry
	upstream *lb.Upstream
	monitor  *Monitor
	changes  chan Change
}

func watch(t *testing.T, at string) *watched {
	t.Helper()
	w := &watched{t: t, registry: lb.NewRegistry(nil), changes: make(chan Change, 100)}
	c := lb.Default()
	c.Endpoints = []lb.EndpointConfig{{Address: endpointAt(t, at).Target(), Weight: 1}}
	var err error
	if w.upstream, err = w.registry.Adopt("orders", c); err != nil {
		t.Fatal(err)
	}
	if w.monitor, err = New(w.registry, slog.New(slog.DiscardHandler), func(c Change) { w.changes <- c }); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watched) adopt(c *Config) {
	w.monitor.Adopt([]Target{{Upstream: w.upstream, Config: c}})
}

// run runs the monitor while f does, and waits for its end.
func (w *watched) run(f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.monitor.Run(ctx) })
	f()
	cancel()
	running.Wait()
}

// await waits for the next change, which must be to s.
func (w *watched) await(s lb.State) {
	w.t.Helper()
	select {
	case got := <-w.changes:
		if got.State != s || got.By != lb.ByProbe {
			w.t.Fatalf("the %v says %v (%v), want %v", got.By, got.State, got.Reason, s)
		}
	case <-time.After(forAnswer):
		w.t.Fatalf("not %v within %v", s, forAnswer)
	}
}

// probes waits until n more probes have ended.
func (w *watched) probes(n uint64) {
	w.t.Helper()
	count := func() uint64 { r := w.monitor.Report()[0]; return r.Succeeded + r.Failed }
	limit := time.After(forAnswer)
	for begin := count(); count() < begin+n; {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			w.t.Fatalf("no %d probes within %v", n, forAnswer)
		}
	}
}

func quick(c *Config) *Config {
	c.Interval, c.Timeout = conf.Dur(10*time.Millisecond), conf.Dur(forAnswer)
	return c
}

func TestAReloadKeepsTheConnectionsOfProbes(t *testing.T) {
	l, _, _ := serveGRPC(t, "127.0.0.1:0")
	w := watch(t, l.Addr().String())
	w.adopt(quick(grpcConfig("")))
	w.run(func() {
		w.await(lb.Ready)
		for range 3 {
			w.adopt(quick(grpcConfig(""))) // another Config that says the same
			w.probes(2)
		}
		if n := l.n.Load(); n != 1 {
			t.Errorf("three reloads made %d connections, want that of the first probe", n)
		}
		changed := quick(grpcConfig(""))
		changed.Rise = 3
		w.adopt(changed)
		w.probes(2)
		if n := l.n.Load(); n != 2 {
			t.Errorf("with another config there are %d connections, want one more", n)
		}
	})
}

// closing tells when a connection that it accepted has been closed by the other side.
type closing struct {
	net.Listener
	open sync.WaitGroup
}

type tracked struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *closing) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &tracked{Conn: conn, done: c.open.Done}, nil
}

func (c *tracked) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

func TestTheEndOfRunAndOfACheckCloseConnections(t *testing.T) {
	for _, c := range []struct {
		what string
		end  func(w *watched)
	}{
		{"Run ends", func(*watched) {}},
		{"the upstream is no longer named", func(w *watched) { w.monitor.Adopt(nil) }},
		{"it is no longer probed", func(w *watched) { w.adopt(nil) }},
		{"it is probed in another way", func(w *watched) { w.adopt(quick(tcpConfig("", ""))) }},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		watcher := &closing{Listener: l}
		_, server := grpcServer(t, watcher)
		w := watch(t, l.Addr().String())
		w.adopt(quick(grpcConfig("")))
		w.run(func() {
			w.await(lb.Ready)
			c.end(w)
		})
		closed := make(chan struct{})
		go func() { watcher.open.Wait(); close(closed) }() // ends with the last connection
		select {
		case <-closed:
		case <-time.After(forAnswer):
			t.Errorf("%s: a connection is left", c.what)
		}
		server.Stop()
	}
}

// A CA that is replaced on disk counts from the next reload on, and so does one that went.
func TestFilesAreReadAgainAtAReload(t *testing.T) {
	mine, other := selfSigned(t, "127.0.0.1"), selfSigned(t, "127.0.0.1")
	l := secured(t, &tls.Config{Certificates: []tls.Certificate{mine}}, answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	config := quick(httpConfig(nil))
	config.Fall, config.Rise = 1, 1
	config.TLS = &TLSConfig{CA: pemOf(t, mine)}
	write := func(pair tls.Certificate) {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
		if err := os.WriteFile(config.TLS.CA, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, l.Addr().String())
	w.adopt(config)
	w.run(func() {
		w.await(lb.Ready)
		write(other)
		w.adopt(config)
		w.await(lb.Down)
		write(mine)
		w.adopt(config)
		w.await(lb.Ready)
		if err := os.Remove(config.TLS.CA); err != nil {
			t.Fatal(err)
		}
		w.adopt(config)
		w.await(lb.Down)
	})
}

func TestAMethodIsKeptWhereNothingChanges(t *testing.T) {
	one := newMethod(httpConfig(nil), Way{}, nil)
	for _, c := range []struct {
		what   string
		config *Config
		kept   bool
	}{
		{"the same", httpConfig(nil), true},
		{"another path", httpConfig(func(h *HTTPConfig) { h.Path = "/other" }), false},
		{"a field more", httpConfig(func(h *HTTPConfig) { h.Headers = map[string]string{"A": "b"} }), false},
		{"another kind", tcpConfig("", ""), false},
	} {
		if got := newMethod(c.config, Way{}, one) == one; got != c.kept {
			t.Errorf("%s: kept is %v", c.what, got)
		}
	}
}
