//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

func TestSoakOneSlowEndpointOfTen(t *testing.T) {
	laggard{takes: 20 * time.Millisecond, rate: 500, warmup: 5 * time.Second, run: 30 * time.Second, times: 3}.best(t)
}
