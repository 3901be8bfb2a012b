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
	methods := make(map[string]*method)
	var fresh [][]*check
	for _, t := range targets {
		members := t.Upstream.View().Members()
		if t.Config == nil {
			m.leaveAlone(members)
			continue
		}
		for _, member := range members {
			named[member.Endpoint] = true
		}
		name := t.Upstream.Name()
		methods[name] = newMethod(t.Config, t.Way, m.methods[name])
		fresh = append(fresh, m.watch(members, methods[name]))
	}
	m.methods = methods
	for e, c := range m.checks {
		if !named[e] {
			m.drop(c)
		}
	}
	m.schedule(inTurn(fresh))
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
		if e.Says(lb.ByProbe) != lb.Ready {
			unprobed = append(unprobed, e)
		}
	}
	m.registry.Judge(lb.ByProbe, lb.Ready, "", unprobed...)
}

// watch updates the checks of an upstream's endpoints and returns those that are new.
func (m *Monitor) watch(members []lb.Member, by *method) (fresh []*check) {
	var ready []*lb.Endpoint
	for _, member := range members {
		e := member.Endpoint
		if c := m.checks[e]; c != nil {
			m.update(c, by)
			continue
		}
		c := newCheck(e, by)
		m.checks[e] = c
		fresh = append(fresh, c)
		if by.config.Initial == Ready && e.Says(lb.ByProbe) == lb.Unknown {
			ready = append(ready, e)
		}
	}
	m.registry.Judge(lb.ByProbe, lb.Ready, "", ready...)
	return fresh
}

// inTurn takes one check of each list after the other, so that every upstream soon has an endpoint
// that was probed.
func inTurn(lists [][]*check) (all []*check) {
	for i := 0; ; i++ {
		before := len(all)
		for _, list := range lists {
			if i < len(list) {
				all = append(all, list[i])
			}
		}
		if len(all) == before {
			return all
		}
	}
}

// schedule gives new checks their first turns: soon, because endpoints wait for them, but one
// after the other, whichever upstream they belong to. Their second turns follow in the same order
// and fill the interval after the first one evenly.
func (m *Monitor) schedule(fresh []*check) {
	begin := time.Now()
	due := begin
	for i, c := range fresh {
		interval := c.method.config.Interval.Value()
		c.due = due
		c.second = begin.Add(interval + time.Duration(float64(interval)*float64(i)/float64(len(fresh))))
		heap.Push(&m.waiting, c)
		due = due.Add(min(firstGap, interval/time.Duration(len(fresh))))
	}
}

// update brings a check under a new method. A turn that the new interval would not allow to be
// that far away is moved to a random place within it.
func (m *Monitor) update(c *check, by *method) {
	if c.method == by {
		return
	}
	if !c.running {
		c.probe.close()
	}
	c.method, c.probe = by, newProbe(c.endpoint, by)
	if c.running || time.Until(c.due) <= by.config.Interval.Value()*2 {
		return
	}
	c.due = time.Now().Add(c.pause())
	heap.Fix(&m.waiting, c.index)
}

// drop forgets a check. A probe under way ends in silence.
func (m *Monitor) drop(c *check) {
	c.gone = true
	m.hurry(c, false)
	c.probe.close()
	delete(m.checks, c.endpoint)
	if !c.running {
		heap.Remove(&m.waiting, c.index)
	}
}
