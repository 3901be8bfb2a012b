package forward

import (
	"errors"
	"net"
	"reflect"
	"unsafe"

	"golang.org/x/net/http2/hpack"

	"weir/http7"
	"weir/http7/forward/h2"
	"weir/http7/wire"
	"weir/internal/deadline"
)

// This is the half of a Conn that has a stream of a shared connection, in place of a connection of its
// own.

// askLane is Ask on a stream.
func (c *Conn) askLane(request []byte) (fine bool) {
	_, err := c.S.Write(request)
	c.sent = err == nil
	// What was never sent on a connection that just went away is as good as an idle one that was closed.
	return err == nil || c.lane.opened || !c.Reused() || !refused(err)
}

func refused(err error) bool {
	var of *h2.Error
	return errors.As(err, &of) && of.Kind == h2.Refused
}

// readLaneHead is ReadHead on a stream.
func (c *Conn) readLaneHead(method []byte) (*http7.Fault, error) {
	if err := c.lane.unsent; err != nil { // nobody has been asked
		return c.laneFault(err), err
	}
	head, err := c.lane.Head()
	if err != nil {
		return c.laneFault(err), err
	}
	if f := c.takeHead(&head, method); f != nil {
		c.lane.Refuse()
		return f, nil
	}
	c.Answer.Source = c
	if c.Final() {
		c.headed.Store(true)
		c.calmTimer()
	}
	return nil, nil
}

// laneFault says what an error means that came before the answer's head.
func (c *Conn) laneFault(err error) *http7.Fault {
	var of *h2.Error
	if !errors.As(err, &of) {
		switch {
		case errors.Is(err, errNoTunnels):
			return http7.NoUpgrade
		case errors.Is(err, errBadHead): // a defect of ours
			return http7.HandlerError
		}
		return c.headFault(err)
	}
	switch of.Kind {
	case h2.Refused:
		return http7.UpstreamRefused
	case h2.Calm:
		return http7.UpstreamCalm
	case h2.Cancelled:
		if c.overdue() {
			return http7.RouteTimeout
		}
		return http7.UpstreamCancelled
	case h2.Malformed:
		return http7.BadAnswerField
	case h2.TooLarge:
		return http7.AnswerTooLarge
	case h2.Lost:
		switch {
		case alerted(err):
			return http7.UpstreamTLS
		case c.Reused() && c.Answer.Status == 0:
			return http7.UpstreamStale
		}
	}
	return http7.UpstreamReset
}

// overdue reports whether the time of the exchange is up, or will be when the wheel looks next. Servers of gRPC are
// told that time, and cancel by their own clock.
func (c *Conn) overdue() bool { return c.limit != 0 && deadline.Now()+int64(deadline.Tick) >= c.limit }

// alerted reports whether err is the endpoint's word that it takes no part in TLS with us. In TLS 1.3 that
// comes behind the handshake, where a client's certificate is not what it wants (RFC 8446 §4.4.2.4).
func alerted(err error) bool {
	const handshakeFailure, decryptError, certificateRequired = 40, 51, 116
	code := alert(err)
	return code >= handshakeFailure && code <= decryptError || code == certificateRequired
}

// alert returns the number of the endpoint's TLS alert that err is, -1 for any other (RFC 8446 §6).
func alert(err error) int {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return -1
	}
	code := reflect.ValueOf(op.Err) // crypto/tls has no name for its type
	if code.Kind() != reflect.Uint8 {
		return -1
	}
	return int(code.Uint())
}

// fromConnection are the names that no message of HTTP/2 has (RFC 9113 §8.2.2).
var fromConnection = http7.Names(http7.Connection, http7.KeepAlive, http7.ProxyConnection, http7.TransferEncoding, http7.Upgrade)

