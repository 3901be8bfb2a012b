package scenario

import (
	"testing"

	"weir/bench"
)

func TestFillingInTheWireFormDoesNotAllocate(t *testing.T) {
	m := load(t, mixed).Maker(bench.Wire, "target:80", 1)
	var r bench.Request
	for n := range int64(500) {
		m.Fill(n, &r)
	}
	n := int64(0)
	if allocs := testing.AllocsPerRun(2000, func() { m.Fill(n, &r); n++ }); allocs != 0 {
		t.Fatalf("Fill allocates %v times", allocs)
	}
}

func BenchmarkFill(b *testing.B) {
	for name, form := range map[string]bench.Form{"wire": bench.Wire, "parts": bench.Parts} {
		b.Run(name, func(b *testing.B) {
			m := load(b, mixed).Maker(form, "target:80", 1)
			var r bench.Request
			b.ReportAllocs()
			n := int64(0)
			for b.Loop() {
				m.Fill(n, &r)
				n++
			}
		})
	}
}
