//go:build soak && linux

package bench

import (
	"testing"
	"time"
)

func TestSoakTruth(t *testing.T) {
	strict := map[float64]float64{0.1: 0.02, 0.5: 0.02, 0.75: 0.02, 0.9: 0.02, 0.99: 0.02, 0.999: 0.05}
	checkTruth(t, Config{Connections: 200, Rate: 500, Duration: 20 * time.Second}, strict, 300*time.Microsecond, func(t *testing.T, try func() string) {
		if wrong := try(); wrong != "" {
			t.Error(wrong)
		}
	})
}
