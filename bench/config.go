// Package bench sends requests on a schedule, or as fast as answers come, and reports what they cost.
//
// It is Weir's own load generator: `weir demo` and `weir bench` call Run. It speaks HTTP/1.1 over TCP or TLS and a
// plain TCP echo, and knows nothing about gateways: what it measures is whatever listens at the target.
//
// In the open loop a request's latency counts from the moment at which the schedule wanted it sent, so a target
// that stalls is charged for every request that it made wait (no coordinated omission).
package bench

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Config says what to send, where, how often and for how long. It is not changed by Run.
type Config struct {
	// Target is "http://host:port/path", "https://…" or "tcp://host:port" (an echo); with Client any URL. Required.
	Target string
	// Method is the request's method. Default: GET. Not used by tcp.
	Method string
	// Header is added to Host (and Content-Length where there is a Body). A Host field here replaces the target's.
	Header []Field
	// Body is the request's body; for tcp, the message that must come back. Default: none; for tcp, 64 bytes.
	Body []byte
	// Source says what to send instead of Method, Header, Body and the target's path. Default: those.
	Source Source
	// Client returns what speaks for worker n, from 0. Default: Weir's own HTTP/1.1 and echo.
	Client func(worker int) (Client, error)
	// Protocol is what the report calls Client's protocol.
	Protocol string

	// Connections is how many keep-alive connections share the work. Default: 1.
	Connections int
	// Workers is how many requests can be under way at once, where Client shares connections among workers.
	// Default: Connections.
	Workers int
	// Fresh gives each request a connection of its own, so that connecting is part of its latency.
	Fresh bool
	// Threads is how many threads the loops of plain HTTP/1.1 use. Default: GOMAXPROCS, at most Connections. All else
	// uses GOMAXPROCS.
	Threads int

	// Rate is how many requests a second the schedule asks for: the open loop, evenly spread. Default: 0, the closed
	// loop: each connection sends its next request when the answer is complete.
	Rate float64
	// Arrivals is the open loop's timetable where it is more than a Rate. Default: Rate's.
	Arrivals *Arrivals
	// Duration is the measured time, after Warmup. Default: the timetable's; required unless that ends or Requests
	// is set.
	Duration time.Duration
	// Requests ends the run after so many measured requests. Default: 0, no such end.
	Requests int64
	// Warmup is sent before the measured part and left out of every figure. Default: 0.
	Warmup time.Duration
	// Timeout bounds one request from when it is sent, connecting included. Default: 30s.
	Timeout time.Duration
	// MaxLag is how late the generator may send the latest of a hundred requests before the report is invalid.
	// Default: 1ms.
	MaxLag time.Duration
	// Seed makes what is random the same again: Poisson gaps and the Source's choices. Default: 0.
	Seed uint64
	// TLS is used for https; ServerName is filled in from the target where it is empty. Default: verify against the
	// system's roots.
	TLS *tls.Config
	// Program goes into the report.
	Program string
	// Progress is called once for each measured second that has passed, from one goroutine. Default: none.
	// It must not block: while it does, the next second is not closed.
	Progress func(Second)
}

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("bench: bad config")

const (
	defaultTimeout = 30 * time.Second
	defaultMaxLag  = time.Millisecond
	echoBytes      = 64
)

// target is a Config's address side, compiled.
type target struct {
	scheme    string
	address   string // host:port to dial
	authority string // host and port as the Host field has them
	name      string // host alone, for SNI
	tls       *tls.Config
	source    Source
	fresh     bool
}

// compile checks c and fills in the defaults.
func (c *Config) compile() (*target, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: target: %v", ErrConfig, err)
	}
	t := &target{scheme: u.Scheme, authority: u.Host, name: u.Hostname(), source: c.Source, fresh: c.Fresh}
	switch {
	case u.Scheme == "http":
		t.address = withPort(u, "80")
	case u.Scheme == "https":
		t.address = withPort(u, "443")
		t.tls = clientTLS(c.TLS, t.name)
	case u.Scheme == "tcp":
		t.address = u.Host
	case c.Client == nil:
		return nil, fmt.Errorf("%w: target %q: the scheme must be http, https or tcp", ErrConfig, c.Target)
	}
	if err := checkAddress(u); err != nil {
		return nil, err
	}
	if c.Client != nil || u.Scheme != "http" {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if t.source == nil {
		t.source, err = c.fixedSource(u)
	}
	return t, err
}

