//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"weir/bench"
)

// killing is the story of an endpoint that is killed and comes back.
type killing struct {
	balance             string
	rate                float64
	before, down, after time.Duration // sound, killed, and at full share
	interval            time.Duration // of probes
	slowStart           time.Duration
	share               float64 // of a third: what the endpoint must have when it is back
	spike               float64 // how many times the usual p99 the worst second may have when it is back
	slack               time.Duration
}

const rise = 2

func TestKilledEndpoint(t *testing.T) {
	t.Parallel()
	killing{
		balance: "round_robin", rate: gently(500), before: time.Second, down: time.Second, after: 2 * time.Second,
		interval: 200 * time.Millisecond, slowStart: time.Second, share: 0.8, spike: 10, slack: 100 * time.Millisecond,
	}.tell(t)
}

// tell kills one of three endpoints under load and starts it again. No GET may fail; the endpoint
// has its share again when its probes have passed and its slow start is over; and its return does
// not show in the latency.
func (k killing) tell(t *testing.T) {
	t.Helper()
	bestOf(t, k.measure)
}

func (k killing) measure(t *try) {
	one, two, three := k.endpoints(t.T)
	c := start(t.T, fmt.Sprintf(`
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["{one}", "{two}", "{three}"]
balance = "%s"
slow_start = "%v"
health = { http = { path = "/healthz" }, interval = "%v", rise = %d }
`, k.balance, k.slowStart, k.interval, rise), "one", one.http(), "two", two.http(), "three", three.http())
	back := rise*k.interval + k.slowStart
	parts := newShares("one", "two", "three")
	report := rush{path: "/kib", rate: k.rate, run: k.before + k.down + back + k.after, body: parts.note}.beside(c)

	<-time.After(k.before)
	two.kill()
	<-time.After(k.down)
	two.begin()
	begun := time.Now()
	<-time.After(back)
	got := parts.during(k.after*3/4, 1)
	r := report()
	t.Logf("%s; share at %v after its start: %.3f", summary(r), back, got)
	unfailing(t.T, "one of three killed", r)
	if got < k.share/3 {
		t.tooSlow("the endpoint has a share of %.3f after %v, want a third, and at least %.3f", got, back, k.share/3)
	}
	k.noSpike(t, r, begun.Sub(r.Started))
}

func (k killing) endpoints(t *testing.T) (one, two, three *process) {
	journal := filepath.Join(t.TempDir(), "journal")
	return newProcess(t, "one", journal), newProcess(t, "two", journal), newProcess(t, "three", journal)
}

// noSpike compares the worst second behind the return, begun into the run, with the worst of as many
// before the endpoint was killed.
func (k killing) noSpike(t *try, r *bench.Report, begun time.Duration) {
	t.Helper()
	usual, worst := worstSecond(r, 0, k.before), worstSecond(r, begun, begun+k.before)
	t.Logf("p99 of a second before: at most %v; after its return: at most %v", short(usual), short(worst))
	most := time.Duration(k.spike*float64(usual)) + k.slack
	if worst > most && !burdened(r, k.slack/10) {
		t.tooSlow("the return shows: p99 of a second is %v, and was %v before; want at most %v", short(worst), short(usual), short(most))
	}
}

// worstSecond returns the highest p99 of a second that overlaps with a part of the run.
func worstSecond(r *bench.Report, from, to time.Duration) (worst time.Duration) {
	for _, s := range r.Series {
		if s.At > from && s.At-time.Second < to {
			worst = max(worst, s.Latency.P99)
		}
	}
	return worst
}
