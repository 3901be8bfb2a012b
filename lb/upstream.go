package lb

import (
	"sync"
	"sync/atomic"
	"time"
)

// Upstream is a named group of endpoints as one snapshot sees it. The [Registry] makes it; it is
// safe for concurrent use until it is retired, and harmless afterwards.
type Upstream struct {
	name     string
	registry *Registry
	group    *group
	config   Config
	view     atomic.Pointer[View]
	stale    atomic.Bool // something has changed since the view was built

	mu      sync.Mutex // guards what follows; taken before the registry's
	builder *builder
	members *membership
	leaving []*membership // replaced, but perhaps in the published view
	built   time.Time     // of the last attempt to publish a view
	due     time.Time     // of the next, by timer; zero: none
	timer   *time.Timer
	retired bool
}

// Name returns the upstream's name in the configuration.
func (u *Upstream) Name() string { return u.name }

// View returns what the upstream offers now. The view stays valid for as long as it is held.
func (u *Upstream) View() *View { return u.view.Load() }

// Gate returns what stands before the endpoints. It is the same for all snapshots' upstreams of
// one name.
func (u *Upstream) Gate() *Gate { return u.group.gate }

// Find returns the member at an address as Endpoint.Address writes it, or nil. It does not allocate.
func (u *Upstream) Find(address []byte) *Endpoint { return u.View().byAddress[string(address)] }

// Pick returns a lease on one endpoint that is neither full nor in tried, and Picked; or the zero
// Lease and why there is none. Which endpoints may be picked, see [View.Candidates]; once all of them
// are in tried, whoever else is ready may, such as a backup.
// It never blocks or allocates, takes no lock, and is safe for concurrent use.
// The caller must call Done exactly once.
func (u *Upstream) Pick(k Key, tried Tried) (Lease, Reason) {
	gate := u.group.gate
	ticket, ok := gate.admit()
	if !ok {
		return u.refuse(BreakerOpen)
	}
	e, r := u.choose(k, tried)
	if e == nil {
		gate.forgo(ticket)
		return u.refuse(r)
	}
	return Lease{endpoint: e, ticket: ticket}, Picked
}

// choose returns an endpoint with one more in flight, or why there is none.
func (u *Upstream) choose(k Key, tried Tried) (*Endpoint, Reason) {
	if e := k.Stick; e != nil && u.welcomes(e) && !tried.Has(e) && e.take() {
		return e, Picked
	}
	v := u.view.Load()
	for range races {
		e := v.pick(k, tried)
		if e == nil {
			break
		}
		if e.take() {
			return e, Picked
		}
	}
	r := v.whyNot(&tried)
	if r != AllFull && (v.spare || u.stale.Load()) {
		if e := v.pickSpare(&tried); e != nil && e.take() {
			return e, Picked
		}
	}
	return nil, r
}

// races is how often Pick chooses again because others have filled its choice meanwhile.
const races = 4

// welcomes reports whether a sticky session may stay at e.
func (u *Upstream) welcomes(e *Endpoint) bool {
	return e.group == u.group && e.State() <= Draining
}

func (u *Upstream) refuse(r Reason) (Lease, Reason) {
	u.group.refused[r].Add(1)
	return Lease{}, r
}

// Refused returns how often Pick gave r instead of a lease, across snapshots; 0 for Picked.
func (u *Upstream) Refused(r Reason) uint64 { return u.group.refused[r].Load() }

// room reports whether any candidate could take one more use.
func (u *Upstream) room() bool {
	candidates := u.View().candidates
	for i := range candidates {
		if !candidates[i].Endpoint.full() {
			return true
		}
	}
	return false
}
