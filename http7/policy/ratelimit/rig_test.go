package ratelimit

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/gcra"
)

// limits is a list of limits that are the default but for what each function changes.
func limits(changes ...func(*Config)) List {
	var l List
	for _, change := range changes {
		c := Default()
		c.Rate, c.Burst = conf.PerSecond(10), 3
		change(&c)
		l = append(l, c)
	}
	return l
}

func plain(*Config) {}

func delaying(most time.Duration) func(*Config) {
	return func(c *Config) { c.OnExcess, c.MaxDelay = onDelay, conf.Dur(most) }
}

func keyed(texts ...string) func(*Config) {
	return func(c *Config) { c.Key = selectors(texts...) }
}

// clock is one that a test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() int64           { return c.at.Load() }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// compiled returns the steps of l, whose clock is c if it is not nil.
func compiled(t testing.TB, l List, needs *policy.Needs, c *clock) []http7.Step {
	t.Helper()
	steps, err := Compile(l, "edge", needs)
	if err != nil {
		t.Fatal(err)
	}
	if c != nil {
		goBy(steps, c.now)
	}
	return steps
}

// inBubble returns the only step of l, which goes by the time of a bubble of synctest.
func inBubble(t *testing.T, l List) http7.Step {
	steps, begun := compiled(t, l, policytest.NewProcess().Needs(), nil), time.Now()
	goBy(steps, func() int64 { return int64(time.Since(begun)) })
	return steps[0]
}

func goBy(steps []http7.Step, now func() int64) {
	for _, s := range steps {
		th := s.Request.(*throttle)
		th.now = now
		for _, l := range th.limits {
			l.held.table = gcra.New(1000, now)
		}
	}
}

// from is a request of a client.
func from(client string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Path: []byte("/"), Client: netip.MustParseAddr(client)}
	x.Route = &http7.Route{Name: "orders"}
	return x
}

// admitted asks s until it refuses, and returns how often it did not.
func admitted(s http7.Step, client string) (n int) {
	for {
		x := from(client)
		if v := s.Request.Request(x); v.Act != http7.Go {
			return n
		}
		s.End.End(x, x.Word)
		n++
	}
}

func selectors(texts ...string) conf.Selectors { return policytest.Values[conf.Selector](texts...) }
