//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

func TestSoakFaults(t *testing.T) { tryFaults(t, "", time.Minute) }

func TestSoakFaultsWithHedges(t *testing.T) { tryFaults(t, hedging, time.Minute) }
