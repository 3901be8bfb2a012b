package cmd

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/compare"
)

func TestFilesAreOfTheSideOfVsOnWhichTheyStand(t *testing.T) {
	for line, want := range map[string][2]string{
		"a b":           {"a", "b"},
		"a vs b":        {"a", "b"},
		"a1 a2 vs b":    {"a1 a2", "b"},
		"a vs b1 b2 b3": {"a", "b1 b2 b3"},
		"vs.json b":     {"vs.json", "b"},
	} {
		a, b, err := sides(strings.Fields(line))
		if got := [2]string{strings.Join(a, " "), strings.Join(b, " ")}; err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":                    "two reports are compared, such as weir bench compare before.json after.json",
		"a":                   "two reports are compared",
		"a b c":               "put vs between them",
		"vs b":                "vs stands once, with files on both sides",
		"a vs":                "vs stands once",
		"a vs b vs c":         "vs stands once",
		"a b --json=x":        "invalid argument",
		"a b --tolerance 100": "want percent from 0 to below 100",
		"a b --tolerance low": "want percent",
	} {
		refused(t, want, append([]string{"bench", "compare"}, strings.Fields(line)...)...)
	}
}

// measuredOnce writes the report of a run of 6 s with 200 requests a second, that took base and up to 2 ms more.
func measuredOnce(t *testing.T, name string, base time.Duration, change func(*bench.Report)) string {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(len(name)), uint64(name[0])))
	r := &bench.Report{
		Format: bench.ReportFormat, Target: "http://a/", Settings: bench.Settings{Protocol: "HTTP/1.1", Loop: "open", Rate: "200/s"},
		Invalid: []string{}, Histogram: bench.NewHistogram(), LagHistogram: bench.NewHistogram(), Elapsed: 6 * time.Second,
	}
	for s := range 6 {
		second := bench.Second{At: time.Duration(s+1) * time.Second, Requests: 200, OK: 200, Histogram: bench.NewHistogram()}
		for range 200 {
			second.Histogram.Record(base + time.Duration(random.Int64N(int64(2*time.Millisecond))))
		}
		second.Latency = second.Histogram.Quantiles()
		r.Histogram.Add(second.Histogram)
		r.Series = append(r.Series, second)
	}
	r.Requests, r.OK, r.Latency = 1200, 1200, r.Histogram.Quantiles()
	if change != nil {
		change(r)
	}
	path := filepath.Join(t.TempDir(), name+".json")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(r.Write(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAComparisonsExitCodeIsItsVerdict(t *testing.T) {
	once := func(name string, base time.Duration) string { return measuredOnce(t, name, base, nil) }
	before, same, slower := once("a", 20*time.Millisecond), once("bb", 20*time.Millisecond), once("ccc", 25*time.Millisecond)
	short := measuredOnce(t, "short", 20*time.Millisecond, func(r *bench.Report) {
		r.Series, r.Requests, r.OK, r.Elapsed = r.Series[:1], 200, 200, time.Second
	})
	late := measuredOnce(t, "late", 20*time.Millisecond, func(r *bench.Report) { r.Invalid = []string{"the generator was late"} })
	none := measuredOnce(t, "none", 20*time.Millisecond, func(r *bench.Report) { r.Series, r.Requests, r.OK = nil, 0, 0 })
	text := file(t, "no JSON")
	other := file(t, `{"format":"weir-bench/9"}`)
	for _, c := range []struct {
		line string
		code int
		out  string // what it contains; "" is empty
		err  string
	}{
		{before + " " + same, Fine, "change", ""},
		{before + " vs " + same + " --tolerance 3%", Fine, "change", ""},
		{before + " " + before, Fine, "No difference", ""},
		{before + " " + slower, Bad, "Slower", ""},
		{before + " " + before + " vs " + slower + " " + slower, Bad, "2 runs", ""},
		{before + " " + slower + " --tolerance 90", Fine, "change", ""},
		{slower + " " + before, Fine, "change", ""},
		{before + " " + short, Invalid, "Can't tell", "weir: too little data to compare"},
		{before + " " + late, Invalid, "", "the generator was late"},
		{late + " " + before, Invalid, "", "late.json"},
		{before + " " + none, CouldNotRun, "", "none.json holds no requests"},
		{before + " " + text, CouldNotRun, "", text + ": not a report of weir bench"},
		{before + " " + other, CouldNotRun, "", `a report of format "weir-bench/9"; this program reads weir-bench/1`},
		{before + " " + before + ".none", CouldNotRun, "", "no such file"},
		{before + " " + filepath.Dir(before), CouldNotRun, "", "is a directory"},
	} {
		got := inProcess(nil, append([]string{"bench", "compare"}, strings.Fields(c.line)...)...)
		if got.code != c.code || !strings.Contains(strings.ToLower(got.out), strings.ToLower(c.out)) || c.out == "" && got.out != "" ||
			!strings.Contains(got.err, c.err) || c.err == "" && got.err != "" {
			t.Errorf("%s: code %d\n%s%s\nwant code %d, %q and %q", c.line, got.code, got.out, got.err, c.code, c.out, c.err)
		}
	}
}

func TestAComparisonInJSONIsItsResult(t *testing.T) {
	a, b := measuredOnce(t, "a", 20*time.Millisecond, nil), measuredOnce(t, "ccc", 25*time.Millisecond, nil)
	got := inProcess(nil, "bench", "compare", a, b, "--json", "--tolerance", "10")
	var r compare.Result
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	p50 := slices.IndexFunc(r.Figures, func(f compare.Figure) bool { return f.Name == "p50" })
	if got.code != Bad || !r.Regression || r.Tolerance != 0.1 || r.A.Files[0] != a || r.A.Requests != 1200 || r.B.Seconds != 6 || p50 < 0 {
		t.Fatalf("code %d, %+v", got.code, r)
	}
	if f := r.Figures[p50]; f.Change < 0.2 || f.Change > 0.28 || !f.Regression {
		t.Errorf("p50, 21 ms and then 26 ms: %+v", f)
	}
}
