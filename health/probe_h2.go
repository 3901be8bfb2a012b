package health

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// askHTTP makes p ask by request, in the protocol of way.
func (p *probe) askHTTP(c *HTTPConfig, way *Way, host string) {
	p.talk = newHTTPTalk(c, host)
	if p.secure != nil {
		p.secure.NextProtos = way.alpn()
	}
	p.prior = p.secure == nil && way.Protocol == protocolH2C || p.secure != nil && way.Protocol == protocolH2
	if way.Protocol != protocolH1 {
		p.request, p.want = newH2Request(c, host, p.secure != nil), c
	}
}

// newH2Request returns the question of a probe; nil if its path is none, which Check has said.
func newH2Request(c *HTTPConfig, host string, secure bool) *http.Request {
	at, err := url.ParseRequestURI(c.Path)
	if err != nil {
		return nil
	}
	at.Scheme, at.Host = "http", host
	if secure {
		at.Scheme = "https"
	}
	r := &http.Request{Method: http.MethodGet, URL: at, Host: host, Header: http.Header{"User-Agent": {"weir-health"}}}
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	return r
}

// speaksH2 reports whether the question is asked over HTTP/2 on c.
func (p *probe) speaksH2(c net.Conn) bool {
	if p.request == nil {
		return false
	}
	return p.prior || chosen(c) == protocolH2
}

// chosen returns the protocol that ALPN has chosen.
func chosen(c net.Conn) string {
	if secure, ok := c.(*tls.Conn); ok {
		return secure.ConnectionState().NegotiatedProtocol
	}
	return ""
}

// askH2 asks on a fresh connection, which the caller closes.
func (p *probe) askH2(ctx context.Context, c net.Conn) error {
	if p.secure != nil && chosen(c) != protocolH2 {
		return p.reason("tls", errNotH2)
	}
	t := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return c, nil },
		DisableCompression: true, MaxResponseHeaderBytes: maxAnswer, Protocols: new(http.Protocols),
	}
	t.Protocols.SetUnencryptedHTTP2(true) // on c as it is: TLS is there already
	conn, err := t.NewClientConn(ctx, "http", p.request.Host)
	if err != nil {
		return p.brokenH2(err)
	}
	defer func() { _ = conn.Close() }() // nothing is on its way any more, or nobody waits for it
	answer, err := conn.RoundTrip(p.request.WithContext(ctx))
	if err != nil {
		return p.brokenH2(err)
	}
	defer answer.Body.Close()
	if err := p.want.verdict(answer, func() bool { return false }); err != nil {
		return p.reason("", err)
	}
	return nil
}

var errNotH2 = errors.New("the endpoint did not choose h2 by ALPN")

// brokenH2 is the reason of a question that got no answer.
func (p *probe) brokenH2(err error) error {
	step := "HTTP/2"
	if errors.Is(err, context.DeadlineExceeded) {
		step = ""
	}
	if text, had := strings.CutPrefix(err.Error(), "http2: "); had {
		err = errors.New(text)
	}
	return p.reason(step, err)
}
