package peers

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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
	if o.WeirName != "weir" || o.Rounds != 0 || o.Round != time.Second || o.Warmup != 200*time.Millisecond || o.Connections != 64 ||
		o.IdleConnections != 10_000 || o.IdleRequests != 5 || o.IdleWait != 10*time.Second || o.Progress == nil || !slices.Equal(o.Scenarios, Names()) {
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
	o := Options{Scenarios: []string{"large", "small"}}
	got, err := o.scenarios()
	if err != nil || len(got) != 2 || got[0].Name != "large" || got[1].Name != "small" {
		t.Errorf("got %v, %v", got, err)
	}
	for want, names := range map[string][]string{
		`unknown scenario "Small"`:                                           {"small", "Small"},
		`scenario "small" is named twice`:                                    {"small", "large", "small"},
		"there are small, headers, shaped-small, shaped-headers, large, upl": {""},
	} {
		o.Scenarios = names
		if _, err := o.scenarios(); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", names, err, want)
		}
	}
}

func TestFiguresThatMeanNothingAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"-1 rounds; there may be 1 to 1000":                {Rounds: -1},
		"1001 rounds":                                      {Rounds: 1001},
		"-64 connections; there may be 1 to 50000":         {Connections: -64},
		"70000 connections":                                {Connections: 70_000},
		"-1 idle connections":                              {IdleConnections: -1},
		"-5 requests on each idle connection":              {IdleRequests: -5},
		"a round of -1s; it may last up to an hour":        {Round: -time.Second},
		"a round of 2h0m0s":                                {Round: 2 * time.Hour},
		"a warm-up of -1ns":                                {Warmup: -1},
		"an idle wait of 1h0m1s":                           {IdleWait: time.Hour + time.Second},
		`Weir can't be called "direct"`:                    {Weir: "/bin/true", WeirName: "direct"},
		`Weir can't be called "nginx": another row of the`: {Weir: "/bin/true", WeirName: "nginx"},
		`Weir can't be called "a/b"`:                       {Weir: "/bin/true", WeirName: "a/b"},
		"there is no program /nowhere/wrk":                 {Weir: "/bin/true", Wrk: "/nowhere/wrk"},
	} {
		_, err := Run(t.Context(), o)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want ErrUsage with %q", err, want)
		}
	}
	if err := (&Options{Rounds: 1000, Round: time.Hour, Connections: 50_000}).check(); err != nil {
		t.Errorf("the highest figures: %v", err)
	}
}

func TestScenariosAreRealHTTP(t *testing.T) {
	// What the load and the endpoint exchange must be what a library reads, or the proxies would be judged by how
	// they treat garbage.
	for _, s := range Scenarios() {
		if s.Kind == Echo || s.Kind == Bulk {
			continue
		}
		for i, text := range s.requests(3) {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
			if err != nil || r.Host != "api.example.com" || r.ContentLength != int64(s.BodyBytes) || !strings.HasPrefix(r.URL.Path, prefixes(3)[i]+"/v1/") {
				t.Fatalf("%s: the request: %+v, %v", s.Name, r, err)
			}
			if n, err := io.Copy(io.Discard, r.Body); n != int64(s.BodyBytes) || err != nil || r.Close != (s.Kind == Handshake) {
				t.Errorf("%s: %d bytes of body, %v; close is %v", s.Name, n, err, r.Close)
			}
		}
		text := s.answer()
		in := bufio.NewReader(bytes.NewReader(text))
		a, err := http.ReadResponse(in, nil)
		if err != nil || a.StatusCode != 200 || a.ContentLength != int64(s.AnswerBytes) || (a.Header.Get("Cache-Control") == "no-store") == s.Cache {
			t.Fatalf("%s: the answer: %+v, %v", s.Name, a, err)
		}
		if date, err := http.ParseTime(a.Header.Get("Date")); err != nil || s.Cache && time.Since(date) > time.Minute {
			t.Errorf("%s: the answer's date is %v, %v; a store takes it for its age", s.Name, date, err)
		}
		var body bytes.Buffer
		if n, err := body.ReadFrom(a.Body); err != nil || n != int64(s.AnswerBytes) || in.Buffered() != 0 {
			t.Errorf("%s: %d bytes of body, %v, %d behind it", s.Name, n, err, in.Buffered())
		}
		if end, known, ok := answerEnd(text); end != len(text) || !known || !ok {
			t.Errorf("%s: the load takes the answer to end at %d of %d (%v, %v)", s.Name, end, len(text), known, ok)
		}
	}
	if s := Scenarios()[1]; len(s.Fields) != 10 || s.Name != "headers" {
		t.Errorf("%s has %d fields, want ten", s.Name, len(s.Fields))
	}
}

