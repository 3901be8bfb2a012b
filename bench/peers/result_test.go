package peers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{5}, 5}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.of, got, c.want)
		}
	}
}

func cpuRow(proxy string, cpu ...time.Duration) Row {
	r := Row{Proxy: proxy}
	for _, d := range cpu {
		r.Samples = append(r.Samples, Sample{CPU: d})
	}
	return r
}

func TestRatiosCompareTheSameRounds(t *testing.T) {
	// The machine slows down fourfold in round 2: each ratio stays what it is.
	b := Block{Rows: []Row{cpuRow("weir", 8, 32, 9), cpuRow("nginx", 10, 40, 10), cpuRow("idle", 0, 0, 0)}}
	got, ok := b.Ratio("weir", "nginx")
	if want := (Ratio{Median: 0.8, Min: 0.8, Max: 0.9}); !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	for _, peer := range []string{"idle", "absent"} {
		if _, ok := b.Ratio("weir", peer); ok {
			t.Errorf("a ratio to %s", peer)
		}
	}
}

func TestTheWorstRatioNamesItsPlace(t *testing.T) {
	r := Result{Subject: "weir", Blocks: []Block{
		{Scenario: "small", Rows: []Row{cpuRow(Direct, 1), cpuRow("weir", 9), cpuRow("nginx", 10), cpuRow("haproxy", 12)}},
		{Scenario: "small", Generator: "wrk", Rows: []Row{cpuRow("weir", 99), cpuRow("nginx", 10)}},
		{Scenario: "headers", Rows: []Row{cpuRow("weir", 19), cpuRow("nginx", 20)}},
		{Scenario: "cache", Rows: []Row{{Proxy: "weir", Note: "not landed yet"}, cpuRow("nginx", 20)}},
	}}
	if ratio, scenario, peer := r.Worst(); ratio != 0.95 || scenario != "headers" || peer != "nginx" {
		t.Errorf("got %v, %s, %s; want 0.95, headers, nginx", ratio, scenario, peer)
	}
	r.Blocks = append(r.Blocks, Block{Scenario: "scale-routes", Axis: Routes, Point: 10_000, Rows: []Row{cpuRow("weir", 3), cpuRow("nginx", 2)}})
	if ratio, scenario, _ := r.Worst(); ratio != 1.5 || scenario != "scale-routes, 10,000 routes" {
		t.Errorf("got %v, %s; want the point too", ratio, scenario)
	}
}

