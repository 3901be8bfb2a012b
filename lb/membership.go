package lb

import "slices"

// membership is who belongs to an upstream. It never changes; discovery makes a new one.
type membership struct {
	members   []Member
	byAddress map[string]*Endpoint
	tiers     []int      // that occur, ascending
	byTier    [][]Member // beside tiers
	zoned     bool       // there is a member in this node's zone and one that is not
	found     []Place    // by discovery; nil if it has not spoken
}

// newMembership takes the members over. zone is this node's, "" for none.
func newMembership(members []Member, zone string) *membership {
	m := &membership{members: members, byAddress: make(map[string]*Endpoint, len(members))}
	local := 0
	for i := range members {
		one := &members[i]
		m.byAddress[one.Endpoint.address] = one.Endpoint
		if zone != "" && one.Zone == zone {
			local++
		}
		if !slices.Contains(m.tiers, one.Tier) {
			m.tiers = append(m.tiers, one.Tier)
		}
	}
	m.zoned = local > 0 && local < len(members)
	slices.Sort(m.tiers)
	m.sortByTier()
	return m
}

func (m *membership) sortByTier() {
	if len(m.tiers) == 1 {
		m.byTier = [][]Member{m.members}
		return
	}
	m.byTier = make([][]Member, len(m.tiers))
	for _, one := range m.members {
		at, _ := slices.BinarySearch(m.tiers, one.Tier)
		m.byTier[at] = append(m.byTier[at], one)
	}
}

// inTier returns the members of a tier, in the order of the configuration.
func (m *membership) inTier(tier int) []Member {
	if at, ok := slices.BinarySearch(m.tiers, tier); ok {
		return m.byTier[at]
	}
	return nil
}

// weightOf returns the sum of the weights of a zone's members in a tier.
func (m *membership) weightOf(zone string, tier int) int {
	sum := 0
	for _, one := range m.inTier(tier) {
		if one.Zone == zone {
			sum += one.Weight
		}
	}
	return sum
}
