package lb

import (
	"testing"
	"time"

	"weir/internal/conf"
)

// BenchmarkGate is a use with all that the gate does for it, from all cores at once.
func BenchmarkGate(b *testing.B) {
	breaker := DefaultBreaker()
	for name, change := range map[string]func(*Config){
		"plain":    func(*Config) {},
		"breaker":  func(c *Config) { c.Breaker = &breaker },
		"number":   func(c *Config) { c.MaxInFlight = AtMost(1000) },
		"adaptive": func(c *Config) { c.MaxInFlight = Adaptive() },
	} {
		b.Run(name, func(b *testing.B) {
			c := config(LeastRequests, 1, 1, 1, 1)
			c.RetryBudget = conf.Percent(20)
			change(&c)
			r := NewRegistry(nil)
			u := adopt(b, r, c)
			r.Judge(ByProbe, Ready, "", endpoints(u)...)
			g := u.Gate()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					g.Begin()
					if !g.Queued() {
						l, _ := u.Pick(Key{}, Tried{})
						l.Done(took(time.Millisecond))
					}
				}
			})
		})
	}
}
