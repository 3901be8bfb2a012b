package clients

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"weir/bench"
)

// WebSocket speaks WebSocket (RFC 6455) by coder/websocket to ws:// and wss:// targets: a request sends its body as
// one message, by default 64 bytes, and wants the next message to hold the same bytes. It is a text message where the
// body is UTF-8, else a binary one; the echo may be either. The path, Host and header fields are the handshake's, so
// those of the request that opens the connection count. Each worker has its own connection; it is closed without the
// closing handshake.
//
// A handshake that is answered by a status of 400 or more is a complete answer with that Status; a message has
// none. Bytes are the messages'.
func WebSocket(cfg Config) (Protocol, error) {
	t, err := check(cfg, "WebSocket", "ws", "wss")
	if err != nil {
		return Protocol{}, err
	}
	name := "WebSocket"
	if t.secure {
		name = "WebSocket over TLS"
	}
	return Protocol{Name: name, Client: func(int) (bench.Client, error) {
		return &webSocket{to: t}, nil
	}}, nil
}

const (
	// messageBytes is the length of the message where a request has no body.
	messageBytes = 64
	// ownWriter is from which length a message is sent beside the reading, so that an echo that answers while it
	// reads cannot stall both sides.
	ownWriter = 32 << 10
)

// message64 is easy to recognise in a capture.
var message64 = []byte(strings.Repeat("weir-echo.", messageBytes/10+1)[:messageBytes])

// webSocket is the Client of one worker.
type webSocket struct {
	to   *target
	conn *websocket.Conn // nil: none
	raw  net.Conn        // below conn: TLS or ears
	body bodyReader
}

// Close ends the connection.
func (w *webSocket) Close() error {
	w.drop()
	return nil
}

func (w *webSocket) drop() {
	if w.conn != nil {
		_ = w.conn.CloseNow() // it reports how the connection ended, which the requests saw
		w.conn = nil
	}
}

// Do makes one round trip.
func (w *webSocket) Do(ctx context.Context, deadline time.Time, r *bench.Request) (a bench.Answer, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if w.conn != nil {
		ended, pending := idle(w.raw)
		if !ended {
			heard := w.heard()
			err := w.once(ctx, r, &a)
			if there := pending || w.heard() == heard; err == nil || a.In > 0 || !there || !farewell(err) {
				return a, err
			}
			// The goodbye had come before the message was sent.
		}
		w.drop()
		a.Reopened = true
	}
	if err := w.dial(ctx, r, &a); err != nil || a.Status != 0 {
		return a, err
	}
	return a, w.once(ctx, r, &a)
}

// heard is how many bytes have come on the connection, if only into a buffer.
func (w *webSocket) heard() int64 {
	conn := w.raw
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return conn.(*ears).heard.Load()
}

// once makes a round trip on the connection there is, and ends that where it must not be used again.
func (w *webSocket) once(ctx context.Context, r *bench.Request, a *bench.Answer) error {
	err := w.echo(ctx, r, a)
	if err != nil || w.to.Fresh {
		w.drop()
	}
	return err
}

// farewell reports whether err is the peer's orderly close.
func farewell(err error) bool {
	var bye websocket.CloseError
	return errors.As(err, &bye) || errors.Is(err, io.EOF)
}

// echo sends r's body and reads it back.
func (w *webSocket) echo(ctx context.Context, r *bench.Request, a *bench.Answer) error {
	text := r.Body
	if len(text) == 0 {
		text = message64
	}
	written, err := w.send(ctx, text)
	if err == nil {
		err = w.receive(ctx, text, r.Expect.WantsBody(), a)
	}
	if err != nil {
		w.drop() // lets go of a write under way
	}
	if written != nil {
		if failed := <-written; err == nil {
			err = failed
		}
	}
	if err == nil {
		a.Out = int64(len(text))
		return nil
	}
	return sortWebSocket(ctx, err, a.In > 0)
}

