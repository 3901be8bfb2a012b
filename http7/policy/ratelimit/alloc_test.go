package ratelimit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// pass takes a request of client through s and its answer back.
func pass(s http7.Step, x *http7.Exchange, client netip.Addr, claims []http7.Claim) {
	x.Client = client
	x.Claims = append(x.Claims, claims...)
	x.Word = 0
	v := s.Request.Request(x)
	x.LocalAnswer(200)
	if v.Fault != nil {
		http7.FaultAnswer(x, v.Fault)
	}
	if s.Response != nil {
		s.Response.Response(x)
	}
	s.End.End(x, x.Word)
	x.Release()
}

func TestRequestsAllocateNothing(t *testing.T) {
	client, own := netip.MustParseAddr("2001:db8::1"), []http7.Claim{{Name: "rate", Value: []byte("500000/s")}, {Name: "burst", Value: []byte("100000")}}
	fast := func(c *Config) { c.Rate, c.Burst = conf.PerSecond(1_000_000), 1_000_000 }
	for what, l := range map[string]List{
		"one limit":    limits(fast),
		"three limits": limits(fast, fast, fast),
		"own limits":   limits(func(c *Config) { fast(c); c.OwnLimits = true }),
		"refused":      limits(func(c *Config) { c.Rate, c.Burst = rate("1/d"), 1 }),
		"observed":     limits(func(c *Config) { c.Mode = conf.Observe }),
	} {
		s, x := compiled(t, l, policytest.NewProcess().Needs(), nil)[0], new(http7.Exchange)
		pass(s, x, client, own)
		if n := testing.AllocsPerRun(1000, func() { pass(s, x, client, own) }); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}

// BenchmarkAdmitted is what a limit costs a request that it admits: the decision alone, and with the answer's fields.
func BenchmarkAdmitted(b *testing.B) {
	for _, keys := range []int{1, 1024} {
		clients := make([]netip.Addr, keys)
		for i := range clients {
			clients[i] = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		}
		for _, fields := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d keys, fields %v", keys, fields), func(b *testing.B) {
				l := limits(func(c *Config) { c.Rate, c.Burst, c.Fields = conf.PerSecond(1_000_000), 1_000_000_000, fields })
				s, x := compiled(b, l, policytest.NewProcess().Needs(), nil)[0], new(http7.Exchange)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					x.Client = clients[i&(keys-1)]
					if v := s.Request.Request(x); v.Act != http7.Go {
						b.Fatal("refused")
					}
					if fields {
						x.LocalAnswer(200)
						s.Response.Response(x)
					}
					x.Release()
				}
			})
		}
	}
	b.Run("nothing", func(b *testing.B) { // what the benchmarks do besides
		x := new(http7.Exchange)
		for b.Loop() {
			x.Release()
		}
	})
}

func BenchmarkRefused(b *testing.B) {
	l := limits(func(c *Config) { c.Rate, c.Burst = rate("1/d"), 1 })
	s, x, client := compiled(b, l, policytest.NewProcess().Needs(), nil)[0], new(http7.Exchange), netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		pass(s, x, client, nil)
	}
}

// FuzzOwnLimits: whatever an identity says of its limits, the limit is one, and keeps its promise.
func FuzzOwnLimits(f *testing.F) {
	f.Add("100/s", "50")
	f.Add("0/s", "0")
	f.Add("86400000000/d", "1000000000")
	f.Add("1/d", "9223372036854775807")
	f.Fuzz(func(t *testing.T, rate, burst string) {
		x := from("192.0.2.1")
		claim("rate", rate)(x)
		claim("burst", burst)(x)
		standard := limitOf(conf.PerSecond(10), 3)
		own := ownLimit(x, standard)
		if !own.Fits() || own.Interval < time.Microsecond {
			t.Errorf("%q and %q make %+v", rate, burst, own)
		}
	})
}