func TestRoundsThatProveNothingAreNamed(t *testing.T) {
	small, stored := Scenarios()[0], Scenario{Name: "cache", Cache: true}
	for name, c := range map[string]struct {
		scenario *Scenario
		sample   Sample
		want     string
	}{
		"fine":               {&small, Sample{Requests: 100_000, PerConnection: 1500}, ""},
		"a failure":          {&small, Sample{Requests: 100_000, PerConnection: 1500, Failed: 1}, "small, weir, round 1: 1 failed requests"},
		"no answers":         {&small, Sample{}, "small, weir, round 1: no answer"},
		"connections closed": {&small, Sample{Requests: 100_000, PerConnection: 99}, "small, weir, round 1: 99 answers per upstream connection, fewer than 100"},
		"hits":               {&stored, Sample{Requests: 1000, Reached: 10}, ""},
		"misses":             {&stored, Sample{Requests: 1000, Reached: 11}, "cache, weir, round 1: 11 of 1000 answers came from the endpoint, not from the store"},
	} {
		var r Result
		b := &r.Blocks[r.open(c.scenario, 0, 64, 1)]
		if got := strings.Join(b.add(c.scenario, "weir", c.sample), "; "); got != c.want || len(b.Rows[0].Samples) != 1 {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestARowIsMadeOnce(t *testing.T) {
	var b Block
	b.row("weir").Note = "a"
	b.row("nginx")
	if b.row("weir").Note != "a" || len(b.Rows) != 2 || b.find("haproxy") != nil {
		t.Errorf("got %+v", b.Rows)
	}
}

// reviewed is a result with one of each thing that a report shows.
func reviewed() *Result {
	r := &Result{
		Subject: "weir", When: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), Round: time.Second, Warmup: 200 * time.Millisecond, Connections: 64, ProxyCore: 0, LoadCore: 1,
		Machine:  Machine{CPU: "AMD EPYC", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.18", Go: "go1.26"},
		Versions: map[string]string{"weir": "weir devel", "nginx": "nginx/1.22.1"}, Missing: []string{"haproxy"},
		Configs: map[string]string{"nginx": "worker_processes 1;\n", "weir": "[listeners.bench]\n"},
	}
	add := func(i int, name string, samples ...Sample) {
		for n, s := range samples {
			s.CPU += time.Duration(n) * s.CPU / 50
			r.Blocks[i].row(name).Samples = append(r.Blocks[i].row(name).Samples, s)
		}
	}
	thrice := func(s Sample) []Sample { return []Sample{s, s, s} }
	named := func(name string) *Scenario {
		all := Scenarios()
		return &all[slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })]
	}
	small, tls, bulk, routes := named("small"), named("tls"), named("l4-bulk"), named("scale-routes")
	for i, n := range []int{r.open(small, 0, 64, 3), r.open(small, 0, 64, 3)} {
		if i == 1 {
			r.Blocks[n].Generator = "wrk"
		} else {
			add(n, Direct, thrice(Sample{PerSecond: 101_234, P50: 610 * time.Microsecond, P99: 900 * time.Microsecond})...)
		}
		add(n, "weir", thrice(Sample{PerSecond: 52_345, CPU: 13_900, P50: 1100 * time.Microsecond, P99: 1900 * time.Microsecond, RSS: 18 << 20, Busy: 0.99})...)
		add(n, "nginx", thrice(Sample{PerSecond: 48_000, CPU: 17_000 - time.Duration(i)*3000, P50: 1200 * time.Microsecond, P99: 2 * time.Millisecond, RSS: 13 << 20, Busy: 0.98})...)
	}
	n := r.open(tls, 0, 64, 5)
	r.Blocks[n].row("weir").Note = "not landed yet (there is no key listeners.bench.tls)"
	add(n, "nginx", thrice(Sample{PerSecond: 2000, CPU: 24_000, P50: time.Millisecond, P99: time.Millisecond, RSS: 13 << 20, Busy: 0.5})...)
	n = r.open(bulk, 0, 8, 5)
	add(n, "weir", thrice(Sample{PerSecond: 1400, CPU: 250_000, RSS: 14 << 20, Busy: 0.4})...)
	add(n, "nginx", thrice(Sample{PerSecond: 1000, CPU: 900_000, RSS: 11 << 20, Busy: 0.99})...)
	for i, point := range routes.Points {
		n = r.open(routes, point, 64, 3)
		add(n, "weir", thrice(Sample{PerSecond: 50_000, CPU: 14_000, Busy: 1})...)
		add(n, "nginx", thrice(Sample{PerSecond: 50_000, CPU: 15_000 + time.Duration(i)*3000, Busy: 1})...)
		r.Blocks[n].row("varnish").Note = "it has no table of routes"
	}
	r.Idle = []IdleRow{
		{Proxy: "weir", Connections: 10_000, Requests: 10, Wait: 10 * time.Second, Before: 12 << 20, After: 112 << 20},
		{Proxy: "nginx", Note: "nginx ended at once"},
	}
	r.Invalid = []string{"small, nginx, round 2: 1 failed requests"}
	r.CutShort = true
	return r
}

func TestTheTableReadsAsReviewed(t *testing.T) {
	var b strings.Builder
	if err := reviewed().Print(&b); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/table.txt", b.String())
	for _, l := range strings.Split(b.String(), "\n") {
		if n := len([]rune(l)); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}

func TestThePageReadsAsReviewed(t *testing.T) {
	var b strings.Builder
	if err := reviewed().Markdown(&b); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/page.md", b.String())
	// Every row of a table has as many cells as its head.
	cells := 0
	for _, l := range strings.Split(b.String(), "\n") {
		n := strings.Count(l, "|")
		if n > 0 && cells > 0 && n != cells {
			t.Errorf("%d cells below %d: %s", n-1, cells-1, l)
		}
		cells = n
	}
	failure := errors.New("disk full")
	if err := reviewed().Markdown(fullDisk{failure}); err != failure {
		t.Errorf("a writer that fails: %v", err)
	}
}

func TestAPageOfLittleLeavesTheRestOut(t *testing.T) {
	r := Result{Subject: "nginx", ProxyCore: -1, LoadCore: -1, Idle: []IdleRow{{Proxy: "nginx", Connections: 10}}}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"## idle": true, "nothing pinned": true, "unknown, 0 cores": true, "## What this does not compare": true,
		"## In short": false, "## Configurations": false, "wrk": false, "Cut short": false, "Not to be trusted": false, "not installed": false,
	} {
		if strings.Contains(b.String(), text) != want {
			t.Errorf("%q is there: %v, want %v, in:\n%s", text, !want, want, b.String())
		}
	}
}

func TestTwoLoadsAgreeWithinFivePercentOrWhereTheirRangesMeet(t *testing.T) {
	for _, c := range []struct {
		ours, wrk Ratio
		want      bool
	}{
		{Ratio{1, 0.99, 1.01}, Ratio{1.04, 1.03, 1.05}, true},
		{Ratio{1, 0.99, 1.01}, Ratio{0.96, 0.95, 0.97}, true},
		{Ratio{1, 0.99, 1.01}, Ratio{1.1, 1.05, 1.2}, false},
		{Ratio{1, 0.99, 1.06}, Ratio{1.1, 1.05, 1.2}, true},
		{Ratio{1, 0.9, 1.1}, Ratio{0.8, 0.7, 0.89}, false},
		{Ratio{1, 0.9, 1.1}, Ratio{0.8, 0.7, 0.91}, true},
	} {
		check := CrossCheck{Scenario: "small", Peer: "nginx", Ours: c.ours, Wrk: c.wrk}
		if got := check.agrees(); got != c.want || strings.Contains(check.String(), "DISAGREE") == c.want {
			t.Errorf("%v and %v agree: %v, want %v; %s", c.ours, c.wrk, got, c.want, &check)
		}
	}
	all := reviewed().CrossChecks()
	if len(all) != 1 || all[0].Peer != "nginx" || all[0].agrees() {
		t.Errorf("got %+v; want one disagreement, with nginx", all)
	}
	r := reviewed()
	r.Blocks = r.Blocks[1:] // wrk alone
	if all := r.CrossChecks(); len(all) != 0 {
		t.Errorf("wrk is compared with nothing: %+v", all)
	}
}

func TestLongNotesAreCut(t *testing.T) {
	for text, want := range map[string]string{"": "", "µµµµ": "µµµµ", "µµµµµ": "µµµ…"} {
		if got := cut(text, 4); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestWrongOptionsAreRefusedWithTheChoices(t *testing.T) {
	for want, o := range map[string]Options{
		"there are small, headers, shaped-small, shaped-headers, large, upload, tls, h2, handshake, cache, cache-many, l4-small, l4-bulk, idle, scale-": {Scenarios: []string{"bear"}},
		"there are nginx, haproxy, varnish, caddy": {Only: []string{"apache"}},
	} {
		_, err := Run(t.Context(), o)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want ErrUsage with %q", err, want)
		}
	}
}

func TestThousandsStandApart(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 58_112.4: "58,112", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := thousands(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}
