package limit

import (
	"testing"
	"time"
)

func TestNothingThatUsesPassAllocates(t *testing.T) {
	var (
		budget    Budget
		breaker   Breaker
		gradient  Gradient
		latencies Latencies
		queue     Queue
		waiters   [3]Waiter
		now       time.Duration
	)
	budget.SetShare(0.2)
	breaker.Configure(&half, 0)
	queue.Resize(2)
	for i := range waiters {
		waiters[i].Wake = make(chan struct{}, 1)
	}
	for what, use := range map[string]func(){
		"Budget": func() {
			budget.Use(now)
			budget.TakeRetry(now)
			budget.TakeHedge(0.05, now)
			budget.Left(now)
		},
		"Breaker": func() { // through all states
			for _, letter := range "xxoo" {
				if ticket, ok := breaker.Allow(now); ok {
					end(&breaker, ticket, letter, now)
				}
			}
			breaker.Stats(now)
		},
		"Gradient": func() {
			gradient.Done(10*ms, gradient.Limit(), false, now)
		},
		"Latencies": func() {
			latencies.Observe(10*ms, now)
			latencies.Quantile(0.95, now)
		},
		"Queue": func() {
			for i := range waiters {
				queue.Enter(&waiters[i], now)
			}
			queue.Leave(&waiters[1])
			queue.Grant(now, 0)
			queue.Decline(&waiters[0], now)
			queue.Grant(now, 0)
			queue.Stats()
		},
	} {
		if n := testing.AllocsPerRun(2000, func() {
			now += 7 * ms
			use()
		}); n != 0 {
			t.Errorf("a use of %s allocates %v times", what, n)
		}
	}
}

// BenchmarkUse is what one use passes through without trouble, from all cores at once.
func BenchmarkUse(b *testing.B) {
	begin := time.Now()
	for _, c := range []struct {
		name string
		use  func() func(now time.Duration)
	}{
		{"budget", func() func(time.Duration) {
			l := new(Budget)
			return l.Use
		}},
		{"breaker", func() func(time.Duration) {
			l := new(Breaker)
			l.Configure(&half, 0)
			return func(now time.Duration) {
				ticket, _ := l.Allow(now)
				l.Succeeded(ticket, now)
			}
		}},
		{"gradient", func() func(time.Duration) {
			l := new(Gradient)
			return func(now time.Duration) { l.Done(10*ms, 10, false, now) }
		}},
		{"latencies", func() func(time.Duration) {
			l := new(Latencies)
			return func(now time.Duration) { l.Observe(10*ms, now) }
		}},
		{"queue length", func() func(time.Duration) {
			l := new(Queue)
			return func(time.Duration) { l.Len() }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			use := c.use()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				now := time.Since(begin)
				for pb.Next() {
					now++
					use(now)
				}
			})
		})
	}
}

// BenchmarkDecision is what is asked only when something has gone wrong, or is slow.
func BenchmarkDecision(b *testing.B) {
	b.Run("retry", func(b *testing.B) {
		var l Budget
		l.SetShare(0.2)
		b.ReportAllocs()
		for i := range b.N {
			now := time.Duration(i) * ms
			l.Use(now)
			l.TakeRetry(now)
		}
	})
	b.Run("quantile", func(b *testing.B) {
		var l Latencies
		for i := range 10_000 {
			l.Observe(time.Duration(i)*time.Microsecond, 0)
		}
		b.ReportAllocs()
		for b.Loop() {
			l.compute(0.95, 0)
		}
	})
	b.Run("cached quantile", func(b *testing.B) {
		var l Latencies
		b.ReportAllocs()
		for b.Loop() {
			l.Quantile(0.95, 0)
		}
	})
	b.Run("wait", func(b *testing.B) {
		var l Queue
		l.Resize(1)
		w := Waiter{Wake: make(chan struct{}, 1)}
		b.ReportAllocs()
		for i := range b.N {
			now := time.Duration(i) * time.Second
			l.Enter(&w, now)
			l.Grant(now, 0)
			<-w.Wake
		}
	})
}
