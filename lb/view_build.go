package lb

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// rampFloor is the least share that slow start leaves an endpoint; less would hide from it what
	// it has to warm up for.
	rampFloor = 0.1
	// rampSteps is in how many steps a ramp is climbed, each of them a view.
	rampSteps = 20
	// overprovision is how much more than its equal part a zone's endpoints are taken to bear: with
	// less than 1/1.4 of them fit, traffic spills over to other zones (Envoy's figure).
	overprovision = 1.4
)

// shunned are ejected endpoints that also are to drain: when there is panic, they are left alone for
// as long as there is anybody else.
const shunned = Maintenance + 1

// census counts one tier's members by class: their state, or shunned.
type census [shunned + 1]int

// preference is the order in which classes serve; the last two only in panic.
var preference = [...]State{Ready, Unknown, Draining, Ejected, shunned}

// panics reports whether ejection left so little that it is to be ignored.
func (c *census) panics(below float64) bool {
	fit := c[Ready] + c[Unknown] + c[Draining]
	out := c[Ejected] + c[shunned]
	return out > 0 && float64(fit) < below*float64(fit+out)
}

// builder works out what an upstream offers. It keeps its memory between views.
type builder struct {
	config  *Config
	hashing bool // the balancer places keys: neither zones nor slow start may move them
	near    balancer
	far     balancer

	classes    []State // of each member
	tiers      []census
	oldest     time.Time // since when the longest ready endpoint is
	candidates []Member
	local      []Member
	next       time.Duration // until a ramp's next step; 0: none
}

func newBuilder(c *Config) (*builder, error) {
	near, err := balancerOf(c.Balance, rand.Uint64)
	if err != nil {
		return nil, err
	}
	far, err := balancerOf(c.Balance, rand.Uint64) // cursors are not shared between zones
	return &builder{config: c, hashing: c.hashing(), near: near, far: far}, err
}

// build returns a view of m as of now, which is old if nothing has changed, and after how long slow
// start wants the next; 0 is never. old may be nil.
func (b *builder) build(m *membership, old *View, now time.Time) (*View, time.Duration) {
	b.next = 0
	b.count(m)
	v := &View{membership: m}
	for i := range b.tiers {
		v.ready += b.tiers[i][Ready]
	}
	b.candidates = b.candidates[:0]
	if at, class, ok := b.choose(); ok {
		v.tier = m.tiers[at]
		v.spare = v.ready > b.tiers[at][Ready]
		v.panic = class >= Ejected || b.tiers[at].panics(b.config.Panic.Value())
		b.collect(v, class, now)
		b.divide(v)
	}
	return b.finish(v, old), b.next
}

// count takes the class of every member.
func (b *builder) count(m *membership) {
	b.classes = slices.Grow(b.classes[:0], len(m.members))[:len(m.members)]
	b.tiers = slices.Grow(b.tiers[:0], len(m.tiers))[:len(m.tiers)]
	clear(b.tiers)
	b.oldest = time.Time{}
	for i := range m.members {
		s := m.members[i].Endpoint.standing.Load()
		b.classes[i] = s.class()
		tier := 0
		if len(m.tiers) > 1 {
			tier, _ = slices.BinarySearch(m.tiers, m.members[i].Tier)
		}
		b.tiers[tier][b.classes[i]]++
		if b.classes[i] == Ready && (b.oldest.IsZero() || s.warm.Before(b.oldest)) {
			b.oldest = s.warm
		}
	}
}

// class is the state, but for ejected endpoints that are to drain.
func (s *standing) class() State {
	if state := s.state(); state != Ejected || s.says[ByOperator].state == Ready {
		return state
	}
	return shunned
}

// choose returns whose turn it is: the first class that any tier has, and the first tier that has it.
func (b *builder) choose() (tier int, class State, ok bool) {
	for _, class := range preference {
		if class >= Ejected && b.config.Panic.Value() <= 0 {
			return 0, 0, false
		}
		for tier := range b.tiers {
			if b.tiers[tier][class] > 0 {
				return tier, class, true
			}
		}
	}
	return 0, 0, false
}

// collect gathers the candidates with their shares.
func (b *builder) collect(v *View, class State, now time.Time) {
	slow := b.config.SlowStart.Value()
	for i := range v.members {
		one := v.members[i]
		if one.Tier != v.tier || b.classes[i] != class && (!v.panic || b.classes[i] != Ejected) {
			continue
		}
		one.Share = one.Weight * shareUnit
		if slow > 0 && !b.hashing {
			one.Share = int(float64(one.Share) * b.ramp(one.Endpoint.standing.Load().warm, slow, now))
		}
		b.candidates = append(b.candidates, one)
	}
}

// ramp returns the part of its share that an endpoint gets which is ready since warm. Only who comes
// to endpoints that were established before has a ramp: while all are new, somebody must serve.
func (b *builder) ramp(warm time.Time, slow time.Duration, now time.Time) float64 {
	passed := now.Sub(warm)
	if warm.IsZero() || warm.Sub(b.oldest) < slow || passed >= slow {
		return 1
	}
	step := max(slow/rampSteps, 1)
	n := max(passed, 0) / step
	if left := (n+1)*step - passed; b.next == 0 || left < b.next {
		b.next = left
	}
	return max(rampFloor, float64(n)/rampSteps)
}

// divide puts the candidates of this node's zone first, and says in v how many they are, 0 if zones
// count for nothing, and how much spills over to the others.
func (b *builder) divide(v *View) {
	if !v.zoned || b.hashing {
		return
	}
	b.local = b.local[:0]
	others, fit := b.candidates[:0], 0
	for _, one := range b.candidates {
		if one.Zone == b.config.Zone {
			b.local = append(b.local, one)
			fit += one.Share // who starts slowly is fit to that part
		} else {
			others = append(others, one)
		}
	}
	b.candidates = slices.Insert(others, 0, b.local...)
	if len(b.local) == 0 || len(others) == 0 {
		return
	}
	v.local = len(b.local)
	all := shareUnit * v.weightOf(b.config.Zone, v.tier)
	v.spill = uint32(max(0, 1-overprovision*float64(fit)/float64(all)) * math.MaxUint32)
}

// finish gives v its candidates and pickers, old's where they are the same, and returns old itself
// if everything is.
func (b *builder) finish(v, old *View) *View {
	sameMembers := old != nil && old.membership == v.membership
	sameCandidates := old != nil && old.local == v.local && slices.Equal(old.candidates, b.candidates)
	if sameMembers && sameCandidates && old.facts == v.facts {
		return old
	}
	if sameCandidates && (sameMembers || !b.hashing) {
		v.candidates, v.near, v.far = old.candidates, old.near, old.far
	} else {
		b.equip(v)
	}
	return v
}

// equip gives v the candidates and makes their pickers.
func (b *builder) equip(v *View) {
	v.candidates = slices.Clone(b.candidates)
	members := v.inTier(v.tier)
	if v.local == 0 {
		v.near = b.near(members, v.candidates)
		return
	}
	v.near, v.far = b.near(members, v.candidates[:v.local]), b.far(members, v.candidates[v.local:])
}
