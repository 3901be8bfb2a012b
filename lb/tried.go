package lb

// maxTried is how many endpoints a Tried remembers: more than any sensible number of attempts.
const maxTried = 8

// Tried is the set of endpoints that one exchange or session has already used. The zero value is
// empty. It is a plain value without pointers: copying it copies the set. It remembers the last
// eight; adding a ninth forgets the first. Not safe for concurrent use.
type Tried struct {
	ids [maxTried]uint32
	n   uint32
}

// Add puts e into the set. Adding nil or a member again does nothing.
func (t *Tried) Add(e *Endpoint) {
	if e == nil || t.Has(e) {
		return
	}
	t.ids[t.n%maxTried] = e.id
	t.n++
}

// Has reports whether e is in the set.
func (t *Tried) Has(e *Endpoint) bool {
	for _, id := range t.ids[:t.Len()] {
		if id == e.id {
			return true
		}
	}
	return false
}

// Len returns how many endpoints the set holds, at most eight.
func (t *Tried) Len() int { return int(min(t.n, maxTried)) }
