package lb

import (
	"sync"
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
	group    *group
	refs     int // memberships that hold it; guarded by the registry's mutex

	name        atomic.Pointer[string]
	judging     sync.Mutex // one word at a time; standing is read without it
	standing    atomic.Pointer[standing]
	attachments [slots]atomic.Pointer[any]

	// What every use writes lies on lines of its own, so that it never slows readers of the rest
	// or of a neighbouring endpoint.
	_        [64]byte
	inFlight atomic.Int64
	latency  latency
	limiter  limiter // beside inFlight, with which it is read
	results  [Results]atomic.Uint64
	tallies  [TallySlots]tally
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

// Name returns "host:port" as configured where the address came from a lookup of that name, else
// the address. It is what certificates and the Host field go by.
func (e *Endpoint) Name() string {
	if p := e.name.Load(); p != nil {
		return *p
	}
	return e.address
}

// State returns the current state, the worst of what the judges say; a view may lag behind it by
// a tenth of a second.
func (e *Endpoint) State() State { return e.standing.Load().state() }

// StateSince returns when the current state was entered.
func (e *Endpoint) StateSince() time.Time { return e.standing.Load().since }

// Why returns the reason that was given for the current state, "" for Ready.
func (e *Endpoint) Why() string {
	s := e.standing.Load()
	return s.says[s.by].why
}

// Says returns the word of one judge.
func (e *Endpoint) Says(by Judge) State { return e.standing.Load().says[by].state }

// InFlight returns the number of leases that are not done.
func (e *Endpoint) InFlight() int64 { return e.inFlight.Load() }

// Picked returns the number of leases ever given, those in flight included. Under concurrent
// traffic it may be off by the leases that change hands while it reads.
func (e *Endpoint) Picked() uint64 {
	n := uint64(max(e.inFlight.Load(), 0))
	for r := range Result(Results) {
		n += e.Ended(r)
	}
	return n
}

// Ended returns the number of leases that ended with r, which must be one of the named results.
func (e *Endpoint) Ended(r Result) uint64 {
	n := e.results[r].Load()
	if r == OK { // counted in the tallies alone, to save the hot path an addition
		for i := range e.tallies {
			n += e.tallies[i].ok.Load()
		}
	}
	return n
}

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

// judge takes down by's word and reports whether it changes the state.
func (e *Endpoint) judge(by Judge, v verdict) bool {
	e.judging.Lock()
	defer e.judging.Unlock()
	s := e.standing.Load()
	if s.says[by] == v {
		return false
	}
	next, changed := s.with(by, v, time.Now())
	if next.warm.After(s.warm) {
		e.latency.forget() // what it was charged with before it left says nothing about what comes back
	}
	e.standing.Store(next)
	return changed
}

// full reports whether the endpoint has as much in flight as it may.
func (e *Endpoint) full() bool { return e.limiter.full(e.inFlight.Load()) }

// Limit returns how much the endpoint may have in flight now, 0 for no limit.
func (e *Endpoint) Limit() int64 { return e.limiter.limit() }

// take counts one use more in flight. It reports false if there is no room for it; then it counts
// nothing. Without a limit it is one addition; with one, no two uses can both take the last place.
func (e *Endpoint) take() bool {
	if e.limiter.limit() == 0 {
		e.inFlight.Add(1)
		return true
	}
	for {
		n := e.inFlight.Load()
		if e.limiter.full(n) {
			return false
		}
		if e.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