func TestEachScenarioSaysWhatItNeeds(t *testing.T) {
	for _, s := range Scenarios() {
		at := setupFor(&s, s.points()[0], 64)
		if s.About == "" || (s.Rounds == 0) != (s.Kind == Idle) || at.Most < 64+64 || at.Keep < 256 {
			t.Errorf("%+v: %+v", s, at)
		}
		if want := s.Name == "tls" || s.Name == "h2" || s.Name == "handshake"; at.TLS != want {
			t.Errorf("%s: TLS is %v", s.Name, at.TLS)
		}
		if want := strings.HasPrefix(s.Name, "l4-"); at.Relay != want || (s.unit() != "request") != want {
			t.Errorf("%s: a relay is %v, in %ss", s.Name, at.Relay, s.unit())
		}
	}
	for what, c := range map[string]struct {
		axis               Axis
		point, connections int
		routes, keep, most int
	}{
		"many routes":      {Routes, 500, 64, 500, 256, 1200},
		"many endpoints":   {Endpoints, 1000, 64, 0, 4000, 5200},
		"many connections": {Connections, 10_000, 10_000, 0, 1000, 14_250},
	} {
		at := setupFor(&Scenario{Axis: c.axis}, c.point, c.connections)
		if at.Routes != c.routes || at.Keep != c.keep || at.Most != c.most {
			t.Errorf("%s: %d routes, keeps %d, %d at most; want %+v", what, at.Routes, at.Keep, at.Most, c)
		}
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
	for what, c := range map[string]struct {
		options Options
		want    []string
	}{
		"everything":        {Options{Weir: weir, WeirName: "weir"}, []string{"weir", "nginx", "haproxy", "varnish", "caddy"}},
		"without Weir":      {Options{}, []string{"nginx", "haproxy", "varnish", "caddy"}},
		"Weir alone":        {Options{Weir: weir, WeirName: "new", Only: []string{}}, []string{"new"}},
		"one peer":          {Options{Weir: weir, WeirName: "weir", Only: []string{"nginx"}}, []string{"weir", "nginx"}},
		"the other ones":    {Options{Only: []string{"caddy", "haproxy"}}, []string{"haproxy", "caddy"}},
		"Weir called nginx": {Options{Weir: weir, WeirName: "nginx", Only: []string{}}, []string{"nginx"}},
	} {
		var want, missing []string
		for _, name := range c.want {
			program := name
			if name == "varnish" {
				program = "varnishd"
			}
			// Those that this test did not make may lie in one of the sbin folders.
			if _, there := lookup(program); there || name == "weir" || name == "new" {
				want = append(want, name)
			} else {
				missing = append(missing, name)
			}
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
	for _, p := range append(rivals(), weirPeer("weir", "weir")) {
		for what, at := range map[string]setup{
			"plain":     {},
			"relay":     {Relay: true},
			"TLS":       {TLS: true},
			"cache":     {Cache: true},
			"routes":    {Routes: 3},
			"endpoints": {Origins: []int{41003, 41004, 41005}},
		} {
			at.Port, at.Admin, at.Most, at.Keep, at.Dir = 41001, 41002, 4321, 777, t.TempDir()
			if at.Origins == nil {
				at.Origins = []int{41003}
			}
			path, err := p.configure(at)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			args := p.args(path, at)
			all := string(text) + strings.Join(args, " ")
			want := []string{strconv.Itoa(at.Port)}
			for _, port := range at.Origins {
				want = append(want, strconv.Itoa(port))
			}
			for _, w := range want {
				if !strings.Contains(all, w) {
					t.Errorf("%s, %s: no %s in its config", p.name, what, w)
				}
			}
			if strings.Contains(all, "{{") || strings.Contains(all, "<no value>") || !slices.Contains(args, path) {
				t.Errorf("%s, %s: a gap is left, or it is started without its config: %v\n%s", p.name, what, args, text)
			}
		}
	}
	if _, err := (&peer{name: "x", conf: "none"}).configure(setup{Dir: t.TempDir()}); err == nil {
		t.Error("a peer without a template is configured")
	}
	if _, err := (&peer{name: "weir", conf: "weir.toml"}).configure(setup{Dir: "/nowhere"}); err == nil {
		t.Error("a config is written into no folder")
	}
}

func TestRoutesAreWrittenOneALine(t *testing.T) {
	at := setup{Dir: t.TempDir(), Routes: 2}
	if err := at.writeMap(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(at.Map()); err != nil || string(text) != "/r00000/ origin\n/r00001/ origin\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := (setup{Dir: "/nowhere"}).writeMap(); err == nil {
		t.Error("routes are written into no folder")
	}
}

func TestWhoLacksWhatIsAScenario(t *testing.T) {
	for _, p := range rivals() {
		for name, why := range p.lacks {
			if !slices.Contains(Names(), name) || why == "" {
				t.Errorf("%s lacks %q because %q", p.name, name, why)
			}
		}
	}
}

func TestTwoBuildsOfWeirDoNotShareAFile(t *testing.T) {
	at := setup{Dir: t.TempDir(), Origins: []int{1}}
	a, b := weirPeer("old", "x"), weirPeer("new", "x")
	pathA, errA := a.configure(at)
	pathB, errB := b.configure(at)
	if errA != nil || errB != nil || pathA == pathB {
		t.Errorf("%s, %v; %s, %v", pathA, errA, pathB, errB)
	}
}

func TestProgressReadsInOneLine(t *testing.T) {
	small := &Block{Scenario: "small", Unit: "request"}
	routes := &Block{Scenario: "scale-routes", Unit: "request", Axis: Routes, Point: 10_000}
	for want, got := range map[string]string{
		"small 1/9 weir 52,345 request/s 13.9 µs each, core 98 % busy":                           progressLine(1, 9, small, "weir", &Sample{PerSecond: 52_345, CPU: 13_900, Busy: 0.98}),
		"small 2/9 direct 101,234 request/s":                                                     progressLine(2, 9, small, Direct, &Sample{PerSecond: 101_234}),
		"scale-routes, 10,000 routes 3/9 nginx 1 request/s 20.0 µs each, core 0 % busy 7 FAILED": progressLine(3, 9, routes, "nginx", &Sample{PerSecond: 1, CPU: 20_000, Failed: 7}),
		"small by wrk 1/2 weir 5 request/s":                                                      progressLine(1, 2, &Block{Scenario: "small", Unit: "request", Generator: "wrk"}, "weir", &Sample{PerSecond: 5}),
		"idle weir 10.2 KiB for each of 10,000 connections":                                      idleLine(&IdleRow{Proxy: "weir", Connections: 10_000, After: 10_240 * 10_240}),
		"idle nginx not measured: nginx ended at once":                                           idleLine(&IdleRow{Proxy: "nginx", Note: "nginx ended at once"}),
	} {
		if strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
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
	if !strings.Contains(text, "nothing pinned") || strings.Contains(text, "idle:") {
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