// takeHead makes h c.Answer, if it is what HTTP/1 would have taken as well.
func (c *Conn) takeHead(h *h2.Head, method []byte) *http7.Fault {
	a := &c.Answer
	a.Header.Reset(nil)
	a.Status, a.Reason, a.Length = h.Status, nil, -1
	if len(h.Fields) > answerLimits.Fields {
		return http7.AnswerTooLarge
	}
	if h.Status == 101 { // RFC 9113 §8.6
		return http7.UnaskedUpgrade
	}
	length := int64(-1)
	for i := range h.Fields {
		f := &h.Fields[i]
		name, value := view(f.Name), view(f.Value)
		id := http7.LookupID(name)
		if fromConnection.Has(id) || !http7.IsFieldValue(value) {
			return http7.BadAnswerField
		}
		if id == http7.ContentLength {
			n, ok := number(value)
			if !ok || length >= 0 {
				return http7.BadAnswerFrame
			}
			length = n
		}
		a.Header.AddRaw(name, value)
	}
	return c.frameAnswer(h, method, length)
}

// frameAnswer settles how long the body is, -1 as length is not known (RFC 9113 §8.1.1).
func (c *Conn) frameAnswer(h *h2.Head, method []byte, length int64) *http7.Fault {
	a := &c.Answer
	switch {
	case c.lane.q.protocol != nil && h.Status/100 == 2:
		if h.Last {
			return http7.BadUpgrade
		}
		c.switchLane()
		return nil
	case h.Status < 200 || h.Status == 204:
		if length > 0 {
			return http7.BadAnswerFrame
		}
		length = 0
	case h.Status == 304 || string(method) == "HEAD":
		length = 0
	case h.Last && length > 0:
		return http7.BadAnswerFrame
	case h.Last:
		length = 0
	}
	a.Length, c.left = length, length
	return nil
}

// switchLane makes a 101 of the answer to an extended CONNECT, as which the drivers know tunnels. It answers the
// key of a WebSocket, which the endpoint was not told.
func (c *Conn) switchLane() {
	q := &c.lane.q
	c.Answer.Status, c.head.Upgrade = 101, q.protocol
	if wire.IsWebSocket(q.protocol) && q.key != nil {
		c.Answer.Header.AddRaw([]byte(webSocketAccept), wire.AppendWebSocketAccept(nil, q.key))
	}
	c.lane.raw = true
	c.left = -1
	c.In.Init(&c.S) // only a tunnel reads by it
}

// nextOfLane is Next on a stream.
func (c *Conn) nextOfLane() ([]byte, http7.State, *http7.Fault) {
	b, s, err := c.lane.Next()
	switch s {
	case http7.Chunk:
		if c.left >= 0 {
			if c.left -= int64(len(b)); c.left < 0 {
				c.lane.Refuse()
				return nil, http7.Failure, http7.BadAnswerFrame
			}
		}
	case http7.End:
		if c.left > 0 {
			return nil, http7.Failure, http7.UpstreamCut
		}
		if !c.complete {
			c.complete = true
			fillTrailer(&c.Answer.Trailer, c.lane.Trailer())
		}
	case http7.Parked:
		if c.ended != nil {
			return c.cut()
		}
	case http7.Failure:
		c.ended = err
		var of *h2.Error
		if errors.As(err, &of) && of.Kind == h2.Cancelled && c.overdue() {
			return nil, http7.Failure, http7.RouteTimeout
		}
		return c.cut()
	}
	return b, s, nil
}

// Trails reports whether trailers are announced for an answer of a known length: HTTP/2 has both, HTTP/1 has to
// choose.
func (c *Conn) Trails() bool { return c.lane != nil && c.Answer.Header.Has(http7.Trailer) }

// fillTrailer appends the fields that may be passed on behind a body.
func fillTrailer(to *http7.Header, fields []hpack.HeaderField) {
	to.Reset(nil)
	for i := range fields {
		name, value := view(fields[i].Name), view(fields[i].Value)
		if wire.Trails(name) && http7.IsFieldValue(value) {
			to.AddRaw(name, value)
		}
	}
}

// view returns the bytes of s without copying them, to be read only.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

var errNoTunnels = errors.New("the endpoint takes no extended CONNECT")
