//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"weir/bench"
)

// overload is an endpoint with so many workers, each of which takes the same time for a request; who
// finds none free waits there.
type overload struct {
	workers int
	takes   time.Duration
	half    time.Duration // of load at half of its capacity
	warm    time.Duration // of load at twice its capacity that is not measured
	double  time.Duration
	goodput float64 // the share of the capacity that must be served
	slower  float64 // times that the p99 may be that of half load
	slack   time.Duration
}

func (o overload) capacity() float64 { return float64(o.workers) / o.takes.Seconds() }

func TestOverload(t *testing.T) {
	t.Parallel()
	overload{
		workers: 20, takes: 100 * time.Millisecond, half: 2 * time.Second, warm: time.Second, double: 3 * time.Second,
		goodput: 0.75, slower: 3, slack: 50 * time.Millisecond,
	}.press(t, "20")
}

func TestOverloadOfAnAdaptiveLimit(t *testing.T) {
	t.Parallel()
	overload{
		workers: 16, takes: 80 * time.Millisecond, half: 2 * time.Second, warm: 3 * time.Second, double: 3 * time.Second,
		goodput: 0.75, slower: 3, slack: 100 * time.Millisecond,
	}.press(t, `"adaptive"`)
}

// press loads the endpoint with half of what it can serve, and then with twice as much.
func (o overload) press(t *testing.T, limit string) {
	t.Helper()
	bestOf(t, func(y *try) { o.measure(y, limit) })
}

func (o overload) measure(t *try, limit string) {
	b := newBooth(t.T, o.endpoint())
	c := start(t.T, across(fmt.Sprintf("max_in_flight = %s\nqueue = {}", limit), b))
	crowd := rush{path: "/", rate: o.capacity() / 2, run: o.half, connections: int(2 * o.capacity() * 0.8)}
	half := crowd.on(c)
	t.Logf("half: %s", summary(half))
	if n := half.Failed(); n > 0 && !burdened(half, o.takes/4) { // a moment's standstill fills the queue
		t.tooSlow("at half of the capacity %d requests failed: %v, first %v", n, half.Failures, half.FirstFailures)
	}
	crowd.rate, crowd.warmup, crowd.run = 2*o.capacity(), o.warm, o.double
	r := crowd.on(c)
	served, latency := throughout(r)
	t.Logf("double: goodput %.2f of the capacity, p99 of that %v; in all %s", served/o.capacity(), short(latency), summary(r))
	if n := r.Failures.Total() - r.Statuses[503]; n != 0 || r.Unsent > 0 {
		t.Errorf("%d failures are no 503, %d unsent: %v", n, r.Unsent, r.FirstFailures)
	}
	if !burdened(half, o.takes/4) && !burdened(r, o.takes/4) {
		o.judge(t, half, r)
	}
}

// burdened reports whether the machine had so much else to do that a run's requests were sent late.
// They came in bursts then, and were served as late: the run says little about Weir.
func burdened(r *bench.Report, lag time.Duration) bool { return r.Lag.P99 > lag }

// throughout returns how many requests were served a second, and the p99 of their latency, while the
// load went on: at its end the queue hands out the last ones, who waited longest.
func throughout(r *bench.Report) (rate float64, p99 time.Duration) {
	h, n := bench.NewHistogram(), int64(0)
	whole := r.Series[:len(r.Series)-1]
	for _, s := range whole {
		h.Add(s.Histogram)
		n += s.OK
	}
	return float64(n) / float64(len(whole)), h.Quantile(0.99)
}

func (o overload) judge(t *try, half, r *bench.Report) {
	t.Helper()
	served, latency := throughout(r)
	if got := served / o.capacity(); got < o.goodput {
		t.tooSlow("goodput is %.2f of the capacity, want %.2f", got, o.goodput)
	}
	most := time.Duration(o.slower*float64(half.Latency.P99)) + o.slack
	if latency > most {
		t.tooSlow("p99 of what is admitted is %v, and %v at half load; want at most %v", short(latency), short(half.Latency.P99), short(most))
	}
}

func (o overload) endpoint() http.HandlerFunc {
	workers := make(chan struct{}, o.workers)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case workers <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		hold(o.takes)
		<-workers
		hello(w, r)
	}
}
