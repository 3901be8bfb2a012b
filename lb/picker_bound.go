package lb

import "sync/atomic"

const (
	// loadBound is how much more than its part of all that is in flight an endpoint may have before
	// its keys go on to others (Mirrokni, Thorup, Zadimoghaddam 2016): 1.25, as they propose.
	loadBound = 1.25
	// longestWalk is how many seats a use visits in the order of its hash. With the bound at most
	// four fifths of the seats are at it, and at most half of a table's are empty, so that one use
	// in a thousand gets here at worst, and one in a million where all seats are candidates.
	longestWalk = 64
	// surveyEvery is how many picks pass between two looks at a seat that was not visited. A power of two.
	surveyEvery = 4
)

// seats are the endpoints of a hash table as one view offers them, in the order of their names.
//
// What all of them have in flight is not counted at one place, where every use of the upstream would
// have to write twice, but estimated: each seat notes what it had when a use last looked at it, and
// total is the sum. Uses look at the seats they visit and, now and then, at one drawn at random. What
// is seen at arrivals is right on average, and begins exact with each view.
type seats struct {
	list   []seat
	random dice
	_      [64]byte
	total  atomic.Int64
	_      [64]byte
}

// seat is an endpoint's place in a table.
type seat struct {
	endpoint *Endpoint // nil: not a candidate
	part     float64   // of the total that it may have, times the bound
	seen     atomic.Int64
}

// newSeats seats the candidates, each at its rank.
func newSeats(ranks map[*Endpoint]int, candidates []Member, random dice) *seats {
	s := &seats{list: make([]seat, len(ranks)), random: random}
	all := float64(weight(candidates))
	for i := range candidates {
		m := &candidates[i]
		one := &s.list[ranks[m.Endpoint]]
		one.endpoint = m.Endpoint
		one.part = loadBound * float64(m.Weight) / all
		s.look(one)
	}
	return s
}

// look returns what the candidate at one has in flight and notes it.
func (s *seats) look(one *seat) int64 {
	n := one.endpoint.inFlight.Load()
	if one.seen.Load() != n {
		s.total.Add(n - one.seen.Swap(n))
	}
	return n
}

// survey looks at any seat, every few calls.
func (s *seats) survey() {
	bits := s.random()
	if bits%surveyEvery != 0 {
		return
	}
	if one := &s.list[scale(bits, uint64(len(s.list)))]; one.endpoint != nil {
		s.look(one)
	}
}

// walk is one use on its way past seats.
type walk struct {
	seats *seats
	tried Tried
	over  *Endpoint // the first that could take the use but for its bound
}

func (s *seats) walk(tried Tried) walk {
	s.survey()
	return walk{seats: s, tried: tried}
}

// visit returns the endpoint at a seat if it takes the use: a candidate, untried, not full, and below
// its part of what is in flight, this use included.
func (w *walk) visit(at uint32) *Endpoint {
	one := &w.seats.list[at]
	e := one.endpoint
	if e == nil || !e.free(&w.tried) {
		return nil
	}
	n := w.seats.look(one)
	if float64(n) < one.part*float64(w.seats.total.Load()+1) {
		return e
	}
	if w.over == nil {
		w.over = e
	}
	return nil
}

// end serves a use whose walk was too long: by the first that was above its bound only, else by the
// first after a seat that the hash names.
func (w *walk) end(hash uint64) *Endpoint {
	if w.over != nil {
		return w.over
	}
	list := w.seats.list
	n := uint64(len(list))
	at := scale(mix(hash), n)
	for range n {
		if e := list[at].endpoint; e != nil && e.free(&w.tried) {
			return e
		}
		if at++; at == n {
			at = 0
		}
	}
	return nil
}
