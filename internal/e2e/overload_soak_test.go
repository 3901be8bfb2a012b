//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// 60 s at twice the capacity, 500 requests a second.
func TestSoakOverload(t *testing.T) {
	for _, limit := range []string{"25", `"adaptive"`} {
		o := overload{
			workers: 25, takes: 50 * time.Millisecond, half: 15 * time.Second, warm: 5 * time.Second, double: 60 * time.Second,
			goodput: 0.9, slower: 3,
		}
		t.Run("max_in_flight "+limit, func(t *testing.T) { o.press(t, limit) })
	}
}
