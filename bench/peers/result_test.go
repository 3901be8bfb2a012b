package peers

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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
		{Scenario: "bare", Rows: []Row{cpuRow(Direct, 1), cpuRow("weir", 9), cpuRow("nginx", 10), cpuRow("haproxy", 12)}},
		{Scenario: "fields", Rows: []Row{cpuRow("weir", 19), cpuRow("nginx", 20)}},
	}}
	if ratio, scenario, peer := r.Worst(); ratio != 0.95 || scenario != "fields" || peer != "nginx" {
		t.Errorf("got %v, %s, %s; want 0.95, fields, nginx", ratio, scenario, peer)
	}
}

func TestRoundsThatProveNothingAreNamed(t *testing.T) {
	bare := Scenarios()[0]
	for name, c := range map[string]struct {
		sample Sample
		want   string
	}{
		"fine":               {Sample{Requests: 100_000, PerConnection: 1500}, ""},
		"a failure":          {Sample{Requests: 100_000, PerConnection: 1500, Failed: 1}, "bare, weir, round 1: 1 failed requests"},
		"no answers":         {Sample{}, "bare, weir, round 1: no answer"},
		"connections closed": {Sample{Requests: 100_000, PerConnection: 999}, "bare, weir, round 1: 999 answers per upstream connection, fewer than 1000"},
	} {
		var r Result
		r.add(&bare, "weir", c.sample)
		if got := strings.Join(r.Invalid, "; "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTheTableReadsAsReviewed(t *testing.T) {
	r := Result{
		Subject: "weir", Rounds: 9, Round: 2 * time.Second, Connections: 64, ProxyCore: 0, LoadCore: 1,
		Versions: map[string]string{"weir": "weir devel", "nginx": "nginx/1.22.1"}, Missing: []string{"haproxy"},
	}
	s := Scenarios()[0]
	for i := range 3 {
		d := time.Duration(i) * 100
		r.add(&s, Direct, Sample{Requests: 200_000, PerSecond: 101_234, P50: 610 * time.Microsecond, P99: 900 * time.Microsecond, PerConnection: 3125})
		r.add(&s, "weir", Sample{Requests: 1e5, PerSecond: 52_345, CPU: 13_900 + d, P50: 1100 * time.Microsecond, P99: 1900 * time.Microsecond, RSS: 18 << 20, PerConnection: 1640})
		r.add(&s, "nginx", Sample{Requests: 1e5, PerSecond: 48_000, CPU: 17_000 + 2*d, P50: 1200 * time.Microsecond, P99: 2 * time.Millisecond, RSS: 13 << 20, PerConnection: 1500})
	}
	r.Idle = []IdleRow{
		{Proxy: "weir", Connections: 10_000, Requests: 100, Wait: 30 * time.Second, Before: 12 << 20, After: 112 << 20},
		{Proxy: "nginx", Note: "nginx ended at once"},
	}
	r.Invalid = []string{"bare, nginx, round 2: 1 failed requests"}
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/table.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != b.String() {
		t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, b.String(), want)
	}
	for _, l := range strings.Split(b.String(), "\n") {
		if n := len([]rune(l)); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}

func TestWrongOptionsAreRefusedWithTheChoices(t *testing.T) {
	for want, o := range map[string]Options{
		"there are bare, fields, large, idle": {Scenarios: []string{"bear"}},
		"there are nginx, haproxy":            {Only: []string{"apache"}},
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
