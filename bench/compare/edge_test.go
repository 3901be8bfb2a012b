package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/testkit"
)

// dead is a run of so many seconds in which no request got its answer.
func dead(seconds int) *bench.Report {
	n := int64(100 * seconds)
	r := &bench.Report{
		Format: bench.ReportFormat, Target: "http://127.0.0.1:8080/", Requests: n, Elapsed: time.Duration(seconds) * time.Second,
		Failures: bench.Failures{bench.Connect: n},
	}
	for k := range seconds {
		r.Series = append(r.Series, bench.Second{At: time.Duration(k+1) * time.Second, Requests: 100, Failures: bench.Failures{bench.Connect: 100}})
	}
	return r
}

// burst makes n requests of one second of a run fail.
func burst(r *bench.Report, second int, n int64) *bench.Report {
	s := &r.Series[second]
	s.Failures[bench.Reset], s.OK = s.Failures[bench.Reset]+n, s.OK-n
	r.Failures[bench.Reset], r.OK = r.Failures[bench.Reset]+n, r.OK-n
	return r
}

// answering sets how many answers each second of a run has, without a word about latency: a closed loop's throughput.
func answering(persecond ...int64) *bench.Report {
	r := report(5, len(persecond), func(int) float64 { return 20 })
	r.OK = 0
	for i, n := range persecond {
		r.Series[i].OK, r.Series[i].Requests = n, n
		r.OK += n
	}
	r.Requests, r.Settings.Loop, r.Settings.Rate = r.OK, "closed", ""
	return r
}

