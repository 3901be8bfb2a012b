package lb

import "sync/atomic"

// group is what an upstream's snapshots share: it is kept by name for as long as any lives.
type group struct {
	gate     *Gate
	streakAt atomic.Uint32 // Config.Streak of the newest snapshot; 0: nobody asks
	onStreak *atomic.Pointer[func(*Endpoint, int)]
	refused  [reasons]atomic.Uint64
	live     []*Upstream // oldest first; guarded by the registry's mutex
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

// settle lets u's words hold for what the snapshots share. The registry's mutex is held.
func (g *group) settle(u *Upstream, members *membership) {
	c := &u.config
	s := gateSettings{budget: c.RetryBudget.Value(), breaker: c.Breaker, room: u.room}
	if c.Queue != nil {
		s.queue = *c.Queue
	}
	g.gate.configure(s)
	g.streakAt.Store(uint32(max(c.Streak, 0)))
	for i := range members.members {
		members.members[i].Endpoint.limiter.configure(c.MaxInFlight)
	}
}
