//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// All eight: at once and after 100 ms, at 50 and at 2,000 requests a second, without backoff and with
// the usual one.
func TestSoakStormOf503(t *testing.T) {
	for _, rate := range []float64{50, 2000} {
		for _, after := range []time.Duration{0, 100 * time.Millisecond} {
			for _, backoff := range []string{"0s", "25ms"} {
				s := storm{after: after, backoff: backoff, rate: rate, first: 10 * time.Second, run: 10 * time.Second, relief: 10 * time.Second, served: 0.85}
				t.Run(s.String(), func(t *testing.T) { bestOf(t, s.blow) })
			}
		}
	}
}
