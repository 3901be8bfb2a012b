package lb

import (
	"cmp"
	"maps"
	"slices"
)

// hashBalancer is what maglev and ring have in common: a table over the names of endpoints says
// where the keys belong, and a view's seats say who of them may be picked.
//
// The table is made of all members, fit or not, as long as candidates have at least half of the
// weight: who can't be picked is walked past like who is full. Then a state that changes costs no
// new table and moves the keys of that one endpoint alone. With fewer candidates the walks would
// become long, so the table is made of the candidates. Which of the two depends on the present
// members and candidates only, never on how they came to be: two nodes that see the same agree.
type hashBalancer struct {
	newTable func(names []string, weights []int, members int) hashTable
	random   dice
	members  []Member             // that the following is about
	names    map[*Endpoint]string // in the tables
	whole    *plan                // of all members; nil: not made yet
	part     *plan                // the last of candidates alone
}

// hashTable is the order in which each hash visits the seats of a view. It never changes.
type hashTable interface {
	// pick returns the endpoint of the first visited seat that takes the use, or nil.
	pick(s *seats, hash uint64, tried Tried) *Endpoint
}

func newHashBalancer(newTable func([]string, []int, int) hashTable, random dice) *hashBalancer {
	return &hashBalancer{newTable: newTable, random: random}
}

func (b *hashBalancer) newPicker(members, candidates []Member) picker {
	if len(candidates) == 0 {
		return &hashPicker{seats: new(seats)}
	}
	if len(members) == 0 {
		members = candidates
	}
	b.know(members)
	p := b.plan(members, candidates)
	return &hashPicker{table: p.table, seats: newSeats(p.ranks, candidates, b.random)}
}

// know forgets the plans if they are not for these members.
func (b *hashBalancer) know(members []Member) {
	if len(members) == len(b.members) && &members[0] == &b.members[0] {
		return
	}
	names := tableNames(members)
	if !slices.EqualFunc(b.members, members, sameSeat) || !maps.Equal(b.names, names) {
		b.whole, b.part = nil, nil
	}
	b.members, b.names = members, names
}

func sameSeat(a, b Member) bool { return a.Endpoint == b.Endpoint && a.Weight == b.Weight }

// tableNames returns what the tables call the members: a host keeps its keys when its address changes,
// and the endpoints of one host name are told apart by their addresses.
func tableNames(members []Member) map[*Endpoint]string {
	having := make(map[string]int, len(members))
	for i := range members {
		having[members[i].Endpoint.Name()]++
	}
	names := make(map[*Endpoint]string, len(members))
	for i := range members {
		e := members[i].Endpoint
		if names[e] = e.Name(); having[names[e]] > 1 {
			names[e] = e.address
		}
	}
	return names
}

func weight(list []Member) (sum int) {
	for i := range list {
		sum += list[i].Weight
	}
	return sum
}

// plan is a table and whose seats it speaks of.
type plan struct {
	seated []Member
	ranks  map[*Endpoint]int // in the order of the names
	table  hashTable
}

// plan returns the plan for these candidates.
func (b *hashBalancer) plan(members, candidates []Member) *plan {
	if 2*weight(candidates) >= weight(members) {
		if b.whole == nil {
			b.whole = b.newPlan(members)
		}
		return b.whole
	}
	if b.part == nil || !slices.EqualFunc(b.part.seated, candidates, sameSeat) {
		b.part = b.newPlan(candidates)
	}
	return b.part
}

func (b *hashBalancer) newPlan(seated []Member) *plan {
	sorted := slices.Clone(seated)
	slices.SortFunc(sorted, func(x, y Member) int { return cmp.Compare(b.names[x.Endpoint], b.names[y.Endpoint]) })
	p := &plan{seated: seated, ranks: make(map[*Endpoint]int, len(seated))}
	names, weights := make([]string, len(sorted)), make([]int, len(sorted))
	for i := range sorted {
		p.ranks[sorted[i].Endpoint] = i
		names[i], weights[i] = b.names[sorted[i].Endpoint], sorted[i].Weight
	}
	p.table = b.newTable(names, weights, len(b.members))
	return p
}

// hashPicker places by the hash of the key.
type hashPicker struct {
	table hashTable
	seats *seats
}

func (p *hashPicker) pick(k Key, tried Tried) *Endpoint {
	if len(p.seats.list) == 0 {
		return nil
	}
	hash := k.Hash
	if hash == 0 { // nothing to place by, such as a header that is not there: all places do
		hash = p.seats.random()
	}
	return p.table.pick(p.seats, hash, tried)
}

// mix makes another hash of a hash (the finaliser of splitmix64, Steele et al. 2014).
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
