package gcra

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is one that a test moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() int64           { return c.at.Load() }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }
func ask(key string, l Limit) *Ask    { return &Ask{Key: []byte(key), Limit: l, Cost: 1} }
func perSecond(n, burst int64) Limit  { return NewLimit(n, time.Second, burst) }
func granted(t *Table, a *Ask) (n int64) {
	for t.Take(a).OK {
		n++
	}
	return n
}

func TestABucketGivesItsBurstAndThenItsRate(t *testing.T) {
	var c clock
	table, a := New(10, c.now), ask("k", perSecond(10, 5))
	for _, step := range []struct {
		pass time.Duration
		want int64
	}{
		{0, 5},
		{0, 0},
		{99 * time.Millisecond, 0},
		{time.Millisecond, 1},
		{200 * time.Millisecond, 2},
		{350 * time.Millisecond, 3},
		{50 * time.Millisecond, 1},
		{time.Hour, 5},
	} {
		c.pass(step.pass)
		if got := granted(table, a); got != step.want {
			t.Errorf("after %v more: %d granted, want %d", step.pass, got, step.want)
		}
	}
}

// model is the bucket as a person would write it down: exact, in nanoseconds of tokens.
type model struct {
	level, at int64 // in tokens times Interval
}

func (m *model) take(now int64, a *Ask) bool {
	i, span := int64(a.Limit.Interval), int64(a.Limit.Span())
	m.level = min(span, m.level+now-m.at)
	m.at = now
	if m.level < a.Cost*i {
		return false
	}
	m.level -= a.Cost * i
	return true
}

func TestATableAgreesWithABucketThatIsCounted(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var c clock
		l := NewLimit(1+rnd.Int64N(2000), time.Second, 1+rnd.Int64N(20))
		table, m := New(1, c.now), &model{level: int64(l.Span())}
		for range 3000 {
			c.pass(time.Duration(rnd.Int64N(3 * int64(l.Interval))))
			a := ask("k", l)
			a.Cost = 1 + rnd.Int64N(l.Burst)
			looked, got, want := table.Look(a), table.Take(a), m.take(c.now(), a)
			if got.OK != want || looked != got {
				t.Fatalf("seed %d, %+v: looked %+v, got %+v, want %v", seed, l, looked, got, want)
			}
			if left := m.level / int64(l.Interval); got.Left != left || got.Full != l.Span()-time.Duration(m.level) {
				t.Fatalf("seed %d: %+v, want %d left", seed, got, left)
			}
		}
	}
}

func TestRetrySaysWhenTheTokensAreThere(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var c clock
		l := NewLimit(1+rnd.Int64N(1000), time.Minute, 1+rnd.Int64N(10))
		table, a := New(1, c.now), ask("k", l)
		a.Cost = 1 + rnd.Int64N(l.Burst)
		granted(table, a)
		c.pass(time.Duration(rnd.Int64N(int64(l.Interval))))
		g := table.Take(a)
		if g.OK {
			continue
		}
		c.pass(g.Retry - 1)
		if early := table.Look(a); early.OK {
			t.Fatalf("seed %d: granted before %v", seed, g.Retry)
		}
		c.pass(1)
		if late := table.Take(a); !late.OK {
			t.Fatalf("seed %d: not granted after %v", seed, g.Retry)
		}
	}
}

func TestMoreThanTheBurstIsNeverThere(t *testing.T) {
	var c clock
	table, a := New(1, c.now), ask("k", perSecond(10, 5))
	a.Cost, a.MostWait = 6, time.Hour
	for range 3 {
		if g := table.Take(a); g.OK || g.Retry != MostSpan || g.Left != 5 {
			t.Fatalf("got %+v", g)
		}
		c.pass(time.Hour)
	}
	if table.Keys() != 0 {
		t.Error("a key that was given nothing has a place")
	}
}

func TestTenThousandClientsOfOneKeyGetTheBurstAndTheRateAndNoMore(t *testing.T) {
	const clients = 10_000
	span := 2 * time.Second
	if testing.Short() {
		span /= 10
	}
	var c clock
	l := perSecond(50_000, 500)
	table := New(1000, c.now)
	var got atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for c.now() < int64(span) {
				if table.Take(ask("one", l)).OK {
					got.Add(1)
				}
				c.pass(3 * time.Microsecond) // with each try of anybody
			}
		})
	}
	all.Wait()
	// Some asked for the last time before the clock stood still.
	most, asked := l.Burst+c.now()/int64(l.Interval), l.Burst+int64(span/l.Interval)
	if n := got.Load(); n > most || n < asked*99/100 {
		t.Errorf("%d granted in %v, want at most %d and at least 99 %% of %d", n, time.Duration(c.now()), most, asked)
	}
}

