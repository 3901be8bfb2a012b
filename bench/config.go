// Package bench sends requests on a schedule, or as fast as answers come, and reports what they cost.
//
// It is Weir's own load generator: `weir demo` and `weir bench` call Run. It speaks HTTP/1.1 over TCP or TLS and a
// plain TCP echo, and knows nothing about gateways: what it measures is whatever listens at the target.
//
// In the open loop a request's latency counts from the moment at which the schedule wanted it sent, so a target
// that stalls is charged for every request that it made wait (no coordinated omission).
package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Field is one header field of the request.
type Field struct{ Name, Value string }

// Config says what to send, where, how often and for how long. It is not changed by Run.
type Config struct {
	// Target is "http://host:port/path", "https://…" or "tcp://host:port" (an echo). Required.
	Target string
	// Method is the request's method. Default: GET. Not used by tcp.
	Method string
	// Header is added to Host (and Content-Length where there is a Body). A Host field here replaces the target's.
	Header []Field
	// Body is the request's body; for tcp, the message that must come back. Default: none; for tcp, 64 bytes.
	Body []byte
	// Connections is how many keep-alive connections share the work. Default: 1.
	Connections int
	// Rate is how many requests a second the schedule asks for. Default: 0, the closed loop: each connection sends
	// its next request when the answer is complete.
	Rate float64
	// Duration is the measured time, after Warmup. Required unless Requests is set.
	Duration time.Duration
	// Requests ends the run after so many measured requests. Default: 0, no such end.
	Requests int64
	// Warmup is sent before the measured part and left out of every figure. Default: 0.
	Warmup time.Duration
	// Timeout bounds one request, connecting included. Default: 5s.
	Timeout time.Duration
	// TLS is used for https; ServerName is filled in from the target where it is empty. Default: verify against the
	// system's roots.
	TLS *tls.Config
	// Progress is called once for each measured second that has passed, from one goroutine. Default: none.
	// It must not block: while it does, the next second is not closed.
	Progress func(Second)
}

// ErrConfig is what every refusal of a Config wraps.
var ErrConfig = errors.New("bench: bad config")

const (
	defaultTimeout = 5 * time.Second
	echoBytes      = 64
)

// target is a Config's address side, compiled.
type target struct {
	scheme  string
	address string // host:port to dial
	name    string // host alone, for SNI
	tls     *tls.Config
	request []byte // the bytes to send, preformatted
	head    bool   // the method is HEAD: no body comes
}

// compile checks c, fills in the defaults and formats the request once.
func (c *Config) compile() (*target, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: target: %v", ErrConfig, err)
	}
	t := &target{scheme: u.Scheme, name: u.Hostname(), head: c.Method == http.MethodHead}
	switch u.Scheme {
	case "http":
		t.address = withPort(u, "80")
	case "https":
		t.address = withPort(u, "443")
		t.tls = clientTLS(c.TLS, t.name)
	case "tcp":
		t.address = u.Host
		t.request = echoMessage(c.Body)
	default:
		return nil, fmt.Errorf("%w: target %q: the scheme must be http, https or tcp", ErrConfig, c.Target)
	}
	if t.name == "" || (u.Scheme == "tcp" && u.Port() == "") {
		return nil, fmt.Errorf("%w: target %q lacks a host or a port", ErrConfig, c.Target)
	}
	if u.Scheme != "tcp" {
		t.request, err = formatRequest(c, u)
	}
	return t, err
}

// fill sets the defaults and refuses figures that mean nothing.
func (c *Config) fill() error {
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Connections == 0 {
		c.Connections = 1
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	switch {
	case c.Connections < 0, c.Rate < 0, c.Duration < 0, c.Requests < 0, c.Warmup < 0, c.Timeout < 0:
		return fmt.Errorf("%w: a negative figure", ErrConfig)
	case c.Duration == 0 && c.Requests == 0:
		return fmt.Errorf("%w: neither a duration nor a number of requests", ErrConfig)
	}
	return nil
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

// formatRequest writes the whole request, head and body, as it will be sent each time.
func formatRequest(c *Config, u *url.URL) ([]byte, error) {
	host := u.Host
	var fields strings.Builder
	for _, f := range c.Header {
		if strings.ContainsAny(f.Name, "\r\n: ") || f.Name == "" || strings.ContainsAny(f.Value, "\r\n") {
			return nil, fmt.Errorf("%w: header field %q: %q", ErrConfig, f.Name, f.Value)
		}
		if strings.EqualFold(f.Name, "Host") {
			host = f.Value
			continue
		}
		fmt.Fprintf(&fields, "%s: %s\r\n", f.Name, f.Value)
	}
	if len(c.Body) > 0 || c.Method == http.MethodPost || c.Method == http.MethodPut {
		fmt.Fprintf(&fields, "Content-Length: %d\r\n", len(c.Body))
	}
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.Method, u.RequestURI(), host, fields.String())
	return append(out, c.Body...), nil
}
