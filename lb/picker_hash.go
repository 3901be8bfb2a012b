package lb

import (
	"cmp"
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
	whole    *plan // the last of all members
	part     *plan // the last of candidates alone
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
	p := &b.whole
	seated := members
	if 2*weight(candidates) < weight(members) {
		p, seated = &b.part, candidates
	}
	if !(*p).fits(seated, len(members)) {
		*p = b.plan(seated, len(members))
	}
	return &hashPicker{table: (*p).table, seats: newSeats((*p).ranks, candidates, b.random)}
}

func weight(list []Member) (sum int) {
	for i := range list {
		sum += list[i].Weight
	}
	return sum
}

// plan is a table and whose seats it speaks of.
type plan struct {
	seated  []Member
	members int
	ranks   map[*Endpoint]int // in the order of the names
	table   hashTable
}

// fits reports whether p is the plan for these.
func (p *plan) fits(seated []Member, members int) bool {
	return p != nil && p.members == members && slices.EqualFunc(p.seated, seated, sameSeat)
}

func sameSeat(a, b Member) bool { return a.Endpoint == b.Endpoint && a.Weight == b.Weight }

// plan makes a table. Endpoints are named by their addresses: no two of an upstream share one.
func (b *hashBalancer) plan(seated []Member, members int) *plan {
	sorted := slices.Clone(seated)
	slices.SortFunc(sorted, func(a, b Member) int { return cmp.Compare(a.Endpoint.address, b.Endpoint.address) })
	p := &plan{seated: seated, members: members, ranks: make(map[*Endpoint]int, len(seated))}
	names, weights := make([]string, len(sorted)), make([]int, len(sorted))
	for i := range sorted {
		p.ranks[sorted[i].Endpoint] = i
		names[i], weights[i] = sorted[i].Endpoint.address, sorted[i].Weight
	}
	p.table = b.newTable(names, weights, members)
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
