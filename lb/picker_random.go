package lb

import "math/bits"

// redraws is how often random draws again after an endpoint that was tried or is full. A redraw keeps
// to the weights; the scan after it does not.
const redraws = 4

// randomPicker is random: every use is a draw by weight, whatever else goes on.
type randomPicker struct {
	candidates []Member
	odds       []odds // nil where all weights are equal
	random     dice
}

func newRandomPicker(candidates []Member, random dice) picker {
	return &randomPicker{candidates, newOdds(candidates), random}
}

func (p *randomPicker) pick(_ Key, tried Tried) *Endpoint {
	if len(p.candidates) == 0 {
		return nil
	}
	for range 1 + redraws {
		if e := p.candidates[column(p.odds, len(p.candidates), p.random())].Endpoint; e.free(&tried) {
			return e
		}
	}
	return p.random.anyFree(p.candidates, &tried)
}

// column returns one of n, by the odds or, where they are nil, evenly.
func column(table []odds, n int, bits uint64) int {
	i := below(uint32(bits>>32), n)
	if table == nil {
		return i
	}
	if o := table[i]; uint32(bits) >= o.keep {
		return int(o.other)
	}
	return i
}

// odds is one column of an alias table (Vose 1991): a draw of column i means candidate i with the
// probability keep/2³², else the other.
type odds struct{ keep, other uint32 }

// newOdds returns a column for each candidate, nil if all have the same share. It takes O(n).
func newOdds(candidates []Member) []odds {
	total := uint64(0)
	for i := range candidates {
		total += uint64(candidates[i].Share)
	}
	if evenly(candidates) {
		return nil
	}
	n := uint64(len(candidates))
	table := make([]odds, n)
	// A column holds total; what is over in large ones fills up small ones. Both stacks share one
	// array: small ones grow from its begin, large ones from its end.
	left := make([]uint64, n)
	stack := make([]uint32, n)
	small, large := uint64(0), n
	for i := range candidates {
		table[i] = odds{^uint32(0), uint32(i)}
		if left[i] = uint64(candidates[i].Share) * n; left[i] < total {
			stack[small] = uint32(i)
			small++
		} else {
			large--
			stack[large] = uint32(i)
		}
	}
	for small > 0 && large < n {
		small--
		s, l := stack[small], stack[large]
		keep, _ := bits.Div64(left[s]>>32, left[s]<<32, total)
		table[s] = odds{uint32(keep), l}
		if left[l] -= total - left[s]; left[l] < total {
			large++
			stack[small] = l
			small++
		}
	}
	return table
}

func evenly(candidates []Member) bool {
	for i := range candidates {
		if candidates[i].Share != candidates[0].Share {
			return false
		}
	}
	return true
}
