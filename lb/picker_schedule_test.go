package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAScheduleSpreadsTurnsByWeight(t *testing.T) {
	for _, c := range []struct {
		weights []int
		want    string
	}{
		{nil, ""},
		{[]int{7}, "a"},
		{[]int{1, 1, 1}, "abc"},
		{[]int{2000, 2000}, "ab"},
		{[]int{3, 1}, "aaba"},
		{[]int{5, 1, 1}, "aaabcaa"},
		{[]int{4, 2}, "aba"},
		{[]int{1, 2, 4}, "cbcacbc"},
	} {
		got := ""
		for _, i := range schedule(c.weights, maxTurns) {
			got += string(rune('a' + i))
		}
		if got != c.want {
			t.Errorf("weights %v: turns %s, want %s", c.weights, got, c.want)
		}
	}
}

func TestAScheduleIsBoundedAndStillProportional(t *testing.T) {
	weights := equal(4000)
	for i := range weights {
		weights[i] = 1000 * (1 + i%100)
	}
	turns := schedule(append(weights, 1), maxTurns) // the last one spoils the common divisor
	if n := len(turns); n > maxTurns+len(weights) {
		t.Fatalf("%d turns for a bound of %d and %d weights", n, maxTurns, len(weights))
	}
	counts := make([]int, len(weights)+1)
	for _, i := range turns {
		counts[i]++
	}
	for i, w := range weights {
		want := float64(w) * maxTurns / (4000 * 50500)
		if d := math.Abs(float64(counts[i]) - want); d > 0.5 && counts[i] != 1 {
			t.Fatalf("weight %d: %d turns, want about %.1f", w, counts[i], want)
		}
	}
	if counts[len(weights)] != 1 {
		t.Errorf("the least weight has %d turns, want 1", counts[len(weights)])
	}
}

// However a round is cut, nobody is far from its part: that is what smooth means.
func TestAnyPartOfAScheduleIsProportional(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 7))
		weights := make([]int, 2+random.IntN(30))
		sum := 0
		for i := range weights {
			weights[i] = 1 + random.IntN(50)
			sum += weights[i]
		}
		had := make([]int, len(weights))
		turns := schedule(weights, maxTurns)
		for k, i := range turns {
			had[i]++
			for j, n := range had {
				if due := float64((k+1)*weights[j]) / float64(sum); math.Abs(float64(n)-due) > 2 {
					t.Fatalf("seed %d: after %d of %d turns, weight %d has had %d, want about %.1f", seed, k+1, len(turns), weights[j], n, due)
				}
			}
		}
	}
}

func TestSortAboveSortsByTheUpperBitsAndKeepsTheOrderOfEqualOnes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000, 5000} {
		for _, bit := range []int{24, 32, 60} {
			t.Run(fmt.Sprint(n, "from", bit), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(n), 1))
				keys := make([]uint64, n)
				for i := range keys {
					keys[i] = random.Uint64() &^ (1 << 63 >> random.IntN(64)) // some equal ones too
					if i%3 == 0 && i > 0 {
						keys[i] = keys[i-1] ^ 1
					}
				}
				want := slices.Clone(keys)
				slices.SortStableFunc(want, func(a, b uint64) int {
					switch a, b := a>>bit, b>>bit; {
					case a < b:
						return -1
					case a > b:
						return 1
					}
					return 0
				})
				if got := sortAbove(keys, bit); !slices.Equal(got, want) {
					t.Errorf("not sorted by the bits from %d up", bit)
				}
			})
		}
	}
}
