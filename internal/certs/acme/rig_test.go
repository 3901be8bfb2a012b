package acme

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/certs/acme/pebble"
)

func TestMain(m *testing.M) {
	pebble.Main()
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // they wait for authorities, each for its own; the flag is there
	os.Exit(m.Run())
}

// ports are the two that an authority checks, served for a keeper as Weir serves them.
type ports struct {
	keeper      atomic.Pointer[Keeper]
	http, https net.Listener
}

func serve(t *testing.T) *ports {
	t.Helper()
	p := &ports{http: listen(t), https: listen(t)}
	plain := &http.Server{Handler: http.HandlerFunc(p.answer)}
	t.Cleanup(func() { plain.Close() })
	go plain.Serve(p.http) // ends with the server
	go p.shake()           // ends with the listener
	return p
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (p *ports) answer(w http.ResponseWriter, r *http.Request) {
	body, ok := p.keeper.Load().Challenge(r.Host, r.URL.Path)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	io.WriteString(w, body)
}

// shake does handshakes and nothing more.
func (p *ports) shake() {
	config := &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return p.keeper.Load().Challenged(hello), nil
		},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.keeper.Load().GetCertificate(hello)
		},
	}
	for {
		c, err := p.https.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the handshake
			defer c.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			tls.Server(c, config).HandshakeContext(ctx)
		}()
	}
}

// port returns where l listens.
func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// ask does a handshake as a client and returns what it is shown.
func (p *ports) ask(host string) (*tls.Certificate, error) {
	c, err := tls.Dial("tcp", p.https.Addr().String(), &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return &tls.Certificate{Leaf: c.ConnectionState().PeerCertificates[0]}, nil
}

// authority starts one that checks p.
func (p *ports) authority(t *testing.T, o pebble.Options) *pebble.Authority {
	t.Helper()
	o.HTTPPort, o.TLSPort = port(p.http), port(p.https)
	return pebble.Start(t, o)
}

// config asks a for hosts.
func config(a *pebble.Authority, hosts ...string) *Config {
	c := Default()
	c.Directory, c.CA, c.Hosts = a.Directory, a.CA, hosts
	return &c
}

// keep runs a keeper until the test ends or stop is called.
func (p *ports) keep(t *testing.T, c *Config, dir string) (k *Keeper, stop func()) {
	t.Helper()
	k, err := New(c, dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	p.keeper.Store(k)
	return k, run(t, k)
}

func run(t *testing.T, k *Keeper) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		k.Run(ctx)
		close(ended)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return stop
}

// until waits for something that a keeper will do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// has reports whether k has a certificate for each host.
func has(k *Keeper, hosts ...string) func() bool {
	return func() bool {
		for _, h := range hosts {
			if k.Certificate(h) == nil {
				return false
			}
		}
		return true
	}
}

// failedAt reports whether at least n attempts of k have failed.
func failedAt(k *Keeper, n int64) func() bool { return func() bool { return k.Failed.Load() >= n } }

func ExampleConfig() {
	c := Default()
	c.Hosts = []string{"api.example.com"}
	fmt.Println(c.challenges(), c.directory())
	// Output: [http-01 tls-alpn-01] https://acme-v02.api.letsencrypt.org/directory
}
