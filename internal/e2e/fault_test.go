//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// faulty is the config of the fault test. The waits are short, and a freeze or a stall longer.
const faulty = `
[listeners.web]
address = "{ip}:8080"
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[[routes]]
upstream = "api"
timeout = "8s"
[upstreams.api]
endpoints = ["{one}:7001", "{two}:7001", "{three}:7001"]
timeouts.response = "700ms"
retry.budget = "100%"
{more}
health = { http = { path = "/healthz" }, interval = "100ms", timeout = "1s", rise = 2, fall = 2 }
outliers.base_ejection = "500ms"
[upstreams.echo]
endpoints = ["{one}:7002", "{two}:7002", "{three}:7002"]
health = { tcp = { send = "ping", expect = "ping" }, interval = "100ms", timeout = "1s", rise = 2, fall = 2 }
outliers.base_ejection = "500ms"
`

// trial is a run of the fault test.
type trial struct {
	*child
	t         *testing.T
	random    *rand.Rand
	processes []*process
	load      *mix
	peak      int64 // of the resident memory
	inflicted map[string]int
	spells    []spell
}

// spell is the time for which an endpoint, by its place, suffered.
type spell struct {
	at         int
	begin, end time.Time
}

// noneSound reports whether each endpoint suffered at some time between begin and end.
func (f *trial) noneSound(begin, end time.Time) bool {
	ill := map[int]bool{}
	for _, s := range f.spells {
		if s.begin.Before(end) && s.end.After(begin) {
			ill[s.at] = true
		}
	}
	return len(ill) == len(f.processes)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tryFaults(t, "", 6*time.Second)
}

// hedging adds all that may hold a request up, or double it, before a balancer that learns nothing.
const hedging = `
balance = "random"
hedge = { after = "50ms", budget = "50%" }
max_in_flight = 20
queue = { size = 100, timeout = "5s" }
slow_start = "500ms"
breaker = { failure_rate = "95%", min_requests = 1000 }
`

func TestFaultsWithHedges(t *testing.T) {
	t.Parallel()
	tryFaults(t, hedging, 6*time.Second)
}

// tryFaults kills, freezes, resets, stalls, delays and cuts up to two of three endpoints at a time,
// at random, under load of all kinds. A request that an endpoint could answer is answered, what was
// cut shows, no POST is done twice, and nothing is left behind.
//
// WEIR_E2E_SEED repeats the choices of a run, though not its timing.
func tryFaults(t *testing.T, more string, length time.Duration) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_E2E_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64) // 0 is a seed too
	}
	t.Logf("WEIR_E2E_SEED=%d", seed)
	f := newTrial(t, seed, more)
	before, resident := f.held(t), f.rss()
	f.begin()
	hold(time.Second) // the budget of retries grows with the requests
	for end := time.Now().Add(length); time.Now().Before(end); {
		f.episode()
	}
	f.load.stop()
	f.load.verify(t, f.noneSound)
	f.load.verifyJournal(t, f.processes[0].journal)
	t.Logf("inflicted: %v", f.inflicted)
	f.settles(before)
	m := f.metrics()
	for _, family := range []string{"weir_upstream_retries_total", "weir_upstream_hedges_total", "weir_upstream_ejections_total", "weir_upstream_queued_total", "weir_upstream_shed_total"} {
		for _, series := range m.series(family) {
			if m.value(series) > 0 {
				t.Logf("%s %v", series, m.value(series))
			}
		}
	}
	if grown := f.peak - resident; grown > 64<<20 && !raceDetector {
		t.Errorf("the resident memory grew from %d to %d MiB", resident>>20, f.peak>>20)
	}
	if n := m.value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

func newTrial(t *testing.T, seed uint64, more string) *trial {
	f := &trial{t: t, random: rand.New(rand.NewPCG(seed, 0)), load: newMix(t), inflicted: map[string]int{}}
	journal := filepath.Join(t.TempDir(), "journal")
	for _, name := range []string{"one", "two", "three"} {
		f.processes = append(f.processes, newProcess(t, name, journal))
	}
	f.child = start(t, faulty, "more", more, "one", f.processes[0].ip, "two", f.processes[1].ip, "three", f.processes[2].ip)
	f.awaitAllReady()
	return f
}

// begin starts the load: pages, long answers, streams, POSTs and TCP sessions.
func (f *trial) begin() {
	web := f.at(8080)
	f.load.work(6, "GET", web, f.load.fetch("/kib", func(b []byte) bool { return len(b) == 1024 }))
	f.load.work(2, "long GET", web, f.load.fetch("/big?n=200000", func(b []byte) bool { return len(b) == 200000 }))
	f.load.work(3, "stream", web, f.load.fetch("/drip?n=20&ms=10", func(b []byte) bool { return string(b) == dripped(20) }))
	f.load.work(3, "POST", web, f.load.post)
	f.load.work(3, sessions, f.at(7000), f.load.session)
}

// evils are what an endpoint suffers, and what ends it.
var evils = []struct {
	name       string
	begin, end func(p *process)
}{
	{"killed", (*process).kill, (*process).begin},
	{"frozen", (*process).freeze, (*process).thaw},
	{"resetting", telling(resetting), telling(sound)},
	{"delaying", telling(delaying), telling(sound)},
	{"stalling", telling(stalling), telling(sound)},
	{"cutting", telling(cutting), telling(sound)},
	{"crowded", telling(crowded), telling(sound)},
	{"killed and at once back", func(p *process) { p.kill(); p.begin() }, func(*process) {}},
}

func telling(m manner) func(*process) { return func(p *process) { p.tell(m) } }

// episode inflicts something on one endpoint or two, and waits until all are ready again: the third
// can then be the only sound one.
func (f *trial) episode() {
	order := f.random.Perm(len(f.processes))[:1+f.random.IntN(2)]
	defer f.awaitAllReady()
	for i, at := range order {
		p, evil := f.processes[at], draw(f.random, evils)
		f.inflicted[evil.name]++
		f.t.Logf("%s %s %s, %d of %d", time.Now().Format("05.000"), p.name, evil.name, i+1, len(order))
		begin := time.Now()
		evil.begin(p)
		defer func() {
			evil.end(p)
			f.spells = append(f.spells, spell{at, begin, time.Now()})
		}()
	}
	hold(time.Duration(100+f.random.IntN(1000)) * time.Millisecond)
	f.peak = max(f.peak, f.rss())
}

// awaitAllReady waits until Weir takes every endpoint for ready, and chooses among all of them: what it
// chooses among follows the states within a tenth of a second.
func (f *trial) awaitAllReady() {
	f.t.Helper()
	eventuallyIn(f.t, 2*patience, "all endpoints are ready", func() bool {
		for _, upstream := range []string{"api", "echo"} {
			ready := 0
			for _, state := range f.endpointStates(upstream) {
				if state == "ready" {
					ready++
				}
			}
			if ready < len(f.processes) {
				return false
			}
		}
		return true
	})
	hold(250 * time.Millisecond)
}

// settles waits until no client, no lease and no more goroutines and descriptors are left than
// before, pooled connections aside.
func (f *trial) settles(before holding) {
	f.t.Helper()
	var now holding
	defer func() { f.t.Logf("before %+v, now %+v", before, now) }()
	eventuallyIn(f.t, 2*patience, fmt.Sprintf("no more is held than %+v", before), func() bool {
		now = f.holds()
		return now.connections == 0 && now.leases == 0 && now.files-now.idle <= before.files+4 && now.goroutines <= before.goroutines+8
	})
}
