package bench

import (
	"bufio"
	"fmt"
	"io"
	"math"
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
		if _, err := io.WriteString(c, fine); err != nil {
			return
		}
		took := time.Since(came)
		k.mu.Lock()
		k.record.Record(took)
		k.mu.Unlock()
	}
}

// checkTruth runs each shape and compares what the generator reports with what the endpoint recorded.
// near and far are the shares by which they may differ up to p99 and at p99.9; floor is always allowed.
func checkTruth(t *testing.T, cfg Config, near, far float64, floor time.Duration) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			k := &keeper{random: rand.New(rand.NewPCG(3, 7)), record: NewHistogram(), draw: shape.draw}
			cfg := cfg
			cfg.Target = "http://" + listen(t, k.serve)
			r := mustRun(t, cfg)
			k.mu.Lock()
			defer k.mu.Unlock()
			if r.Failed() != 0 || r.OK != k.record.Count() || !r.Valid() {
				t.Fatalf("%d ok of %d served, %v, %v", r.OK, k.record.Count(), r.Failures, r.Invalid)
			}
			for _, q := range []struct{ at, share float64 }{{0.1, near}, {0.5, near}, {0.75, near}, {0.9, near}, {0.99, near}, {0.999, far}} {
				got, want := r.Histogram.Quantile(q.at), k.record.Quantile(q.at)
				allowed := max(floor, time.Duration(q.share*float64(want)))
				line := fmt.Sprintf("%v: reported %v, recorded %v: %+v, allowed %v", q.at, got, want, got-want, allowed)
				if math.Abs(float64(got-want)) > float64(allowed) {
					t.Error(line)
				} else {
					t.Log(line)
				}
			}
		})
	}
}

func TestLatenciesAreThoseThatTheEndpointRecorded(t *testing.T) {
	// Loose: other tests share the machine. TestSoakTruth is the strict one.
	checkTruth(t, Config{Connections: 100, Rate: 300, Duration: 1500 * time.Millisecond, MaxLag: time.Second}, 0.1, 0.3, 10*time.Millisecond)
}
