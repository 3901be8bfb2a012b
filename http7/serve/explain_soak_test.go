//go:build soak

package serve

import "testing"

func TestSoakExplanationsAreWhatBecomesOfRequests(t *testing.T) { explainAndSend(t, 100_000) }
