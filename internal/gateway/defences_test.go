package gateway

import (
	"slices"
	"testing"

	"weir/internal/obs"
	"weir/tcp4"
)

func TestTheManualKnowsTheDefencesOfLayer4(t *testing.T) {
	for _, kind := range []string{
		tcp4.DefendedHello, tcp4.DefendedSlowHello, tcp4.DefendedProxyHeader, tcp4.DefendedProxyStranger, tcp4.DefendedSlowProxyHeader,
		"handshake_flood", "slow_handshake",
	} {
		if !slices.ContainsFunc(obs.Defences(), func(d obs.Defence) bool { return d.Kind == kind }) {
			t.Errorf("%s is not listed", kind)
		}
	}
}
