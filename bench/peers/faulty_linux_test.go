package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAProxyThatClosesConnectionsVoidsItsRounds(t *testing.T) {
	for _, scenario := range []string{"headers", "l4-small", "l4-bulk"} {
		o := relayOptions(t)
		t.Setenv("PEERS_TEST_RELAY", "cutting")
		o.Scenarios, o.Rounds = []string{scenario}, 1
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Invalid) != 1 || !strings.HasPrefix(r.Invalid[0], scenario+", relay") {
			t.Errorf("%s: got %q, want one reason against the relay", scenario, r.Invalid)
		}
		if s := r.Blocks[0].find(Direct).Samples[0]; s.Failed != 0 || s.Requests == 0 {
			t.Errorf("%s: the endpoint itself: %+v", scenario, s)
		}
	}
}

func TestAProxyThatNeverAnswersIsGivenUp(t *testing.T) {
	o := relayOptions(t)
	t.Setenv("PEERS_TEST_RELAY", "silent")
	o.Scenarios, o.Rounds = []string{"large"}, 2
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if row := r.Blocks[0].find("relay"); row.Note != "no answer for seconds" || len(row.Samples) != 0 {
		t.Errorf("got %+v", row)
	}
	if len(r.Blocks[0].find(Direct).Samples) != 2 || !slices.Equal(r.Invalid, []string{"large, relay: no answer for seconds"}) {
		t.Errorf("got %q; it is asked once, and the others go on", r.Invalid)
	}
}

func TestAProxyThatClosesIdleConnectionsIsNoted(t *testing.T) {
	o := relayOptions(t)
	t.Setenv("PEERS_TEST_RELAY", "cutting")
	o.Scenarios = []string{"idle"}
	o.IdleConnections, o.IdleRequests, o.IdleWait = 10, 100, 10*time.Millisecond
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Idle) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if row := r.Idle[0]; !strings.Contains(row.Note, "requests failed while") {
		t.Errorf("got %+v", row)
	}
}

func TestConnectionsThatAreLostWhileIdleAreCounted(t *testing.T) {
	o := relayOptions(t)
	h := openHarness(t, o, weirPeer("relay", o.Weir))
	s := &Scenario{Name: "idle", Kind: Idle, AnswerBytes: oneKiB}
	h.origin.begin(s)
	d := newLoad(h.loop, h.origin.ports[0], s, 0)
	defer d.disconnect()
	h.options.IdleConnections, h.options.IdleRequests = 5, 3
	st := h.stageOf(s, 0)
	if err := st.fillUp(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if d.answers != 15 || d.failed != 0 || len(d.socks) != 5 {
		t.Fatalf("%d answers on %d connections, %d failed; want 15 on 5", d.answers, len(d.socks), d.failed)
	}
	for end := range h.origin.conns {
		h.origin.drop(end)
		break
	}
	st.options.IdleWait = 50 * time.Millisecond
	if err := st.rest(t.Context()); err != nil || d.failed != 1 || len(d.socks) != 4 {
		t.Errorf("%v, %d lost, %d left; want one lost of five", err, d.failed, len(d.socks))
	}
}

// trigger cancels a context when a text has been written to it.
type trigger struct {
	lock   sync.Mutex
	text   string
	cancel context.CancelFunc
	said   strings.Builder
}

func (w *trigger) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.said.Write(p)
	if strings.Contains(w.said.String(), w.text) {
		w.cancel()
	}
	return len(p), nil
}

func TestAnInterruptEndsAnyScenarioSoonAndKeepsWhatWasMeasured(t *testing.T) {
	for _, c := range []struct {
		scenarios []string
		at        string // the progress that the interrupt follows
		samples   int    // of the relay in the first block
	}{
		{[]string{"small", "headers"}, "1/2 relay", 1},
		{[]string{"upload", "idle"}, "2/2 relay", 2},
		{[]string{"l4-small", "l4-bulk"}, "1/2 direct", 0},
		{[]string{"l4-bulk", "small"}, "1/2 relay", 1},
		{[]string{"scale-routes"}, "100 routes", 2},
	} {
		o := relayOptions(t)
		o.Scenarios = c.scenarios
		o.IdleConnections = 10
		if c.at == "1/2 direct" || c.scenarios[0] == "l4-bulk" {
			o.Round = 30 * time.Millisecond
		}
		unhurried(t, o, func(o Options) string {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o.Progress = &trigger{text: c.at, cancel: cancel}
			begin := time.Now()
			r, err := Run(ctx, o)
			if err != nil || !r.CutShort || r.Invalid != nil || time.Since(begin) > time.Minute {
				return fmt.Sprintf("%v at %q: %v, %+v after %v", c.scenarios, c.at, err, r, time.Since(begin))
			}
			if row := r.Blocks[0].find("relay"); row == nil || len(row.Samples) != c.samples {
				return fmt.Sprintf("%v at %q: %+v; want %d samples", c.scenarios, c.at, row, c.samples)
			}
			if len(r.Idle) != 0 {
				return fmt.Sprintf("%v: idle was measured after the interrupt", c.scenarios)
			}
			return ""
		})
	}
}

