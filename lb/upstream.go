package lb

import (
	"sync"
	"sync/atomic"
	"time"
)

// rebuildEvery is the least time between two views of one upstream.
const rebuildEvery = 100 * time.Millisecond

// Key says what a use is about, for balancers that place equal keys on equal endpoints.
type Key struct {
	// Hash is any well-mixed hash of what the configuration names in hash_on; 0 if it names nothing.
	Hash uint64
}

// Upstream is a named group of endpoints as one snapshot sees it. The [Registry] makes it; it is
// safe for concurrent use until it is retired, and harmless afterwards.
type Upstream struct {
	name      string
	members   []Member
	newPicker func([]Member) picker
	view      atomic.Pointer[View]

	mu      sync.Mutex // guards the rebuilding of view
	built   time.Time  // of the last rebuild that a change of state caused
	pending *time.Timer
	retired bool
}

func newUpstream(name string, members []Member, newPicker func([]Member) picker) *Upstream {
	u := &Upstream{name: name, members: members, newPicker: newPicker}
	u.view.Store(buildView(members, newPicker))
	return u
}

// Name returns the upstream's name in the configuration.
func (u *Upstream) Name() string { return u.name }

// View returns what the upstream offers now. The view stays valid for as long as it is held.
func (u *Upstream) View() *View { return u.view.Load() }

// Pick returns a lease on one endpoint that is not in tried, or the zero Lease if there is none:
// every candidate was tried, or no endpoint is fit. Ready endpoints are picked; unknown ones only
// while none is ready, draining ones only while none is either; others never.
// It never blocks or allocates, takes no lock, and is safe for concurrent use.
// The caller must call Done exactly once.
func (u *Upstream) Pick(k Key, tried Tried) Lease {
	return newLease(u.view.Load().picker.pick(k, tried))
}

// refresh sees to it that a view with the present states is published: at once if the last
// rebuild is long enough ago, else as soon as it is, together with the changes until then.
func (u *Upstream) refresh() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pending != nil || u.retired {
		return
	}
	if wait := rebuildEvery - time.Since(u.built); wait > 0 {
		u.pending = time.AfterFunc(wait, u.rebuildPending)
		return
	}
	u.rebuild()
}

// rebuildPending runs on the timer's goroutine, once per armed timer.
func (u *Upstream) rebuildPending() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending = nil
	if !u.retired {
		u.rebuild()
	}
}

func (u *Upstream) rebuild() {
	u.built = time.Now()
	u.view.Store(buildView(u.members, u.newPicker))
}

// retire stops the rebuilding. It reports false if that was done before.
func (u *Upstream) retire() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.retired = true
	if u.pending != nil {
		u.pending.Stop()
	}
	return true
}
