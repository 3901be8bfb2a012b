//go:build soak

package tcp4

import (
	"testing"
	"time"
)

func TestSoakFaultyEndpoints(t *testing.T) { faults(t, time.Minute) }
