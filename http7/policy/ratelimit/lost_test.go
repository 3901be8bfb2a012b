package ratelimit

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// left returns how many tokens a client's limit i has, and takes none.
func left(s http7.Step, i int, client string) int64 {
	l := s.Request.(*throttle).limits[i]
	a := l.ask(from(client))
	a.Cost = 1
	return l.held.table.Look(&a).Left + 1 // beside the one that is looked for
}

// Between the look and the take others were faster: that cost a token of each limit before the one that refused.
func TestWhomALaterLimitRefusesAfterAllGetsBackWhatItTook(t *testing.T) {
	day := func(burst int) func(*Config) {
		return func(c *Config) { c.Rate, c.Burst, c.Key = rate("1/d"), burst, selectors("route") }
	}
	for what, l := range map[string]List{
		"two":               limits(day(5), day(1)),
		"three":             limits(day(5), day(7), day(1)),
		"with a cost":       limits(func(c *Config) { day(5)(c); c.Cost = 2 }, day(1)),
		"one that delays":   limits(day(5), func(c *Config) { day(1)(c); delaying(time.Second)(c) }),
		"of one's own rate": limits(func(c *Config) { day(5)(c); c.OwnLimits = true }, day(1)),
		"that only observe": limits(func(c *Config) { day(5)(c); c.Mode = conf.Observe }, func(c *Config) { day(1)(c); c.Mode = conf.Observe }),
	} {
		c := new(clock)
		s := compiled(t, l, policytest.NewProcess().Needs(), c)[0]
		th := s.Request.(*throttle)
		if v := s.Request.Request(from("192.0.2.1")); v.Act != http7.Go {
			t.Fatalf("%s: the first is answered %+v", what, v)
		}
		c.pass(1)
		had := left(s, 0, "192.0.2.1")
		for range 20 { // that have looked before the first one took its token
			if v := th.pass(from("192.0.2.1"), 0); v.Fault != exceeded {
				t.Fatalf("%s: %+v", what, v)
			}
			c.pass(1)
		}
		if got := left(s, 0, "192.0.2.1"); got != had {
			t.Errorf("%s: the first limit has %d left, and had %d", what, got, had)
		}
	}
}

// A turn that somebody has waited for is his, whatever comes of it: those behind have theirs after it.
func TestWhoHasWaitedHasUsedHisTurnUp(t *testing.T) {
	c := new(clock)
	l := limits(func(c *Config) { c.Rate, c.Burst = rate("1/d"), 9 }, delaying(time.Second), func(c *Config) { c.Rate, c.Burst = rate("1/d"), 4; delaying(time.Second)(c) })
	s := compiled(t, l, policytest.NewProcess().Needs(), c)[0]
	if n := admitted(s, "192.0.2.1"); n != 3 {
		t.Fatalf("%d admitted at once", n)
	}
	waits := func() *http7.Exchange {
		x := from("192.0.2.1")
		if v := s.Request.(*throttle).pass(x, 0); v.Act != http7.Wait {
			t.Fatalf("%+v, want a wait", v)
		}
		return x
	}
	first, second := waits(), waits()
	before := left(s, 0, "192.0.2.1")
	c.pass(time.Second)
	if v := s.Request.(http7.Resumer).Resume(first, http7.Expired); v.Act != http7.Go {
		t.Errorf("the first is answered %+v", v)
	}
	if v := s.Request.(http7.Resumer).Resume(second, http7.Expired); v.Fault != exceeded {
		t.Errorf("the second is answered %+v", v)
	}
	if got := left(s, 0, "192.0.2.1"); got != before {
		t.Errorf("%d left of the first limit, want %d: a turn that was waited for was given back", got, before)
	}
}

func TestManyThatAskForTheLastTokenAtOnceLoseNoneOfTheOtherLimit(t *testing.T) {
	const clients, asks, burst = 4, 50_000, 201_000
	l := limits(func(c *Config) { c.Rate, c.Burst = rate("20/h"), burst }, func(c *Config) { c.Rate, c.Burst = conf.PerSecond(500_000), 1 })
	s := compiled(t, l, policytest.NewProcess().Needs(), nil)[0]
	var passed, late atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range asks {
				x := from("192.0.2.1")
				if _, refused := s.Request.(*throttle).look(x); refused {
					continue
				}
				runtime.Gosched() // others look as well
				if s.Request.(*throttle).pass(x, 0).Act == http7.Go {
					passed.Add(1)
				} else {
					late.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := left(s, 0, "192.0.2.1") + passed.Load(); got != burst && got != burst-1 { // of what comes in three minutes some microseconds are lost
		t.Errorf("%d passed, %d came too late: together with what is left %d, want %d", passed.Load(), late.Load(), got, burst)
	}
	if late.Load() == 0 || passed.Load() == 0 {
		t.Errorf("%d passed, %d came too late: nobody was faster than another", passed.Load(), late.Load())
	}
}
