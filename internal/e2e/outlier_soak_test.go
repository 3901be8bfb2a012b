//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// Long enough for three ejections: 10 s, 20 s and a part of 30 s.
func TestSoakEndpointThatFailsAll(t *testing.T) {
	for _, balance := range []string{"ewma", "round_robin"} {
		t.Run(balance, func(t *testing.T) { failsAll(t, balance, 1000, 38*time.Second) })
	}
}
