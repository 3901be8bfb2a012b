package lb

import (
	"sync/atomic"
	"time"

	"weir/internal/conf"
)

// Slot names a place on an endpoint where a room that connects to it keeps what it needs, such as
// a connection pool. lb never looks inside.
type Slot uint8

const (
	// SlotHTTP belongs to http7/forward.
	SlotHTTP Slot = iota
	// SlotTCP belongs to tcp4.
	SlotTCP

	slots = int(SlotTCP) + 1
)

// Endpoint is one address of one upstream, with what must survive a reload: state, counters,
// latency, attachments. All methods are safe for concurrent use.
type Endpoint struct {
	upstream string
	address  string
	target   conf.Address
	id       uint32
	epoch    time.Time // the registry's; latency counts from here
	refs     int       // live Upstreams that hold it; guarded by the registry's mutex

	state       atomic.Uint32
	since       atomic.Int64 // Unix nanoseconds
	attachments [slots]atomic.Pointer[any]

	// What every use writes lies on lines of its own, so that it never slows readers of the rest
	// or of a neighbouring endpoint.
	_        [64]byte
	inFlight atomic.Int64
	latency  latency
	results  [Results]atomic.Uint64
	_        [64]byte
}

// Upstream returns the name of the upstream that the endpoint belongs to.
func (e *Endpoint) Upstream() string { return e.upstream }

// Address returns the address as configured: "host:port" or "unix:/path".
func (e *Endpoint) Address() string { return e.address }

// Target returns the address in the form that can be dialled.
func (e *Endpoint) Target() conf.Address { return e.target }

// String returns "upstream/address", the form that logs use.
func (e *Endpoint) String() string { return e.upstream + "/" + e.address }

// State returns the current state; a view may lag behind it by a tenth of a second.
func (e *Endpoint) State() State { return State(e.state.Load()) }

// StateSince returns when the current state was entered.
func (e *Endpoint) StateSince() time.Time { return time.Unix(0, e.since.Load()) }

// InFlight returns the number of leases that are not done.
func (e *Endpoint) InFlight() int64 { return e.inFlight.Load() }

// Picked returns the number of leases ever given, those in flight included. Under concurrent
// traffic it may be off by the leases that change hands while it reads.
func (e *Endpoint) Picked() uint64 {
	n := uint64(max(e.inFlight.Load(), 0))
	for i := range e.results {
		n += e.results[i].Load()
	}
	return n
}

// Ended returns the number of leases that ended with r, which must be one of the named results.
func (e *Endpoint) Ended(r Result) uint64 { return e.results[r].Load() }

// Latency returns the moving average of the time to the first byte as of its last sample; 0 before
// the first. Failures are in it with their charge.
func (e *Endpoint) Latency() time.Duration { return e.latency.last() }

// Attach puts v into an empty slot and returns v. If the slot holds something already (the
// endpoint was adopted from an older snapshot, or another goroutine was first), that stays and is
// returned. A slot never changes once filled; it goes with the endpoint.
func (e *Endpoint) Attach(s Slot, v any) any {
	if e.attachments[s].CompareAndSwap(nil, &v) {
		return v
	}
	return *e.attachments[s].Load()
}

// Attachment returns what was attached at s, or nil. It costs an atomic load.
func (e *Endpoint) Attachment(s Slot) any {
	if p := e.attachments[s].Load(); p != nil {
		return *p
	}
	return nil
}

// now is the time since the registry was made. time.Since reads only the monotonic clock, which
// is half the price of time.Now.
func (e *Endpoint) now() time.Duration { return time.Since(e.epoch) }

// setState reports whether s is a change.
func (e *Endpoint) setState(s State) bool {
	if State(e.state.Swap(uint32(s))) == s {
		return false
	}
	e.since.Store(time.Now().UnixNano())
	return true
}
