package ratelimit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/gcra"
)

func TestWhatIsWrongWithAListIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{plain, ""},
		{func(c *Config) { c.Rate = conf.Rate{} }, "rate_limit[0].rate: there is no rate"},
		{func(c *Config) { c.Burst = -1 }, "rate_limit[0].burst: -1 is out of range"},
		{func(c *Config) { c.Burst = 2_000_000_000 }, "rate_limit[0].burst: 2000000000 is out of range"},
		{func(c *Config) { c.Rate, c.Burst = rate("1/d"), 1831 }, "rate_limit[0].burst: 1831 take more than five years to come back"},
		{func(c *Config) { c.Rate, c.Burst = rate("1/d"), 1830 }, ""},
		{func(c *Config) { c.Cost = 0 }, "rate_limit[0].cost: 0 is out of range"},
		{func(c *Config) { c.Cost = 4 }, "rate_limit[0].cost: 4 is out of range"},
		{func(c *Config) { c.Burst, c.Cost = 0, 10 }, ""},
		{func(c *Config) { c.OnExcess = "queue" }, `rate_limit[0].on_excess: "queue" is not what to do with too many`},
		{func(c *Config) { c.MaxDelay = conf.OffDuration }, `rate_limit[0].max_delay: "off" is out of range`},
		{func(c *Config) { c.MaxDelay = conf.Dur(2 * time.Hour) }, `rate_limit[0].max_delay: "2h" is out of range`},
		{func(c *Config) { c.MaxWaiting = 0 }, "rate_limit[0].max_waiting: 0 is out of range"},
		{func(c *Config) { c.IPv6Prefix = 129 }, "rate_limit[0].ipv6_prefix: 129 is out of range"},
		{func(c *Config) { c.Keys = 0 }, "rate_limit[0].keys: 0 is out of range"},
		{func(c *Config) { c.Scope = "cluster" }, `rate_limit[0].scope: "cluster" is not a scope`},
		{func(c *Config) { c.Scope = scopeShared }, ""},
		{func(c *Config) { c.Scope, c.OnExcess = scopeShared, onDelay }, "rate_limit[0].on_excess: nodes that share a limit have no order to wait in"},
		{func(c *Config) { c.Scope, c.OwnLimits = scopeShared, true }, "rate_limit[0].own_limits: nodes that share a limit have one for all keys"},
		{func(c *Config) { c.Name = "two words" }, `rate_limit[0].name: "two words" is not a name`},
		{func(c *Config) { c.Name = `"` }, `rate_limit[0].name: "\"" is not a name`},
		{func(c *Config) { c.Key = selectors("client", "client") }, `rate_limit[0].key[1]: "client" is written twice`},
		{func(c *Config) { c.Key = selectors("consumer", "claim:sub") }, ""},
	} {
		l := limits(c.change)
		p := conf.NewProblems()
		l.Check(p, "rate_limit")
		policytest.Hinted(t, p)
		if got := policytest.Said(p); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if _, err := Compile(l, "edge", nil); (err != nil) != (c.want != "") {
			t.Errorf("%q: compiled with %v", c.want, err)
		}
	}
}

func TestNamesAreOfOneLimitEach(t *testing.T) {
	named := func(name string) func(*Config) { return func(c *Config) { c.Name = name } }
	l := limits(plain, plain, named("client-2"), keyed("consumer", "header:X-A"), keyed("query:a b"), keyed("query:é"), plain)
	want := []string{"client", "client-3", "client-2", "consumer+header:X-A", "query:a_b", "query:_", "client-4"}
	if got := l.names(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p := conf.NewProblems()
	if l = limits(named("a"), named("b"), named("a")); true {
		l.Check(p, "rate_limit")
	}
	if len(p.List()) != 1 || p.List()[0].Path.String() != "rate_limit[2].name" {
		t.Errorf("got %+v", p.List())
	}
	many := make([]func(*Config), mostLimits+1)
	for i := range many {
		many[i] = plain
	}
	if _, err := Compile(limits(many...), "edge", nil); err == nil {
		t.Error("too many limits are compiled")
	}
}

func TestWithoutABurstItIsASecondsWorth(t *testing.T) {
	for text, want := range map[string]gcra.Limit{
		"100/s":    {Interval: 10 * time.Millisecond, Burst: 100},
		"6000/m":   {Interval: 10 * time.Millisecond, Burst: 100},
		"10/m":     {Interval: 6 * time.Second, Burst: 1},
		"100/m":    {Interval: 600 * time.Millisecond, Burst: 1},
		"1/d":      {Interval: 24 * time.Hour, Burst: 1},
		"3600/h":   {Interval: time.Second, Burst: 1},
		"172800/d": {Interval: 500 * time.Millisecond, Burst: 2},
	} {
		if got := limitOf(rate(text), 0); got != want {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
}

func TestModesMakeTheirSteps(t *testing.T) {
	mode := func(m conf.Mode) func(*Config) { return func(c *Config) { c.Mode = m } }
	for _, c := range []struct {
		l    List
		want []string
	}{
		{nil, nil},
		{limits(mode(conf.ModeOff)), nil},
		{limits(plain, plain), []string{"enforce 2"}},
		{limits(mode(conf.Observe)), []string{"observe 1"}},
		{limits(mode(conf.Observe), plain, mode(conf.ModeOff), plain), []string{"enforce 2", "observe 1"}},
	} {
		var got []string
		for _, s := range compiled(t, c.l, policytest.NewProcess().Needs(), nil) {
			word := map[int]string{0: "enforce", 1: "observe"}[int(s.Mode)]
			got = append(got, word+" "+string(rune('0'+len(s.Request.(*throttle).limits))))
			if s.Name != "edge.rate_limit" || s.Stage.String() != "limit" || s.Blocks {
				t.Errorf("the step is %+v", s)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestASharedLimitNeedsWhatNodesShare(t *testing.T) {
	l := limits(func(c *Config) { c.Scope = scopeShared })
	if _, err := Compile(l, "edge", policytest.NewProcess().Needs()); err == nil || !strings.Contains(err.Error(), "[shared]") {
		t.Errorf("compiled with %v", err)
	}
	if !l.Shared() || limits(plain).Shared() {
		t.Error("Shared is wrong")
	}
	if l[0].Mode = conf.ModeOff; l.Shared() {
		t.Error("a limit that is off needs [shared]")
	}
}
