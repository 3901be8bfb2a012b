//go:build soak

package gateway

import (
	"testing"
	"time"
)

// 300 pairs of configs with 200 requests each: no miss, no false one, and what can't be told is what the log does not have.
func TestSoakPlanForesees(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	planPairs(t, 300, seed)
}
