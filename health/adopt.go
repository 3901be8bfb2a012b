package health

import (
	"container/heap"
	"time"

	"weir/lb"
)

// Adopt takes the upstreams of a snapshot that was just published, in place of those before.
// An endpoint that is probed already keeps its counts and its turn, by the new config from its
// next probe on. A new one is probed soon. Endpoints that are no longer named are dropped without
// a change of state, and those that are no longer probed become Ready.
func (m *Monitor) Adopt(targets []Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	named := make(map[*lb.Endpoint]bool)
	for _, t := range targets {
		members := t.Upstream.View().Members()
		if t.Config == nil {
			m.leaveAlone(members)
			continue
		}
		for _, member := range members {
			named[member.Endpoint] = true
		}
		m.watch(members, t.Config)
	}
	for e, c := range m.checks {
		if !named[e] {
			m.drop(c)
		}
	}
	m.nudge()
}

// leaveAlone makes endpoints Ready that only a probe would make so.
func (m *Monitor) leaveAlone(members []lb.Member) {
	var unprobed []*lb.Endpoint
	for _, member := range members {
		e := member.Endpoint
		// The check goes first: a probe under way must not speak after this.
		if c := m.checks[e]; c != nil {
			m.drop(c)
		}
		if s := e.State(); s == lb.Unknown || s == lb.Down {
			unprobed = append(unprobed, e)
		}
	}
	m.registry.SetState(lb.Ready, unprobed...)
}

// watch makes or updates the checks of an upstream's endpoints.
func (m *Monitor) watch(members []lb.Member, config *Config) {
	var fresh []*check
	var ready []*lb.Endpoint
	for _, member := range members {
		e := member.Endpoint
		if c := m.checks[e]; c != nil {
			m.update(c, config)
			continue
		}
		fresh = append(fresh, &check{endpoint: e, config: config, probe: newProbe(e, config), first: true})
		if config.Initial == Ready && e.State() == lb.Unknown {
			ready = append(ready, e)
		}
	}
	m.registry.SetState(lb.Ready, ready...)
	m.schedule(fresh, config)
}

// schedule gives new checks their first turns: soon, because endpoints wait for them, but one
// after the other.
func (m *Monitor) schedule(fresh []*check, config *Config) {
	now := time.Now()
	for i, c := range fresh {
		gap := min(firstGap, config.Interval.Value()/time.Duration(len(fresh)))
		c.due = now.Add(time.Duration(i) * gap)
		m.checks[c.endpoint] = c
		heap.Push(&m.waiting, c)
	}
}

// update brings a check under a new config. A turn that the new interval would not allow to be
// that far away is moved to a random place within it.
func (m *Monitor) update(c *check, config *Config) {
	c.config, c.probe = config, newProbe(c.endpoint, config)
	if c.running || time.Until(c.due) <= config.Interval.Value()*2 {
		return
	}
	c.due = time.Now().Add(c.pause())
	heap.Fix(&m.waiting, c.index)
}

// drop forgets a check. A probe under way ends in silence.
func (m *Monitor) drop(c *check) {
	c.gone = true
	delete(m.checks, c.endpoint)
	if !c.running {
		heap.Remove(&m.waiting, c.index)
	}
}
