package serve

import (
	"net/netip"
	"slices"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/match"
	"weir/http7/paths"
	"weir/http7/selector"
	"weir/http7/sticky"
	"weir/http7/wire"
	"weir/internal/obs"
	"weir/lb"
)

// Snapshot is what all http listeners serve at one time. It never changes.
type Snapshot struct {
	Generation uint64
	// Sites are the listeners' parts, by [Engine] slot.
	Sites []*Site
}

// Site is what one listener serves in one snapshot.
type Site struct {
	Listener string
	Table    *match.Table
	// Plans are the routes of Table, by their ID.
	Plans []*Plan
	// Early are the listener's guard and identify steps, which run before the match.
	Early []http7.Step
	// Late are the listener's other steps, in the order of requests. Where there is no route, their
	// Response and Trailer see the answer all the same; the steps of a route have them already.
	Late   []http7.Step
	Limits Limits
	// Identity are the fields that policies tell endpoints who somebody is in; what clients say there is removed. nil:
	// no policy does.
	Identity *http7.IdentityFields
	// Hidden are the parameters whose values the access log masks; nil: none.
	Hidden *http7.Hidden
	// Protocols are what clients may speak. The zero value is [H1].
	Protocols Protocols
	// Covers reports whether the certificate of a client that asked for sni ("" for no name) is also for host, which
	// has no port and no brackets. nil: every certificate is for every host.
	Covers func(sni, host string) bool
	// AltSvc, if not empty, is told over TLS by the answers of HTTP/1 and HTTP/2, instead of what endpoints say: the
	// value of Alt-Svc (RFC 7838).
	AltSvc []byte
	// Challenge returns the body of the answer to an authority that checks at path whether host, which may carry a
	// port, is ours (RFC 8555 §8.3); ok is false if nobody is checking that. nil: nobody ever is.
	Challenge func(host, path string) (body string, ok bool)
	// Rules say which paths are refused and how the others are written. The zero value refuses every
	// path that could be read in two ways.
	Rules paths.Rules
	// Trusted are the proxies whose word on the client's address is believed.
	Trusted   []netip.Prefix
	Forwarded Forwarded
	// Unrouted counts exchanges that no route took.
	Unrouted *obs.RouteSeries
	// AccessLog is nil when off.
	AccessLog *obs.AccessLog
	// Refusals counts what policies refuse, AuditLog tells of each; nil: nobody does.
	Refusals *obs.PolicySeries
	AuditLog *obs.AuditLog
	// Reads are what is logged of requests besides what is on every line; nil: nothing.
	Reads *Reads
}

// offers reports whether any route has a step that may answer preflights. It looks at all of them.
func (s *Site) offers() bool {
	return slices.ContainsFunc(s.Plans, func(p *Plan) bool { return p != nil && slices.ContainsFunc(p.Route.Steps, offering) })
}

// Limits are a listener's limits, compiled; a duration or size of 0 is off.
type Limits struct {
	Head          wire.Limits
	BodyBytes     int64
	HeaderTimeout time.Duration
	IdleTimeout   time.Duration
	BodyRate      float64 // bytes a second
	WriteStall    time.Duration
	// H2Streams is how many requests may be under way on one connection of h2 or h3; 0 means 250.
	H2Streams int
}

// Protocols is a set of protocols that clients may speak.
type Protocols uint8

// The protocols. H2 is chosen by ALPN or, without TLS, by the client's preface (RFC 9113 §3.3).
const (
	H1 Protocols = 1 << iota
	H2
	H3
)

// speaks reports whether clients of the listener may speak p.
func (s *Site) speaks(p Protocols) bool {
	if s.Protocols == 0 {
		return p == H1
	}
	return s.Protocols&p != 0
}

// Forwarded says which fields tell the endpoint about the client.
type Forwarded uint8

// The ways; ForwardedX is the zero value.
const (
	ForwardedX Forwarded = iota
	Forwarded7239
	ForwardedBoth
	ForwardedOff
)

// Plan is a route with what carrying it out needs.
type Plan struct {
	Route  *http7.Route
	Series *obs.RouteSeries
	// Split shares the requests out among upstreams, each with a plan of its own; Upstream and what belongs
	// to it are nil then. nil: there is one.
	Split *Split
	// Local answers from here without a body; nil where a handler or an endpoint answers.
	Local http7.Action
	// UpstreamName is the name of Upstream, for the log; "": it is the route's.
	UpstreamName string
	// Upstream and what belongs to it are nil for a route that answers from here.
	Upstream       *lb.Upstream
	Transport      *forward.Transport
	UpstreamSeries *obs.UpstreamSeries
	Host           HostRule
	Retry          Retry
	Hedge          Hedge
	// Counters are the upstream's, from [Shared.Counters]; nil counts nothing.
	Counters *Counters
	// HashOn is what balancers hash, nil for nothing.
	HashOn *selector.Selection
	// Sticky keeps clients at their endpoint, nil: off.
	Sticky *sticky.Sticky
	// Without are the listener's bundles that the route opts out of.
	Without []string
}

// HostRule says what the endpoint sees as Host. The zero value preserves the client's.
type HostRule struct {
	// Endpoint sends the endpoint's address.
	Endpoint bool
	// Name, if not empty, is sent.
	Name string
}

// upstreamName returns the name of the upstream, "" where none is asked, or as long as there is no side.
func (p *Plan) upstreamName() string {
	if p.UpstreamName != "" {
		return p.UpstreamName
	}
	return p.Route.Upstream
}
