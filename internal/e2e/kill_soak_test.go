//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// 2,000 requests a second for answers of 1 KiB; the probes have their default figures. Less is asked of
// ewma: of equal endpoints it prefers those without a recent peak.
func TestSoakKilledEndpoint(t *testing.T) {
	for balance, share := range map[string]float64{"round_robin": 0.9, "least_requests": 0.9, "ewma": 0.5} {
		t.Run(balance, killing{
			balance: balance, rate: 2000, before: 14 * time.Second, down: 8 * time.Second, after: 12 * time.Second,
			interval: 2 * time.Second, slowStart: 10 * time.Second, share: share, spike: 2, slack: 5 * time.Millisecond,
		}.tell)
	}
}
