package peers

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFiguresThatWereNotTakenAreEmpty(t *testing.T) {
	full := Sample{PerSecond: 1234, CPU: 12_340, P50: time.Millisecond, P99: 2 * time.Millisecond, RSS: 3 << 20, Busy: 0.987}
	blind := full
	blind.P50, blind.P99 = 0, 0
	for what, c := range map[string]struct {
		row  Row
		want figures
	}{
		"a proxy":          {Row{Proxy: "weir", Samples: []Sample{full}}, figures{"12.3 µs", "1,234", "1.00 ms", "2.00 ms", "3.0 MiB", "99 %"}},
		"without latency":  {Row{Proxy: "weir", Samples: []Sample{blind}}, figures{"12.3 µs", "1,234", "", "", "3.0 MiB", "99 %"}},
		"the endpoint":     {Row{Proxy: Direct, Samples: []Sample{full}}, figures{"", "1,234", "1.00 ms", "2.00 ms", "", ""}},
		"medians of three": {Row{Proxy: "weir", Samples: []Sample{full, blind, full}}, figures{"12.3 µs", "1,234", "1.00 ms", "2.00 ms", "3.0 MiB", "99 %"}},
	} {
		if got := c.row.figures(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", what, got, c.want)
		}
	}
}

func TestPointsOfOneScenarioAreOneCurve(t *testing.T) {
	r := Result{Blocks: []Block{
		{Scenario: "small"}, {Scenario: "small", Generator: "wrk"},
		{Scenario: "scale-routes", Axis: Routes, Point: 1}, {Scenario: "scale-routes", Axis: Routes, Point: 100},
		{Scenario: "scale-conns", Axis: Connections, Point: 64},
	}}
	for i, want := range []int{1, 1, 2, 1, 1} {
		if got := len(r.curve(i)); got != want {
			t.Errorf("block %d begins a curve of %d, want %d", i, got, want)
		}
	}
}

