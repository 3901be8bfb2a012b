package tally

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time of the day that a test moves.
type clock struct{ at atomic.Int64 }

func at(text string) *clock {
	c := new(clock)
	c.set(text)
	return c
}

func (c *clock) set(text string) {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	c.at.Store(t.UnixNano())
}

func (c *clock) now() time.Time { return time.Unix(0, c.at.Load()) }

func ask(key string, limit int64) Ask { return Ask{Key: []byte(key), Limit: limit, Cost: 1} }

func granted(b *Book, a Ask) (n int64) {
	for b.Take(a).OK {
		n++
	}
	return n
}

func TestPeriodsAreThoseOfTheCalendarInUTC(t *testing.T) {
	east := time.FixedZone("east", 5*3600)
	for _, c := range []struct {
		per          Per
		at           time.Time
		begins, ends string
	}{
		{Hour, time.Date(2026, 1, 31, 23, 59, 59, 1, time.UTC), "2026-01-31 23:00:00", "2026-02-01 00:00:00"},
		{Day, time.Date(2026, 1, 31, 23, 59, 59, 1, time.UTC), "2026-01-31 00:00:00", "2026-02-01 00:00:00"},
		{Day, time.Date(2026, 2, 1, 4, 59, 0, 0, east), "2026-01-31 00:00:00", "2026-02-01 00:00:00"},
		{Month, time.Date(2026, 1, 31, 23, 59, 59, 1, time.UTC), "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
		{Month, time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), "2024-02-01 00:00:00", "2024-03-01 00:00:00"},
		{Month, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), "2026-12-01 00:00:00", "2027-01-01 00:00:00"},
	} {
		begins, ends := c.per.Period(c.at)
		if got := begins.Format(time.DateTime); got != c.begins {
			t.Errorf("the %v of %v begins %v, want %v", c.per, c.at, got, c.begins)
		}
		if got := ends.Format(time.DateTime); got != c.ends {
			t.Errorf("the %v of %v ends %v, want %v", c.per, c.at, got, c.ends)
		}
	}
	for _, name := range []string{"hour", "day", "month"} {
		if p, ok := ParsePer(name); !ok || p.String() != name {
			t.Errorf("%q is %v, %v", name, p, ok)
		}
	}
	if _, ok := ParsePer("year"); ok {
		t.Error("a year is a period")
	}
}

func TestAQuotaIsGivenOutOncePerPeriod(t *testing.T) {
	c := at("2026-01-30 10:00:00")
	b := New(Day, 10, c.now)
	for _, step := range []struct {
		at   string
		want int64
	}{
		{"2026-01-30 10:00:00", 5},
		{"2026-01-30 23:59:59", 0},
		{"2026-01-31 00:00:00", 5},
		{"2026-01-31 00:00:01", 0},
		{"2026-02-07 12:00:00", 5},
	} {
		c.set(step.at)
		if got := granted(b, ask("k", 5)); got != step.want {
			t.Errorf("at %s: %d granted, want %d", step.at, got, step.want)
		}
	}
}

func TestAGrantSaysWhatIsLeftAndUntilWhen(t *testing.T) {
	c := at("2026-01-30 23:00:00")
	b := New(Day, 10, c.now)
	a := ask("k", 10)
	a.Cost = 4
	for i, want := range []Grant{{OK: true, Left: 6}, {OK: true, Left: 2}, {Left: 2}} {
		want.Length, want.Rest = 24*time.Hour, time.Hour
		looked := b.Look(a)
		if got := b.Take(a); got != want || looked != got {
			t.Errorf("call %d: looked %+v, got %+v, want %+v", i, looked, got, want)
		}
	}
	a.Cost = 2
	if got := b.Take(a); !got.OK || got.Left != 0 {
		t.Errorf("the last two: %+v", got)
	}
	a.Cost = 11
	if got := b.Take(Ask{Key: []byte("other"), Limit: 10, Cost: 11}); got.OK || got.Left != 10 {
		t.Errorf("more than there ever is: %+v", got)
	}
	if got := b.Take(ask("k", 3)); got.OK || got.Left != 0 {
		t.Errorf("a limit that is lower now: %+v", got)
	}
	if got := b.Take(ask("k", 12)); !got.OK || got.Left != 1 {
		t.Errorf("a limit that is higher now: %+v", got)
	}
}