func TestEdges(t *testing.T) {
	steady := func(seed uint64) []*bench.Report { return seeded(3, jitter, none, 100, 5, seed) }
	flat := func(n int, ms float64) (out []*bench.Report) {
		for range n {
			out = append(out, report(100, 5, func(int) float64 { return ms }))
		}
		return out
	}
	for _, c := range []struct {
		about   string
		a, b    []*bench.Report
		verdict Verdict
		figure  string // and its own verdict, as the table says it
		says    string
		text    string
	}{
		{"no answer on either side", []*bench.Report{dead(10), dead(10)}, []*bench.Report{dead(10)}, TooFew,
			"errors", "no difference found", "Can't tell: too little data; a side needs 4 s and 20 answers."},
		{"one second", flat(1, 20)[:1], []*bench.Report{report(100, 1, func(int) float64 { return 90 })}, TooFew,
			"mean", "too little data", "a side needs 4 s"},
		{"three runs of one second", flat(1, 20), []*bench.Report{
			report(100, 1, func(int) float64 { return 90 }), report(100, 1, func(int) float64 { return 90 }), report(100, 1, func(int) float64 { return 90 })},
			TooFew, "mean", "too little data", "a side needs 4 s"},
		{"four runs of one second do", flat(1, 20), []*bench.Report{
			report(100, 1, func(int) float64 { return 90 }), report(100, 1, func(int) float64 { return 90 }),
			report(100, 1, func(int) float64 { return 90 }), report(100, 1, func(int) float64 { return 90 })},
			Worse, "mean", "slower", "B is slower by 35"},
		{"ten answers", []*bench.Report{report(2, 5, func(int) float64 { return 20 })}, []*bench.Report{report(2, 5, func(int) float64 { return 90 })}, TooFew,
			"mean", "too little data: needs 20 answers a side", "a side needs 4 s and 20 answers"},
		{"thirty answers", []*bench.Report{report(6, 5, func(int) float64 { return 20 })}, []*bench.Report{report(6, 5, func(int) float64 { return 90 })}, Worse,
			"p50", "too little data: needs 40 answers a side", "B is slower by 350."},
		{"latencies without any spread, alike", flat(3, 20), flat(3, 20), Alike,
			"p50", "no difference found", "No difference found."},
		{"latencies without any spread, within tolerance", flat(3, 20), flat(3, 20.5), Alike,
			"p50", "slower, within tolerance", "No difference beyond the tolerance of 5 %. B is slower by 2.5 % on average"},
		{"a thousand times slower", flat(3, 20), flat(3, 20_000), Worse,
			"p99", "slower", "B is slower by 99951 %"},
		{"a thousand times faster", flat(3, 20_000), flat(3, 20), Better,
			"p99", "faster", "B is faster by 99.9 % at p99"},
		{"longer than the histogram goes", flat(3, 3_600_000), flat(3, 7_200_000), Alike,
			"p99", "no difference found", "No difference found."},
		{"B longer than the histogram goes", flat(3, 20), flat(3, 7_200_000), Worse,
			"p99", "slower", "at p99"},
		{"errors on A alone", failing(0.05, steady(1)), steady(2), Better,
			"errors", "better", "B is better by 5.00 pt in errors (−5.00 pt to −5.00 pt, 95 % sure)"},
		{"errors on B alone", steady(1), failing(0.05, steady(2)), Worse,
			"errors", "worse", "B is worse by 5.00 pt in errors"},
		{"a few errors in all", steady(1), fewFailing(steady(2), 1), Alike,
			"errors", "no difference found", "No difference"},
		{"one second of errors", steady(1), append(steady(2)[:2], burst(steady(3)[0], 2, 60)), Unclear,
			"errors", "can't tell", "Can't tell: too little data or too unsteady. In errors B may be −"},
		{"nothing but errors on B", steady(1), []*bench.Report{dead(5), dead(5), dead(5)}, Worse,
			"throughput", "too little data", "B is worse by 100.00 pt in errors"},
		{"nothing but errors on A", []*bench.Report{dead(5), dead(5), dead(5)}, steady(1), Better,
			"errors", "better", "B is better by 100.00 pt in errors"},
		{"a closed loop that falls", []*bench.Report{answering(100, 101, 99, 100, 100)}, []*bench.Report{answering(80, 81, 79, 80, 80)}, Worse,
			"throughput", "worse", "B is worse by 20.0 % in throughput"},
		{"a closed loop that rises", []*bench.Report{answering(100, 101, 99, 100, 100)}, []*bench.Report{answering(120, 121, 119, 120, 120)}, Better,
			"throughput", "better", "B is better by 20.0 % in throughput"},
		{"a closed loop that comes and goes", []*bench.Report{answering(1000, 500, 1500, 200, 1800)}, []*bench.Report{answering(100, 1700, 300, 1500, 600)}, Unclear,
			"throughput", "can't tell", "In throughput B may be −"},
	} {
		r := mustCompare(t, named("a", c.a...), named("b", c.b...), 0.05)
		l := r.figure(c.figure)
		if r.Verdict != c.verdict || l.verdict() != c.says || !strings.Contains(r.Text, c.text) {
			t.Errorf("%s: %s: %s; want %s: %s", c.about, r.Verdict, r.Text, c.verdict, c.text)
			t.Errorf("%s is %q, want %q", c.figure, l.verdict(), c.says)
		}
		if flaw := flawOf(r); flaw != "" {
			t.Errorf("%s: %s", c.about, flaw)
		}
	}
}

// fewFailing makes so many requests fail in the first second of the first run.
func fewFailing(runs []*bench.Report, n int64) []*bench.Report {
	burst(runs[0], 0, n)
	return runs
}

