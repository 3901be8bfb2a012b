package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"weir/http7"
	"weir/http7/forward"
	"weir/internal/conf"
	"weir/internal/obs"
	"weir/lb"
)

// logging gives a rig an access log; what it has written is there once stop has been called.
func logging(r *rig, out *bytes.Buffer) (stop func()) {
	cfg := obs.DefaultAccessLog()
	cfg.Path = "-"
	log, err := obs.NewAccessLog(cfg, obs.AccessLogNeeds{Stdout: out, Catalogue: r.series, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // the log's writer; ends with ctx
		log.Run(ctx)
		close(done)
	}()
	r.site.AccessLog = log
	return func() { cancel(); <-done }
}

func TestTheLogSaysHowManyAttemptsThereWereAndWhoseAnswerWasKept(t *testing.T) {
	t.Parallel()
	const soon, never = 20 * time.Millisecond, time.Minute
	ended, asked := make(chan struct{}, 2), newCue()
	for _, c := range []struct {
		name     string
		hedge    time.Duration
		turns    []turn
		attempts int
		fault    string
	}{
		{"one", never, []turn{says(hello)}, 1, ""},
		{"a retry", never, []turn{says(busy), says(hello)}, 2, ""},
		{"a hedge that wins", soon, []turn{waits(ended), says(hello)}, 2, ""},
		{"a hedge that loses", soon, []turn{asked.behind(says(hello)), asked.tells(waits(ended))}, 2, ""},
		{"three resets", never, []turn{hangsUp(""), hangsUp(""), hangsUp("")}, 3, "upstream_reset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			stop := func() {}
			o := newInTurn(c.turns...)
			r := hedging(t, c.hedge, o, func(r *rig) { stop = logging(r, &out) })
			r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			r.settled()
			stop()
			var line struct {
				Attempts        int
				Endpoint, Fault string
			}
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Attempts != c.attempts || line.Fault != c.fault {
				t.Errorf("%v: %s", err, out.Bytes())
			}
			if line.Endpoint == "" {
				t.Errorf("no endpoint in %s", out.Bytes())
			}
		})
	}
}

func TestEachAttemptIsAccountedToItsRoute(t *testing.T) {
	t.Parallel()
	o := newInTurn(says(busy), hangsUp("HTTP/1.1 2"), says(hello))
	r := newRigWith(t, func(r *rig) { r.forward.Retry.Backoff = conf.Dur(0) }, origin(t, o.serve))
	r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	r.settled()
	e := r.plan.Upstream.View().Members()[0].Endpoint
	slot := int(uint32(xxhash.Sum64String("all")) % lb.TallySlots)
	if tally := e.Tally(slot); tally.OK != 1 || tally.Failed != 2 || tally.InRow != 0 {
		t.Errorf("the route's tally is %+v", tally)
	}
	if e.Ended(lb.Status5xx) != 1 || e.Ended(lb.Reset) != 1 || e.Ended(lb.OK) != 1 {
		t.Errorf("%d answered 5xx, %d reset, %d well", e.Ended(lb.Status5xx), e.Ended(lb.Reset), e.Ended(lb.OK))
	}
}

func TestTheBudgetBoundsRetriesAndSaysSo(t *testing.T) {
	t.Parallel()
	repeatedly(t, func() error { // until all come within the 10 s that a budget is for
		o := answering(t, busy)
		r := newRigWith(t, func(r *rig) { r.forward.Retry.Backoff = conf.Dur(0) }, o.addr)
		const requests = 60
		cl := r.client()
		for range requests {
			cl.send(getMore)
			cl.want(503, "busy")
		}
		r.settled()
		whole, _ := o.seen()
		s := r.plan.Counters.Stats()
		if extra := len(whole) - requests; extra != 30 || s.Retried["503"] != 30 || r.plan.Upstream.Gate().Stats().RetriesRefused == 0 {
			return fmt.Errorf("%d more than %d requests; %+v", extra, requests, s)
		}
		return nil
	})
}

