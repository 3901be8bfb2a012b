//go:build !race

// The race detector makes sync.Pool drop things on purpose.

package oidc

import (
	"strings"
	"testing"

	"weir/http7"
)

func TestAdmittingAllocatesNothing(t *testing.T) {
	for what, claims := range map[string]string{"one cookie": short, "three cookies": long + strings.Repeat("a", 8000) + `"}`} {
		p, steps, text := made(t, claims)
		x, line := &http7.Exchange{}, cookieLine(t, p, text)
		admit(t, x, steps, line)
		if n := testing.AllocsPerRun(1000, func() { admit(t, x, steps, line) }); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}
