package limit

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// feeder gives a gradient samples at a pace of one a millisecond, with as much in flight as a share of
// the limit.
type feeder struct {
	g   Gradient
	now time.Duration
}

func (f *feeder) feed(d, latency time.Duration, used float64) {
	for end := f.now + d; f.now < end; f.now += ms {
		f.g.Done(latency, int64(used*float64(f.g.Limit())+0.5), false, f.now)
	}
}

func TestTheLimitGrowsOnlyWhileItIsUsed(t *testing.T) {
	for _, c := range []struct {
		what     string
		used     float64
		from, to int64
	}{
		{"nearly nothing in flight", 0.1, FirstLimit, FirstLimit},
		{"half of it", 0.5, FirstLimit, FirstLimit},
		{"all of it", 1, 500, MostLimit},
	} {
		t.Run(c.what, func(t *testing.T) {
			var f feeder
			f.feed(2*time.Second, 10*ms, c.used)
			if got := f.g.Limit(); got < c.from || got > c.to {
				t.Errorf("after 2 s the limit is %d, want %d to %d", got, c.from, c.to)
			}
		})
	}
}

func TestTheLimitDoublesUntilItHasHadToFall(t *testing.T) {
	var f feeder
	f.feed(3*51*ms, 10*ms, 1)
	if got := f.g.Limit(); got != 64 {
		t.Errorf("after three windows the limit is %d, want 64: it doubles in every other", got)
	}
	f.feed(51*ms, 40*ms, 1)
	fallen := f.g.Limit()
	if fallen >= 64 || fallen < 48 {
		t.Errorf("after one window of answers four times as long the limit is %d, want 48 or more, less than 64", fallen)
	}
	f.feed(80*ms, 10*ms, 1)
	if got := f.g.Limit(); got <= fallen || got > fallen+20 {
		t.Errorf("with the usual answers again the limit goes from %d to %d, want a growth by its root", fallen, got)
	}
}

func TestTheLimitStaysWhereAnswersTakeATolerableTime(t *testing.T) {
	var f feeder
	f.feed(100*ms, 10*ms, 1)
	for _, c := range []struct {
		latency time.Duration
		falls   bool
	}{{12 * ms, false}, {14 * ms, false}, {25 * ms, true}, {100 * ms, true}} {
		before := f.g.Limit()
		f.feed(300*ms, c.latency, 0.45)
		if got := f.g.Limit(); got < before != c.falls {
			t.Errorf("answers of %v instead of 10ms take the limit from %d to %d", c.latency, before, got)
		}
	}
}

func TestTheLimitNeverLeavesItsEnds(t *testing.T) {
	var f feeder
	f.feed(30*time.Second, 10*ms, 1)
	if got := f.g.Limit(); got != MostLimit {
		t.Errorf("the limit grows to %d, want %d", got, MostLimit)
	}
	for range 400 {
		f.g.Done(time.Second, 1, true, f.now)
		f.feed(20*ms, 10*ms, 0)
	}
	if got := f.g.Limit(); got != LeastLimit {
		t.Errorf("timeouts take the limit to %d, want %d", got, LeastLimit)
	}
}

func TestAFewTimeoutsAreNoSignOfOverload(t *testing.T) {
	var f feeder
	f.feed(100*ms, 10*ms, 1)
	before := f.g.Limit()
	for i := range 1000 {
		f.g.Done(10*ms, before, i%50 == 0, f.now) // 2 %
		f.now += ms
	}
	if got := f.g.Limit(); got < before {
		t.Errorf("2 %% timeouts take the limit from %d to %d", before, got)
	}
}

// What an idle endpoint learned before stays, and the first burst finds it.
func TestAnIdleEndpointKeepsItsLimit(t *testing.T) {
	var f feeder
	f.feed(300*ms, 10*ms, 1)
	f.feed(100*ms, 10*ms, 0.1) // ends the window
	before := f.g.Limit()
	f.now += time.Hour
	f.feed(200*ms, 10*ms, 0.1)
	if got := f.g.Limit(); got != before {
		t.Errorf("an hour of silence takes the limit from %d to %d", before, got)
	}
}

// A latency that has nothing to do with the limit must not hold it down.
func TestALimitThatHasFallenInVainRisesAgain(t *testing.T) {
	var f feeder
	f.feed(250*ms, 10*ms, 1)
	high := f.g.Limit()
	f.feed(5*time.Second, 100*ms, 1)
	if got := f.g.Limit(); got < high/2 {
		t.Errorf("5 s after answers became ten times as long whatever the limit, it is %d, was %d", got, high)
	}
}

// With nothing held back, a longer latency becomes the usual one within seconds.
func TestTheUsualLatencyFollows(t *testing.T) {
	for _, c := range []struct {
		what     string
		after    time.Duration
		from, to time.Duration // what is expected
	}{
		{"shorter answers are usual within a second", time.Second, 4 * ms, 6 * ms},
		{"longer ones within half a minute", 30 * time.Second, 17 * ms, 20 * ms},
		{"not at once", time.Second, 10 * ms, 12 * ms},
	} {
		t.Run(c.what, func(t *testing.T) {
			var f feeder
			f.feed(time.Second, 10*ms, 0.1)
			latency := 20 * ms
			if c.to < 10*ms {
				latency = 5 * ms
			}
			f.feed(c.after, latency, 0.1)
			if got := time.Duration(exp2(f.g.usual)); got < c.from || got > c.to+ms/100 {
				t.Errorf("%v of %v instead of 10ms make %v the usual latency, want %v to %v", c.after, latency, got, c.from, c.to)
			}
		})
	}
}

func TestManyGoroutinesTeachOneLimit(t *testing.T) {
	var g Gradient
	var clock atomic.Int64
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 20_000 {
				now := time.Duration(clock.Add(int64(50 * time.Microsecond)))
				g.Done(time.Duration(9+random.IntN(3))*ms, g.Limit(), false, now)
				if l := g.Limit(); l < LeastLimit || l > MostLimit {
					t.Errorf("the limit is %d", l)
					return
				}
			}
		})
	}
	users.Wait()
	if got := g.Limit(); got < 500 {
		t.Errorf("after 8 s of the same latency the limit is %d", got)
	}
	if got := time.Duration(exp2(g.usual)); got < 9*ms || got > 11*ms {
		t.Errorf("the usual latency of answers of 9 to 11 ms is %v", got)
	}
}

// FuzzGradient feeds whatever a clock and an endpoint may come up with.
func FuzzGradient(f *testing.F) {
	f.Add(int64(10*ms), int64(16), uint16(50), uint8(200))
	f.Add(int64(1), int64(0), uint16(0), uint8(255))
	f.Add(int64(1<<63-1), int64(1<<62), uint16(65535), uint8(100))
	f.Fuzz(func(t *testing.T, latency, inFlight int64, pause uint16, rounds uint8) {
		var g Gradient
		latency = max(latency, 1)
		now := time.Duration(0)
		for i := range 40 * int(rounds) {
			g.Done(time.Duration(max(latency>>(i%7), 1)), inFlight, i%int(rounds) == 0, now)
			if l := g.Limit(); l < LeastLimit || l > MostLimit {
				t.Fatalf("after %d samples the limit is %d", i+1, l)
			}
			now += time.Duration(pause) * time.Microsecond
		}
		if g.usual != g.usual || g.height != g.height {
			t.Fatalf("usual %v, height %v", g.usual, g.height)
		}
	})
}