func TestEveryDecisionIsCountedByItsWord(t *testing.T) {
	t.Parallel()
	n := new(Counters)
	n.retry(OnConnect)
	n.retry(On504)
	n.retry(On504)
	n.retry(0) // nothing
	n.hedge(hedgeWon)
	n.hedge(hedgeLost)
	n.hedge(hedgeRefused)
	want := Stats{
		Retried:   map[string]uint64{"connect": 1, "reset": 0, "timeout": 0, "502": 0, "503": 0, "504": 2},
		HedgesWon: 1, HedgesLost: 1, HedgesRefused: 1,
	}
	if got := n.Stats(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	var nobody *Counters
	nobody.retry(OnConnect)
	nobody.hedge(hedgeWon)
}

func TestCountersAreOnePerUpstream(t *testing.T) {
	t.Parallel()
	s := NewShared(nil, nil, nil)
	a := s.Counters("a")
	if again, b := s.Counters("a"), s.Counters("b"); again != a || b == a {
		t.Error("an upstream's counters must survive a reload, and be its own")
	}
}

func TestRetriesAndHedgesAreCompiledFromTheirConfig(t *testing.T) {
	t.Parallel()
	c := forward.Default()
	r := NewRetry(&c.Retry)
	if r.Attempts != 2 || r.On != everything || r.Replay != 64<<10 || r.Backoff != 25*time.Millisecond || strings.Join(r.Methods, " ") != "GET HEAD OPTIONS PUT DELETE" {
		t.Errorf("%+v", r)
	}
	h := forward.DefaultHedge()
	if got := NewHedge(&h); got != (Hedge{Quantile: 0.95, Budget: 0.05}) {
		t.Errorf("%+v", got)
	}
	h.After = forward.AfterDuration(time.Second)
	if got := NewHedge(&h); got != (Hedge{Fixed: time.Second, Budget: 0.05}) || NewHedge(nil) != (Hedge{}) {
		t.Errorf("%+v", got)
	}
}

// A client that is bound to an endpoint is not hedged: the other one does not know him.
func TestAStickyClientIsNotHedged(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	slow := func(request string) string {
		if strings.Contains(request, "X-Again") {
			asked.Add(1)
			pause(200 * time.Millisecond)
		}
		return hello
	}
	a, b := newRecorder(t, slow), newRecorder(t, slow)
	p := newPlaced(t, []string{a.addr, b.addr}, nil, func(plan *Plan) {
		plan.Sticky, plan.Hedge = newSticky(t, "weir"), Hedge{Fixed: time.Millisecond, Budget: 1}
	})
	_, cookie := p.get()
	if who, _ := p.get("X-Again: 1", "Cookie: "+cookie); who != "hello" || asked.Load() != 1 {
		t.Errorf("got %q in %d attempts", who, asked.Load())
	}
}

func TestEveryFaultHasAResult(t *testing.T) {
	t.Parallel()
	if got := resultOf(outrun, 0); got != lb.Outrun {
		t.Errorf("it is %v", got)
	}
	for f, want := range map[*http7.Fault]lb.Result{
		nil: lb.OK, http7.ConnectRefused: lb.ConnectFailed, http7.UpstreamTimeout: lb.Timeout, http7.UpstreamReset: lb.Reset,
		http7.UpstreamStale: lb.Reset, http7.BadStatusLine: lb.BadAnswer, http7.ClientLeft: lb.Cancelled, http7.BodyCut: lb.Cancelled,
	} {
		if got := resultOf(f, 200); got != want {
			t.Errorf("%v is %v, want %v", f, got, want)
		}
	}
	if got := resultOf(nil, 503); got != lb.Status5xx {
		t.Errorf("503 is %v", got)
	}
}

// A retry that was allowed and could not be made is not counted as one.
func TestOnlyRetriesThatWereMadeAreCounted(t *testing.T) {
	t.Parallel()
	o := answering(t, "HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 4\r\n\r\nbusy")
	r := newRig(t, o.addr)
	cl := r.client()
	cl.send(getMore)
	cl.want(503, "busy")
	r.settled()
	if whole, _ := o.seen(); len(whole) != 1 || r.plan.Counters.Stats().Retried["503"] != 0 {
		t.Errorf("%d attempts, %+v", len(whole), r.plan.Counters.Stats())
	}
}
