//go:build soak

package compare

import (
	"fmt"
	"testing"
)

// TestSoakManyPairs prints the table of the package comment. COMPARE_PAIRS sets how many pairs a cell has, COMPARE_FIRST
// the seed of the first, COMPARE_RATE the only rate.
func TestSoakManyPairs(t *testing.T) {
	pairs, first, only := choice("COMPARE_PAIRS", 200), choice("COMPARE_FIRST", 1_000_000), choice("COMPARE_RATE", 0)
	alarms, quiet := 0, 0
	for _, rate := range []int{300, 1000, 2000} {
		if only != 0 && rate != only {
			continue
		}
		fmt.Printf("//\t%-26s", fmt.Sprint(rate, "/s"))
		for _, f := range shifts {
			fmt.Printf(" %9s", f.name)
		}
		fmt.Println()
		for i := range shapes {
			fmt.Printf("//\t%-26s", shapes[i].name)
			for k := range shifts {
				n := regressions(&shapes[i], &shifts[k], rate, uint64(first), pairs)
				fmt.Printf(" %9.1f", 100*float64(n)/float64(pairs))
				if k == 0 {
					alarms, quiet = alarms+n, quiet+pairs
				}
			}
			fmt.Println()
		}
	}
	if share := float64(alarms) / float64(quiet); share > 0.025 {
		t.Errorf("%.1f %% false alarms", 100*share)
	}
}
