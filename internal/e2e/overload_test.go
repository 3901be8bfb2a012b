//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
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

// press loads the endpoint with half of what it can serve, and then with twice as much.
func (o overload) press(t *testing.T, limit string) {
	b := newBooth(t, o.endpoint())
	c := start(t, across(fmt.Sprintf("max_in_flight = %s\nqueue = {}", limit), b))
	crowd := rush{path: "/", rate: o.capacity() / 2, run: o.half, connections: int(2 * o.capacity() * 0.8)}
	half := crowd.on(c)
	t.Logf("half: %s", summary(half))
	if half.Lag.P99 < o.takes/4 { // else the load came in bursts that the machine made
		unfailing(t, "at half of the capacity", half)
	}

	crowd.rate, crowd.warmup, crowd.run = 2*o.capacity(), o.warm, o.double
	r := crowd.on(c)
	goodput := float64(r.OK) / r.Elapsed.Seconds() / o.capacity()
	most := time.Duration(o.slower*float64(half.Latency.P99)) + o.slack
	t.Logf("double: goodput %.2f of the capacity; %s", goodput, summary(r))
	if goodput < o.goodput {
		t.Errorf("goodput is %.2f of the capacity, want %.2f", goodput, o.goodput)
	}
	if r.Latency.P99 > most {
		t.Errorf("p99 of what is admitted is %v, and %v at half load; want at most %v", short(r.Latency.P99), short(half.Latency.P99), short(most))
	}
	if n := r.Failures.Total() - r.Statuses[503]; n != 0 || r.Unsent > 0 {
		t.Errorf("%d failures are no 503, %d unsent: %v", n, r.Unsent, r.FirstFailures)
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
