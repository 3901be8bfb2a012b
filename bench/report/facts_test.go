package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// lines joins figures for comparison: "label value (note)".
func lines(list []figure) string {
	var out []string
	for _, f := range list {
		text := f.Label + " " + f.Value
		if f.Note != "" {
			text += " (" + f.Note + ")"
		}
		if f.Bad {
			text += " BAD"
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func TestSettingsAreSaidInOneLine(t *testing.T) {
	for _, c := range []struct {
		settings bench.Settings
		want     string
	}{
		{bench.Settings{Protocol: "HTTP/1.1", Loop: "closed", Connections: 1, Workers: 1, Threads: 1, Duration: 10 * time.Second},
			"HTTP/1.1 · closed loop · 1 connection · 1 thread · 10 s"},
		{bench.Settings{Protocol: "HTTP/2", Loop: "open", Rate: "1000/s, Poisson", Connections: 4, Workers: 400, Threads: 2, Duration: 90 * time.Second, Warmup: 3 * time.Second},
			"HTTP/2 · open loop at 1,000/s, Poisson · 4 connections · 400 workers · 2 threads · 1 min 30 s after 3 s of warm-up"},
		{bench.Settings{Protocol: "tcp", Loop: "closed", Connections: 8, Workers: 8, Threads: 8, Requests: 20_000, FreshConnections: true},
			"tcp · closed loop · 8 connections · a new connection for each request · 8 threads · 20,000 requests"},
		{bench.Settings{Protocol: "tcp", Loop: "closed", Connections: 8, Workers: 8, Threads: 8, Requests: 1, Duration: time.Minute},
			"tcp · closed loop · 8 connections · 8 threads · 1 min or 1 request"},
	} {
		if got := strings.Join(settings(&bench.Report{Settings: c.settings}), " · "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestNoticesComeWithTheWorstFirst(t *testing.T) {
	heads := func(r *bench.Report) string {
		var out []string
		for _, n := range notices(r) {
			out = append(out, fmt.Sprintf("%s %s", n.Level, n.Head))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct {
		report bench.Report
		want   string
	}{
		{bench.Report{Requests: 5, OK: 5}, ""},
		{bench.Report{Requests: 5, OK: 1}, ""},
		{bench.Report{}, "failure NOTHING ENDED"},
		{bench.Report{Requests: 5}, "failure ALL FAILED"},
		{bench.Report{Requests: 5, OK: 5, CutShort: true}, "warning CUT SHORT"},
		{bench.Report{Requests: 5, OK: 5, CutShort: true, Invalid: []string{"late"}}, "failure INVALID, warning CUT SHORT"},
		{bench.Report{CutShort: true}, "warning CUT SHORT, failure NOTHING ENDED"},
	} {
		if got := heads(&c.report); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAnInvalidRunSaysWhyAndWhatHelps(t *testing.T) {
	r := &bench.Report{Requests: 5, OK: 5, Invalid: []string{"the generator was late", "it had no rest", ""}}
	r.Machine.Cores, r.Settings.MaxLag = 4, 2*time.Millisecond
	text := notices(r)[0].Text
	if text[0] != "The generator was late." || text[1] != "It had no rest." {
		t.Errorf("%q", text)
	}
	for _, want := range []string{"not shown", "-r", "this machine has 4", "--max-lag (now 2.00 ms)"} {
		if advice := text[len(text)-1]; !strings.Contains(advice, want) {
			t.Errorf("no %q in %q", want, advice)
		}
	}
}

func TestARunThatWasCutShortSaysWhere(t *testing.T) {
	for _, c := range []struct {
		settings bench.Settings
		want     string
	}{
		{bench.Settings{Duration: time.Minute}, "Ended from outside after 12.3 s of 1 min; the figures are of that part."},
		{bench.Settings{Requests: 9000, Duration: time.Minute}, "Ended from outside after 12.3 s, at 1,234 of 9,000 requests; the figures are of that part."},
		{bench.Settings{}, "Ended from outside after 12.3 s; the figures are of that part."},
	} {
		if got := cutShort(&bench.Report{Settings: c.settings, Elapsed: 12_340 * time.Millisecond, Requests: 1234}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestFiguresCountWhatWasNeverSentAsFailed(t *testing.T) {
	r := &bench.Report{Requests: 90, OK: 80, Unsent: 10, Elapsed: 10 * time.Second, BytesIn: 1e6, BytesOut: 500, Opened: 9, Redials: 1}
	r.Failures[bench.Reset] = 10
	want := `Requests 90 (9.00/s for 10 s)
OK 80 (80.0 %, 8.00/s)
Failed 20 (20.0 %) BAD
Received 1.00 MB (100 kB/s)
Sent 500 B (50 B/s)
Connections 9 (opened, 1 of them in place of an idle one that the target had closed; 90.0 % of the requests reused one)`
	if got := lines(figures(r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := lines(figures(&bench.Report{})); strings.Contains(got, "NaN") || strings.Contains(got, "BAD") {
		t.Errorf("of nothing:\n%s", got)
	}
}

func TestFailuresComeWithTheFirstOnesText(t *testing.T) {
	r := &bench.Report{Requests: 6, Unsent: 2, FirstFailures: map[string]string{"short_body": "2 of 5 bytes", "tls": "of no request"}}
	r.Failures[bench.ShortBody], r.Failures[bench.Connect] = 4, 2
	want := `connect 2 BAD
short body 4 (2 of 5 bytes) BAD
unsent 2 (never sent: every connection stayed busy until the end. They count as failed; a target that keeps up leaves none) BAD`
	if got := lines(failed(r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := first(r); got != " The first: 2 of 5 bytes" {
		t.Errorf("%q", got)
	}
	if got := failed(&bench.Report{}); got != nil {
		t.Errorf("%v of nothing", got)
	}
}

func TestStatusesAreInOrderAndErrorsAreMarked(t *testing.T) {
	r := &bench.Report{Requests: 1000, Statuses: map[int]int64{503: 10, 200: 900, 404: 50, 302: 40}}
	want := "200 900 (90.0 %)\n302 40 (4.0 %)\n404 50 (5.0 %) BAD\n503 10 (1.0 %) BAD"
	if got := lines(statuses(r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRemarksSayWhatAFigureDoesNot(t *testing.T) {
	failing := bench.Failures{}
	failing[bench.Status] = 3
	for _, c := range []struct {
		report bench.Report
		want   []string
	}{
		{bench.Report{Requests: 10, OK: 10}, nil},
		{bench.Report{Requests: 10, OK: 7, Failures: failing}, []string{"The 3 that failed are in no latency"}},
		{bench.Report{Requests: 10, OK: 7, Failures: failing, Invalid: []string{"x"}}, nil},
		{bench.Report{Requests: 3, Failures: failing}, nil},
		{bench.Report{Requests: 2, OK: 1, Unsent: 1}, []string{"The 1 that failed is in no latency: those are of the 1 that was OK."}},
		{bench.Report{Requests: 10, OK: 10, Unsent: 2000}, []string{"The 2,000 that failed are in no latency: those are of the 10 that were OK."}},
		{bench.Report{Requests: 10, OK: 10, Late: 1}, []string{"1 request (10.0 %) came due while every connection was busy. It was sent as soon as one was free"}},
		{bench.Report{Requests: 10, OK: 10, Late: 2}, []string{"2 requests (20.0 %) came due while every connection was busy. They were sent as soon as one was free"}},
		{bench.Report{Requests: 10, OK: 10, Late: 2, Invalid: []string{"x"}}, []string{"2 requests (20.0 %) came due while every connection was busy."}},
		{bench.Report{Requests: 10, Late: 2}, []string{"2 requests (20.0 %) came due while every connection was busy."}},
	} {
		got := remarks(&c.report)
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%q, want what begins with %q", got, c.want)
		}
		if text := strings.Join(got, " "); strings.Contains(text, "latency.") && (!c.report.Valid() || c.report.OK == 0) {
			t.Errorf("%q speaks of latencies that are not shown", text)
		}
	}
}

func TestTheGeneratorIsJudgedByWhatItSpoiled(t *testing.T) {
	r := &bench.Report{Requests: 1000, Elapsed: 2 * time.Second, CPU: time.Second, Distorted: 20}
	r.Settings.MaxLag = time.Millisecond
	r.Lag = bench.Quantiles{P50: 20e3, P99: 300e3, Max: 4e6}
	want := `Lag 300 µs (p99 behind the intended time; p50 20.0 µs, max 4.00 ms; 1.00 ms allowed)
Sent late 20 (2.0 % of the requests, by more than 1.00 ms and by the generator's own doing)
CPU 1.00 ms (a request; 0.50 cores in use on average)`
	if got := lines(generator(r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.Invalid = []string{"late"}
	if got := lines(generator(r)); !strings.Contains(got, "own doing) BAD") {
		t.Errorf("not marked:\n%s", got)
	}
	if got := generator(&bench.Report{}); got != nil {
		t.Errorf("%v of nothing", got)
	}
}

func TestAPercentileNeedsEnoughRequests(t *testing.T) {
	q := &bench.Quantiles{P99: 5e6, P999: 6e6, Max: 7e6}
	for _, c := range []struct {
		name string
		n    int64
		want string
	}{
		{"p99", 99, none}, {"p99", 100, "5.00 ms"}, {"p99.9", 999, none}, {"p99.9", 1000, "6.00 ms"}, {"max", 1, "7.00 ms"}, {"max", 0, none}, {"p99.99", 9999, none},
	} {
		all := points(q)
		i := slices.IndexFunc(all, func(p point) bool { return p.Name == c.name })
		if got := all[i].value(c.n); got != c.want {
			t.Errorf("%s of %d: %s, want %s", c.name, c.n, got, c.want)
		}
	}
}

func TestGoalsThatWereMissedComeFirst(t *testing.T) {
	got := goals([]Goal{{Text: "a", Met: true}, {Text: "b"}, {Text: "c", Missed: true}, {Text: "d", Missed: true}})
	want := []notice{{failure, "GOAL MISSED", []string{"c", "d"}}, {warning, "GOAL UNDECIDED", []string{"b"}}, {success, "GOAL MET", []string{"a"}}}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(goals(nil)) != 0 {
		t.Errorf("%v, want %v; of none %v", got, want, goals(nil))
	}
}

func TestAClassWithoutAnAnswerHasNoLatency(t *testing.T) {
	r := &bench.Report{Classes: []bench.Class{{Name: "dead", Failures: bench.Failures{5}}, {Name: "fine", OK: 2, Latency: bench.Quantiles{P50: 1e6, Max: 2e6}}}}
	rows := classTable(r, true).Rows
	if got := strings.Join(rows[0], " "); got != "dead 0 5 – – – – – –" {
		t.Error(got)
	}
	if got := strings.Join(rows[1], " "); !strings.HasPrefix(got, "fine 2 0 ") || !strings.HasSuffix(got, "2.00 ms") {
		t.Error(got)
	}
	if got := classTable(r, false); len(got.Head) != 3 || len(got.Rows[1]) != 3 {
		t.Errorf("an invalid run: %v", got)
	}
}

func TestTheMachineIsSaidWithoutHoles(t *testing.T) {
	for _, c := range []struct {
		machine bench.Machine
		want    string
	}{
		{bench.Machine{OS: "linux", Arch: "arm64", CPU: "Chip", Cores: 8, Kernel: "6.1", Go: "go1.26"}, "Chip · 8 cores · linux/arm64 · 6.1 · go1.26"},
		{bench.Machine{OS: "plan9", Arch: "386", Cores: 1, Go: "go1.26"}, "1 core · plan9/386 · go1.26"},
	} {
		if got := machine(&c.machine); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
