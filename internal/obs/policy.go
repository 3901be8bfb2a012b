package obs

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// PolicySeries counts what policies refuse and what happens to them. There is one for the life of a [Catalogue]. Its
// methods are safe for concurrent use.
type PolicySeries struct {
	refusals atomic.Pointer[map[refused]*metrics.Counter]

	mu     sync.Mutex
	events map[event]*atomic.Uint64
	levels map[event][]*level
}

// refused, event name one series.
type (
	refused struct{ policy, fault, mode string }
	event   struct{ policy, word string }
)

// level is a gauge as one holder shows it; the last one of a name is exported.
type level struct{ read func() float64 }

func newPolicySeries() *PolicySeries {
	p := &PolicySeries{events: map[event]*atomic.Uint64{}, levels: map[event][]*level{}}
	p.refusals.Store(&map[refused]*metrics.Counter{})
	return p
}

// Policies returns the series of policies.
func (c *Catalogue) Policies() *PolicySeries { return c.policies }

// mostRefusals bounds the series of refusals: what is beyond is counted as fault "other".
const mostRefusals = 4096

// Refused counts a request that policy has refused with a fault, or would have: mode is "enforce" or "observe". It
// allocates only at the first of its kind.
func (p *PolicySeries) Refused(policy, fault, mode string) {
	key := refused{policy, fault, mode}
	if n := (*p.refusals.Load())[key]; n != nil {
		n.Inc()
		return
	}
	p.refusal(key).Inc()
}

func (p *PolicySeries) refusal(key refused) *metrics.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := *p.refusals.Load()
	if len(all) >= mostRefusals {
		key.fault = "other"
	}
	if n := all[key]; n != nil {
		return n
	}
	all = maps.Clone(all)
	all[key] = new(metrics.Counter)
	p.refusals.Store(&all)
	return all[key]
}

// Counted returns the counter of an event of a policy; it is exported from now on.
func (p *PolicySeries) Counted(policy, word string) *atomic.Uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := event{policy, word}
	n := p.events[key]
	if n == nil {
		n = new(atomic.Uint64)
		p.events[key] = n
	}
	return n
}

// Gauged exports what read returns as a level of a policy, until end is called. Of several with one name the last is
// exported. read may be called at any time.
func (p *PolicySeries) Gauged(policy, word string, read func() float64) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, mine := event{policy, word}, &level{read}
	p.levels[key] = append(p.levels[key], mine)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		left := slices.DeleteFunc(p.levels[key], func(l *level) bool { return l == mine })
		if p.levels[key] = left; len(left) == 0 {
			delete(p.levels, key)
		}
	}
}

// Keep drops the counts of policies that no config has any more.
func (p *PolicySeries) Keep(has func(policy string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := maps.Clone(*p.refusals.Load())
	maps.DeleteFunc(all, func(key refused, _ *metrics.Counter) bool { return !has(key.policy) })
	p.refusals.Store(&all)
	maps.DeleteFunc(p.events, func(key event, _ *atomic.Uint64) bool { return !has(key.policy) })
}

// write writes the three families.
func (p *PolicySeries) write(w *bytes.Buffer) {
	all := *p.refusals.Load()
	f := family{w: w, name: policyRefusals, kind: "counter"}
	for _, key := range slices.SortedFunc(maps.Keys(all), func(a, b refused) int {
		return cmp.Or(cmp.Compare(a.policy, b.policy), cmp.Compare(a.fault, b.fault), cmp.Compare(a.mode, b.mode))
	}) {
		f.put(labels("policy", key.policy, "fault", key.fault, "mode", key.mode), "", all[key].Get())
	}
	p.mu.Lock()
	events, reads := maps.Clone(p.events), make(map[event]func() float64, len(p.levels))
	for key, list := range p.levels {
		reads[key] = list[len(list)-1].read
	}
	p.mu.Unlock()
	f = family{w: w, name: policyEvents, kind: "counter"}
	for _, key := range slices.SortedFunc(maps.Keys(events), compareEvents) {
		f.put(labels("policy", key.policy, "event", key.word), "", events[key].Load())
	}
	f = family{w: w, name: policyLevel, kind: "gauge"}
	for _, key := range slices.SortedFunc(maps.Keys(reads), compareEvents) {
		f.number(labels("policy", key.policy, "level", key.word), reads[key]())
	}
}

func compareEvents(a, b event) int {
	return cmp.Or(cmp.Compare(a.policy, b.policy), cmp.Compare(a.word, b.word))
}
