package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

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
	talk             func(net.Conn) error
	grpc             *grpcProbe // in place of talk
	broken           error      // why there is nothing to ask
}

func newProbe(e *lb.Endpoint, m *method) *probe {
	c, target := m.config, e.Target()
	p := &probe{network: target.Network(), address: target.Dial(), timeout: c.Timeout.Value(), broken: m.broken}
	if c.HTTP != nil && c.HTTP.Port != 0 && !target.IsUnix() {
		p.address = net.JoinHostPort(target.Host(), strconv.Itoa(c.HTTP.Port))
	}
	if m.secure != nil {
		p.secure = secureFor(m.secure, nameOf(e))
	}
	switch {
	case c.HTTP != nil:
		p.talk = newHTTPTalk(c.HTTP, hostField(c.HTTP, e))
		offer(p.secure, "http/1.1")
	case c.GRPC != nil:
		p.grpc = newGRPCProbe(c.GRPC.Service, nameOf(e), p)
	default:
		p.talk = newTCPTalk(c.TCP)
	}
	return p
}

// secureFor returns shared for one endpoint. Its sessions are resumed: a probe's handshake then costs a
// third, and still shows that the endpoint takes connections and holds its keys.
func secureFor(shared *tls.Config, host string) *tls.Config {
	own := shared.Clone()
	if own.ServerName == "" {
		own.ServerName = host
	}
	own.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return own
}

func offer(secure *tls.Config, protocol string) {
	if secure != nil {
		secure.NextProtos = []string{protocol}
	}
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
	if err := p.talk(c); err != nil {
		return p.reason("", err)
	}
	return nil
}

func (p *probe) dial(ctx context.Context) (net.Conn, error) {
	// Without keep-alive probes of the kernel: nothing here lives long enough to need them.
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, p.network, p.address)
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