func TestASideIsDescribedByWhatItHolds(t *testing.T) {
	unsent := seeded(1, jitter, none, 100, 5, 1)[0]
	unsent.Unsent = 50
	other := seeded(1, jitter, none, 100, 4, 1)[0]
	other.Target = "http://127.0.0.1:9090/"
	for _, c := range []struct {
		about string
		runs  []*bench.Report
		want  Side
	}{
		{"one run", seeded(1, jitter, none, 100, 5, 1), Side{Requests: 500, Answers: 500, Seconds: 5}},
		{"failures", failing(0.1, seeded(2, jitter, none, 100, 5, 1)), Side{Requests: 1000, Answers: 900, Seconds: 10}},
		{"slots that were never sent", []*bench.Report{unsent}, Side{Requests: 550, Answers: 500, Seconds: 5}},
		{"nothing but failures", []*bench.Report{dead(6)}, Side{Requests: 600, Seconds: 6}},
		{"runs of different length", []*bench.Report{other, seeded(1, jitter, none, 50, 8, 2)[0]}, Side{Requests: 800, Answers: 800, Seconds: 12}},
	} {
		in := named("a", c.runs...)
		got := describe(in, newSide(c.runs, time.Hour))
		if got.Requests != c.want.Requests || got.Answers != c.want.Answers || got.Seconds != c.want.Seconds || len(got.Files) != len(c.runs) {
			t.Errorf("%s: %+v, want %+v", c.about, got, c.want)
		}
	}
	both := describe(named("a", other, unsent, unsent), newSide([]*bench.Report{other, unsent, unsent}, time.Hour))
	if strings.Join(both.Targets, " ") != "http://127.0.0.1:9090/ http://127.0.0.1:8080/" {
		t.Errorf("targets %q, want each once, in their order", both.Targets)
	}
}

func TestARunWithoutAnAnswerDoesNotSayHowLateTheGeneratorMayBe(t *testing.T) {
	// A dead run has no median: a quarter of it is no patience at all, and every second of the other side would be late.
	a := seeded(2, jitter, none, 100, 6, 1)
	for _, r := range a {
		r.Latency.P50 = 20 * time.Millisecond
		for i := range r.Series {
			r.Series[i].Lag = time.Duration(i%6/5) * time.Millisecond
		}
	}
	r := mustCompare(t, named("a", a...), named("b", dead(6)), 0.05)
	if r.A.LeftOut != 0 || r.A.Seconds != 12 {
		t.Errorf("%d s left out of %d", r.A.LeftOut, r.A.Seconds)
	}
}

func TestRunsWithoutSecondsOrSlotsAreRefusedAndUnsentOnesAreNot(t *testing.T) {
	good := named("a", seeded(1, jitter, none, 50, 5, 1)...)
	nothingSent := &bench.Report{Format: bench.ReportFormat, Unsent: 100}
	for n := range 5 {
		nothingSent.Series = append(nothingSent.Series, bench.Second{At: time.Duration(n+1) * time.Second})
	}
	noSeries := seeded(1, jitter, none, 50, 5, 1)[0]
	noSeries.Series = nil
	noRequests := &bench.Report{Format: bench.ReportFormat, Series: make([]bench.Second, 5)}
	for _, c := range []struct {
		about string
		r     *bench.Report
		fine  bool
	}{{"no seconds", noSeries, false}, {"no requests", noRequests, false}, {"slots that were never sent", nothingSent, true}} {
		r, err := Compare(good, named("b", c.r), Options{Tolerance: 0.05, Draws: 50})
		if (err == nil) != c.fine || err != nil && !strings.Contains(err.Error(), "b1.json holds no requests") {
			t.Errorf("%s: %v", c.about, err)
		}
		if c.fine && (!r.Regression || r.figure("errors").B != 1) {
			t.Errorf("%s: %s", c.about, r.Text)
		}
	}
}

func TestErrorsHaveASlackOfOneInAThousandAndTheTolerance(t *testing.T) {
	for _, c := range []struct {
		a, b       int64 // failures in each second of 1000
		tolerance  float64
		regression bool
	}{
		{0, 1, 0.05, false}, {0, 2, 0.05, true}, {0, 1, 0, false}, {0, 2, 0, true},
		{100, 105, 0.05, false}, {100, 107, 0.05, true}, {100, 105, 0, true}, {100, 101, 0, false},
		{500, 450, 0.05, false},
	} {
		runs := func(n int64) (out []*bench.Report) {
			for range 3 {
				r := report(1000, 5, func(int) float64 { return 20 })
				for second := range r.Series {
					burst(r, second, n)
				}
				out = append(out, r)
			}
			return out
		}
		r := mustCompare(t, named("a", runs(c.a)...), named("b", runs(c.b)...), c.tolerance)
		if l := r.figure("errors"); l.Regression != c.regression || !near(l.Change, float64(c.b-c.a)/1000) {
			t.Errorf("%d to %d in a thousand, tolerance %v: %+v; want a regression: %v", c.a, c.b, c.tolerance, l, c.regression)
		}
	}
}