// Goroutines read the clock and are late with what they have read: they must not be given more for it.
func TestClocksThatLagBehindEachOtherGrantNothingMore(t *testing.T) {
	var c clock
	c.pass(time.Hour)
	lagging := func() int64 { return c.now() - rand.Int64N(int64(50*time.Millisecond)) }
	l := perSecond(1000, 20)
	table := New(1, lagging)
	begun, got := c.now(), int64(0)
	tries := 200_000
	if testing.Short() {
		tries /= 10
	}
	for range tries {
		if table.Take(ask("k", l)).OK {
			got++
		}
		table.Take(ask(strconv.Itoa(rand.IntN(1000)), l)) // places change hands
		c.pass(20 * time.Microsecond)
	}
	most := l.Burst + (c.now()-begun)/int64(l.Interval) + int64(50*time.Millisecond/l.Interval)
	if got > most || got < (most-100)*95/100 {
		t.Errorf("%d granted, want at most %d, and nearly that", got, most)
	}
}

func TestAClockThatGoesBackGrantsNothingMoreAndLocksNobodyOut(t *testing.T) {
	var c clock
	c.pass(time.Hour)
	table, a := New(10, c.now), ask("k", perSecond(10, 5))
	if n := granted(table, a); n != 5 {
		t.Fatalf("%d granted, want 5", n)
	}
	c.pass(-2 * time.Second)
	if n := granted(table, a); n != 0 {
		t.Fatalf("%d granted after the clock went back, want 0", n)
	}
	if g := table.Take(a); g.Retry > 3*time.Second {
		t.Errorf("the next comes after %v, want the two seconds and a little more", g.Retry)
	}
	c.pass(2*time.Second + 100*time.Millisecond)
	if n := granted(table, a); n != 1 {
		t.Errorf("%d granted when the clock was back, want 1", n)
	}
}

func TestAFloodOfNewKeysRefillsNoOldOne(t *testing.T) {
	var c clock
	l := NewLimit(1, time.Hour, 3)
	table := New(100, c.now)
	for i := range 20 { // empty their buckets
		if n := granted(table, ask("old-"+strconv.Itoa(i), l)); n != 3 {
			t.Fatalf("key %d: %d granted, want 3", i, n)
		}
	}
	through, overflowed := 0, false
	for i := range 20_000 {
		g := table.Take(ask("new-"+strconv.Itoa(i), l))
		if g.OK {
			through++
		}
		overflowed = overflowed || g.Overflow
	}
	if !overflowed || table.Overflowed() == 0 {
		t.Fatal("the table was not full")
	}
	if most := 3*64 + 3; through > most { // a place each, and one bucket for the rest
		t.Errorf("%d of the flood were granted, want at most %d", through, most)
	}
	for i := range 20 {
		if n := granted(table, ask("old-"+strconv.Itoa(i), l)); n != 0 {
			t.Errorf("key %d: %d granted after the flood, want 0", i, n)
		}
	}
	c.pass(time.Hour)
	if n := granted(table, ask("old-7", l)); n != 1 {
		t.Errorf("an hour later %d granted, want 1", n)
	}
	c.pass(3 * time.Hour) // all are full again: there is room
	if g := table.Take(ask("late", l)); !g.OK || g.Overflow {
		t.Errorf("a key that came when all were full again: %+v", g)
	}
}