func TestAnInterruptedRoundLeavesNoSample(t *testing.T) {
	h := openHarness(t, Options{Round: time.Hour, Warmup: time.Millisecond, Connections: 2}, peer{name: "none"})
	for _, s := range []Scenario{{Name: "small"}, {Name: "l4-small", Kind: Echo, AnswerBytes: 64}, {Name: "l4-bulk", Kind: Bulk}} {
		st := h.stageOf(&s, 0)
		if err := st.prepare(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begin := time.Now()
		err := st.round(ctx, 0, nil)
		cancel()
		if err != nil || time.Since(begin) > time.Minute {
			t.Errorf("%s: %v after %v", s.Name, err, time.Since(begin))
		}
		if row := h.result.Blocks[st.block].find(Direct); row != nil && len(row.Samples) > 0 {
			t.Errorf("%s: half a round is filed: %+v", s.Name, row)
		}
	}
}

func TestTheLastAnswersAreWaitedForButNotForEver(t *testing.T) {
	h := openHarness(t, Options{}, peer{name: "none"})
	h.origin.begin(&Scenario{})
	h.origin.answer = []byte(small)
	d := newLoad(h.loop, h.origin.ports[0], &Scenario{}, 0)
	defer d.disconnect()
	if err := d.connect(5); err != nil {
		t.Fatal(err)
	}
	if err := h.finish(d); err != nil || d.waiting != 0 || d.failed != 0 || d.answers == 0 {
		t.Errorf("%v, %d waiting, %d failed, %d answers", err, d.waiting, d.failed, d.answers)
	}
	was := d.answers
	if err := h.finish(d); err != nil || d.answers != was {
		t.Errorf("nothing is under way any more: %v, %d answers", err, d.answers-was)
	}
	stream := newLoad(h.loop, h.origin.ports[0], &Scenario{Kind: Bulk}, 0)
	stream.waiting = 3
	begin := time.Now()
	if err := h.finish(stream); err != nil || stream.failed != 0 || time.Since(begin) > time.Second {
		t.Errorf("a stream has no last answer: %v, %d failed after %v", err, stream.failed, time.Since(begin))
	}
}

func TestAProxyThatIsNotThereAnyMoreIsAnError(t *testing.T) {
	o := relayOptions(t)
	h := openHarness(t, o, weirPeer("relay", o.Weir))
	s := &Scenario{Name: "small", AnswerBytes: oneKiB}
	st := h.stageOf(s, 0)
	if err := st.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := st.join(t.Context(), h.found[0]); err != nil || len(st.proxies) != 1 {
		t.Fatalf("%v, %d proxies", err, len(st.proxies))
	}
	c := st.proxies[0]
	st.stopAll()
	if len(st.proxies) != 0 {
		t.Errorf("%d proxies are left", len(st.proxies))
	}
	if err := st.round(t.Context(), 0, c); err == nil {
		t.Error("a proxy that has ended was measured")
	}
	if _, err := st.read(c); err == nil {
		t.Error("its processor time was read")
	}
	if err := st.join(t.Context(), h.found[0]); err == nil {
		t.Error("two stages share a folder")
	}
}

func TestAContextThatEndsWhileAProxyStartsIsNoFaultOfIts(t *testing.T) {
	o := relayOptions(t)
	h := openHarness(t, o, peer{name: "mute", program: program(t, "mute", "test $# -gt 0 || exec sleep 1000"), conf: "weir.toml", version: []string{"-v"},
		args: func(string, setup) []string { return nil }})
	st := h.stageOf(&Scenario{Name: "small"}, 0)
	if err := st.prepare(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := st.join(ctx, h.found[0]); err != nil || len(st.proxies) != 0 || h.result.Invalid != nil {
		t.Errorf("%v, %d proxies, %q", err, len(st.proxies), h.result.Invalid)
	}
	if took := time.Since(begin); took > stopPatience+10*time.Second {
		t.Errorf("it took %v", took)
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("it gave up before the context ended")
	}
}
