package http7

import (
	"net/netip"
	"sync"
	"time"
)

// Proto is the protocol that the client speaks.
type Proto uint8

// The protocols.
const (
	HTTP10 Proto = iota
	HTTP11
	HTTP2
	HTTP3
)

var protoNames = [...]string{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"}

// String returns the protocol as access logs write it.
func (p Proto) String() string { return protoNames[p] }

// Conn is what is true of all exchanges of one client connection. It never changes.
type Conn struct {
	Listener string
	// Peer is the other end of the connection, Local this one; the zero value for a unix socket.
	Peer, Local netip.AddrPort
	TLS         bool
	// SNI is the server name of the TLS hello.
	SNI string
}

// Exchange is one request with its response. It belongs to one goroutine at a time and is reused
// after release: see the package comment for the lifetime of its bytes.
type Exchange struct {
	Conn  *Conn
	Proto Proto
	// Method, Target, Authority, Path and Query are as received; Authority is the Host field or
	// the target's authority, Path is never empty ("*" for OPTIONS *), Query has no "?".
	Method, Target, Authority, Path, Query []byte
	// Client is the address believed to be the user's: the peer's, or what trusted proxies say.
	Client netip.Addr
	Secure bool // the client's side is https, as trusted proxies or the connection say

	// Out is the request-target that the endpoint is sent, set at stage rewrite; nil is Path and Query.
	Out []byte
	// Preflight is the method that a CORS preflight asks for, nil for every other request.
	Preflight []byte
	// Captures are what the route's path pattern has captured.
	Captures Captures

	Request Header
	// Trailer is the request's trailer section, complete once its body is.
	Trailer Header
	Body    Body

	// Route is the route found, nil before the match and if there is none.
	Route *Route
	// Answer is the answer that is kept.
	Answer *Answer
	// Fault is why Weir answered or cut; Cause is for the log alone.
	Fault *Fault
	Cause error

	// Facts that policies leave for others and for the log.
	Consumer  string
	RequestID []byte
	// Country is where Client is, in two letters (ISO 3166-1); "" while nothing says so.
	Country string
	// Claims are what an identity was established with.
	Claims []Claim
	// Recorded says what is known of a request that is read from a log; nil for a live one.
	Recorded *Recorded

	// Mirror is what the mirror of x's route keeps of x until x ends; nil for most. It is its own.
	Mirror any

	// Arrival is when the first byte of the head was seen.
	Arrival time.Time
	// Dry says that nothing may be consumed: no token taken, no counter moved, nothing stored.
	Dry bool
	// Word is the running policy's own.
	Word uint64
	// Verdicts are the remarks of policies, for the log: "name:what".
	Verdicts []string

	waking sync.Mutex // a wake and the release that it may be too late for
	wake   chan struct{}
	gen    uint32 // guarded by waking once there is a wake
	own    Answer
	room   []byte
	keeps  []kept

	// What local answers are made of: a handler's run, or bytes in scratch.
	served  served
	bytes   Bytes
	scratch []byte
}

// LocalAnswer returns x's own answer block, emptied, and makes it x's answer. Policies and
// handlers answer through it. A handler's answer that was there before is closed.
func (x *Exchange) LocalAnswer(status int) *Answer {
	x.served.Close()
	x.own.Reset()
	x.own.Status, x.own.Local = status, true
	x.Answer = &x.own
	return x.Answer
}

// Release empties x for the next exchange; wakers handed out before are dead from here on.
func (x *Exchange) Release() {
	if x.wake != nil {
		x.endWakes()
	}
	x.Method, x.Target, x.Authority, x.Path, x.Query = nil, nil, nil, nil, nil
	x.Request.Reset(nil)
	x.Trailer.Reset(nil)
	clear(x.Body.Filters)
	x.Body = Body{Filters: x.Body.Filters[:0]}
	x.Out, x.Preflight = nil, nil
	x.Captures.Reset(nil)
	x.Route, x.Answer, x.Fault, x.Cause = nil, nil, nil, nil
	x.Consumer, x.RequestID, x.Country, x.Recorded = "", nil, "", nil
	clear(x.Claims)
	x.Claims = x.Claims[:0]
	x.Mirror = nil
	x.forgetKept()
	x.giveRoom()
	x.Dry, x.Word, x.Verdicts = false, 0, x.Verdicts[:0]
	x.served.Close()
	x.own.Reset()
}

func (x *Exchange) endWakes() {
	x.waking.Lock()
	defer x.waking.Unlock()
	x.gen++
	select {
	case <-x.wake:
	default:
	}
}

// Waker wakes a parked exchange from anywhere. A wake that comes before the park is kept, one
// after release is ignored.
type Waker struct {
	x   *Exchange
	gen uint32
}

// Waker returns the waker of this use of x.
func (x *Exchange) Waker() Waker {
	if x.wake == nil {
		x.wake = make(chan struct{}, 1)
	}
	return Waker{x: x, gen: x.gen}
}

// Wake ends the exchange's Wait, now or when it begins.
func (w Waker) Wake() {
	w.x.waking.Lock()
	defer w.x.waking.Unlock()
	if w.x.gen != w.gen {
		return
	}
	select {
	case w.x.wake <- struct{}{}:
	default:
	}
}

// Wakes returns the channel that an engine parks on.
func (x *Exchange) Wakes() <-chan struct{} {
	x.Waker()
	return x.wake
}
