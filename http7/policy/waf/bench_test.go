package waf_test

import (
	"runtime"
	"testing"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/waf"
)

// BenchmarkAdmitted is what a request that passes costs.
func BenchmarkAdmitted(b *testing.B) {
	s := step(b, nil)
	all := benign(len(kinds))
	for name, r := range map[string]request{"get": all[0], "json": all[2], "form": all[8], "multipart": all[10]} {
		b.Run(name, func(b *testing.B) {
			x := &http7.Exchange{Conn: &http7.Conn{}, Proto: http7.HTTP11}
			b.ReportAllocs()
			for b.Loop() {
				x.Release()
				fill(x, r)
				if f := ask(s, x, r.body); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}

// BenchmarkCompile is what compiling the core rule set costs: once for a process.
func BenchmarkCompile(b *testing.B) {
	c := waf.Default()
	b.ReportAllocs()
	var before, after runtime.MemStats
	held := 0.0
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		own := policy.NewKept()
		needs := process.Needs()
		needs.Turn = own.Begin()
		steps, err := waf.Compile(&c, "edge", needs)
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held = float64(after.HeapAlloc) - float64(before.HeapAlloc)
		runtime.KeepAlive(steps)
		needs.Turn.End()
	}
	b.ReportMetric(held/(1<<20), "MiB-held")
}
