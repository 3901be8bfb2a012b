package peers

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestZeroOptionsMeanTheirDefaults(t *testing.T) {
	var o Options
	o.fill()
	if o.WeirName != "weir" || o.Rounds != 9 || o.Round != 2*time.Second || o.Warmup != 500*time.Millisecond || o.Connections != 64 ||
		o.IdleConnections != 10_000 || o.IdleRequests != 100 || o.IdleWait != 30*time.Second || o.Progress == nil || !slices.Equal(o.Scenarios, []string{"bare", "fields"}) {
		t.Errorf("got %+v", o)
	}
	given := Options{WeirName: "w", Rounds: 1, Round: 1, Warmup: 1, Connections: 1, IdleConnections: 1, IdleRequests: 1, IdleWait: 1, Scenarios: []string{"idle"}, Progress: &bytes.Buffer{}}
	kept := given
	kept.fill()
	if kept.Rounds != 1 || kept.Round != 1 || kept.Warmup != 1 || kept.Connections != 1 || kept.IdleWait != 1 || kept.Scenarios[0] != "idle" || kept.WeirName != "w" || kept.Progress != given.Progress {
		t.Errorf("what was given is replaced: %+v", kept)
	}
}

func TestScenariosComeInTheOrderAskedFor(t *testing.T) {
	o := Options{Scenarios: []string{"large", "bare"}}
	got, err := o.scenarios()
	if err != nil || len(got) != 2 || got[0].Name != "large" || got[1].Name != "bare" {
		t.Errorf("got %v, %v", got, err)
	}
	o.Scenarios = []string{"bare", "Bare"}
	if _, err := o.scenarios(); !errors.Is(err, ErrUsage) {
		t.Errorf("an unknown name beside a known one: %v", err)
	}
}

func TestScenariosAreRealHTTP(t *testing.T) {
	// What the load and the endpoint exchange must be what a library reads, or the proxies would be judged by how
	// they treat garbage.
	for _, s := range Scenarios() {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(s.request())))
		if err != nil || r.Host != "api.example.com" || len(r.Header) != len(s.Fields) || r.ContentLength != 0 {
			t.Errorf("%s: the request: %+v, %v", s.Name, r, err)
		}
		text := s.answer()
		in := bufio.NewReader(bytes.NewReader(text))
		a, err := http.ReadResponse(in, nil)
		if err != nil || a.StatusCode != 200 || a.ContentLength != int64(s.AnswerBytes) {
			t.Fatalf("%s: the answer: %+v, %v", s.Name, a, err)
		}
		var body bytes.Buffer
		if n, err := body.ReadFrom(a.Body); err != nil || n != int64(s.AnswerBytes) || in.Buffered() != 0 {
			t.Errorf("%s: %d bytes of body, %v, %d behind it", s.Name, n, err, in.Buffered())
		}
		if end, known, ok := answerEnd(text); end != len(text) || !known || !ok {
			t.Errorf("%s: the load takes the answer to end at %d of %d (%v, %v)", s.Name, end, len(text), known, ok)
		}
	}
	if s := Scenarios()[1]; len(s.Fields) != 10 || s.Name != "fields" {
		t.Errorf("%s has %d fields, want ten", s.Name, len(s.Fields))
	}
}

