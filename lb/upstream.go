package lb

import (
	"sync"
	"sync/atomic"
	"time"
)

// rebuildEvery is the least time between two views of one upstream.
const rebuildEvery = 100 * time.Millisecond

// Upstream is a named group of endpoints as one snapshot sees it. The [Registry] makes it; it is
// safe for concurrent use until it is retired, and harmless afterwards.
type Upstream struct {
	name      string
	registry  *Registry
	group     *group
	config    Config
	newPicker func([]Member) picker
	view      atomic.Pointer[View]

	mu      sync.Mutex // guards the membership and the rebuilding of view
	members *membership
	leaving []*membership // replaced, but perhaps in the published view
	built   time.Time     // of the last rebuild that a change of state caused
	pending *time.Timer
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
// Lease and why there is none. Which endpoints may be picked, see [View.Candidates].
// It never blocks or allocates, takes no lock, and is safe for concurrent use.
// The caller must call Done exactly once.
func (u *Upstream) Pick(k Key, tried Tried) (Lease, Reason) {
	v, gate := u.view.Load(), u.group.gate
	ticket, ok := gate.admit()
	if !ok {
		return u.refuse(BreakerOpen)
	}
	if e := k.Stick; e != nil && e.group == u.group && e.sticks() && !e.full() && !tried.Has(e) {
		return newLease(e, ticket), Picked
	}
	if e := v.pick(k, tried); e != nil {
		return newLease(e, ticket), Picked
	}
	gate.forgo(ticket)
	return u.refuse(v.whyNot(&tried))
}

func (u *Upstream) refuse(r Reason) (Lease, Reason) {
	u.group.refused[r].Add(1)
	return Lease{}, r
}

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

// Refused returns how often Pick gave r instead of a lease, across snapshots. For r = Picked it is 0.
func (u *Upstream) Refused(r Reason) uint64 { return u.group.refused[r].Load() }

// Update replaces the membership by what discovery found. Endpoints whose address stays keep
// everything; new ones are Unknown; of places with one address the first counts, and weights below
// 1 count as 1. The view follows within a tenth of a second. After Retire it does nothing.
func (u *Upstream) Update(places []Place) {
	u.mu.Lock()
	if u.retired {
		u.mu.Unlock()
		return
	}
	u.leaving = append(u.leaving, u.members)
	u.registry.mu.Lock()
	u.members = u.registry.enlist(u, places)
	u.registry.mu.Unlock()
	u.mu.Unlock()
	u.refresh()
}

// refresh sees to it that a view with the present states is published: at once if the last
// rebuild is long enough ago, else as soon as it is, together with the changes until then.
func (u *Upstream) refresh() {
	u.mu.Lock()
	if u.pending != nil || u.retired {
		u.mu.Unlock()
		return
	}
	if wait := rebuildEvery - time.Since(u.built); wait > 0 {
		u.pending = time.AfterFunc(wait, u.rebuildPending)
		u.mu.Unlock()
		return
	}
	u.rebuildAndUnlock()
}

// rebuildPending runs on the timer's goroutine, once per armed timer.
func (u *Upstream) rebuildPending() {
	u.mu.Lock()
	u.pending = nil
	if u.retired {
		u.mu.Unlock()
		return
	}
	u.rebuildAndUnlock()
}

// rebuildAndUnlock publishes a new view. Only then do the endpoints go that the old one still offered.
func (u *Upstream) rebuildAndUnlock() {
	u.built = time.Now()
	u.view.Store(u.buildView())
	held := u.leaving
	u.leaving = nil
	u.mu.Unlock()
	if held == nil {
		return
	}
	u.registry.mu.Lock()
	gone := u.registry.release(held)
	u.registry.mu.Unlock()
	u.registry.tell(gone)
}

// rebuild publishes a new view now.
func (u *Upstream) rebuild() {
	u.mu.Lock()
	u.rebuildAndUnlock()
}

// retire stops the rebuilding. It returns the memberships that u held, nil if it was retired before.
func (u *Upstream) retire() []*membership {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return nil
	}
	u.retired = true
	if u.pending != nil {
		u.pending.Stop()
	}
	held := append(u.leaving, u.members)
	u.leaving = nil
	return held
}