func TestAChangeOfTheTailIsCalledByTheFigureThatShowsIt(t *testing.T) {
	for _, c := range []struct {
		about string
		from  float64
		lines []string
		not   []string
	}{
		{"the slowest 10 %", 0.90, []string{"p90 to p99", "p99", "p99.5"}, []string{"mean", "p50"}},
		{"the slowest 1 %", 0.99, []string{"p99.5", "slowest 0.5 %"}, []string{"mean", "p50", "p90", "p90 to p99"}},
		{"all", 0, []string{"mean", "p50", "p90", "p90 to p99", "p99", "p99.5", "slowest 0.5 %"}, []string{"throughput", "errors"}},
	} {
		slower := func(r *rand.Rand) func(int) float64 {
			return func(int) float64 {
				u := r.Float64()
				if u >= c.from {
					return 1.3 * modest.at(u)
				}
				return modest.at(u)
			}
		}
		var b []*bench.Report
		for seed := range uint64(3) {
			b = append(b, report(1000, 5, slower(rand.New(rand.NewPCG(seed, 7)))))
		}
		r := mustCompare(t, named("a", slowedBy(1, 3, modest, 1000, 5, 1)...), named("b", b...), 0.05)
		for _, name := range c.lines {
			if l := r.figure(name); !l.Regression {
				t.Errorf("30 %% more for %s: %s is %+v", c.about, name, l)
			}
		}
		for _, name := range c.not {
			if l := r.figure(name); l.Regression {
				t.Errorf("30 %% more for %s: %s is %+v", c.about, name, l)
			}
		}
	}
}

