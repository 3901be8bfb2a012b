package lb

import (
	"slices"
	"sync/atomic"
)

// group is what an upstream's snapshots share: it is kept by name for as long as any lives.
type group struct {
	gate     *Gate
	streakAt atomic.Uint32 // Config.Streak of the newest snapshot; 0: nobody asks
	onStreak *atomic.Pointer[func(*Endpoint, int)]

	live        []*Upstream // oldest first; guarded by the registry's mutex, like maxInFlight
	maxInFlight MaxInFlight

	_       [64]byte // refusals come fast under overload; what Pick reads lies apart
	refused [reasons]atomic.Uint64
}

// streak tells whoever asked when n failures in a row are the configured number or a multiple.
func (g *group) streak(e *Endpoint, slot int, n uint32) {
	at := g.streakAt.Load()
	if at == 0 || n%at != 0 {
		return
	}
	if f := g.onStreak.Load(); f != nil {
		(*f)(e, slot)
	}
}

// settle lets u's words hold for what the snapshots share: the gate last, since it lets in who waits
// for what the limits now allow. The registry's mutex is held.
func (g *group) settle(u *Upstream) {
	c := &u.config
	g.streakAt.Store(uint32(max(c.Streak, 0)))
	g.maxInFlight = c.MaxInFlight
	for _, v := range g.live {
		members := v.view.Load().members
		for i := range members {
			members[i].Endpoint.limiter.configure(c.MaxInFlight)
		}
	}
	s := gateSettings{budget: c.RetryBudget.Value(), breaker: c.Breaker, room: u.room}
	if c.Queue != nil {
		s.queue = *c.Queue
	}
	g.gate.configure(s)
}

// part takes u out of the group, whose newest upstream from then on has the say. It reports whether
// u was the last. The registry's mutex is held.
func (g *group) part(u *Upstream) (last bool) {
	g.live = slices.DeleteFunc(g.live, func(v *Upstream) bool { return v == u })
	if len(g.live) == 0 {
		return true
	}
	g.settle(g.live[len(g.live)-1])
	return false
}

// first returns who belongs to a new snapshot's upstream before its discovery has spoken: what was
// found for the snapshot before, so that a reload leaves nobody without endpoints; else what the
// configuration lists. The registry's mutex is held.
func (g *group) first(c *Config) (members, found []Place) {
	if c.Discovered && len(g.live) > 0 {
		found = g.live[len(g.live)-1].view.Load().found
	}
	if len(found) > 0 {
		return found, found
	}
	return places(c.Endpoints), nil
}
