package lb

import "sync/atomic"

const (
	// loadBound is how much more than its part of all that is in flight an endpoint may have before
	// its keys go on to others (Mirrokni, Thorup, Zadimoghaddam 2016): 1.25, as they propose.
	loadBound = 1.25
	// longestWalk is how many seats a use visits in the order of its hash. Walks of many keys take five
	// steps at most on average, by the bound; who goes further has a key that is a good part of all.
	longestWalk = 64
	// idleLoad is what the heaviest endpoint may have in flight whatever the others have, lighter ones
	// in proportion: with little to do the bound is one use or two, and the second of two connections
	// of one client would leave home though nobody is busy.
	idleLoad = 4
	// surveyEvery is how many picks pass between two looks at a seat that was not visited. A power of two.
	surveyEvery = 4
)

// seats are the endpoints of a hash table as one view offers them, in the order of their names.
//
// What all of them have in flight is not counted at one place, where every use of the upstream would
// have to write twice, but estimated: each seat notes what a use found there, itself included, and
// total is the sum. Uses note the seats they visit and, now and then, one drawn at random. It begins
// exact with each view. What begins is noted at once and what ends at the next visit, so the estimate
// errs on the side of staying at home, by about one use for each endpoint.
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
	idle     int64     // what it may have in any case
	seen     atomic.Int64
}

// newSeats seats the candidates, each at its rank.
func newSeats(ranks map[*Endpoint]int, candidates []Member, random dice) *seats {
	s := &seats{list: make([]seat, len(ranks)), random: random}
	all, heaviest := float64(weight(candidates)), 1
	for i := range candidates {
		heaviest = max(heaviest, candidates[i].Weight)
	}
	for i := range candidates {
		m := &candidates[i]
		one := &s.list[ranks[m.Endpoint]]
		one.endpoint = m.Endpoint
		one.part = loadBound * float64(m.Weight) / all
		one.idle = int64(idleLoad * m.Weight / heaviest)
		s.note(one, m.Endpoint.inFlight.Load())
	}
	return s
}

// note lets the candidate at one count with n in flight.
func (s *seats) note(one *seat, n int64) {
	if one.seen.Load() != n {
		s.total.Add(n - one.seen.Swap(n))
	}
}

// survey looks at any seat, every few calls.
func (s *seats) survey() {
	bits := s.random()
	if bits%surveyEvery != 0 {
		return
	}
	if one := &s.list[scale(bits, uint64(len(s.list)))]; one.endpoint != nil {
		s.note(one, one.endpoint.inFlight.Load())
	}
}

// walk is one use on its way past seats.
type walk struct {
	seats *seats
	tried Tried
}

func (s *seats) walk(tried Tried) walk {
	s.survey()
	return walk{s, tried}
}

// visit returns the endpoint at a seat if it takes the use: a candidate, untried, not full, and below
// its part of what is in flight, this use included, or hardly busy.
func (w *walk) visit(at uint32) *Endpoint {
	one := &w.seats.list[at]
	if one.endpoint == nil || !one.endpoint.free(&w.tried) {
		return nil
	}
	n := one.endpoint.inFlight.Load()
	total := w.seats.total.Load() + n - one.seen.Load()
	if n >= one.idle && float64(n) >= one.part*float64(total+1) {
		w.seats.note(one, n)
		return nil
	}
	w.seats.note(one, n+1)
	return one.endpoint
}

// end serves a use that has walked for long enough: by the better of two at random, like
// least_requests. One key can be more than all the seats of a walk may have.
func (w *walk) end() *Endpoint {
	list := w.seats.list
	bits := w.seats.random()
	a, b := below(uint32(bits), len(list)), below(uint32(bits>>32), len(list))
	best := lighter(w.free(a), w.free(b))
	for i := 0; best == nil && i < len(list); i++ {
		best = w.free((a + i) % len(list))
	}
	if best == nil {
		return nil
	}
	w.seats.note(best, best.endpoint.inFlight.Load()+1)
	return best.endpoint
}

// free returns the seat if whoever has it can take the use, else nil.
func (w *walk) free(at int) *seat {
	if one := &w.seats.list[at]; one.endpoint != nil && one.endpoint.free(&w.tried) {
		return one
	}
	return nil
}

// lighter returns the one with less in flight for its part; either may be nil.
func lighter(a, b *seat) *seat {
	if a == nil || b != nil && float64(b.endpoint.inFlight.Load())*a.part < float64(a.endpoint.inFlight.Load())*b.part {
		return b
	}
	return a
}
