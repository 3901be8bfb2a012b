package limit

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// budgetModel is the budget as its documentation has it: it remembers every single event.
type budgetModel struct {
	share                float64
	uses, extras, hedges []time.Duration
}

// lately counts the events in the slot of now and the 19 before it.
func lately(events []time.Duration, now time.Duration) (n int) {
	for _, at := range events {
		if int(now/slotWidth)-int(at/slotWidth) < windowSlots {
			n++
		}
	}
	return n
}

func (m *budgetModel) left(now time.Duration) int {
	if m.share == 0 {
		return 0
	}
	most := max(int(m.share*float64(lately(m.uses, now))+1e-9), 30)
	return max(0, most-lately(m.extras, now))
}

func (m *budgetModel) takeRetry(now time.Duration) bool {
	if m.left(now) == 0 {
		return false
	}
	m.extras = append(m.extras, now)
	return true
}

func (m *budgetModel) takeHedge(share float64, now time.Duration) bool {
	most := max(int(share*float64(lately(m.uses, now))+1e-9), 1)
	if share == 0 || lately(m.hedges, now) >= most || !m.takeRetry(now) {
		return false
	}
	m.hedges = append(m.hedges, now)
	return true
}

// FuzzBudget lets each byte be a step: what happens, and how long after the one before.
func FuzzBudget(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03uses, retries and hedges without a pause"), uint8(20))
	f.Add([]byte{0, 0, 0, 0, 1, 1, 1, 0xfc, 1, 2, 2, 0xf8, 1, 0xfd, 1}, uint8(50))
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, uint8(0))
	f.Fuzz(func(t *testing.T, steps []byte, percent uint8) {
		runBudget(t, steps, float64(percent%101)/100)
	})
}

func runBudget(t *testing.T, steps []byte, share float64) {
	t.Helper()
	var b Budget
	b.SetShare(share)
	m := budgetModel{share: share}
	now := time.Duration(0)
	for i, step := range steps[:min(len(steps), 3000)] {
		pause := step >> 2
		now += time.Duration(pause) * time.Duration(pause) * 5 * time.Millisecond // up to 20 s
		what, got, want := "", any(nil), any(nil)
		switch step & 3 {
		case 0:
			b.Use(now)
			m.uses = append(m.uses, now)
			what, got, want = "Left after Use", b.Left(now), m.left(now)
		case 1:
			what, got, want = "TakeRetry", b.TakeRetry(now), m.takeRetry(now)
		case 2:
			what, got, want = "TakeHedge", b.TakeHedge(share/4, now), m.takeHedge(share/4, now)
		case 3:
			what, got, want = "Left", b.Left(now), m.left(now)
		}
		if got != want {
			t.Fatalf("step %d at %v with share %v: %s is %v, by the book %v", i, now, share, what, got, want)
		}
	}
}

func TestTheBudgetIsWhatAModelThatRemembersEverythingSays(t *testing.T) {
	random, rounds := rand.New(rand.NewPCG(1, 2)), 30
	if raceDetector {
		rounds = 5
	}
	for _, share := range []float64{0, 0.05, 0.2, 1} {
		for range rounds {
			steps := make([]byte, 2000)
			short := random.IntN(2) == 0 // mostly no pause, so that the share and not the floor counts
			for i := range steps {
				steps[i] = byte(random.IntN(256))
				if short && random.IntN(200) != 0 {
					steps[i] &= 0x07
				}
			}
			runBudget(t, steps, share)
		}
	}
}

func TestARefusedExtraLeavesTheBudgetAsItWas(t *testing.T) {
	var b Budget
	b.SetShare(0.2)
	for range 1000 {
		b.Use(0)
	}
	for i := range 10 {
		if !b.TakeHedge(0.01, 0) {
			t.Errorf("hedge %d of 10 is refused", i)
		}
	}
	for range 5 {
		if b.TakeHedge(0.01, 0) {
			t.Error("an eleventh hedge is more than 1 % of 1000 uses")
		}
	}
	if got := b.Left(0); got != 190 {
		t.Errorf("%d retries are left, want 190: 20 %% of 1000 without 10 hedges", got)
	}
	for range 190 {
		b.TakeRetry(0)
	}
	if b.TakeRetry(0) || b.TakeHedge(0.5, 0) || b.Left(0) != 0 {
		t.Error("200 are 20 % of 1000 uses, and there is one more")
	}
}

