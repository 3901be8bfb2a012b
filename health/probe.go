package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// maxAnswer is how much of what an endpoint sends a probe looks at: the head of an HTTP answer,
// its body, and the bytes of a TCP answer, each.
const maxAnswer = 64 << 10

// probe asks an endpoint once whether it is fit. It is compiled from a Config for one endpoint and
// never changes.
type probe struct {
	network, address string
	timeout          time.Duration
	talk             func(net.Conn) error
}

func newProbe(e *lb.Endpoint, c *Config) probe {
	target := e.Target()
	p := probe{network: target.Network(), address: target.Dial(), timeout: c.Timeout.Value()}
	if c.HTTP != nil {
		if c.HTTP.Port != 0 && !target.IsUnix() {
			p.address = net.JoinHostPort(target.Host(), strconv.Itoa(c.HTTP.Port))
		}
		p.talk = newHTTPTalk(c.HTTP, hostField(c.HTTP, target))
	} else {
		p.talk = newTCPTalk(c.TCP)
	}
	return p
}

func hostField(c *HTTPConfig, target conf.Address) string {
	switch {
	case c.Host != "":
		return c.Host
	case target.IsUnix():
		return "localhost"
	}
	return target.String()
}

// run makes one connection and asks on it. nil means fit; an error says why not, in the words of
// a log line. It takes no longer than the timeout, and ends early with ctx.
func (p *probe) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, p.network, p.address)
	if err != nil {
		return p.reason("connect", err)
	}
	defer c.Close()
	// The connection is closed under the conversation when ctx ends, whichever way.
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := p.talk(c); err != nil {
		return p.reason("", err)
	}
	return nil
}

// reason cuts an error down to what an operator needs beside the endpoint's name: net's own text
// repeats addresses, and says "i/o timeout" where how long matters.
func (p *probe) reason(step string, err error) error {
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		err = fmt.Errorf("not done within %v", p.timeout)
	case errors.As(err, &op):
		err = unwrapSyscall(op.Err)
		if step == "" {
			step = op.Op
		}
	}
	if step == "" {
		return err
	}
	return fmt.Errorf("%s: %w", step, err)
}

// unwrapSyscall drops the name of the system call: "connection refused" says enough.
func unwrapSyscall(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
