package bench

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// shapes are the latencies of endpoints with a known distribution; each draws for one request.
var shapes = []struct {
	name string
	draw func(*rand.Rand) time.Duration
}{
	{"constant", func(*rand.Rand) time.Duration { return 5 * time.Millisecond }},
	{"bimodal", func(r *rand.Rand) time.Duration {
		if r.IntN(20) == 0 {
			return 60 * time.Millisecond
		}
		return 4 * time.Millisecond
	}},
	{"exponential", func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(10*time.Millisecond)) }},
}

// keeper is an endpoint that keeps its own record of how long it held each request.
type keeper struct {
	mu     sync.Mutex
	random *rand.Rand
	record Histogram
	draw   func(*rand.Rand) time.Duration
}

func (k *keeper) serve(c *net.TCPConn) {
	in := bufio.NewReader(c)
	for {
		// The request has arrived with its first byte: parsing it is the endpoint's time.
		if _, err := in.Peek(1); err != nil {
			return
		}
		came := time.Now()
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		k.mu.Lock()
		hold := k.draw(k.random)
		k.mu.Unlock()
		<-time.After(hold) // the latency under test
		// Before the answer goes: the run may be over as soon as it has come.
		k.mu.Lock()
		k.record.Record(time.Since(came))
		k.mu.Unlock()
		if _, err := io.WriteString(c, fine); err != nil {
			return
		}
	}
}

// checkTruth runs each shape and compares what the generator reports with what the endpoint recorded.
// allowed are the shares by which they may differ, by quantile; floor is always allowed.
func checkTruth(t *testing.T, cfg Config, allowed map[float64]float64, floor time.Duration) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			k := &keeper{random: rand.New(rand.NewPCG(3, 7)), record: NewHistogram(), draw: shape.draw}
			cfg := cfg
			cfg.Target = "http://" + listen(t, k.serve)
			// The endpoint is this process too, and its record does not see how slowly a cold one wakes.
			cold := cfg
			cold.Duration = 500 * time.Millisecond
			mustRun(t, cold)
			k.mu.Lock()
			k.record = NewHistogram()
			k.mu.Unlock()
			r := mustRun(t, cfg)
			k.mu.Lock()
			defer k.mu.Unlock()
			if r.Failed() != 0 || r.OK != k.record.Count() || !r.Valid() {
				t.Fatalf("%d ok of %d served, %v, %v", r.OK, k.record.Count(), r.Failures, r.Invalid)
			}
			for at, share := range allowed {
				got, want := r.Histogram.Quantile(at), k.record.Quantile(at)
				most := max(floor, time.Duration(share*float64(want)))
				line := fmt.Sprintf("%v: reported %v, recorded %v: %+v, allowed %v", at, got, want, got-want, most)
				if (got - want).Abs() > most {
					t.Error(line)
				} else {
					t.Log(line)
				}
			}
		})
	}
}

func TestLatenciesAreThoseThatTheEndpointRecorded(t *testing.T) {
	// Loose, since other tests share the machine: the far quantiles are TestSoakTruth's.
	loose := map[float64]float64{0.1: 0.2, 0.5: 0.2}
	checkTruth(t, Config{Connections: 100, Rate: 300, Duration: 1500 * time.Millisecond, MaxLag: time.Hour}, loose, 20*time.Millisecond)
}