func TestAClockThatIsSetBackGivesNothingOutTwice(t *testing.T) {
	c := at("2026-01-31 23:59:58")
	b := New(Day, 10, c.now)
	for _, step := range []struct {
		at   string
		want int64
	}{
		{"2026-01-31 23:59:58", 5},
		{"2026-02-01 00:00:01", 5},
		{"2026-01-31 23:59:59", 0}, // set back by two seconds
		{"2026-02-01 00:00:00", 0},
		{"2099-01-01 00:00:00", 5}, // a fault of the clock
		{"2026-02-01 00:00:02", 0}, // and its end
		{"2026-02-02 00:00:00", 5}, // after which days are days again
		{"2026-02-02 12:00:00", 0},
	} {
		c.set(step.at)
		if got := granted(b, ask("k", 5)); got != step.want {
			t.Errorf("at %s: %d granted, want %d", step.at, got, step.want)
		}
	}
}

func TestTenThousandClientsOfOneKeyGetTheQuotaAndNoMore(t *testing.T) {
	c := at("2026-01-31 12:00:00")
	b := New(Month, 1000, c.now)
	var got atomic.Int64
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() {
			for range 20 {
				if b.Take(ask("one", 123_456)).OK {
					got.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := got.Load(); n != 123_456 {
		t.Errorf("%d granted, want 123456", n)
	}
}

func TestATurnOfThePeriodUnderLoadGivesOutEachPeriodOnce(t *testing.T) {
	c := at("2026-01-31 23:59:59")
	b := New(Day, 1000, c.now)
	var got atomic.Int64
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for j := range 1000 {
				if i == 0 && j == 500 {
					c.set("2026-02-01 00:00:00")
				}
				if b.Take(ask("one", 1000)).OK {
					got.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := got.Load() + granted(b, ask("one", 1000)); n > 2000 || n < 1000 {
		t.Errorf("%d granted in two days, want 1000 in each", n)
	}
}

func TestAFloodOfNewKeysForgetsNoOldOne(t *testing.T) {
	c := at("2026-01-31 12:00:00")
	b := New(Month, 50, c.now)
	for i := range 20 {
		granted(b, ask("old-"+strconv.Itoa(i), 3))
	}
	through := int64(0)
	for i := range 20_000 {
		if b.Take(ask("new-"+strconv.Itoa(i), 3)).OK {
			through++
		}
	}
	if most := int64(2*64 + 3); through > most || b.Overflowed() == 0 { // a place each, and one quota for the rest
		t.Errorf("%d of the flood were granted, want at most %d", through, most)
	}
	for i := range 20 {
		if n := granted(b, ask("old-"+strconv.Itoa(i), 3)); n != 0 {
			t.Errorf("key %d: %d granted after the flood", i, n)
		}
	}
	if g := b.Take(ask("one-more", 3)); g.OK || !g.Overflow {
		t.Errorf("a key without a place: %+v", g)
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	c := at("2026-01-31 12:00:00")
	b := New(Month, 50, c.now)
	a := ask("client", 1<<50)
	b.Take(a)
	if n := testing.AllocsPerRun(1000, func() { b.Take(a); b.Look(a) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, keys := range []int{1, 100_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			book, all := New(Month, keys, time.Now), make([]Ask, min(keys, 1<<14))
			for i := range all {
				all[i] = ask("client-"+strconv.Itoa(i), 1<<50)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				book.Take(all[i%len(all)])
				i++
			}
		})
	}
}
