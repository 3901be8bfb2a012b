package serve

import (
	"sync"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/obs"
	"weir/lb"
)

// exchange is an http7.Exchange with what the HTTP/1 driver needs for it. It is pooled: an idle
// connection has none.
type exchange struct {
	http7.Exchange
	parser wire.RequestParser
	head   wire.Request
	framer wire.Framer

	site *Site
	plan *Plan
	// Where Decide stands.
	decider decider

	lines  []byte         // the head of a stream's request, as HTTP/1 writes it
	out    []byte         // what is written next
	chunk  []byte         // likewise to the endpoint, by the pump
	frame  wire.FrameKind // how the client sees the end of the answer
	replay replay

	// Bodies that pass through filters.
	rawBody                 rawBody
	rawAnswer               rawAnswer
	requestPipe, answerPipe pipe

	up       *forward.Conn
	lease    lb.Lease
	tried    lb.Tried
	placing  placing
	attempts int
	began    time.Duration // when the attempt's request was sent, since arrival
	limit    int64         // when the exchange must be over, on the wheel's clock; 0: never

	grpc       bool          // the request is gRPC
	hedgeAfter time.Duration // when an attempt gets company; 0: never
	rival      *rival        // the attempt beside
	line       line

	asked   int64  // the bound of a body that the match asks for; 0: it does not
	given   []byte // the body of a dry run, until it is collected
	unknown bool   // of a dry run: nobody knows the body's bytes

	status    int
	headAt    time.Duration // when the attempt's head was there, since arrival
	firstByte time.Duration // when the client was sent its first byte, since arrival
	bytesIn   int64
	bytesOut  int64
	headBytes int // of out: the head of the answer

	parsed    bool // the head has been read
	continued bool // 100 Continue was sent, or is not wanted any more
	bodyDone  bool // the request's body has been read whole
	trailed   bool // policies have edited its trailers
	tailed    bool // and those of the answer
	begun     bool // a byte of the final answer has been written
	ending    bool // all of it is there to be written
	close     bool // no other request on this connection
	uploading bool // its head left while the request's body was on its way
	clean     bool // the client has nothing unread to lose: no linger
	broken    bool // the answer was cut: reset the connection
	plain     bool // answer without response policies
	unheard   bool // a policy got no answer from outside in time
	record    obs.Record
	verdicts  []obs.Verdict
	sights    []sight // what conditions read of the request
	matched   []obs.Matched
}

var exchanges = sync.Pool{New: func() any { return &exchange{out: make([]byte, 0, 4<<10)} }}

// take returns an exchange for the request whose first bytes are at hand.
func (e *Engine) take(c *conn) *exchange {
	x := exchanges.Get().(*exchange)
	c.site = e.site(c.site)
	x.begin(c, time.Now())
	x.Backstage, x.Unstayed, x.Blocking = c, c.unstayFn, c.blockFn
	return x
}

// begin makes x ready for a request on c that has arrived now.
func (x *exchange) begin(c *conn, now time.Time) {
	x.site = c.site
	x.Conn, x.Client, x.Secure = c.info, c.info.Peer.Addr(), c.info.TLS
	x.Arrival = now
	x.parser.Reset()
}

// site returns what e's listener serves now; was, if a reload has removed the listener.
func (e *Engine) site(was *Site) *Site {
	if sites := e.snap.Load().Sites; e.slot < len(sites) && sites[e.slot] != nil {
		return sites[e.slot]
	}
	return was
}

// maxKeptOut is the largest buffer that a pooled exchange keeps.
const maxKeptOut = 64 << 10

func (e *Engine) release(x *exchange) {
	x.Exchange.Release()
	x.replay.free()
	x.requestPipe.free()
	x.answerPipe.free()
	x.rawBody, x.rawAnswer = rawBody{}, rawAnswer{}
	out, verdicts := x.out[:0], x.verdicts[:0]
	clear(x.sights)
	x.sights, x.matched = x.sights[:0], x.matched[:0]
	if cap(out) > maxKeptOut {
		out = make([]byte, 0, 4<<10)
	}
	if cap(x.lines) > maxKeptOut {
		x.lines = nil
	}
	if cap(x.chunk) > maxKeptOut {
		x.chunk = nil
	}
	if x.site.AccessLog != nil {
		x.record = obs.Record{}
	}
	x.record.Endpoint = ""
	x.site, x.plan, x.up = nil, nil, nil
	x.lease, x.tried, x.attempts, x.began, x.limit = lb.Lease{}, lb.Tried{}, 0, 0, 0
	x.placing.reset()
	x.grpc, x.hedgeAfter, x.rival = false, 0, nil
	x.line.forget()
	x.status, x.headAt, x.firstByte, x.bytesIn, x.bytesOut = 0, 0, 0, 0, 0
	x.asked, x.given, x.unknown, x.parsed = 0, nil, false, false
	x.continued, x.bodyDone, x.trailed, x.tailed, x.begun, x.ending = false, false, false, false, false, false
	x.close, x.uploading, x.clean, x.broken, x.plain, x.unheard = false, false, false, false, false, false
	x.head = wire.Request{}
	x.decider.reset()
	x.out, x.verdicts = out, verdicts
	exchanges.Put(x)
}

// adopt takes the parsed head over into the exchange.
func (x *exchange) adopt() {
	h := &x.head
	x.Proto, x.Method, x.Target = h.Proto, h.Method, h.Target
	x.Authority, x.Path, x.Query = h.Authority, h.Path, h.Query
	x.framer.Reset(h.Frame, &x.Trailer, http7.Client)
	switch {
	case !h.Frame.Body():
		x.bodyDone = true
		x.Body.Whole = true
	case h.Frame.Kind == wire.Length:
		x.Body.Length = h.Frame.Length
	default:
		x.Body.Length = -1
	}
	x.close = !h.KeepAlive
	x.continued = !h.Continue
	if x.Upgrade = x.offered(); x.Proto >= http7.HTTP2 {
		x.addKey()
	}
}

// refuseHead leaves of a head that was refused what can be trusted, for the log and for the steps that see
// the answer.
func (x *exchange) refuseHead() {
	x.Proto, x.Method, x.Target = x.head.Proto, x.head.Method, x.head.Target
	x.Request.Reset(nil)
	x.Path = slash
}

var slash = []byte("/")

// wake wakes a parked exchange.
func (x *exchange) wake() {
	if x != nil {
		x.Waker().Wake()
	}
}

// elapsed returns the time since the request arrived.
func (x *exchange) elapsed() time.Duration { return time.Since(x.Arrival) }
