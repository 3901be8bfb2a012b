package peers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

func TestWrkIsTheOneAskedFor(t *testing.T) {
	mine := program(t, "wrk", "")
	t.Setenv("PATH", "")
	for what, c := range map[string]struct {
		option, path string
		refused      bool
	}{
		"a path":        {mine, mine, false},
		"off":           {"off", "", false},
		"not there":     {"/nowhere/wrk", "", true},
		"not installed": {"", "", false},
	} {
		path, err := wrkOf(&Options{Wrk: c.option})
		if path != c.path || errors.Is(err, ErrUsage) != c.refused {
			t.Errorf("%s: %q, %v; want %q", what, path, err, c.path)
		}
	}
	t.Setenv("PATH", strings.TrimSuffix(mine, "/wrk"))
	if path, err := wrkOf(&Options{}); path != mine || err != nil {
		t.Errorf("the one in PATH: %q, %v", path, err)
	}
}

func TestWrksVersionIsItsFirstWords(t *testing.T) {
	wrk := program(t, "wrk", "echo 'wrk 4.1.0 [epoll] Copyright (C) 2012 Will Glozer'; echo 'Usage: wrk'; exit 1")
	if got := wrkVersion(wrk); got != "wrk 4.1.0 [epoll]" {
		t.Errorf("got %q", got)
	}
}

// wrkStage is a stage whose wrk is a script.
func wrkStage(t *testing.T, script string) *stage {
	t.Helper()
	h := openHarness(t, Options{Round: 10 * time.Millisecond, Connections: 3}, peer{name: "none"})
	h.wrk = program(t, "wrk", script)
	return h.stageOf(&Scenario{Name: "small", Fields: []string{"X-A: b"}}, 0)
}

func TestWrkIsAskedForTheSameWork(t *testing.T) {
	st := wrkStage(t, "")
	st.origin.ports = []int{4321}
	want := []string{"-t1", "-c3", "-d1", "-H", "Host: api.example.com", "-H", "X-A: b", "http://127.0.0.1:4321/v1/orders/1234?expand=items"}
	if got := st.wrkArgs(nil); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	st.options.Round = 2500 * time.Millisecond
	if got := st.wrkArgs(&child{port: 99}); got[2] != "-d3" || !strings.HasPrefix(got[7], "http://127.0.0.1:99/") {
		t.Errorf("got %q; want three seconds at the proxy", got)
	}
}

func TestWhatWrkSaysBecomesASampleOrAnError(t *testing.T) {
	for what, c := range map[string]struct {
		script   string
		requests int64
		want     string
	}{
		"a figure":       {"echo '  500 requests in 1.00s, 1MB read'", 500, ""},
		"on stderr":      {"echo '  7 requests in 1.00s' >&2", 7, ""},
		"errors":         {"echo '  500 requests in 1.00s'; echo '  Socket errors: connect 1'", 0, "Socket errors: connect 1"},
		"no figure":      {"echo nothing to say", 0, "wrk says: nothing to say"},
		"a bad end":      {"echo '  500 requests in 1.00s'; exit 3", 0, "exit status 3"},
		"no answer":      {"echo '  0 requests in 1.00s'", 0, ""},
		"ends by itself": {"kill -9 $$", 0, "killed"},
	} {
		st := wrkStage(t, c.script)
		sample, err := st.byWrk(t.Context(), nil)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		if sample.Requests != c.requests || sample.P50 != 0 || sample.LoadBusy < 0 {
			t.Errorf("%s: %+v", what, sample)
		}
	}
}

func TestAWrkThatIsInterruptedIsEnded(t *testing.T) {
	st := wrkStage(t, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := st.byWrk(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Minute {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestTheRealWrkIsACrossCheck(t *testing.T) {
	wrk := testkit.Require(t, "wrk")
	o := relayOptions(t)
	o.Scenarios, o.Wrk, o.Rounds, o.Connections = []string{"small"}, wrk, 1, 4
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Blocks) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	by := &r.Blocks[1]
	if by.Generator != "wrk" || len(by.Rows) != 1 || by.Scenario != "small" || r.Versions["wrk"] == "" {
		t.Fatalf("got %+v", by)
	}
	if s := by.find("relay").Samples[0]; s.Requests < 100 || s.Failed != 0 || s.CPU <= 0 || s.LoadBusy <= 0 {
		t.Errorf("got %+v", s)
	}
}
