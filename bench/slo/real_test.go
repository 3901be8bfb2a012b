package slo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

func TestTheCapacityOfARealEndpointIsFound(t *testing.T) {
	// One request at a time, 4 ms each: at most 250/s, whatever the machine does besides.
	var one sync.Mutex
	var free time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		free = free.Add(4 * time.Millisecond)
		turn := time.NewTimer(time.Until(free))
		one.Unlock()
		<-turn.C
		w.Write([]byte("ok"))
	}))
	defer server.Close()
	// A machine that stands still during a probe makes the capacity look smaller: the first of five searches that finds it
	// will do.
	for range 5 {
		o := Options{SLO: mustParse(t, "p50<60ms,errors<1%"), Precision: 0.1, Probe: 600 * time.Millisecond, Probes: 25}
		c, err := Find(t.Context(), o, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
			return bench.Run(ctx, bench.Config{Target: server.URL, Connections: 64, Rate: rate, Duration: d, MaxLag: 50 * time.Millisecond})
		})
		if err != nil { // also of a generator that could not keep up
			t.Log(err)
			continue
		}
		// 600 ms of 350/s would leave a queue of 60 requests, half of which wait 120 ms and more.
		if c.Rate >= 120 && c.Rate <= 350 {
			return
		}
		t.Logf("found %.0f/s, want about 250: %s", c.Rate, c.Text)
	}
	t.Error("no search found it")
}
