//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// The server of shared limits is away for ten seconds.
func TestSoakServerOfSharedLimits(t *testing.T) {
	for _, o := range outages(10 * time.Second) {
		t.Run(o.name(), func(t *testing.T) { bestOf(t, o.tell) })
	}
}
