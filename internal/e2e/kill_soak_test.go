//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// 2,000 requests a second for answers of 1 KiB; the probes have their default figures.
func TestSoakKilledEndpoint(t *testing.T) {
	killing{
		rate: 2000, before: 10 * time.Second, down: 10 * time.Second, after: 12 * time.Second,
		interval: 2 * time.Second, slowStart: 10 * time.Second, share: 0.85, spike: 2, slack: 5 * time.Millisecond,
	}.tell(t)
}
