//go:build linux

package e2e

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// tail is an upstream whose every endpoint takes long for one request in so many.
type tail struct {
	rate        float64
	warmup, run time.Duration
	one         int // in so many is slow
	slow        time.Duration
	p999        time.Duration // what hedging must bring
	extra       float64       // attempts for it, as a share
}

func TestHedgesCutTheTail(t *testing.T) {
	t.Parallel()
	tail{rate: gently(300), warmup: 3 * time.Second, run: 4 * time.Second, one: 100, slow: 2 * time.Second, p999: time.Second, extra: 0.05}.cut(t)
}

// cut loads the endpoints with hedges, after a time in which they learn what is usual.
func (b tail) cut(t *testing.T) {
	t.Helper()
	bestOf(t, b.measure)
}

func (b tail) measure(t *try) {
	booths := []*booth{newBooth(t.T, b.endpoint(1)), newBooth(t.T, b.endpoint(2)), newBooth(t.T, b.endpoint(3)), newBooth(t.T, b.endpoint(4))}
	c := start(t.T, across(`hedge = { after = "p95", budget = "5%" }`, booths...))
	crowd := rush{path: "/", rate: b.rate, run: b.warmup, connections: 64 + int(b.rate/10)}
	warm := crowd.on(c)
	crowd.run = b.run
	r := crowd.on(c)
	extra := float64(askedOf(booths...))/float64(warm.Requests+r.Requests) - 1
	t.Logf("%.2f%% extra attempts; %s", 100*extra, summary(r))
	unfailing(t.T, "hedged", r)
	if r.Latency.P999 > b.p999 && !burdened(r, b.p999/4) {
		t.tooSlow("p99.9 is %v, want at most %v", short(r.Latency.P999), b.p999)
	}
	if extra > b.extra {
		t.tooSlow("%.2f%% extra attempts, want at most %.0f%%", 100*extra, 100*b.extra)
	}
}

// endpoint takes 10 ms for most requests. The slow ones are drawn, the same in each run.
func (b tail) endpoint(seed uint64) http.HandlerFunc {
	const drawn = 1 << 14
	slow := make([]bool, drawn)
	draw := rand.New(rand.NewPCG(seed, 1))
	for i := range slow {
		slow[i] = draw.IntN(b.one) == 0
	}
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if slow[n.Add(1)%drawn] {
			pause(r, b.slow.Milliseconds())
		} else {
			pause(r, 10)
		}
		hello(w, r)
	}
}
