package mirror

import (
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// BenchmarkOnTheClientsWay is what a client's request costs more: the step alone, no copy leaves.
func BenchmarkOnTheClientsWay(b *testing.B) {
	nowhere := sendFunc(func(*http7.Detached) (*http7.Answer, *http7.Fault) { return nil, http7.ConnectRefused })
	for _, k := range []struct {
		what  string
		ready bool
		body  string
	}{{"dead", false, ""}, {"drawn", true, ""}, {"drawn with a body", true, "hello"}} {
		b.Run(k.what, func(b *testing.B) {
			c := config()
			c.Sample, c.Compare = conf.Percent(10), true
			step, err := Compile(&c, Needs{Pool: New(nil), Sender: nowhere, Ready: func() bool { return k.ready }})
			if err != nil {
				b.Fatal(err)
			}
			x := visit{method: "POST", body: k.body, header: "User-Agent: x\nAccept: */*\nCookie: a=b\nX-A: b"}.exchange()
			b.ReportAllocs()
			for b.Loop() {
				step.Request.Request(x)
				if c, ok := x.Mirror.(*copied); ok { // what a worker does is not measured
					x.Mirror = nil
					c.release()
				}
				step.End.End(x, 0)
				x.Body.Filters = x.Body.Filters[:0]
			}
		})
	}
}
