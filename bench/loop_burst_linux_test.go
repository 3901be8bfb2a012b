package bench

import (
	"testing"
	"time"
)

func TestABurstBeyondOneBatchGoesOutAtOnce(t *testing.T) {
	// A loop that had sent a whole batch waited for an answer before it sent the rest, though connections were idle:
	// with an endpoint that takes 400 ms, two thirds of such a burst went out 400 ms late.
	const burst = 3 * batch
	times := make([]time.Duration, 0, 2*burst)
	for at := range 2 {
		for range burst {
			times = append(times, 100*time.Millisecond+time.Duration(at)*time.Second) // dialled by the first, idle before the second
		}
	}
	r := mustRun(t, Config{
		Target: "http://" + listen(t, after(400*time.Millisecond)), Connections: burst, Threads: 1,
		Arrivals: &Arrivals{Times: times}, MaxLag: 200 * time.Millisecond,
	})
	if r.OK != 2*burst || r.Distorted != 0 || r.Late != 0 {
		t.Errorf("ok %d, %v, %d unsent, %d late; %d went out late by the generator's doing, the worst by %v",
			r.OK, r.Failures, r.Unsent, r.Late, r.Distorted, r.Lag.Max)
	}
}

func TestAClosedLoopUsesAllItsConnectionsAtOnce(t *testing.T) {
	// The same, seen in the closed loop: 256 idle connections at the start, of which the endpoint's silence held
	// up one half.
	r := mustRun(t, Config{Target: "http://" + deaf(t), Connections: 2 * batch, Threads: 1, Requests: 2 * batch, Timeout: 300 * time.Millisecond})
	if r.Failures[Connect]+r.Failures[Timeout] != 2*batch || r.Elapsed > 550*time.Millisecond {
		t.Errorf("%v within %v; want all to time out together, after 300 ms", r.Failures, r.Elapsed)
	}
}
