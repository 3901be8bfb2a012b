package lb

import "slices"

// membership is who belongs to an upstream. It never changes; discovery makes a new one.
type membership struct {
	members   []Member
	byAddress map[string]*Endpoint
	tiers     []int   // that occur, ascending; never empty
	zoned     bool    // there is a member in this node's zone and one that is not
	found     []Place // by discovery; nil if the configuration lists the members
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
		if len(m.tiers) == 0 || !slices.Contains(m.tiers, one.Tier) {
			m.tiers = append(m.tiers, one.Tier)
		}
	}
	slices.Sort(m.tiers)
	m.zoned = local > 0 && local < len(members)
	return m
}
