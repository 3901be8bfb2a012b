package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/testkit"
)

func mustCompare(t *testing.T, a, b []Input, tolerance float64) *Result {
	t.Helper()
	r, err := Compare(a, b, Options{Tolerance: tolerance, Draws: 500})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// named gives the runs of a side the names side1.json, side2.json, ….
func named(side string, runs ...*bench.Report) (out []Input) {
	for i, r := range runs {
		r.Started = time.Date(2026, 1, 2, 3, i, int(side[0]), 0, time.UTC)
		out = append(out, Input{fmt.Sprintf("%s%d.json", side, i+1), r})
	}
	return out
}

// seeded returns n simulated runs.
func seeded(n int, s *shape, f *shift, rate, seconds int, seed uint64) (out []*bench.Report) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		out = append(out, simulated(s, f, rate, seconds, r))
	}
	return out
}

var (
	jitter = &shapes[0]
	modest = &shapes[1]
	wild   = &shapes[4]
	none   = &shifts[0]
	tail   = &shifts[1]
	all    = &shifts[4]
)

func TestTheTableIsReadable(t *testing.T) {
	for name, c := range map[string]struct {
		a, b []*bench.Report
	}{
		"alike":   {seeded(3, jitter, none, 500, 5, 1), seeded(3, jitter, none, 500, 5, 2)},
		"slower":  {seeded(3, modest, none, 1000, 5, 1), seeded(3, modest, tail, 1000, 5, 2)},
		"faster":  {seeded(3, modest, all, 300, 5, 1), seeded(3, modest, none, 300, 5, 2)},
		"unclear": {seeded(1, wild, none, 200, 6, 1), seeded(1, wild, none, 200, 6, 2)},
		"short":   {seeded(1, modest, none, 200, 2, 1), seeded(1, modest, all, 200, 2, 2)},
		"errors":  {seeded(3, modest, none, 300, 5, 1), failing(0.02, seeded(3, modest, none, 300, 5, 2))},
	} {
		var b strings.Builder
		if err := mustCompare(t, named("a", c.a...), named("b", c.b...), DefaultTolerance).Print(&b); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, filepath.Join("testdata", name+".txt"), b.String())
	}
}

// failing makes so large a share of each second's requests fail.
func failing(share float64, runs []*bench.Report) []*bench.Report {
	for _, r := range runs {
		for i := range r.Series {
			n := int64(math.Round(share*float64(r.Series[i].Requests)*10)) / 10
			r.Series[i].Failures[bench.Status] = n
			r.Series[i].OK -= n
			r.Failures[bench.Status] += n
			r.OK -= n
		}
	}
	return runs
}

func TestTheJSONKeepsItsNames(t *testing.T) {
	r := mustCompare(t, named("a", seeded(3, modest, none, 1000, 5, 1)...), named("b", seeded(3, modest, tail, 1000, 5, 2)...), DefaultTolerance)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/slower.json", string(text)+"\n")
}

