package serve

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/lb"
)

// simulation sends requests through step, the real picker and the real gate, on the virtual clock of
// a synctest bubble, to endpoints that are functions.
type simulation struct {
	plan     *Plan
	began    time.Time
	endpoint func() (took time.Duration, status int)
	requests atomic.Int64
	attempts atomic.Int64
	good     atomic.Int64
}

func newSimulation(t *testing.T, endpoints int, retry *Retry) *simulation {
	cfg := lb.Default()
	for i := range endpoints {
		a, err := conf.ParseAddress("10.0.0." + string(rune('1'+i)) + ":80")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: a, Weight: 1})
	}
	reg := lb.NewRegistry(nil)
	up, err := reg.Adopt("u", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Retire(up) })
	reg.Judge(lb.ByProbe, lb.Ready, "", reg.Endpoints()...)
	return &simulation{plan: &Plan{Upstream: up, Retry: *retry, Counters: new(Counters)}, began: time.Now()}
}

func (s *simulation) now() int64 { return int64(time.Since(s.began)) + 1 }

// run sends rate requests a second for some time and waits for all of them.
func (s *simulation) run(rate int, d time.Duration) {
	for range int(d.Seconds() * float64(rate)) {
		go s.send() // one request; ends with its answer
		<-time.After(time.Second / time.Duration(rate))
	}
	<-time.After(10 * time.Second)
	synctest.Wait()
}

// send is one request.
func (s *simulation) send() {
	s.requests.Add(1)
	s.plan.Upstream.Gate().Begin()
	st, tried := newSending(&s.plan.Retry, []byte("GET"), 0), lb.Tried{}
	ev, status := event{kind: evStart, now: s.now()}, 0
	for {
		if ev.kind == evHead {
			status = ev.status
		}
		switch st.step(ev) {
		case pick:
			if st.afresh {
				tried = lb.Tried{}
			}
			ev = s.attempt(&st, &tried)
		case askRetry:
			ev = s.plan.askRetry()
		case wait:
			<-time.After(time.Duration(st.until - s.now()))
			ev = event{kind: evWaited, now: s.now()}
		case keep:
			if status < 500 {
				s.good.Add(1)
			}
			return
		default:
			return
		}
	}
}

func (s *simulation) attempt(st *sending, tried *lb.Tried) event {
	lease, reason := s.plan.pick(lb.Key{}, *tried, st.queued)
	if !lease.Ok() {
		return event{kind: evNone, reason: reason, now: s.now()}
	}
	tried.Add(lease.Endpoint())
	s.attempts.Add(1)
	took, status := s.endpoint()
	if took > 0 {
		<-time.After(took)
	}
	var f *http7.Fault
	lease.Done(lb.Outcome{Result: resultOf(f, status), FirstByte: took + 1})
	return event{kind: evHead, status: status, replayable: true, now: s.now(), dice: rand.Float64()}
}

// All endpoints answer 503, at once or slowly: behind the first ten seconds they get at most a
// quarter more than what clients ask for.
func TestEndpointsThatAllFailGetAtMostAQuarterMore(t *testing.T) {
	for _, rate := range []int{50, 2000} {
		for _, took := range []time.Duration{0, 100 * time.Millisecond} {
			for _, backoff := range []time.Duration{0, 25 * time.Millisecond} {
				synctest.Test(t, func(t *testing.T) {
					s := newSimulation(t, 3, &Retry{Attempts: 2, On: everything, Methods: []string{"GET"}, Backoff: backoff})
					s.endpoint = func() (time.Duration, int) { return took, 503 }
					s.run(rate, 10*time.Second)
					requests, attempts := s.requests.Load(), s.attempts.Load()
					s.run(rate, 10*time.Second)
					load := float64(s.attempts.Load()-attempts) / float64(s.requests.Load()-requests)
					t.Logf("%d/s, 503 after %v, backoff %v: load %.3f", rate, took, backoff, load)
					if load > 1.25 || load < 1.05 {
						t.Errorf("%d/s, 503 after %v, backoff %v: load %.3f", rate, took, backoff, load)
					}
				})
			}
		}
	}
}

// One attempt in twenty fails: retries make nearly all of them good, within the budget.
func TestRetriesRepairWhatFailsNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 3, &Retry{Attempts: 2, On: everything, Methods: []string{"GET"}, Backoff: 25 * time.Millisecond})
		s.endpoint = func() (time.Duration, int) {
			if rand.IntN(20) == 0 {
				return time.Millisecond, 503
			}
			return time.Millisecond, 200
		}
		s.run(500, 20*time.Second)
		bad := s.requests.Load() - s.good.Load()
		if extra := s.attempts.Load() - s.requests.Load(); bad > 10 || extra < 300 || extra > 800 {
			t.Errorf("of %d requests %d failed with %d retries", s.requests.Load(), bad, extra)
		}
	})
}
