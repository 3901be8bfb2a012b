package limit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func TestEveryBucketHoldsWhatItsMiddleStandsFor(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{
		0, 1, 1023, 1024, 16383, 16384, 100 * time.Microsecond, time.Millisecond, 33 * time.Millisecond,
		time.Second, 10 * time.Second, 60 * time.Second, 137 * time.Second,
	} {
		for _, sample := range []time.Duration{d, d + d/7, d + d/3} {
			i := latencyBucket(sample)
			if i < 0 || i >= latencyBuckets {
				t.Fatalf("%v lies in bucket %d of %d", sample, i, latencyBuckets)
			}
			off := math.Abs(float64(latencyMiddle(i) - sample))
			if sample < 137*time.Second && off > max(float64(sample)/32, 513) {
				t.Errorf("%v is reported as %v", sample, latencyMiddle(i))
			}
		}
		if i := latencyBucket(d); i < last {
			t.Errorf("%v lies in bucket %d, below that of a shorter one, %d", d, i, last)
		} else {
			last = i
		}
	}
	if latencyBucket(-time.Second) != 0 || latencyBucket(time.Hour) != latencyBuckets-1 {
		t.Error("what is out of range does not count at its end")
	}
}

func TestBucketsFollowOneAnother(t *testing.T) {
	for i := range latencyBuckets - 1 {
		if got := latencyBucket(latencyMiddle(i)); got != i {
			t.Errorf("the middle of bucket %d lies in bucket %d", i, got)
		}
		if latencyMiddle(i) >= latencyMiddle(i+1) {
			t.Errorf("bucket %d reports %v, the next one %v", i, latencyMiddle(i), latencyMiddle(i+1))
		}
	}
}

func TestQuantilesAreThoseOfTheSortedSamples(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() time.Duration{
		"constant":    func() time.Duration { return 7 * time.Millisecond },
		"uniform":     func() time.Duration { return time.Duration(random.Int64N(int64(time.Second))) },
		"exponential": func() time.Duration { return time.Duration(random.ExpFloat64() * 2e6) },
		"heavy":       func() time.Duration { return heavy(10*time.Millisecond)(0, random) },
		"bimodal": func() time.Duration {
			if random.IntN(100) == 0 {
				return 2 * time.Second
			}
			return 10 * time.Millisecond
		},
		"microseconds": func() time.Duration { return time.Duration(random.Int64N(5000)) },
	} {
		t.Run(name, func(t *testing.T) {
			var l Latencies
			var all []time.Duration
			for range 20_000 {
				d := draw()
				all = append(all, d)
				l.Observe(d, time.Duration(random.Int64N(int64(60*time.Second))))
			}
			for _, q := range []float64{0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999} {
				got, want := l.Quantile(q, 60*time.Second), exact(all, q)
				if off := math.Abs(float64(got - want)); off > max(float64(want)/31, 513) {
					t.Errorf("the quantile %v is %v, by sorting %v", q, got, want)
				}
			}
		})
	}
}

func TestHowManySamplesAQuantileNeeds(t *testing.T) {
	for _, c := range []struct {
		q    float64
		need int
	}{{0, 50}, {0.5, 50}, {0.9, 50}, {0.95, 100}, {0.99, 500}, {0.999, 5000}} {
		t.Run(fmt.Sprint(c.q), func(t *testing.T) {
			var l Latencies
			now := time.Duration(0)
			for n := range c.need {
				if got := l.Quantile(c.q, now); got != 0 {
					t.Fatalf("after %d samples it is %v", n, got)
				}
				l.Observe(10*time.Millisecond, now)
				now += quantileFor / 100
			}
			if l.Quantile(c.q, now+quantileFor) == 0 {
				t.Errorf("after %d samples there is none", c.need)
			}
		})
	}
	if new(Latencies).Quantile(1, 0) != 0 {
		t.Error("the maximum is known without a sample above it")
	}
}

func TestQuantilesForgetWhatIsOlderThanAMinute(t *testing.T) {
	var l Latencies
	fill := func(d, now time.Duration) {
		for range 1000 {
			l.Observe(d, now)
		}
	}
	fill(time.Second, 0)
	for _, c := range []struct {
		now  time.Duration
		want time.Duration
	}{
		{time.Second, time.Second},
		{59 * time.Second, time.Second},
		{75 * time.Second, 0},
		{time.Hour, 0},
	} {
		if got := l.Quantile(0.5, c.now); math.Abs(float64(got-c.want)) > float64(c.want)/31 {
			t.Errorf("%v after the samples the median is %v, want %v", c.now, got, c.want)
		}
	}
	fill(time.Millisecond, 75*time.Second) // into the slice that held the first ones
	if got := l.Quantile(0.999, 76*time.Second); got != 0 {
		t.Errorf("p999 of a thousand samples is %v, want none", got)
	}
	if got := l.Quantile(0.99, 76*time.Second); got > 2*time.Millisecond {
		t.Errorf("p99 is %v: old samples are still there", got)
	}
	l.Observe(time.Hour, 14*time.Second) // a straggler from a slice that is used for a later time
	if got := l.Quantile(0.98, 77*time.Second); got > 2*time.Millisecond {
		t.Errorf("p98 is %v: a straggler has emptied the slice", got)
	}
}

func TestAQuantileIsComputedFourTimesASecond(t *testing.T) {
	var l Latencies
	fill := func(d time.Duration) {
		for range 1000 {
			l.Observe(d, 0)
		}
	}
	fill(time.Millisecond)
	before := l.Quantile(0.9, 0)
	fill(time.Second)
	if got := l.Quantile(0.9, quantileFor-1); got != before {
		t.Errorf("after less than %v p90 has gone from %v to %v", quantileFor, before, got)
	}
	if got := l.Quantile(0.9, quantileFor); got < 900*time.Millisecond {
		t.Errorf("after %v p90 is %v still", quantileFor, got)
	}
	if got := l.Quantile(0.4, quantileFor); got > 2*time.Millisecond {
		t.Errorf("p40 is %v: it was taken for p90", got)
	}
}

func TestObservingFromManyGoroutines(t *testing.T) {
	var l Latencies
	var observers sync.WaitGroup
	for i := range 8 {
		observers.Go(func() {
			for n := range 4000 {
				now := time.Duration(n) * 25 * time.Millisecond // 100 s
				l.Observe(time.Duration(1+i)*time.Millisecond, now)
				if n%100 == 0 {
					l.Quantile(0.9, now)
				}
			}
		})
	}
	observers.Wait()
	got := l.Quantile(0.5, 100*time.Second)
	if got < 3*time.Millisecond || got > 6*time.Millisecond {
		t.Errorf("the median of 1 to 8 ms is %v", got)
	}
}