func TestACurveShowsEachProxyAtEachPoint(t *testing.T) {
	curve := []Block{
		{Scenario: "c", Axis: Routes, Point: 1, Rows: []Row{cpuRow(Direct, 1), cpuRow("weir", 10_000), cpuRow("nginx", 20_000), {Proxy: "varnish", Note: "no table"}}},
		{Scenario: "c", Axis: Routes, Point: 1000, Rows: []Row{cpuRow("weir", 15_000), cpuRow("nginx"), cpuRow("late", 5000)}},
	}
	r := Result{Subject: "weir", Blocks: curve}
	if got := names(curve); !slices.Equal(got, []string{Direct, "weir", "nginx", "varnish", "late"}) {
		t.Errorf("names %v", got)
	}
	for _, c := range []struct{ proxy, first, last, growth, note string }{
		{"weir", "10.0 µs", "15.0 µs", "1.50", ""},
		{"nginx", "20.0 µs (0.50)", "—", "—", ""},
		{"varnish", "—", "—", "—", "no table"},
		{"late", "—", "5.0 µs (3.00)", "—", ""},
		{"nobody", "—", "—", "—", ""},
	} {
		if a, b := r.curveCell(&curve[0], c.proxy), r.curveCell(&curve[1], c.proxy); a != c.first || b != c.last {
			t.Errorf("%s: %q and %q, want %q and %q", c.proxy, a, b, c.first, c.last)
		}
		if got := growth(curve, c.proxy); got != c.growth {
			t.Errorf("%s grows by %s, want %s", c.proxy, got, c.growth)
		}
		if got := noteOf(curve, c.proxy); got != c.note {
			t.Errorf("%s is noted as %q, want %q", c.proxy, got, c.note)
		}
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil || strings.Contains(b.String(), Direct) || !strings.Contains(b.String(), "1,000 routes") {
		t.Errorf("%v, got\n%s", err, b.String())
	}
}

func TestLabelsNameThePoint(t *testing.T) {
	for want, got := range map[string]string{
		"small":                            label("small", "", 0),
		"scale-routes, 1 routes":           label("scale-routes", Routes, 1),
		"scale-conns, 10,000 connections":  label("scale-conns", Connections, 10_000),
		"scale-endpoints, 1,000 endpoints": label("scale-endpoints", Endpoints, 1000),
		"0.95  [0.90–1.01]":                Ratio{0.95, 0.9, 1.01}.String(),
		"Capital":                          sentence("capital"),
		"unknown":                          known(""),
		"AMD":                              known("AMD"),
		"1.5 MiB":                          mebibytes(3 << 19),
		"one core for all, nothing pinned": (&Result{ProxyCore: -1, LoadCore: -1}).place(),
		"each proxy alone on core 2, load and endpoint on core 3": (&Result{ProxyCore: 2, LoadCore: 3}).place(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if sentence("") != "" {
		t.Error("nothing begins with a capital")
	}
}

func TestThePageSaysWhereTheLoadWasTheLimit(t *testing.T) {
	busy := func(name string, share float64) Row {
		return Row{Proxy: name, Samples: []Sample{{CPU: 1, Busy: share}}}
	}
	for what, c := range map[string]struct {
		rows []Row
		core int
		want string
	}{
		"all at work":        {[]Row{busy("weir", 0.97), busy("nginx", 0.9)}, 0, ""},
		"one waits":          {[]Row{busy("weir", 0.89), busy("nginx", 0.99)}, 0, "The load was the limit for weir:"},
		"two wait":           {[]Row{busy("weir", 0.4), busy("nginx", 0.5), busy(Direct, 0)}, 0, "for weir, nginx:"},
		"the endpoint alone": {[]Row{busy(Direct, 0)}, 0, ""},
		"nothing is pinned":  {[]Row{busy("weir", 0.4)}, -1, ""},
		"not measured":       {[]Row{{Proxy: "weir", Note: "x"}}, 0, ""},
	} {
		p := &page{result: &Result{Subject: "weir", ProxyCore: c.core}}
		p.bound(&Block{Rows: c.rows})
		if got := p.String(); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

func TestBulkIsShownPerCPUSecond(t *testing.T) {
	r := Result{Subject: "weir", Blocks: []Block{{Scenario: "l4-bulk", Unit: "MiB", Rows: []Row{
		{Proxy: Direct, Samples: []Sample{{PerSecond: 5000}}},
		{Proxy: "weir", Samples: []Sample{{PerSecond: 1000, CPU: 250 * time.Microsecond, Busy: 1}}},
	}}}}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| CPU/MiB |", "| per CPU second |", "| weir | 250.0 µs | — | 1,000 | 3.91 GiB |", "| direct |  | — | 5,000 |  |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestTheHeadSaysWhatWasComparedWhere(t *testing.T) {
	for what, c := range map[string]struct {
		result  Result
		want    []string
		without []string
	}{
		"a whole comparison": {
			Result{Subject: "weir", Round: time.Second, ProxyCore: 0, LoadCore: 1, Versions: map[string]string{"weir": "weir 1.2", "caddy": "v2.6.2"}, Missing: []string{"nginx", "haproxy"}},
			[]string{"weir against its peers", "rounds of 1s", "on core 0, load and endpoint on core 1", "caddy v2.6.2 · weir 1.2\n", "not installed here: nginx, haproxy\n"},
			[]string{"worst ratio", "INVALID", "CUT SHORT", "idle:"},
		},
		"nothing pinned, nobody missing": {
			Result{Subject: "nginx", Round: time.Minute, ProxyCore: -1, LoadCore: -1, CutShort: true, Invalid: []string{"a reason"}},
			[]string{"nginx against its peers", "rounds of 1m0s", "one core for all, nothing pinned", "CUT SHORT: ", "INVALID: a reason\n"},
			[]string{"not installed here", "worst ratio"},
		},
	} {
		var b strings.Builder
		if err := c.result.Print(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", what, want, b.String())
			}
		}
		for _, not := range c.without {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: %q is in\n%s", what, not, b.String())
			}
		}
	}
}

func TestTheSummarySaysWhereTheSubjectIsMissing(t *testing.T) {
	for what, c := range map[string]struct {
		blocks []Block
		want   string
	}{
		"everywhere there":   {[]Block{{Scenario: "small", Rows: []Row{cpuRow("weir", 1)}}}, ""},
		"not landed":         {[]Block{{Scenario: "cache", Rows: []Row{{Proxy: "weir", Note: "not landed yet (x)"}}}}, "\n- cache, weir: not landed yet (x)\n"},
		"a peer is missing":  {[]Block{{Scenario: "cache", Rows: []Row{cpuRow("weir", 1), {Proxy: "caddy", Note: "no cache"}}}}, ""},
		"at two points":      {[]Block{{Scenario: "c", Axis: Routes, Point: 1, Rows: []Row{{Proxy: "weir", Note: "a"}}}, {Scenario: "c", Axis: Routes, Point: 2000, Rows: []Row{{Proxy: "weir", Note: "b"}}}}, "\n- c, 1 routes, weir: a\n- c, 2,000 routes, weir: b\n"},
		"it had no row":      {[]Block{{Scenario: "cache", Rows: []Row{cpuRow("nginx", 1)}}}, ""},
		"broken, by its own": {[]Block{{Scenario: "tls", Rows: []Row{{Proxy: "weir", Note: "weir ended at once: x"}}}}, "\n- tls, weir: weir ended at once: x\n"},
	} {
		p := &page{result: &Result{Subject: "weir", Blocks: c.blocks}}
		p.absences()
		if got := p.String(); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

func TestMediansOfRows(t *testing.T) {
	row := Row{Samples: []Sample{{CPU: 9, PerSecond: 1, RSS: 30}, {CPU: 1, PerSecond: 3, RSS: 10}, {CPU: 5, PerSecond: 2, RSS: 20}}}
	if got := row.medianTime(func(s *Sample) time.Duration { return s.CPU }); got != 5 {
		t.Errorf("CPU %v, want 5", got)
	}
	if got := row.Median(func(s *Sample) float64 { return s.PerSecond }); got != 2 {
		t.Errorf("rate %v, want 2", got)
	}
	if row.Samples[0].CPU != 9 {
		t.Error("the samples were sorted in place: ratios compare by round")
	}
	if got := new(Row).Median(func(*Sample) float64 { return 1 }); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestRatiosOfUnevenRows(t *testing.T) {
	for what, c := range map[string]struct {
		over, under Row
		want        Ratio
		ok          bool
	}{
		"one round is missing":           {cpuRow("a", 2, 4, 6), cpuRow("b", 1, 2), Ratio{2, 2, 2}, true},
		"a round without a reading":      {cpuRow("a", 2, 0, 6), cpuRow("b", 1, 2, 0), Ratio{2, 2, 2}, true},
		"an even number":                 {cpuRow("a", 1, 2), cpuRow("b", 1, 1), Ratio{1.5, 1, 2}, true},
		"no round":                       {cpuRow("a"), cpuRow("b", 1), Ratio{}, false},
		"no reading on either side meet": {cpuRow("a", 0, 5), cpuRow("b", 5, 0), Ratio{}, false},
	} {
		b := Block{Rows: []Row{c.over, c.under}}
		if got, ok := b.Ratio("a", "b"); got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v, %v; want %+v, %v", what, got, ok, c.want, c.ok)
		}
	}
}

func TestTheWorstWithoutPeersIsNone(t *testing.T) {
	r := Result{Subject: "weir", Blocks: []Block{{Scenario: "bare", Rows: []Row{cpuRow(Direct, 1), cpuRow("weir", 2)}}}}
	if ratio, scenario, peer := r.Worst(); ratio != 0 || scenario != "" || peer != "" {
		t.Errorf("got %v, %s, %s", ratio, scenario, peer)
	}
}

func TestIdleRowsDivideByTheirConnections(t *testing.T) {
	for _, c := range []struct {
		row  IdleRow
		want float64
	}{
		{IdleRow{Connections: 100, Before: 1000, After: 3000}, 20},
		{IdleRow{Connections: 100, Before: 3000, After: 1000}, -20}, // memory given back is no error
		{IdleRow{}, 0},
	} {
		if got := c.row.Each(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.row, got, c.want)
		}
	}
}
