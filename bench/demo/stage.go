package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/bench"
	"weir/internal/certs"
)

// stage is what stands around the gateway: endpoints, config, certificate, addresses.
type stage struct {
	web, secure, echo, admin string // addresses of the gateway
	apis                     []*endpoint
	echoes                   *endpoint
	roots                    *tls.Config // what the generator trusts
	dir, path                string
	text                     []byte
}

const (
	webPort = iota
	securePort
	echoPort
	adminPort
	firstEndpoint = 11 // ports from here on are the endpoints'
	apiCount      = 3
	blockSize     = firstEndpoint + apiCount + 1
)

// newStage takes the ports, starts the endpoints and writes the config. The caller must close it.
func newStage(base int, length time.Duration) (*stage, error) {
	base, err := block(base)
	if err != nil {
		return nil, err
	}
	at := func(offset int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(base+offset)) }
	s := &stage{web: at(webPort), secure: at(securePort), echo: at(echoPort), admin: at(adminPort)}
	for n := range apiCount {
		s.apis = append(s.apis, newEndpoint(fmt.Sprintf("api-%d", n+1), at(firstEndpoint+n), serveAPI))
	}
	s.echoes = newEndpoint("echo-1", at(firstEndpoint+apiCount), serveEcho)
	for _, e := range s.endpoints() {
		if err := e.revive(); err != nil {
			s.close()
			return nil, err
		}
	}
	if err := s.write(length); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// endpoints returns all of them, the API's first.
func (s *stage) endpoints() []*endpoint { return append(s.apis[:len(s.apis):len(s.apis)], s.echoes) }

func (s *stage) close() {
	for _, e := range s.endpoints() {
		e.kill()
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// block returns the first port of a block that is free now. A base that is given is checked, never changed.
func block(base int) (int, error) {
	if base != 0 {
		if base < 1 || base+blockSize > 65535 {
			return 0, fmt.Errorf("port base %d: it must lie between 1 and %d", base, 65535-blockSize)
		}
		return base, free(base)
	}
	for range 100 {
		// Below the kernel's ephemeral ports, where no outgoing connection takes an endpoint's port while it is dead.
		base := 20000 + rand.IntN(12000)
		if free(base) == nil {
			return base, nil
		}
	}
	return 0, errors.New("no block of free ports was found; give one by --port-base")
}

// free returns an error that names the first port of the block that is in use.
func free(base int) error {
	names := map[int]string{webPort: "the HTTP listener", securePort: "the HTTPS listener", echoPort: "the TCP listener", adminPort: "the admin API"}
	for _, offset := range []int{webPort, securePort, echoPort, adminPort, firstEndpoint, firstEndpoint + 1, firstEndpoint + 2, firstEndpoint + 3} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+offset)))
		if err != nil {
			name, ok := names[offset]
			if !ok {
				name = "an endpoint"
			}
			return fmt.Errorf("port %d, for %s, cannot be used: %w\n  hint: choose other ports, such as --port-base %d", base+offset, name, err, base+1000)
		}
		l.Close()
	}
	return nil
}

// write makes the certificate and the config in a folder of their own.
func (s *stage) write(length time.Duration) (err error) {
	if s.dir, err = os.MkdirTemp("", "weir-demo-"); err != nil {
		return err
	}
	cert, err := certs.SelfSigned("localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	s.roots = &tls.Config{RootCAs: certs.Pool(cert), MinVersion: tls.VersionTLS12}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	certFile, keyFile := filepath.Join(s.dir, "demo.pem"), filepath.Join(s.dir, "demo.key")
	s.path = filepath.Join(s.dir, "weir.toml")
	s.text = []byte(s.config(certFile, keyFile, length))
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600),
		os.WriteFile(s.path, s.text, 0o600),
	)
}

// probeEvery is how often the gateway probes: twice a second in a demo of the usual length, in proportion in a
// shorter one.
func probeEvery(length time.Duration) time.Duration {
	return max(10*time.Millisecond, min(500*time.Millisecond, length/40)).Round(time.Millisecond)
}

const configText = `# The config of "weir demo".
[admin]
address = "$admin"

[log]
level = "error"                       # the table tells the rest

[listeners.web]
address = "$web"

[listeners.secure]
address = "$secure"
tls.certificates = [{ cert = "$cert", key = "$key" }]

[listeners.echo]
address = "$echo"
kind = "tcp"
upstream = "echo"

[[routes]]
name = "api"
match = { path = "/*" }
upstream = "api"

[upstreams.api]
endpoints = [$apis]
balance = "round_robin"               # equal shares are easy to see
retry = { attempts = 2, on = ["connect", "reset"] }
timeouts.connect = "5s"               # the demo must pass on a busy laptop too

[upstreams.api.health]
http = { path = "/healthz", status = "2xx" }
interval = "$interval"
timeout = "2s"
rise = 2
fall = 2

[upstreams.echo]
endpoints = ["$echoes"]
timeouts.connect = "5s"
`

// config fills in the text. File names are written as TOML's literal strings hold them: no quote, no escape needed.
func (s *stage) config(certFile, keyFile string, length time.Duration) string {
	var apis []string
	for _, e := range s.apis {
		apis = append(apis, strconv.Quote(e.address))
	}
	return strings.NewReplacer(
		"$apis", strings.Join(apis, ", "), "$admin", s.admin, "$web", s.web, "$secure", s.secure,
		"$echoes", s.echoes.address, "$echo", s.echo, "$cert", certFile, "$key", keyFile,
		"$interval", probeEvery(length).String(),
	).Replace(configText)
}

// targets returns what the generator calls on each listener.
func (s *stage) targets() []bench.Config {
	return []bench.Config{
		{Target: "http://" + s.web + "/v1/orders/1042", Connections: 16, Rate: 400},
		{Target: "https://" + s.secure + "/v1/orders/1042", Connections: 8, Rate: 200, TLS: s.roots},
		{Target: "tcp://" + s.echo, Connections: 8, Rate: 200},
	}
}

const readyPatience = 10 * time.Second

// ready waits until each listener answers through to an endpoint, asking every 50 ms: the gateway's sockets are all
// that the demo knows of it.
func (s *stage) ready(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, ask := range s.targets() {
		ask.Connections, ask.Rate, ask.Requests, ask.Timeout = 1, 0, 1, time.Second
		for {
			report, err := bench.Run(limit, ask)
			if err != nil {
				return err
			}
			if report.OK == 1 {
				break
			}
			select {
			case <-limit.Done():
				return fmt.Errorf("no answer at %s: %s", ask.Target, report.Failures)
			case <-tick.C:
			}
		}
	}
	return nil
}
