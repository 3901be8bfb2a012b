//go:build soak

package replay

import (
	"testing"
	"time"
)

func TestSoakAReplayOfAHundredThousandLinesIsOnTime(t *testing.T) {
	const requests = 100_000
	errors := gapErrors(t, requests, 5000)
	if p99 := errors[requests*99/100]; p99 >= time.Millisecond {
		t.Errorf("one of a hundred gaps is off by %v or more, want less than 1ms", p99)
	}
}