// program writes an executable script and returns its path.
func program(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFirstLineIsTheVersion(t *testing.T) {
	for want, script := range map[string]string{
		"nginx/1.22.1":              "echo 'nginx version: nginx/1.22.1' >&2",
		"HAProxy version 2.6.12":    "echo; echo 'HAProxy version 2.6.12'; echo 'Status: long-term'",
		"toy, version unknown":      "exit 3",
		"x 1":                       "echo 'x 1  '",
		"weir devel (go1.26, full)": "echo \"weir devel ($2, full)\"",
	} {
		p := peer{name: "toy", program: program(t, "toy", script), version: []string{"-v", "go1.26"}}
		if got := p.versionOf(); got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
	silent := peer{name: "toy", program: "/nowhere/toy"}
	if got := silent.versionOf(); got != "toy, version unknown" {
		t.Errorf("a program that is not there: %q", got)
	}
}

func TestProgramsAreFoundAsAShellWould(t *testing.T) {
	path := program(t, "weir-test-peer", "")
	t.Setenv("PATH", filepath.Dir(path))
	for _, c := range []struct {
		name string
		want string
	}{
		{"weir-test-peer", path},
		{path, path},
		{"weir-test-absent", ""},
		{"/nowhere/weir-test-peer", ""},
		{"./weir-test-peer", ""},
	} {
		got, ok := lookup(c.name)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, ok, c.want)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, ok := lookup("weir-test-peer"); ok {
		t.Errorf("a file that is no program: %q", got)
	}
}

func TestTheLineHasWeirFirstAndNamesWhoIsMissing(t *testing.T) {
	weir := program(t, "weir", "")
	nginx := program(t, "nginx", "")
	t.Setenv("PATH", filepath.Dir(nginx))
	_, haproxyToo := lookup("haproxy") // it may lie in one of the sbin folders
	for what, c := range map[string]struct {
		options Options
		found   []string
		missing []string
	}{
		"everything":        {Options{Weir: weir, WeirName: "weir"}, []string{"weir", "nginx", "haproxy"}, nil},
		"without Weir":      {Options{}, []string{"nginx", "haproxy"}, nil},
		"Weir alone":        {Options{Weir: weir, WeirName: "new", Only: []string{}}, []string{"new"}, nil},
		"one peer":          {Options{Weir: weir, WeirName: "weir", Only: []string{"nginx"}}, []string{"weir", "nginx"}, nil},
		"the other one":     {Options{Only: []string{"haproxy"}}, []string{"haproxy"}, nil},
		"Weir called nginx": {Options{Weir: weir, WeirName: "nginx", Only: []string{}}, []string{"nginx"}, nil},
	} {
		want, missing := c.found, c.missing
		if i := slices.Index(want, "haproxy"); i >= 0 && !haproxyToo {
			want, missing = slices.Delete(slices.Clone(want), i, i+1), []string{"haproxy"}
		}
		found, lack, err := line(&c.options)
		var names []string
		for _, p := range found {
			names = append(names, p.name)
			if !filepath.IsAbs(p.program) {
				t.Errorf("%s: %s would be started as %q, which depends on the folder", what, p.name, p.program)
			}
		}
		if err != nil || !slices.Equal(names, want) || !slices.Equal(lack, missing) {
			t.Errorf("%s: got %v, missing %v, %v; want %v, missing %v", what, names, lack, err, want, missing)
		}
	}
}

func TestEachConfigHoldsItsPorts(t *testing.T) {
	at := ports{Port: 41001, Admin: 41002, Origin: 41003, Most: 4321, Dir: t.TempDir()}
	for _, p := range append(rivals(), weirPeer("weir", "weir")) {
		path, err := p.configure(at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{strconv.Itoa(at.Port), strconv.Itoa(at.Origin)}
		if p.name == "weir" {
			want = append(want, strconv.Itoa(at.Admin))
		} else {
			want = append(want, strconv.Itoa(at.Most))
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s: no %s in its config", p.name, w)
			}
		}
		if strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") {
			t.Errorf("%s: a gap is left:\n%s", p.name, text)
		}
		if args := p.args(path); !slices.Contains(args, path) {
			t.Errorf("%s is started without its config: %v", p.name, args)
		}
	}
	if _, err := (&peer{name: "x", conf: "none"}).configure(at); err == nil {
		t.Error("a peer without a template is configured")
	}
	if _, err := (&peer{name: "weir", conf: "weir.toml"}).configure(ports{Dir: "/nowhere"}); err == nil {
		t.Error("a config is written into no folder")
	}
}

func TestTwoBuildsOfWeirDoNotShareAFile(t *testing.T) {
	at := ports{Dir: t.TempDir()}
	a, b := weirPeer("old", "x"), weirPeer("new", "x")
	pathA, errA := a.configure(at)
	pathB, errB := b.configure(at)
	if errA != nil || errB != nil || pathA == pathB {
		t.Errorf("%s, %v; %s, %v", pathA, errA, pathB, errB)
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

func TestProgressReadsInOneLine(t *testing.T) {
	for want, got := range map[string]string{
		"  round 1/9  bare    weir        52,345/s    13.9 µs/request    1,640 answers on each of 64 connections":           progressLine(1, 9, "bare", "weir", &Sample{PerSecond: 52_345, CPU: 13_900, PerConnection: 1640, Upstream: 64}),
		"  round 2/9  bare    direct     101,234/s                       3,125 answers on each of 64 connections":           progressLine(2, 9, "bare", Direct, &Sample{PerSecond: 101_234, PerConnection: 3125, Upstream: 64}),
		"  round 3/9  fields  nginx        1,000/s    20.0 µs/request       10 answers on each of 64 connections  7 FAILED": progressLine(3, 9, "fields", "nginx", &Sample{PerSecond: 1000, CPU: 20_000, PerConnection: 10, Upstream: 64, Failed: 7}),
		"  idle  weir     10.2 KiB for each of 10,000 connections":                                                          idleLine(&IdleRow{Proxy: "weir", Connections: 10_000, After: 10_240 * 10_240}),
		"  idle  nginx    not measured: nginx ended at once":                                                                idleLine(&IdleRow{Proxy: "nginx", Note: "nginx ended at once"}),
	} {
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	// With and without a reading the columns stay in place.
	a := progressLine(1, 9, "bare", "weir", &Sample{PerSecond: 1, CPU: 1000, PerConnection: 1})
	b := progressLine(1, 9, "bare", "weir", &Sample{PerSecond: 1, PerConnection: 1})
	if x, y := len([]rune(a)), len([]rune(b)); x != y {
		t.Errorf("%d and %d columns:\n%s\n%s", x, y, a, b)
	}
}

func TestManyReasonsAreCutAfterTen(t *testing.T) {
	r := Result{Subject: "weir", ProxyCore: -1, LoadCore: -1}
	for i := range 14 {
		r.Invalid = append(r.Invalid, "reason "+strconv.Itoa(i))
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Count(text, "INVALID") != 11 || !strings.Contains(text, "and 4 more reasons") || strings.Contains(text, "reason 10") {
		t.Errorf("got:\n%s", text)
	}
	if !strings.Contains(text, "nothing pinned") || strings.Contains(text, "keep-alive connections") {
		t.Errorf("without cores and rounds:\n%s", text)
	}
}

func TestAWriterThatFailsIsReported(t *testing.T) {
	failure := errors.New("disk full")
	if err := new(Result).Print(fullDisk{failure}); err != failure {
		t.Errorf("got %v", err)
	}
}

type fullDisk struct{ err error }

func (d fullDisk) Write([]byte) (int, error) { return 0, d.err }
