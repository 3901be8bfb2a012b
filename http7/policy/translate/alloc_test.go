//go:build !race

package translate

import (
	"testing"

	"weir/internal/conf"
)

// Under the race detector a pool drops some of what it is given.

func TestACallAllocatesNothing(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	for _, kind := range []string{"application/grpc-web+proto", "application/grpc-web-text"} {
		c := newBenched(kind, 4<<10)
		if n := testing.AllocsPerRun(300, func() { c.run(p) }); n > 0 {
			t.Errorf("%s allocates %v times", kind, n)
		}
	}
}

func TestAnOrdinaryRequestAllocatesNothing(t *testing.T) {
	p := compile(t, conf.Enforce)[0]
	x, _ := exchange("application/json", 5)
	if n := testing.AllocsPerRun(300, func() {
		p.Request.Request(x)
		p.Response.Response(x)
		p.End.End(x, 0)
	}); n > 0 {
		t.Errorf("allocates %v times", n)
	}
}