func TestEveryVerdictAndWarningIsReadable(t *testing.T) {
	crossed := seeded(3, modest, none, 500, 5, 2)
	for i := range crossed {
		// Half of the requests are far quicker, the slowest ones slower.
		r := rand.New(rand.NewPCG(uint64(i), 4))
		crossed[i] = report(500, 5, func(int) float64 {
			if u := r.Float64(); u < 0.6 {
				return 0.7 * modest.at(u)
			} else {
				return 1.4 * modest.at(u)
			}
		})
	}
	doubtful := seeded(2, jitter, none, 100, 8, 2)
	doubtful[0].CutShort, doubtful[0].Settings.Protocol, doubtful[0].Machine.Kernel = true, "HTTP/2", "6.1"
	for _, r := range doubtful {
		r.Latency.P50, r.Series[7].Lag = 20*time.Millisecond, 9*time.Millisecond
	}
	a := func() []Input {
		in := named("a", seeded(3, modest, none, 500, 5, 1)...)
		for _, i := range in {
			i.Report.Latency.P50 = 24 * time.Millisecond
		}
		return in
	}
	twice := named("b", doubtful...)
	for name, c := range map[string]struct {
		a, b      []Input
		tolerance float64
	}{
		"mixed":    {a(), named("b", crossed...), 0.05},
		"little":   {a(), named("b", slowedBy(1.06, 3, modest, 500, 5, 3)...), 0.2},
		"dead":     {a(), named("b", dead(5), dead(5)), 0.05},
		"hopeless": {named("a", dead(5)), named("b", dead(5), dead(5)), 0.05},
		"closed":   {named("a", answering(1000, 500, 1500, 200, 1800)), named("b", answering(100, 1700, 300, 1500, 600)), 0.05},
		"doubtful": {a()[:1], append(twice, twice[1]), 0.05},
		"huge":     {a(), named("b", slowedBy(1000, 3, modest, 500, 5, 3)...), 0},
	} {
		var b strings.Builder
		if err := mustCompare(t, c.a, c.b, c.tolerance).Print(&b); err != nil {
			t.Fatal(err)
		}
		testkit.Golden(t, filepath.Join("testdata", name+".txt"), b.String())
		for _, row := range strings.Split(b.String(), "\n") {
			if strings.HasPrefix(row, "  ") && utf8.RuneCountInString(row) > 100 {
				t.Errorf("%s: the table is wider than 100 columns: %q", name, row)
			}
		}
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space") }

func TestAResultThatCannotBeWrittenSaysSo(t *testing.T) {
	r := mustCompare(t, named("a", dead(5)), named("b", dead(5)), 0.05)
	if err := r.Print(full{}); err == nil || err.Error() != "no space" {
		t.Errorf("%v", err)
	}
}

func TestTheSameRunIsKnownAgain(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	of := func(change func(*bench.Report)) *bench.Report {
		r := &bench.Report{Started: at, Elapsed: time.Second, Requests: 5}
		change(r)
		return r
	}
	same := of(func(*bench.Report) {})
	for _, c := range []struct {
		about string
		a, b  *bench.Report
		want  bool
	}{
		{"the same", same, same, true},
		{"read twice", same, of(func(r *bench.Report) { r.Started = at.In(time.FixedZone("", 3600)) }), true},
		{"another start", same, of(func(r *bench.Report) { r.Started = at.Add(1) }), false},
		{"another length", same, of(func(r *bench.Report) { r.Elapsed++ }), false},
		{"another count", same, of(func(r *bench.Report) { r.Requests++ }), false},
		{"no start at all", of(func(r *bench.Report) { r.Started = time.Time{} }), of(func(r *bench.Report) { r.Started = time.Time{} }), false},
	} {
		if got := sameRun(c.a, c.b); got != c.want {
			t.Errorf("%s: %v, want %v", c.about, got, c.want)
		}
	}
}

func TestEverySettingThatDiffersIsNamed(t *testing.T) {
	for want, change := range map[string]func(*bench.Report){
		"the protocol":              func(r *bench.Report) { r.Settings.Protocol = "HTTP/3" },
		"the loop":                  func(r *bench.Report) { r.Settings.Loop = "closed" },
		"the rate":                  func(r *bench.Report) { r.Settings.Rate = "5/s" },
		"the number of connections": func(r *bench.Report) { r.Settings.Connections++ },
		"the number of workers":     func(r *bench.Report) { r.Settings.Workers++ },
		"the number of threads":     func(r *bench.Report) { r.Settings.Threads++ },
		"fresh connections":         func(r *bench.Report) { r.Settings.FreshConnections = true },
		"the duration":              func(r *bench.Report) { r.Settings.Duration++ },
		"the number of requests":    func(r *bench.Report) { r.Settings.Requests++ },
		"the warm-up":               func(r *bench.Report) { r.Settings.Warmup++ },
		"the timeout":               func(r *bench.Report) { r.Settings.Timeout++ },
		"the machine":               func(r *bench.Report) { r.Machine.CPU = "another" },
		"the kernel":                func(r *bench.Report) { r.Machine.Kernel = "6.1" },
		"the Go version":            func(r *bench.Report) { r.Machine.Go = "go1.26" },
		"":                          func(r *bench.Report) { r.Settings.Seed, r.Program, r.Target = 9, "another", "http://b/" },
	} {
		runs := named("a", seeded(2, jitter, none, 5, 2, 1)...)
		change(runs[1].Report)
		got := differing(runs)
		if want == "" && len(got) == 0 {
			continue // what is meant to differ: the seed, the program, the target
		}
		if len(got) != 1 || !strings.HasPrefix(got[0], want+" differs: ") || !strings.Contains(got[0], "(a1.json)") || !strings.Contains(got[0], "(a2.json)") {
			t.Errorf("%q, want one about %q", got, want)
		}
	}
}

func TestASideWithoutABlockHasNoFigures(t *testing.T) {
	sample := newSample(&side{values: []float64{1, 2}})
	for i, x := range sample.measure() {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			t.Errorf("%s of nothing is %v", figures[i].name, x)
		}
	}
}
