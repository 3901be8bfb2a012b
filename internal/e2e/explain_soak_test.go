//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// 100,000 random requests against five random configs.
func TestSoakExplainSaysWhatHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(5) {
		compareExplained(t, seed+i, 20000)
	}
}
