package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// drawn returns which part of all draws each column of a table gets, exactly.
func drawn(candidates []Member, table []odds) []float64 {
	parts := make([]float64, len(candidates))
	each := 1 / float64(len(candidates))
	for i := range candidates {
		keep := 1.0
		if table != nil {
			keep = (float64(table[i].keep) + 1) / (1 << 32)
			parts[table[i].other] += each * (1 - keep)
		}
		parts[i] += each * keep
	}
	return parts
}

func TestTheOddsOfADrawAreTheShares(t *testing.T) {
	for _, c := range []struct {
		shares []int
		table  bool
	}{
		{[]int{1000}, false},
		{[]int{1000, 1000, 1000}, false},
		{[]int{1000, 2000}, true},
		{[]int{1000, 1, 1, 1}, true},
		{[]int{5000, 1000, 3000, 3000, 100}, true},
		{[]int{1000000, 1}, true},
	} {
		t.Run(fmt.Sprint(c.shares), func(t *testing.T) {
			expectOdds(t, c.shares, c.table)
		})
	}
	t.Run("10000 of any weight", func(t *testing.T) {
		random := rand.New(rand.NewPCG(8, 9))
		shares := make([]int, 10000)
		for i := range shares {
			shares[i] = shareUnit * (1 + random.IntN(1000))
		}
		expectOdds(t, shares, true)
	})
}

func expectOdds(t *testing.T, shares []int, wantTable bool) {
	t.Helper()
	candidates, total := make([]Member, len(shares)), 0
	for i, s := range shares {
		candidates[i].Share = s
		total += s
	}
	table := newOdds(candidates)
	if (table != nil) != wantTable {
		t.Errorf("%d columns, want a table: %v", len(table), wantTable)
	}
	for i, got := range drawn(candidates, table) {
		if want := float64(shares[i]) / float64(total); math.Abs(got-want) > 1e-8 {
			t.Fatalf("share %d of %d: drawn in %.10f of the cases, want %.10f", shares[i], total, got, want)
		}
	}
}

func TestRandomDrawsByWeightWhateverIsInFlight(t *testing.T) {
	_, u := upstream(t, Random, 1, 2, 3, 4)
	seed(u, 1)
	const n = 40000
	for range n {
		pick(u, Key{}, Tried{})
	}
	for i, e := range endpoints(u) {
		want := float64(n * (i + 1) / 10)
		if d := math.Abs(float64(e.InFlight()) - want); d > 5*math.Sqrt(want) {
			t.Errorf("weight %d: %d of %d draws, want about %.0f", i+1, e.InFlight(), n, want)
		}
	}
}