func TestTheSameSeedGivesTheSameResult(t *testing.T) {
	a, b := pair(modest, tail, 300, 7)
	one, err := Compare(a, b, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Compare(a, b, Options{Seed: 3})
	if err != nil || fmt.Sprint(one.Figures) == "" {
		t.Fatal(err)
	}
	for i := range one.Figures {
		if one.Figures[i] != two.Figures[i] {
			t.Errorf("%+v, then %+v", one.Figures[i], two.Figures[i])
		}
	}
}

func TestARunComparedWithItselfIsNoRegression(t *testing.T) {
	a := named("a", seeded(3, modest, none, 300, 5, 1)...)
	for _, tolerance := range []float64{0, 0.05} {
		r := mustCompare(t, a, a, tolerance)
		if r.Regression || r.Verdict == Worse || r.Verdict == Better {
			t.Errorf("tolerance %v: %s", tolerance, r.Text)
		}
		if !strings.Contains(strings.Join(r.Warnings, "\n"), "a1.json and a1.json are the same run") {
			t.Errorf("warnings %q", r.Warnings)
		}
	}
}

func TestChangingSidesTurnsTheChangeRound(t *testing.T) {
	a, b := named("a", seeded(3, modest, none, 500, 5, 1)...), named("b", seeded(3, modest, all, 500, 5, 2)...)
	there, back := mustCompare(t, a, b, 0.05), mustCompare(t, b, a, 0.05)
	if there.Verdict != Worse || !there.Regression || back.Verdict != Better || back.Regression {
		t.Errorf("%s; turned round: %s", there.Text, back.Text)
	}
	for i, l := range there.Figures {
		m := back.Figures[i]
		if l.of.kind == latency && math.Abs((1+l.Change)*(1+m.Change)-1) > 1e-9 {
			t.Errorf("%s changes by %v and back by %v", l.Name, l.Change, m.Change)
		}
	}
}

func TestToleranceForgivesWhatIsSmaller(t *testing.T) {
	a, b := named("a", seeded(3, jitter, none, 500, 5, 1)...), named("b", seeded(3, jitter, all, 500, 5, 2)...)
	for tolerance, want := range map[float64]bool{0: true, 0.05: true, 0.2: false} {
		r := mustCompare(t, a, b, tolerance)
		if r.Regression != want || (r.Verdict == Worse) != want {
			t.Errorf("10 %% slower, tolerance %v: %v, %s", tolerance, r.Regression, r.Text)
		}
		if !want && !strings.Contains(r.Text, "No difference beyond the tolerance of 20 %. B is slower by 10.") {
			t.Errorf("%s", r.Text)
		}
	}
}

func TestThroughputThatFallsIsARegression(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	closed := func(mean float64) *bench.Report {
		out := report(10, 8, func(int) float64 { return 20 + r.Float64() })
		for i := range out.Series {
			out.Series[i].OK = int64(mean * (1 + 0.02*r.NormFloat64()))
			out.Series[i].Requests = out.Series[i].OK
		}
		return out
	}
	got := mustCompare(t, named("a", closed(10000), closed(10000)), named("b", closed(9000), closed(9000)), 0.05)
	l := got.figure("throughput")
	if !l.Regression || l.Verdict != Worse || l.Change > -0.08 || l.Low > l.High || !strings.Contains(got.Text, "worse by 1") || !strings.Contains(got.Text, "in throughput") {
		t.Errorf("%+v: %s", l, got.Text)
	}
}

func TestMoreErrorsAreARegressionHoweverFastTheRest(t *testing.T) {
	for _, c := range []struct {
		share      float64
		regression bool
	}{{0.02, true}, {0, false}} {
		a, b := seeded(3, jitter, none, 300, 5, 1), failing(c.share, seeded(3, jitter, none, 300, 5, 2))
		r := mustCompare(t, named("a", a...), named("b", b...), 0.05)
		if l := r.figure("errors"); l.Regression != c.regression || math.Abs(l.Change-c.share) > 0.001 {
			t.Errorf("%v: %+v", c.share, l)
		}
	}
}

func TestUnsentSlotsAreErrors(t *testing.T) {
	a, b := seeded(2, jitter, none, 300, 5, 1), seeded(2, jitter, none, 300, 5, 2)
	b[0].Unsent, b[1].Unsent = 500, 500
	if l := mustCompare(t, named("a", a...), named("b", b...), 0.05).figure("errors"); !l.Regression || l.B < 0.24 || l.B > 0.26 {
		t.Errorf("%+v", l)
	}
}

func TestASideWithoutASingleAnswerIsComparedByItsErrors(t *testing.T) {
	dead := func() *bench.Report {
		r := &bench.Report{Format: bench.ReportFormat, Requests: 500, Elapsed: 5 * time.Second, Failures: bench.Failures{bench.Connect: 500}}
		for n := range 5 {
			r.Series = append(r.Series, bench.Second{At: time.Duration(n+1) * time.Second, Requests: 100, Failures: bench.Failures{bench.Connect: 100}})
		}
		return r
	}
	r := mustCompare(t, named("a", seeded(2, jitter, none, 100, 5, 1)...), named("b", dead(), dead()), 0.05)
	if !r.Regression || !r.figure("errors").Regression || r.figure("p50").Verdict != TooFew || r.figure("throughput").Verdict != TooFew {
		t.Errorf("%s %+v", r.Text, r.Figures)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestOneStallIsNotTakenForASlowerTarget(t *testing.T) {
	// In one second of one of B's runs every tenth request takes 300 ms.
	r := rand.New(rand.NewPCG(1, 1))
	stalled := report(300, 5, func(second int) float64 {
		if second == 3 && r.Float64() < 0.1 {
			return 300
		}
		return modest.at(r.Float64())
	})
	b := append(seeded(2, modest, none, 300, 5, 2), stalled)
	got := mustCompare(t, named("a", seeded(3, modest, none, 300, 5, 1)...), named("b", b...), 0.05)
	if got.Regression || got.figure("p99").Verdict == Alike {
		t.Errorf("%s", got.Text)
	}
}

func TestRunsThatDifferAmongThemselvesWidenTheInterval(t *testing.T) {
	slowed := func(by ...float64) (out []*bench.Report) {
		r := rand.New(rand.NewPCG(9, 9))
		for _, f := range by {
			out = append(out, report(300, 5, func(int) float64 { return f * jitter.at(r.Float64()) }))
		}
		return out
	}
	steady := mustCompare(t, named("a", slowed(1, 1, 1)...), named("b", slowed(1.08, 1.08, 1.08)...), 0.05)
	unsteady := mustCompare(t, named("a", slowed(0.9, 1, 1.1)...), named("b", slowed(0.98, 1.08, 1.18)...), 0.05)
	if !steady.Regression || unsteady.Regression {
		t.Errorf("steady: %s; unsteady: %s", steady.Text, unsteady.Text)
	}
}

func TestWhatIsNotComparableIsRefused(t *testing.T) {
	good := named("a", seeded(1, jitter, none, 50, 5, 1)...)
	invalid := named("b", seeded(1, jitter, none, 50, 5, 1)...)
	invalid[0].Report.Invalid = []string{"the generator sent late"}
	empty := []Input{{"b1.json", &bench.Report{Format: bench.ReportFormat}}}
	for _, c := range []struct {
		name      string
		a, b      []Input
		tolerance float64
		is        error
		text      string
	}{
		{"an invalid run", good, invalid, 0.05, ErrInvalid, "b1.json: the generator sent late"},
		{"no file", good, nil, 0.05, ErrUsage, "side B has no report"},
		{"no file at all", nil, nil, 0.05, ErrUsage, "side A has no report"},
		{"an empty run", good, empty, 0.05, ErrUsage, "b1.json holds no requests"},
		{"a negative tolerance", good, good, -0.1, ErrUsage, "-0.1 is not a share"},
		{"a tolerance in per cent", good, good, 5, ErrUsage, "5 is not a share"},
	} {
		if _, err := Compare(c.a, c.b, Options{Tolerance: c.tolerance}); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v; want %q", c.name, err, c.text)
		}
	}
}

func TestWarningsNameWhatDiffersAndWhere(t *testing.T) {
	a, b := named("a", seeded(2, jitter, none, 50, 5, 1)...), named("b", seeded(1, jitter, none, 50, 5, 2)...)
	a[1].Report.CutShort = true
	b[0].Report.Settings.Connections = 8
	b[0].Report.Settings.Rate = ""
	b[0].Report.Machine.Cores = 4
	want := []string{
		"the rate differs: as told (a1.json, a2.json); none (b1.json)",
		"the number of connections differs: 64 (a1.json, a2.json); 8 (b1.json)",
		"the machine differs: ",
		"a2.json was cut short after 5.0 s",
		"a side has one run, which does not show how much runs differ; three a side do",
	}
	got := mustCompare(t, a, b, 0.05).Warnings
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}

func TestFilesAreReadAndBadOnesNamed(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	f, err := os.Create(good)
	if err != nil {
		t.Fatal(err)
	}
	run := seeded(1, jitter, none, 50, 5, 1)[0]
	if err := errors.Join(run.Write(f), f.Close(), os.WriteFile(bad, []byte("{}"), 0o644)); err != nil {
		t.Fatal(err)
	}
	got, err := Read([]string{good, good})
	if err != nil || len(got) != 2 || got[0].Name != good || got[1].Report.Series[4].Histogram.Count() != 50 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Read([]string{good, bad}); err == nil || !strings.Contains(err.Error(), "bad.json: ") {
		t.Errorf("%v", err)
	}
	if _, err := Read([]string{filepath.Join(dir, "none.json")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
