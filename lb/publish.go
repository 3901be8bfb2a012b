package lb

import (
	"slices"
	"time"
)

// rebuildEvery is the least time between two views of one upstream.
const rebuildEvery = 100 * time.Millisecond

// Update replaces the membership by what discovery found. Endpoints whose address stays keep
// everything; new ones are Unknown; of places with one address the first counts, and weights below
// 1 count as 1. The view follows within a tenth of a second; endpoints that no upstream has any more
// go after it has. After Retire, and with what it was told last, it does nothing. The caller must not
// change places afterwards.
func (u *Upstream) Update(places []Place) {
	u.mu.Lock()
	if told := u.members.found; u.retired || told != nil && slices.Equal(told, places) {
		u.mu.Unlock()
		return
	}
	u.leaving = append(u.leaving, u.members)
	u.members = u.registry.replace(u, places)
	u.mu.Unlock()
	u.refresh()
}

// refresh sees to it that a view with the present states is published: at once if the last
// rebuild is long enough ago, else as soon as it is, together with the changes until then.
func (u *Upstream) refresh() {
	u.mu.Lock()
	now := time.Now()
	at := u.built.Add(rebuildEvery)
	switch {
	case u.retired:
		u.mu.Unlock()
	case now.Before(at):
		u.stale.Store(true)
		u.arm(now, at)
		u.mu.Unlock()
	default:
		u.publishAndUnlock(now)
	}
}

// arm sees to it that a view is published at a time. The mutex is held.
func (u *Upstream) arm(now, at time.Time) {
	if !u.due.IsZero() && !at.Before(u.due) {
		return
	}
	u.due = at
	if u.timer == nil {
		u.timer = time.AfterFunc(at.Sub(now), u.onTimer)
		return
	}
	u.timer.Reset(at.Sub(now))
}

// onTimer runs on the timer's goroutine. It may come when what it was armed for has been done.
func (u *Upstream) onTimer() {
	u.mu.Lock()
	now := time.Now()
	if u.retired || u.due.IsZero() || now.Before(u.due) {
		u.mu.Unlock()
		return
	}
	u.publishAndUnlock(now)
}

// publishAndUnlock publishes a new view. Only then do the endpoints go that the old one still offered.
func (u *Upstream) publishAndUnlock(now time.Time) {
	u.built, u.due = now, time.Time{}
	u.stale.Store(false) // before the states are read: what changes from here on sets it again
	old := u.view.Load()
	v, next := u.builder.build(u.members, old, now)
	u.view.Store(v)
	if next > 0 {
		u.arm(now, now.Add(max(next, rebuildEvery)))
	}
	left := u.leaving
	u.leaving = nil
	u.mu.Unlock()
	if v != old {
		u.group.gate.wake()
	}
	if v.panic != old.panic {
		u.registry.turned()
	}
	if left != nil {
		u.registry.giveBack(left)
	}
}

// retire stops the publishing. It returns the memberships that u held, nil if it was retired before.
func (u *Upstream) retire() []*membership {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return nil
	}
	u.retired = true
	if u.timer != nil {
		u.timer.Stop()
	}
	held := append(u.leaving, u.members)
	u.leaving = nil
	return held
}
