//go:build soak

package match

import "testing"

func TestSoakTheMatcherAgreesWithTheReferenceOnAMillionPairs(t *testing.T) {
	for seed := range uint64(10_000) {
		agreeOn(t, 1_000_000+seed, 100)
	}
}
