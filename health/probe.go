package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"weir/internal/proxyproto"
	"weir/lb"
)

// maxAnswer is how much of what an endpoint sends a probe looks at: the head of an HTTP answer,
// its body, and the bytes of a TCP answer, each.
const maxAnswer = 64 << 10

// probe asks an endpoint whether it is fit. It is compiled from a method for one endpoint and never
// changes, but for the connection that a gRPC probe keeps.
type probe struct {
	network, address string
	timeout          time.Duration
	secure           *tls.Config // nil: plain text
	introduction     []byte      // the PROXY header; nil: none
	talk             func(net.Conn) error
	request          *http.Request // what is asked over HTTP/2 in place of talk; nil: nothing
	want             *HTTPConfig   // what the answer to request must be
	prior            bool          // HTTP/2 is spoken without asking
	grpc             *grpcProbe    // in place of talk
	broken           error         // why there is nothing to ask
}

func newProbe(e *lb.Endpoint, m *method) *probe {
	c, target := m.config, e.Target()
	p := &probe{network: target.Network(), address: target.Dial(), timeout: c.Timeout.Value(), broken: m.broken}
	if c.HTTP != nil && c.HTTP.Port != 0 && !target.IsUnix() {
		p.address = net.JoinHostPort(target.Host(), strconv.Itoa(c.HTTP.Port))
	}
	if way := &m.way; way.TLS != nil {
		p.secure = way.TLS.For(nameOf(e))
	}
	if m.way.Proxy != 0 && (c.HTTP == nil || c.HTTP.Port == 0) {
		p.introduction = proxyproto.AppendLocal(nil, m.way.Proxy)
	}
	switch {
	case c.HTTP != nil:
		p.askHTTP(c.HTTP, &m.way, hostField(c.HTTP, e))
	case c.GRPC != nil:
		p.grpc = newGRPCProbe(c.GRPC.Service, nameOf(e), p)
	default:
		p.talk = newTCPTalk(c.TCP)
	}
	return p
}

// nameOf returns the host that an endpoint's certificate goes by.
func nameOf(e *lb.Endpoint) string {
	if e.Target().IsUnix() {
		return "localhost"
	}
	host, _, err := net.SplitHostPort(e.Name())
	if err != nil {
		return e.Target().Host()
	}
	return host
}

func hostField(c *HTTPConfig, e *lb.Endpoint) string {
	switch {
	case c.Host != "":
		return c.Host
	case e.Target().IsUnix():
		return "localhost"
	}
	return e.Name()
}

// run asks once. nil means fit; an error says why not, in the words of a log line. It takes no
// longer than the timeout, and ends early with ctx.
func (p *probe) run(ctx context.Context) error {
	if p.broken != nil {
		return p.broken
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if p.grpc != nil {
		return p.grpc.run(ctx)
	}
	return p.converse(ctx)
}

// close gives up the connection that is kept for the next probe, if there is one.
func (p *probe) close() {
	if p.grpc != nil {
		p.grpc.close()
	}
}

// converse makes one connection and asks on it.
func (p *probe) converse(ctx context.Context) error {
	c, err := p.dial(ctx)
	if err != nil {
		return p.reason("connect", err)
	}
	defer c.Close()
	// The connection is closed under the conversation when ctx ends, whichever way.
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if p.secure != nil {
		s := tls.Client(c, p.secure)
		if err := s.HandshakeContext(ctx); err != nil {
			return p.reason("tls", err)
		}
		c = s
	}
	if p.speaksH2(c) {
		return p.askH2(ctx, c)
	}
	if err := p.talk(c); err != nil {
		return p.reason("", err)
	}
	return nil
}

func (p *probe) dial(ctx context.Context) (net.Conn, error) {
	// Without keep-alive probes of the kernel: nothing here lives long enough to need them.
	d := net.Dialer{KeepAlive: -1}
	c, err := d.DialContext(ctx, p.network, p.address)
	if err != nil || p.introduction == nil {
		return c, err
	}
	if _, err := c.Write(p.introduction); err != nil { // a fresh socket has room for it
		_ = c.Close() // it is of no use
		return nil, err
	}
	return c, nil
}

// reason cuts an error down to what an operator needs beside the endpoint's name: net's own text
// repeats addresses, and says "i/o timeout" where how long matters.
func (p *probe) reason(step string, err error) error {
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		err = fmt.Errorf("%s within %v", p.missing(step, err), p.timeout)
	case errors.As(err, &op):
		err = unwrapSyscall(op.Err)
		if step == "" {
			step = op.Op
		}
	}
	if text, had := strings.CutPrefix(err.Error(), "tls: "); had {
		step, err = "tls", errors.New(text)
	}
	if step == "" {
		return err
	}
	return fmt.Errorf("%s: %w", step, err)
}

// missing says what a probe waited for when its time was up.
func (p *probe) missing(step string, err error) string {
	var late *unendedError
	switch {
	case errors.As(err, &late):
		return late.what + " did not end"
	case step == "":
		return "no answer"
	}
	return "not done"
}

// unendedError is what kept a probe from reading what had begun to its end.
type unendedError struct {
	what string
	err  error
}

// Error says what it was that broke, and how.
func (e *unendedError) Error() string { return e.what + ": " + e.err.Error() }

// Unwrap returns what broke it.
func (e *unendedError) Unwrap() error { return e.err }

// unwrapSyscall drops the name of the system call: "connection refused" says enough.
func unwrapSyscall(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
