package http7

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Serve runs h for x and makes what it answers x's answer. It returns [Panicked] if h panicked and
// [HandlerError] if what it left can't be sent; x.Cause then says why, and x has no answer.
//
// h sees fasthttp's RequestCtx as under fasthttp's own server: names are normalised, so that Peek
// finds a field whatever its spelling; RemoteAddr is x.Client, IsTLS and the URI's scheme follow
// x.Secure, the body is x.Body.Collected, which must be whole. ctx.Time is the zero time. Conn is
// a connection that refuses everything; Hijack makes [HandlerError].
//
// The answer's Source holds the RequestCtx until its Close; the answer's fields are copies.
// Serve allocates nothing in steady state unless h does.
func Serve(h Handler, x *Exchange) *Fault {
	r := runners.Get().(*runner)
	r.request(x)
	if f := r.run(h, x); f != nil {
		r.spent = true // h may have left a goroutine behind that uses r.ctx
		r.body.drop(&r.ctx.Response)
		r.release()
		return f
	}
	if r.ctx.Hijacked() {
		return r.fail(x, &r.ctx.Response, errHijack)
	}
	if late := r.ctx.LastTimeoutErrorResponse(); late != nil {
		r.spent = true // a goroutine of h still uses r.ctx
		return r.answer(x, late)
	}
	return r.answer(x, &r.ctx.Response)
}

// Respond returns a handler that answers with fixed bytes. body must not change afterwards.
// An empty contentType leaves the field out.
func Respond(status int, contentType string, body []byte) Handler {
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(status)
		ctx.Response.Header.SetNoDefaultContentType(true)
		if contentType != "" {
			ctx.SetContentType(contentType)
		}
		ctx.Response.SetBodyRaw(body)
	}
}

var (
	errHijack = errors.New("the handler called Hijack, which is not offered")
	errStatus = errors.New("the handler set a status that is not final")
	errField  = errors.New("the handler set a header field that is not valid")
	errShort  = errors.New("the handler's stream ended before its declared length")
)

// PanicError is the cause left by a panic in a handler or policy.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says what was thrown; the stack is apart.
func (e *PanicError) Error() string { return fmt.Sprint("panic: ", e.Value) }

// runner is one reusable RequestCtx with what it needs around it.
type runner struct {
	ctx    fasthttp.RequestCtx
	conn   noConn
	secure tlsNoConn
	remote net.TCPAddr
	ip     [16]byte
	uri    []byte
	body   body
	spent  bool // something outside may still use ctx
}

var runners = sync.Pool{New: func() any {
	r := new(runner)
	r.secure.noConn = &r.conn
	return r
}}

// run calls h and turns a panic into a fault.
func (r *runner) run(h Handler, x *Exchange) (f *Fault) {
	defer func() {
		if v := recover(); v != nil {
			x.Cause, f = &PanicError{v, debug.Stack()}, Panicked
		}
	}()
	h(&r.ctx)
	if r.ctx.LastTimeoutErrorResponse() == nil {
		r.ctx.ResetUserValues() // closes those that are Closers: user code too
	}
	return nil
}

// request makes r.ctx the request of x. Everything is copied, the body too: a handler that
// outlives x (fasthttp.TimeoutHandler) must never see the bytes of another client.
func (r *runner) request(x *Exchange) {
	r.connect(x)
	req := &r.ctx.Request
	h := &req.Header
	h.SetMethodBytes(x.Method)
	if x.Proto != HTTP11 {
		h.SetProtocol(x.Proto.String())
	}
	for i := range x.Request.f {
		switch x.Request.f[i].id {
		case Host, ContentLength, TransferEncoding, Trailer:
			continue
		}
		h.AddBytesKV(x.Request.At(i))
	}
	h.SetHostBytes(x.Authority)
	r.uri = append(r.uri[:0], x.Path...)
	if len(x.Query) > 0 {
		r.uri = append(append(r.uri, '?'), x.Query...)
	}
	h.SetRequestURIBytes(r.uri)
	if len(x.Body.Collected) > 0 {
		req.SetBody(x.Body.Collected)
		h.SetContentLength(len(x.Body.Collected))
	}
	r.address(x)
}

// address fixes the URI where fasthttp's own parsing of it, which is lazy, would go wrong: it
// takes "//a/b?u=c://d" for a host a, and knows no https without a TLS connection of its own.
func (r *runner) address(x *Exchange) {
	if !x.Secure && len(x.Authority) > 0 && !bytes.HasPrefix(x.Path, doubleSlash) {
		return
	}
	u := r.ctx.Request.URI()
	u.SetHostBytes(x.Authority)
	u.SetPathBytes(x.Path)
	u.SetQueryStringBytes(x.Query)
	if x.Secure {
		u.SetScheme("https")
	}
}

var doubleSlash = []byte("//")

// connect gives r.ctx a connection that has addresses and nothing else.
func (r *runner) connect(x *Exchange) {
	r.conn.remote, r.conn.local = &r.remote, anyAddr
	switch {
	case x.Client.Is4():
		b := x.Client.As4()
		r.remote.IP = append(r.ip[:0], b[:]...)
	case x.Client.Is6():
		b := x.Client.As16()
		r.remote.IP = append(r.ip[:0], b[:]...)
	default:
		r.conn.remote = anyAddr // the peer of a unix socket
	}
	r.remote.Zone, r.remote.Port = x.Client.Zone(), 0
	r.conn.sni = ""
	if c := x.Conn; c != nil {
		r.conn.sni = c.SNI
		if c.Peer.Addr() == x.Client {
			r.remote.Port = int(c.Peer.Port())
		}
	}
	var c net.Conn = &r.conn
	if x.Secure {
		c = &r.secure
	}
	r.ctx.Init2(c, nil, true)
}

// release readies r for another exchange, unless something outside may still use it.
func (r *runner) release() {
	if r.body.close() && !r.spent {
		r.ctx.Request.Reset()
		r.ctx.Response.Reset()
		r.ctx.Hijack(nil)
		r.ctx.HijackSetNoResponse(false)
		runners.Put(r)
	}
}

// noConn is what ctx.Conn returns: addresses, and a refusal of all else.
type noConn struct {
	local, remote net.Addr
	sni           string
}

var (
	anyAddr   = &net.TCPAddr{IP: net.IPv4zero}
	errNoConn = errors.New("http7: handlers have no connection")
)

func (c *noConn) Read([]byte) (int, error)         { return 0, errNoConn }
func (c *noConn) Write([]byte) (int, error)        { return 0, errNoConn }
func (c *noConn) Close() error                     { return errNoConn }
func (c *noConn) LocalAddr() net.Addr              { return c.local }
func (c *noConn) RemoteAddr() net.Addr             { return c.remote }
func (c *noConn) SetDeadline(time.Time) error      { return errNoConn }
func (c *noConn) SetReadDeadline(time.Time) error  { return errNoConn }
func (c *noConn) SetWriteDeadline(time.Time) error { return errNoConn }

// tlsNoConn is a noConn whose IsTLS is true.
type tlsNoConn struct{ *noConn }

func (c *tlsNoConn) Handshake() error { return errNoConn }

func (c *tlsNoConn) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{HandshakeComplete: true, ServerName: c.sni}
}