// checkAddress refuses a target that names no place to connect to, and what would be passed over in silence.
func checkAddress(u *url.URL) error {
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "1"), 10, 16)
	switch {
	case u.User != nil:
		return fmt.Errorf("%w: target %q: a user belongs into a header field, Authorization", ErrConfig, u.Redacted())
	case u.Hostname() == "" || (u.Scheme == "tcp" && u.Port() == ""):
		return fmt.Errorf("%w: target %q lacks a host or a port", ErrConfig, u.String())
	case err != nil || port == 0:
		return fmt.Errorf("%w: target %q: a port is a number from 1 to 65535", ErrConfig, u.String())
	case u.Scheme == "tcp" && u.RequestURI() != "/":
		return fmt.Errorf("%w: target %q: TCP has no path", ErrConfig, u.String())
	}
	return nil
}

// fixedSource is the one request that Method, Header and Body describe.
func (c *Config) fixedSource(u *url.URL) (Source, error) {
	if u.Scheme == "tcp" && c.Client == nil {
		return Fixed("ECHO", "/", nil, echoMessage(c.Body))
	}
	return Fixed(c.Method, u.RequestURI(), c.Header, c.Body)
}

// fill sets the defaults and refuses figures that mean nothing.
func (c *Config) fill() error {
	switch {
	case c.Connections < 0, c.Workers < 0, c.Threads < 0, c.Rate < 0, math.IsNaN(c.Rate), math.IsInf(c.Rate, 0),
		c.Duration < 0, c.Requests < 0, c.Warmup < 0, c.Timeout < 0, c.MaxLag < 0:
		return fmt.Errorf("%w: a figure is negative or none", ErrConfig)
	case max(c.Duration, c.Warmup, c.Timeout, c.MaxLag) > longest:
		return fmt.Errorf("%w: a time is longer than %v", ErrConfig, longest)
	}
	c.Method = cmp.Or(c.Method, http.MethodGet)
	c.Connections = cmp.Or(c.Connections, 1)
	c.Workers = cmp.Or(c.Workers, c.Connections)
	c.Threads = min(cmp.Or(c.Threads, runtime.GOMAXPROCS(0)), c.Connections)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.MaxLag = cmp.Or(c.MaxLag, defaultMaxLag)
	if c.Arrivals == nil && c.Rate > 0 {
		c.Arrivals = Constant(c.Rate)
	}
	if c.Arrivals != nil {
		if err := c.Arrivals.check(); err != nil {
			return err
		}
		if len(c.Arrivals.Times) > 0 && c.Warmup > 0 {
			return fmt.Errorf("%w: a timetable of single times has no warm-up", ErrConfig)
		}
		c.Duration = cmp.Or(c.Duration, c.Arrivals.Length())
	}
	if c.Duration == 0 && c.Requests == 0 {
		return fmt.Errorf("%w: neither a duration nor a number of requests", ErrConfig)
	}
	return nil
}

// settings is c as the report shows it.
func (c *Config) settings(t *target) Settings {
	protocol := c.Protocol
	if protocol == "" {
		protocol = map[string]string{"http": "HTTP/1.1", "https": "HTTP/1.1 over TLS", "tcp": "TCP echo"}[t.scheme]
	}
	s := Settings{
		Protocol: protocol, Loop: "closed", Connections: c.Connections, Workers: c.Workers, Threads: c.Threads,
		Duration: c.Duration, Requests: c.Requests, Warmup: c.Warmup, Timeout: c.Timeout, MaxLag: c.MaxLag,
		Seed: c.Seed, FreshConnections: c.Fresh,
	}
	if c.Arrivals != nil {
		s.Loop, s.Rate = "open", c.Arrivals.String()
	}
	return s
}

func withPort(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func clientTLS(given *tls.Config, name string) *tls.Config {
	if given == nil {
		given = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg := given.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = name
	}
	return cfg
}

// echoMessage is the message of a tcp target: the body, or 64 bytes that are easy to recognise in a capture.
func echoMessage(body []byte) []byte {
	if len(body) > 0 {
		return body
	}
	return []byte(strings.Repeat("weir-echo.", echoBytes/10+1)[:echoBytes])
}
