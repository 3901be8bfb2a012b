package http7

import (
	"context"
	"crypto/x509"
	"net/netip"
	"sync"
	"sync/atomic"
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
	// SNI is the server name of the TLS hello, in lower case and without a trailing dot; also what a
	// believed PROXY header says of a TLS connection that ended before Weir.
	SNI string
	// ALPN is the protocol that the TLS handshake chose: "h2", "http/1.1", "h3"; "" without TLS or ALPN.
	ALPN string
	// Version and Cipher are what the handshake chose, in the numbers of crypto/tls; 0 without TLS.
	Version, Cipher uint16
	// Resumed says that the handshake went on with an earlier session.
	Resumed bool
	// ClientCert is the client's certificate, verified against the listener's CA; nil without one.
	ClientCert *x509.Certificate
	// ClientNames are what ClientCert says; nil without one.
	ClientNames *ClientNames
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
	// Shown is Target as logs show it where a secret stands in it; nil: Target itself.
	Shown []byte
	// Upgrade are the protocols that the client would change to, as a list (RFC 9110 §7.8), if the request can be
	// passed on as such: nil for every other request. On h2 and h3 it is an extended CONNECT (RFC 8441, RFC 9220),
	// whose Method is seen as GET.
	Upgrade []byte
	// GRPCWeb is the media type in which the client of a gRPC-Web call is answered where a policy makes gRPC of the
	// call, whose Content-Type is gRPC's own from then on; nil for every other request.
	GRPCWeb []byte
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
	// Claims are what an identity was established with. Scheme says how, Groups and Scopes what it may; see [Exchange.Establish].
	Claims         []Claim
	Scheme         string
	Groups, Scopes []string
	// Recorded says what is known of a request that is read from a log; nil for a live one.
	Recorded *Recorded

	// Backstage is what the engine offers to policies that store answers; nil where nothing is sent, as in a dry run.
	Backstage Backstage
	// Unstayed, the engine's own, is called when x stays no longer, by whoever says so; nil: nobody need know.
	Unstayed func()
	// Outgoing is how the request that endpoints get differs from Request, beyond what the hall does by itself.
	Outgoing Outgoing
	// Cached says what a cache had to do with the answer, for the log; "" for nothing.
	Cached string

	// Problem is what the problem body of a refusal says beyond its fault, for this request alone.
	Problem Problem
	// Blocking, the engine's own, is what [Exchange.Block] is made of; nil: nobody interrupts.
	Blocking func(most time.Duration) (ctx context.Context, done func())

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
	// Refused are the answers that filters have refused for their bodies, or would have: the audit log tells them, and they
	// are counted. What filters say otherwise is not known to be a policy's.
	Refused []RefusedAnswer

	stay   atomic.Uint32
	waking sync.Mutex // a wake and the release that it may be too late for
	wake   chan struct{}
	gen    uint32 // guarded by waking once there is a wake
	asked  bool   // guarded by waking: there is a waker of this use
	own    Answer
	room   []byte
	keeps  []kept

	// What local answers are made of: a handler's run, or bytes in scratch.
	served  served
	bytes   Bytes
	scratch []byte

	identities int
	met        []met
}

// RefusedAnswer is what the filter of a step says of the body of an answer.
type RefusedAnswer struct {
	Step  string // its name
	Mode  Mode
	Fault *Fault
	Cause error // for the audit log
}

// LocalAnswer returns x's own answer block, emptied, and makes it x's answer. Policies and
// handlers answer through it. The Source of one that was there before is closed.
func (x *Exchange) LocalAnswer(status int) *Answer {
	x.closeOwn()
	x.own.Reset()
	x.own.Status, x.own.Local = status, true
	x.Answer = &x.own
	return x.Answer
}

// Release empties x for the next exchange; wakers handed out before are dead from here on.
func (x *Exchange) Release() {
	if x.asked { // by nobody any more
		x.endWakes()
	}
	x.Method, x.Target, x.Authority, x.Path, x.Query = nil, nil, nil, nil, nil
	x.Request.Reset(nil)
	x.Trailer.Reset(nil)
	clear(x.Body.Filters)
	x.Body = Body{Filters: x.Body.Filters[:0]}
	x.Out, x.Shown, x.Upgrade, x.GRPCWeb, x.Preflight = nil, nil, nil, nil, nil
	x.Captures.Reset(nil)
	x.Route, x.Answer, x.Fault, x.Cause = nil, nil, nil, nil
	x.RequestID, x.Country, x.Recorded = nil, "", nil
	x.Problem, x.Blocking = Problem{}, nil
	if x.identities > 0 || len(x.Claims) > 0 || x.Consumer != "" {
		x.forgetIdentity()
	}
	x.Mirror = nil
	x.Backstage, x.Unstayed, x.Outgoing, x.Cached = nil, nil, Outgoing{}, ""
	if x.stay.Load() != neverStayed {
		x.stay.Store(neverStayed)
	}
	x.forgetKept()
	x.giveRoom()
	x.Dry, x.Word, x.Verdicts = false, 0, x.Verdicts[:0]
	if len(x.Refused) > 0 {
		clear(x.Refused)
		x.Refused = x.Refused[:0]
	}
	x.closeOwn()
	x.own.Reset()
}

// closeOwn closes what a local answer has left open. The Sources of x itself don't mind being closed twice.
func (x *Exchange) closeOwn() {
	if s := x.own.Source; s != nil {
		x.own.Source = nil
		s.Close()
	}
	x.served.Close()
}

func (x *Exchange) endWakes() {
	x.waking.Lock()
	defer x.waking.Unlock()
	x.gen++
	x.asked = false
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
	x.waking.Lock()
	defer x.waking.Unlock()
	x.asked = true
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
	return x.wake // made once for all uses
}
