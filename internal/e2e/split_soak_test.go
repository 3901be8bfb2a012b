//go:build linux && soak

package e2e

import "testing"

// Over 100,000 requests each side is within half a percent of its weight, and each user on one side.
func TestSoakSplit(t *testing.T) {
	testSplit(t, 100_000)
	testUsersStay(t, 100_000)
}
