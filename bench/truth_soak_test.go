//go:build soak

package bench

import (
	"testing"
	"time"
)

func TestSoakTruth(t *testing.T) {
	checkTruth(t, Config{Connections: 200, Rate: 500, Duration: 20 * time.Second}, 0.02, 0.05, 300*time.Microsecond)
}
