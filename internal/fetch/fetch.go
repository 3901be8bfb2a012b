// Package fetch asks other servers on behalf of policies: key sets, introspection, subrequests, discovery. Every call is
// bounded in time, in size and in connections, follows no redirect and goes through no proxy.
//
// Policies own a [Client] each; gateways and the hall don't know of it. It knows no policy. What is proxied never goes
// this way.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"weir/internal/tlsto"
)

// The bounds that a [Config] leaves at zero.
const (
	DefaultTimeout = 5 * time.Second
	DefaultMaxBody = 1 << 20
	DefaultConns   = 32
)

const (
	maxHead  = 64 << 10
	idleTime = 30 * time.Second
	keepTime = 15 * time.Second
)

// Config bounds the calls of one client.
type Config struct {
	// Timeout bounds a call from its beginning to the last byte of its answer. Default: [DefaultTimeout].
	Timeout time.Duration
	// MaxBody is how many bytes an answer's body may have; a longer one is no answer. Default: [DefaultMaxBody].
	MaxBody int64
	// Conns is how many connections to one host may be open; calls beyond wait within their timeout. Default:
	// [DefaultConns].
	Conns int
	// TLS is how https is spoken; nil: by the system's authorities and the URL's host. Compiled configs are not changed.
	TLS *tlsto.Compiled
}

// Client makes calls. It is safe for concurrent use. Close lets its idle connections go.
type Client struct {
	timeout time.Duration
	maxBody int64
	conns   *http.Transport
}

// New returns a client; it opens nothing before the first call.
//
// It stands on net/http's Transport, not on fasthttp's client: that takes a chunked answer that was cut for a whole one,
// gives an answer that nobody asked for to the next call (internal/fasthttpproof), and can't be interrupted. Where an
// answer says who somebody is, each of the three would be a hole.
func New(c Config) *Client {
	f := &Client{timeout: c.Timeout, maxBody: c.MaxBody}
	if f.timeout <= 0 {
		f.timeout = DefaultTimeout
	}
	if f.maxBody <= 0 {
		f.maxBody = DefaultMaxBody
	}
	if c.Conns <= 0 {
		c.Conns = DefaultConns
	}
	dial := &net.Dialer{KeepAlive: keepTime}
	f.conns = &http.Transport{
		DialContext:            dial.DialContext,
		MaxConnsPerHost:        c.Conns,
		MaxIdleConnsPerHost:    c.Conns,
		IdleConnTimeout:        idleTime,
		TLSHandshakeTimeout:    f.timeout,
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true, // a bomb would pass MaxBody
		Protocols:              new(http.Protocols),
	}
	f.conns.Protocols.SetHTTP1(true)
	if c.TLS != nil {
		f.conns.DialTLSContext = f.dialTLS(dial, c.TLS)
	}
	return f
}

// dialTLS speaks TLS as configured: the name that is asked for is the configured one or the host of the URL.
func (f *Client) dialTLS(dial *net.Dialer, how *tlsto.Compiled) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := dial.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := how.For(host, "http/1.1")
		secured := tls.Client(conn, own)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error tells more
			return nil, &tlsto.Error{Endpoint: address, ServerName: own.ServerName, Err: err}
		}
		return secured, nil
	}
}

// Close lets idle connections go. Calls under way end as they would.
func (f *Client) Close() { f.conns.CloseIdleConnections() }

// Request is one call.
type Request struct {
	// Method is GET if empty.
	Method string
	// URL is absolute, and of the configuration, never of a request: see [CheckURL].
	URL string
	// Header are the fields to send; nil for none. It is not kept. Host is the URL's unless it is there.
	Header http.Header
	// Body is sent if it is not nil, with its length.
	Body []byte
}

// Response is a whole answer. It is the caller's own.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a call and returns its answer, whatever its status: a redirect is an answer like others. It ends with ctx and
// the client's timeout, whichever is first, and blocks until then. Every error is an [*Error]. A call is sent at most
// once, but for one that the server has closed the idle connection under before any byte of an answer came, as net/http
// repeats those of safe methods.
func (f *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	ctx, done := context.WithTimeout(ctx, f.timeout)
	defer done()
	q, err := r.build(ctx)
	if err != nil {
		return nil, &Error{Kind: Unusable, Err: err}
	}
	a, err := f.RoundTrip(q)
	if err != nil {
		return nil, errorOf(ctx, q.URL.Host, err)
	}
	body, err := io.ReadAll(a.Body)
	_ = a.Body.Close() // it was read to its end, or can't be
	if err != nil {
		return nil, errorOf(ctx, q.URL.Host, err)
	}
	return &Response{Status: a.StatusCode, Header: a.Header, Body: body}, nil
}

func (r *Request) build(ctx context.Context) (*http.Request, error) {
	if _, err := ParseURL(r.URL); err != nil {
		return nil, err
	}
	if !sendable(r.Header) {
		return nil, errNoField
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		q.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := q.Header.Get("Host"); host != "" {
		q.Host = host
		delete(q.Header, "Host")
	}
	if q.Header.Get("User-Agent") == "" {
		q.Header["User-Agent"] = []string{"weir"}
	}
	return q, nil
}

var errNoField = errors.New("a field has a name or a value that can't be sent")

// sendable reports whether all of h are fields (RFC 9110 §5.1, §5.5).
func sendable(h http.Header) bool {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !inToken(c) }) {
			return false
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return false
			}
		}
	}
	return true
}

// inToken reports whether c may stand in a token (RFC 9110 §5.6.2).
func inToken(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c > 0 && strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// RoundTrip makes f an [http.RoundTripper] for libraries that want one: redirects are answers, and bodies that are
// longer than they may be fail with [TooLarge] when they are read. The request's context bounds the call, not f's timeout.
func (f *Client) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := f.conns.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	if a.ContentLength > f.maxBody {
		_ = a.Body.Close() // nothing of it is wanted
		return nil, errTooLarge
	}
	a.Body = &bounded{from: a.Body, left: f.maxBody}
	return a, nil
}

// HTTP returns an [http.Client] over f for libraries that want one. It follows no redirect.
func (f *Client) HTTP() *http.Client {
	return &http.Client{
		Transport:     f,
		Timeout:       f.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded is a body that fails where it gets too long.
type bounded struct {
	from io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// Close implements [io.Closer].
func (b *bounded) Close() error { return b.from.Close() }