func TestAMillionKeysHaveABucketEachInLessThan64MiB(t *testing.T) {
	keys := 1_000_000
	if testing.Short() {
		keys = 20_000 // the race detector makes it slow, and finds nothing here
	}
	var c clock
	before := heap()
	table, l := New(keys, c.now), NewLimit(1, time.Hour, 1)
	address := []byte{10, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0} // as selector writes a client
	take := func(i int) Grant {
		address[1], address[2], address[3] = byte(i>>16), byte(i>>8), byte(i)
		return table.Take(&Ask{Key: address, Limit: l, Cost: 1})
	}
	for i := range keys {
		if g := take(i); !g.OK || g.Overflow {
			t.Fatalf("key %d: %+v", i, g)
		}
	}
	if took := heap() - before; took >= 64<<20 {
		t.Errorf("%d keys take %.1f MiB", keys, float64(took)/(1<<20))
	}
	for i := range keys {
		if g := take(i); g.OK {
			t.Fatalf("key %d was forgotten", i)
		}
	}
	runtime.KeepAlive(table)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestThoseThatWaitGetTurnsInTheirOrderAndNoneLaterThanTheyWouldWait(t *testing.T) {
	var c clock
	l := perSecond(10, 2)
	table, a := New(1, c.now), ask("k", l)
	a.MostWait = 500 * time.Millisecond
	for i, want := range []time.Duration{0, 0, 100, 200, 300, 400, 500} {
		if g := table.Take(a); !g.OK || g.Wait != want*time.Millisecond {
			t.Fatalf("call %d: %+v, want a wait of %d ms", i, g, want)
		}
	}
	if g := table.Take(a); g.OK || g.Retry != 100*time.Millisecond {
		t.Fatalf("the queue is longer than 500 ms: %+v", g)
	}
	a.MostWait = 0
	if g := table.Take(a); g.OK || g.Retry != 600*time.Millisecond {
		t.Fatalf("one that does not wait overtook the others: %+v", g)
	}
	c.pass(250 * time.Millisecond)
	a.MostWait = 500 * time.Millisecond
	if g := table.Take(a); !g.OK || g.Wait != 350*time.Millisecond {
		t.Fatalf("a quarter of a second later: %+v, want a wait of 350 ms", g)
	}
}

func TestTheTurnsOfThoseThatWaitKeepTheRate(t *testing.T) {
	var c clock
	l := perSecond(1000, 10)
	table := New(1, c.now)
	var (
		mu    sync.Mutex
		turns []int64
		all   sync.WaitGroup
	)
	for range 100 {
		all.Go(func() {
			for range 50 {
				a := ask("k", l)
				a.MostWait = time.Minute
				g := table.Take(a)
				mu.Lock()
				turns = append(turns, c.now()+int64(g.Wait))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(turns)
	for i, at := range turns {
		if want := max(0, int64(i+1)-l.Burst) * int64(l.Interval); at != want {
			t.Fatalf("turn %d of %d comes at %v, want %v", i, len(turns), time.Duration(at), time.Duration(want))
		}
	}
}

func TestRatesAreRoundedDownByLessThanAHundredth(t *testing.T) {
	for _, c := range []struct {
		count int64
		span  time.Duration
	}{{1, time.Second}, {3, time.Second}, {7, time.Minute}, {999_999, time.Second}, {1_000_000, time.Second}, {700_001, time.Second}, {86_399_999_999, 24 * time.Hour}} {
		l := NewLimit(c.count, c.span, 1)
		got, want := 1/l.Interval.Seconds(), float64(c.count)/c.span.Seconds()
		if got > want*(1+1e-12) || got < want*0.99 {
			t.Errorf("%d in %v are %v a second, want %v", c.count, c.span, got, want)
		}
	}
}

func TestLimitsThatNeverFillDontFit(t *testing.T) {
	for l, want := range map[Limit]bool{
		perSecond(1, 1):                       true,
		{}:                                    false,
		{Interval: 1}:                         false,
		{Burst: 1}:                            false,
		NewLimit(1, 24*time.Hour, 5*366):      true,
		NewLimit(1, 24*time.Hour, 5*366+1):    false,
		NewLimit(1, 24*time.Hour, 1<<62):      false,
		{Interval: -1, Burst: 1}:              false,
		NewLimit(1_000_000, time.Second, 1e9): true,
	} {
		if got := l.Fits(); got != want {
			t.Errorf("%+v fits: %v", l, got)
		}
	}
}

func TestALimitMayChangeFromCallToCall(t *testing.T) {
	var c clock
	table := New(1, c.now)
	granted(table, ask("k", perSecond(1, 100))) // 100 s in debt
	if g := table.Take(ask("k", perSecond(10, 10))); g.OK || g.Left != 0 || g.Full != 100*time.Second {
		t.Errorf("a smaller limit: %+v", g)
	}
	if g := table.Take(ask("k", perSecond(1, 200))); !g.OK || g.Left != 99 {
		t.Errorf("a larger limit: %+v", g)
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	var c clock
	table, a := New(100, c.now), ask("client", perSecond(1_000_000, 10))
	full := New(1, c.now)
	for i := range 1000 {
		full.Take(ask(strconv.Itoa(i), NewLimit(1, time.Hour, 1)))
	}
	table.Take(a)
	if n := testing.AllocsPerRun(1000, func() { table.Take(a); table.Look(a); full.Take(a); c.pass(time.Microsecond) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// FuzzTake: two calls never grant more than a bucket that is counted.
func FuzzTake(f *testing.F) {
	f.Add(int64(10), int64(time.Second), int64(5), int64(1), int64(5), int64(0))
	f.Add(int64(1), int64(24*time.Hour), int64(1000), int64(999), int64(1), int64(time.Hour))
	f.Fuzz(func(t *testing.T, count, span, burst, first, second, pass int64) {
		if count < 1 || span < 1 || span > int64(24*time.Hour) || pass < 0 || pass > 1<<60 || first < 1 || second < 1 {
			return
		}
		l := NewLimit(count, time.Duration(span), burst)
		if !l.Fits() {
			return
		}
		var c clock
		table, m := New(1, c.now), &model{level: int64(l.Span())}
		for _, cost := range []int64{first, second} {
			a := ask("k", l)
			if a.Cost = cost; cost > burst {
				a.Cost = burst
			}
			if got, want := table.Take(a).OK, m.take(c.now(), a); got != want {
				t.Errorf("%+v: cost %d granted %v, want %v", l, a.Cost, got, want)
			}
			c.pass(time.Duration(pass))
		}
	})
}

func BenchmarkTake(b *testing.B) {
	for _, keys := range []int{1, 1000, 1_000_000} {
		b.Run(strconv.Itoa(keys), func(b *testing.B) {
			var c clock
			table, all := New(keys, c.now), make([]*Ask, min(keys, 1<<16))
			for i := range keys {
				a := ask("client-"+strconv.Itoa(i), perSecond(1_000_000, 100))
				table.Take(a)
				all[i%len(all)] = a
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.at.Store(int64(i) * 1000)
				table.Take(all[i%len(all)])
				i++
			}
		})
	}
}