// send writes text: a long one by a goroutine, which tells the channel how it ended.
func (w *webSocket) send(ctx context.Context, text []byte) (written chan error, err error) {
	kind := websocket.MessageBinary
	if utf8.Valid(text) {
		kind = websocket.MessageText
	}
	if len(text) < ownWriter {
		return nil, w.conn.Write(ctx, kind, text)
	}
	written = make(chan error, 1)
	conn := w.conn
	go func() { written <- conn.Write(ctx, kind, text) }() // joined by echo
	return written, nil
}

// receive reads a message and compares it with text.
func (w *webSocket) receive(ctx context.Context, text []byte, keep bool, a *bench.Answer) error {
	_, from, err := w.conn.Reader(ctx)
	if err != nil {
		return err
	}
	echo := &comparer{from: from, rest: text}
	if err := w.body.read(echo, keep, a); err != nil {
		return err
	}
	if echo.differs || len(echo.rest) > 0 {
		return fmt.Errorf("%w: the echo differs", bench.ErrMalformed)
	}
	return nil
}

// comparer passes bytes on and compares them with rest, which is what should still come.
type comparer struct {
	from    io.Reader
	rest    []byte
	differs bool
}

// Read reads and compares.
func (c *comparer) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if !bytes.HasPrefix(c.rest, p[:n]) {
		c.differs, c.rest = true, nil
	} else {
		c.rest = c.rest[n:]
	}
	return n, err
}

// sortWebSocket makes err one that bench.KindOf sorts. begun says that a part of the message had come.
func sortWebSocket(ctx context.Context, err error, begun bool) error {
	var bye websocket.CloseError
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, bench.ErrMalformed):
		return err
	case !errors.As(err, &bye) && !errors.As(err, &network) && !errors.Is(err, io.EOF) &&
		!errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed):
		// Nothing is wrong with the connection: the library complains of the bytes.
		return fmt.Errorf("%w: %w", bench.ErrMalformed, err)
	case begun:
		return fmt.Errorf("%w: %w", bench.ErrShort, err)
	}
	return err
}

// dial connects and shakes hands by r's path and fields.
func (w *webSocket) dial(ctx context.Context, r *bench.Request, a *bench.Answer) error {
	path, err := url.ParseRequestURI(string(r.Path))
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	path.Scheme, path.Host = w.to.url.Scheme, w.to.authority
	conn, answer, err := websocket.Dial(ctx, path.String(), &websocket.DialOptions{
		HTTPClient: w.client(a), HTTPHeader: handshakeHeader(r.Header), Host: r.Host, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return sortHandshake(ctx, err, answer, a)
	}
	conn.SetReadLimit(-1)
	w.conn = conn
	return nil
}

// client returns what makes one handshake, on a connection of its own.
func (w *webSocket) client(a *bench.Answer) *http.Client {
	open := func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := w.to.dialPlainOr(ctx)
		if err == nil {
			w.raw, a.Opened = conn, true
		}
		return conn, err
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: open, DialTLSContext: open, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// handshakeHeader is header without the fields that the library sets.
func handshakeHeader(header []bench.Field) http.Header {
	h := http.Header{"User-Agent": nil}
	for _, f := range header {
		name := http.CanonicalHeaderKey(f.Name)
		if name == "Sec-Websocket-Protocol" || !ofConnection(name) && !strings.HasPrefix(name, "Sec-Websocket-") {
			h[name] = append(h[name], f.Value)
		}
	}
	return h
}

// textNoHTTP is how net/http tells of bytes that are no HTTP/1 answer.
const textNoHTTP = "malformed HTTP"

// sortHandshake tells what became of a handshake that did not lead to a WebSocket.
func sortHandshake(ctx context.Context, err error, answer *http.Response, a *bench.Answer) error {
	var connecting *bench.ConnectError
	var shaking *bench.TLSError
	switch {
	case errors.As(err, &shaking):
		return shaking
	case errors.As(err, &connecting):
		return connecting
	case ctx.Err() != nil:
		return ctx.Err()
	case answer != nil && answer.StatusCode >= 400:
		a.Status = answer.StatusCode
		return nil
	case answer != nil, strings.Contains(err.Error(), textNoHTTP):
		return fmt.Errorf("%w: not a WebSocket: %w", bench.ErrMalformed, err)
	}
	return err
}