func TestWhatABudgetAllowsAtTheStartAndAfterIdling(t *testing.T) {
	for _, c := range []struct {
		what string
		uses int
		age  time.Duration // of the uses
		want int
	}{
		{"nothing has happened yet", 0, 0, 30},
		{"ten uses in the first second", 10, 0, 30},
		{"20 % of 1000 uses", 1000, 0, 200},
		{"the uses are 9 s old", 1000, 9 * time.Second, 200},
		{"the uses are more than 10 s old", 1000, 10 * time.Second, 30},
		{"a minute of silence", 1000, time.Minute, 30},
	} {
		t.Run(c.what, func(t *testing.T) {
			var b Budget
			b.SetShare(0.2)
			begin := 100 * time.Second
			for range c.uses {
				b.Use(begin)
			}
			got := 0
			for b.TakeRetry(begin + c.age) {
				got++
			}
			if got != c.want {
				t.Errorf("%d retries are allowed, want %d", got, c.want)
			}
		})
	}
}

// Every use fails, and is tried again as often as the budget lets it.
func TestRetriesOfAFailingUpstreamStayAFifthOfItsUses(t *testing.T) {
	for _, rate := range []int{20, 50, 2000} {
		if raceDetector && rate > 50 {
			continue
		}
		t.Run(fmt.Sprint(rate, " a second"), func(t *testing.T) {
			var b Budget
			b.SetShare(0.2)
			retries := 0
			const seconds = 60
			for i := range rate * seconds {
				now := time.Duration(i) * time.Second / time.Duration(rate)
				b.Use(now)
				for range 2 {
					if b.TakeRetry(now) && now >= Window {
						retries++
					}
				}
			}
			got := float64(retries) / float64(rate*(seconds-10))
			if want := max(0.2, 3/float64(rate)); got > want*1.05 || got < want*0.9 {
				t.Errorf("after the first 10 s there are %.3f retries a use, want %.3f", got, want)
			}
		})
	}
}

func TestWhoRaceForTheBudgetNeverGetMoreThanThereIs(t *testing.T) {
	for _, c := range []struct {
		what string
		take func(*Budget) bool
		most int64
	}{
		{"retries", func(b *Budget) bool { return b.TakeRetry(time.Second) }, 200},
		{"hedges", func(b *Budget) bool { return b.TakeHedge(0.05, time.Second) }, 50},
	} {
		t.Run(c.what, func(t *testing.T) {
			var b Budget
			b.SetShare(0.2)
			var got atomic.Int64
			var racers sync.WaitGroup
			for range 8 {
				racers.Go(func() {
					for range 125 {
						b.Use(time.Second)
					}
				})
			}
			racers.Wait()
			for range 8 {
				racers.Go(func() {
					for range 100 {
						if c.take(&b) {
							got.Add(1)
						}
					}
				})
			}
			racers.Wait()
			for c.take(&b) { // what racers refused one another
				got.Add(1)
			}
			if got.Load() != c.most {
				t.Errorf("%d were taken, want %d", got.Load(), c.most)
			}
		})
	}
}

// A goroutine may have read the clock before another, and come to count after it.
func TestAWindowTakesStragglers(t *testing.T) {
	var w window
	w.add(10 * time.Second)
	w.add(0) // the same slot, a round earlier
	w.add(0)
	w.remove(0)
	w.add(9 * time.Second)
	if got := w.sum(10 * time.Second); got != 3 {
		t.Errorf("the window holds %d, want 3: a straggler counts where it comes", got)
	}
	w.remove(9 * time.Second)
	w.remove(9 * time.Second) // more than there are
	if got := w.sum(10 * time.Second); got != 2 {
		t.Errorf("the window holds %d, want 2: there was one to take back", got)
	}
	w.clear()
	if got := w.sum(10 * time.Second); got != 0 {
		t.Errorf("a cleared window holds %d", got)
	}
}
