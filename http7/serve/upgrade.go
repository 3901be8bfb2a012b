package serve

import (
	"crypto/rand"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/sock"
)

const methodGet = "GET"

// offered returns the protocols that x's client would change to and that may be passed on, nil for a request that
// goes on as a plain one: one with a body, whose end nobody could tell from the tunnel's first byte, or a
// WebSocket's that is no GET (RFC 6455 §4.1).
func (x *exchange) offered() []byte {
	value := x.head.Upgrade
	if value == nil || x.head.Frame.Body() {
		return nil
	}
	offer := wire.Offer(x.Room(len(value)+len(", ")), value)
	if wire.IsWebSocket(offer) && string(x.Method) != methodGet {
		return nil
	}
	return offer
}

// extended reports whether x came as an extended CONNECT (RFC 8441, RFC 9220), which a 2xx turns into a tunnel.
func (c *conn) extended(x *exchange) bool { return c.st != nil && x.head.Upgrade != nil }

var webSocketKey, _ = http7.NewName("Sec-WebSocket-Key")

var webSocketAccept, _ = http7.NewName("Sec-WebSocket-Accept")

// addKey gives a WebSocket of h2 or h3 the key that HTTP/1.1 wants (RFC 8441 §5): Weir's own, for it checks the
// answer to it.
func (x *exchange) addKey() {
	if x.head.Upgrade == nil {
		return
	}
	x.Request.Del(webSocketKey)
	if wire.IsWebSocket(x.Upgrade) {
		var nonce [16]byte
		_, _ = rand.Read(nonce[:]) // never fails
		x.Request.Add(webSocketKey, wire.AppendWebSocketKey(x.Room(keyLength), &nonce))
	}
}

// keyLength is that of 16 bytes in base64; acceptLength that of a SHA-1.
const (
	keyLength    = 24
	acceptLength = 28
)

// judgeUpgrade holds an endpoint to what it says to an extended CONNECT: its client would take a 2xx for the tunnel,
// and does not check the WebSocket's key.
func (c *conn) judgeUpgrade(x *exchange) *http7.Fault {
	a := &x.up.Answer
	switch {
	case !c.extended(x):
		return nil
	case a.Status/100 == 2:
		return http7.BadUpgrade
	case a.Status != 101 || !wire.IsWebSocket(x.Upgrade):
		return nil
	}
	key, _ := x.Request.First(webSocketKey)
	accept, _ := a.Header.First(webSocketAccept)
	if string(wire.AppendWebSocketAccept(x.Room(acceptLength), key)) != string(accept) {
		return http7.BadUpgrade
	}
	return nil
}

// fakesTunnel reports whether x's client would take an answer that was made here for the tunnel that it asked for.
func (c *conn) fakesTunnel(x *exchange) bool {
	return c.extended(x) && x.Answer != nil && x.Answer.Local && x.Answer.Status/100 == 2
}

// appendUpgrade passes the offer on.
func (x *exchange) appendUpgrade(dst []byte) []byte {
	dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), x.Upgrade...)
	return append(dst, "\r\n"...)
}

// switches reports whether the answer that was kept makes a tunnel of the connection.
func (x *exchange) switches() bool { return x.Answer.Status == 101 && x.up != nil }

// sendSwitch tells the client that its connection, or its stream, is a tunnel from here on. In the log both are 101.
func (c *conn) sendSwitch(x *exchange) *http7.Fault {
	if c.st == nil {
		x.out = x.appendSwitch(x.out[:0])
		return c.flush(x)
	}
	x.Answer.Status = 200 // RFC 8441 §5
	x.Answer.Header.Del(webSocketAccept)
	x.Answer.Header.DelID(http7.ContentLength)
	x.out, c.st.owes = x.out[:0], true
	return c.push(x)
}

// appendSwitch appends the 101 that tells the client to which protocol its connection changes.
func (x *exchange) appendSwitch(dst []byte) []byte {
	a := x.Answer
	dst = wire.AppendStatusLine(dst, a.Status, a.Reason)
	dst = a.Header.AppendLines(dst, local)
	dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), x.up.Upgrade()...)
	return append(dst, "\r\n\r\n"...)
}

// appendWanted passes on which protocols an endpoint demands, without which a 426 says nothing (RFC 9110 §15.5.22).
func (x *exchange) appendWanted(dst []byte) []byte {
	if x.Answer.Local || x.up == nil || x.up.Upgrade() == nil {
		return dst
	}
	dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), x.up.Upgrade()...)
	return append(dst, "\r\n"...)
}

// unbound ends the route's timeout: what comes behind the answer's head may take as long as it likes.
func (x *exchange) unbound() {
	x.limit = 0
	if x.up != nil {
		x.up.Unbound()
	}
}

// shed lets go of the request's head: what the log and End hooks still need is copied, its Header reads as empty,
// and its block is free. The bytes behind it stay unread in in.
func (x *exchange) shed(in *sock.Reader) {
	n := 0
	x.views(func(b *[]byte) { n += len(*b) })
	room := make([]byte, 0, n)
	x.views(func(b *[]byte) {
		if *b != nil {
			at := len(room)
			room = append(room, *b...)
			*b = room[at:len(room):len(room)]
		}
	})
	x.Request.Drop()
	x.Trailer.Drop()
	x.Captures.Reset(nil)
	x.Out, x.Upgrade, x.Preflight = nil, nil, nil
	x.head, x.out, x.chunk, x.lines = wire.Request{KeepAlive: x.head.KeepAlive}, nil, nil, nil
	in.Release()
}

// views calls each with every view of the request's head that outlives it.
func (x *exchange) views(each func(*[]byte)) {
	for _, b := range []*[]byte{&x.Method, &x.Target, &x.Authority, &x.Path, &x.Query, &x.RequestID} {
		each(b)
	}
	for i := range x.Claims {
		each(&x.Claims[i].Value)
	}
	for i := range x.sights {
		each(&x.sights[i].value)
	}
}

// eventStream reports whether an answer is a stream of events, which has no end of its own
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func eventStream(a *http7.Answer) bool {
	kind := a.Header.Get(http7.ContentType)
	const want = "text/event-stream"
	if len(kind) < len(want) || !http7.EqualFold(kind[:len(want)], want) {
		return false
	}
	return len(kind) == len(want) || kind[len(want)] == ';' || kind[len(want)] == ' '
}
