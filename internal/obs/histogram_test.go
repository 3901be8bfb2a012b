package obs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBucketsRiseFrom100MicrosecondsTo60Seconds(t *testing.T) {
	if bounds[0] != 100*time.Microsecond || bounds[len(bounds)-1] != time.Minute {
		t.Errorf("bounds from %v to %v", bounds[0], bounds[len(bounds)-1])
	}
	for i := 1; i < len(bounds); i++ {
		if bounds[i] < 2*bounds[i-1] || bounds[i] > 3*bounds[i-1] {
			t.Errorf("%v follows %v: a step of 2 to 3 keeps every decade as fine", bounds[i], bounds[i-1])
		}
	}
}

func TestAHistogramAgreesWithASlowCount(t *testing.T) {
	var h Histogram
	rng := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	var sum time.Duration
	for range 5000 {
		d := time.Duration(rng.ExpFloat64() * float64(20*time.Millisecond))
		all, sum = append(all, d), sum+d
		h.Observe(d)
	}
	var b bytes.Buffer
	h.write(&b, "h")
	got := b.String()
	for i, bound := range bounds {
		n := 0
		for _, d := range all {
			if d <= bound {
				n++
			}
		}
		if line := fmt.Sprintf("h_bucket{le=\"%s\"} %d\n", le(i), n); !strings.Contains(got, line) {
			t.Errorf("%q is missing in\n%s", line, got)
		}
	}
	for _, line := range []string{"h_bucket{le=\"+Inf\"} 5000\n", "h_count 5000\n", fmt.Sprintf("h_sum %v\n", sum.Seconds())} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is missing in\n%s", line, got)
		}
	}
}

func TestManyObserversLoseNothing(t *testing.T) {
	var h Histogram
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				h.Observe(time.Millisecond)
			}
		})
	}
	all.Wait()
	var b bytes.Buffer
	h.write(&b, `h{a="b"}`)
	if got := b.String(); !strings.HasSuffix(got, "h_sum{a=\"b\"} 8\nh_count{a=\"b\"} 8000\n") {
		t.Errorf("written:\n%s", got)
	}
}
