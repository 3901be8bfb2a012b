//go:build linux

package e2e

import (
	"net/http"
	"testing"
	"time"

	"weir/bench"
)

// laggard is an upstream of ten endpoints, one of which takes ten times as long.
type laggard struct {
	takes       time.Duration
	rate        float64
	warmup, run time.Duration
	times       float64 // that the p99 of round_robin is the one of ewma
}

func TestOneSlowEndpointOfTen(t *testing.T) {
	t.Parallel()
	laggard{takes: 20 * time.Millisecond, rate: gently(300), warmup: time.Second, run: 2 * time.Second, times: 2}.best(t)
}

// best is the best of some comparisons.
func (l laggard) best(t *testing.T) {
	t.Helper()
	bestOf(t, l.compare)
}

// compare runs the two balancers side by side, so that what else the machine does hits both.
func (l laggard) compare(t *try) {
	reports, slow := map[string]func() *bench.Report{}, map[string]*booth{}
	for _, balance := range []string{"round_robin", "ewma"} {
		booths := []*booth{newBooth(t.T, l.endpoint(10*l.takes))}
		for range 9 {
			booths = append(booths, newBooth(t.T, l.endpoint(l.takes)))
		}
		slow[balance] = booths[0]
		c := start(t.T, across(`balance = "`+balance+`"`, booths...))
		reports[balance] = rush{path: "/", rate: l.rate, warmup: l.warmup, run: l.run, connections: 64 + int(l.rate/4)}.beside(c)
	}
	turns, ewma := reports["round_robin"](), reports["ewma"]()
	t.Logf("round_robin: %s; %d on the slow one", summary(turns), slow["round_robin"].asked.Load())
	t.Logf("ewma: %s; %d on the slow one", summary(ewma), slow["ewma"].asked.Load())
	unfailing(t.T, "round_robin", turns)
	unfailing(t.T, "ewma", ewma)
	if burdened(turns, l.takes) || burdened(ewma, l.takes) {
		return
	}
	if most := time.Duration(float64(turns.Latency.P99) / l.times); ewma.Latency.P99 > most {
		t.tooSlow("p99 is %v with ewma, and %v with round_robin; want at most %v", short(ewma.Latency.P99), short(turns.Latency.P99), short(most))
	}
}

func (l laggard) endpoint(takes time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pause(r, takes.Milliseconds())
		hello(w, r)
	}
}
