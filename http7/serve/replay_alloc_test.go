//go:build !race

package serve

import "testing"

func TestARepeatedSmallBodyAllocatesNothing(t *testing.T) {
	body := make([]byte, 4000)
	r := replay{}
	if n := testing.AllocsPerRun(1000, func() {
		r.limit = 64 << 10
		r.record(body)
		r.record(body)
		r.free()
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}
