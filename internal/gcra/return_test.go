package gcra

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWhatIsGivenBackIsThereAgain(t *testing.T) {
	for _, c := range []struct {
		taken, cost int64
		want        int64 // left for others, of 5
	}{{0, 1, 5}, {0, 5, 5}, {3, 2, 2}, {4, 1, 1}} {
		var c0 clock
		c0.pass(time.Hour)
		table, a := New(10, c0.now), ask("k", NewLimit(1, time.Hour, 5))
		for range c.taken {
			table.Take(a)
		}
		lost := *a
		lost.Cost = c.cost
		g := table.Take(&lost)
		c0.pass(1)
		table.Return(&lost, &g)
		c0.pass(1)
		if got := granted(table, a); !g.OK || got != c.want {
			t.Errorf("%d taken, %d given back: %d are there, want %d", c.taken, c.cost, got, c.want)
		}
	}
}

func TestTokensThatHaveComeByThemselvesAreNotGivenTwice(t *testing.T) {
	for _, wait := range []time.Duration{time.Second, time.Second - 1, 900 * time.Millisecond, time.Hour} {
		var c clock
		table, a := New(10, c.now), ask("k", perSecond(1, 3))
		g := table.Take(a)
		c.pass(wait)
		before := granted(table, a)
		table.Return(a, &g)
		if all := before + granted(table, a); all != 3 {
			t.Errorf("given back after %v: %d are there together with the %d before, want the burst", wait, all, before)
		}
	}
}

func TestWhatIsGivenBackGoesToItsKeyOrToThoseWithoutAPlace(t *testing.T) {
	var c clock
	c.pass(time.Hour)
	l := NewLimit(1, time.Hour, 2)
	table := New(1, c.now)
	var grants []Grant
	var keys []string
	for i := 0; len(grants) == 0 || !grants[len(grants)-1].Overflow; i++ {
		keys = append(keys, "k"+strconv.Itoa(i))
		grants = append(grants, table.Take(ask(keys[i], l)))
		granted(table, ask(keys[i], l))
	}
	last := len(grants) - 1
	c.pass(1)
	table.Return(ask(keys[last], l), &grants[last])
	table.Return(ask(keys[3], l), &grants[3])
	c.pass(1)
	for i, key := range keys {
		want := int64(0)
		if i == 3 || i == last {
			want = 1
		}
		if n := granted(table, ask(key, l)); n != want {
			t.Errorf("%s has %d, want %d", key, n, want)
		}
	}
}

// Whoever keeps what he was granted must have been granted it if those that gave back had never asked: the limit holds.
func TestGivingBackGrantsNobodyMoreThanIfItHadNotBeenTaken(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var c clock
		l := NewLimit(1+rnd.Int64N(2000), time.Second, 2+rnd.Int64N(20))
		table, m := New(1, c.now), &model{level: int64(l.Span())}
		type lent struct {
			ask   *Ask
			grant Grant
		}
		var lents []lent
		back := 0
		for range 3000 {
			c.pass(time.Duration(rnd.Int64N(int64(l.Interval) * 2)))
			a := ask("k", l)
			a.Cost = 1 + rnd.Int64N(2)
			switch g := (Grant{}); rnd.IntN(4) {
			case 0:
				if g = table.Take(a); g.OK {
					lents = append(lents, lent{a, g})
				}
			case 1:
				if n := len(lents); n > 0 {
					i := rnd.IntN(n)
					table.Return(lents[i].ask, &lents[i].grant)
					lents = append(lents[:i], lents[i+1:]...)
					back++
				}
			default:
				if g = table.Take(a); g.OK && !m.take(c.now(), a) {
					t.Fatalf("seed %d: granted what is over the limit without those that gave back", seed)
				}
			}
		}
		if back == 0 {
			t.Fatal("nothing was given back")
		}
	}
}

// Each taker of one gives it back at once, or keeps it: what was kept and what is left are the burst.
func TestManyThatGiveBackAtOnceLoseNothing(t *testing.T) {
	const burst = 10_000
	begun := time.Now()
	table := New(10, func() int64 { return int64(time.Since(begun)) })
	l := NewLimit(1, 24*time.Hour, burst)
	var kept atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			a := ask("k", l)
			for n := range 3000 {
				g := table.Take(a)
				if !g.OK {
					t.Error("refused, though there are tokens for all")
				}
				if (n+i)%3 == 0 {
					kept.Add(1)
				} else {
					table.Return(a, &g)
				}
			}
		})
	}
	all.Wait()
	// What comes between taking and giving back is a fraction of one for all together.
	if left := granted(table, ask("k", l)); left+kept.Load() > burst || left+kept.Load() < burst-1 {
		t.Errorf("%d kept and %d left, want %d", kept.Load(), left, burst)
	}
}

func TestGivingBackAllocatesNothing(t *testing.T) {
	var c clock
	table, a := New(10, c.now), ask("k", perSecond(10, 5))
	if n := testing.AllocsPerRun(100, func() {
		g := table.Take(a)
		c.pass(1)
		table.Return(a, &g)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
