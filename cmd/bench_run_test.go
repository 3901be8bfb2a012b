package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/replay"
	"weir/bench/slo"
)

// target starts a server that answers by status: GET /503 with 503, any other path with 200 and a short text.
func target(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // the test's own
		if q.URL.Path == "/503" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// says is exitsWith for an error that names a code and holds the text; "" is none at all.
func says(t *testing.T, what string, err error, code int, text string) {
	t.Helper()
	var e *exit
	switch {
	case err == nil:
		e = &exit{code: Fine}
	case !errors.As(err, &e):
		t.Errorf("%s: %v is wrong usage, want code %d", what, err, code)
		return
	}
	if e.code != code || !strings.Contains(e.text, text) || text == "" && e.text != "" {
		t.Errorf("%s: code %d, %q; want code %d and %q", what, e.code, e.text, code, text)
	}
}

// ran is a report of so many requests that were OK, and of failures of kinds with their first text.
func ran(ok int64, failed map[bench.Kind]int64) *bench.Report {
	r := &bench.Report{Format: bench.ReportFormat, Target: "http://a/", OK: ok, Requests: ok, Elapsed: time.Second, Histogram: bench.NewHistogram()}
	for range ok {
		r.Histogram.Record(time.Millisecond)
	}
	r.Latency = r.Histogram.Quantiles()
	r.FirstFailures = map[string]string{}
	for kind, n := range failed {
		r.Failures[kind] = n
		r.Requests += n
		r.FirstFailures[strings.ReplaceAll(kind.String(), " ", "_")] = "the first " + kind.String()
	}
	r.Series = []bench.Second{{At: time.Second, Requests: r.Requests, OK: ok, Failures: r.Failures, Latency: r.Latency, Histogram: r.Histogram}}
	return r
}

func TestARunsExitCodeSaysWhatCameOfIt(t *testing.T) {
	type failures = map[bench.Kind]int64
	with := func(r *bench.Report, change func(*bench.Report)) *bench.Report { change(r); return r }
	cut := func(r *bench.Report) { r.CutShort = true }
	late := func(r *bench.Report) { r.Invalid = []string{"the generator was late"} }
	for _, c := range []struct {
		what   string
		report *bench.Report
		slo    string
		code   int
		says   string
	}{
		{"all fine", ran(100, nil), "", Fine, ""},
		{"some failures, and nobody promised anything", ran(90, failures{bench.Status: 10}), "", Fine, ""},
		{"a kept promise", ran(100, nil), "p99<20ms,errors<1%", Fine, ""},
		{"a missed promise", ran(100, nil), "p99<1us,errors<1%", Bad, "weir: the SLO is missed: p99<1µs: p99 is 1ms"},
		{"two missed ones", ran(90, failures{bench.Status: 10}), "p99<1us,errors<1%", Bad, "; errors<1%: errors is 10 %"},
		{"no answer was as expected", ran(0, failures{bench.Status: 5}), "", Bad, "no answer from http://a/ was as expected: 5 status; first: the first status"},
		{"wrong bodies only", ran(0, failures{bench.Body: 5}), "", Bad, "the first body"},
		{"none was as expected, which was promised", ran(0, failures{bench.Status: 5}), "errors<=100%", Fine, ""},
		{"no answer at all", ran(0, failures{bench.Reset: 5}), "", CouldNotRun, "weir: no answer from http://a/: 5 reset; first: the first reset"},
		{"none at all, with a promise", ran(0, failures{bench.Timeout: 5}), "errors<1%", CouldNotRun, "5 timeout"},
		{"the most frequent failure is told", ran(0, failures{bench.Timeout: 2, bench.ShortBody: 5}), "", CouldNotRun, "2 timeout, 5 short body; first: the first short body"},
		{"nothing was due", ran(0, nil), "", CouldNotRun, "no request was over in the measured time"},
		{"nothing was due, with a promise", ran(0, nil), "p99<1s", CouldNotRun, "no request was over"},
		{"every slot unsent", with(ran(0, nil), func(r *bench.Report) { r.Unsent = 7 }), "", CouldNotRun, "no request was over"},
		{"late", with(ran(100, nil), late), "", Invalid, "the measurement is invalid: the generator was late"},
		{"late, with a promise that it would miss", with(ran(100, nil), late), "p99<1us", Invalid, "the generator was late"},
		{"late and without an answer", with(ran(0, failures{bench.Reset: 5}), late), "", CouldNotRun, "no answer"},
		{"cut short", with(ran(100, nil), cut), "", Fine, ""},
		{"cut short before anything", with(ran(0, nil), cut), "", CouldNotRun, "cut short before a request was over: nothing was measured"},
		{"cut short, the promise kept so far", with(ran(100, nil), cut), "p99<1s", Invalid, "cut short: that the SLO held until then says nothing of the rest"},
		{"cut short, the promise missed already", with(ran(100, nil), cut), "p99<1us", Bad, "the SLO is missed"},
	} {
		var goal slo.SLO
		if c.slo != "" {
			var err error
			if goal, err = slo.Parse(c.slo); err != nil {
				t.Fatal(err)
			}
		}
		says(t, c.what, judged(c.report, goal).outcome(), c.code, c.says)
	}
}

func TestATargetThatSpeaksHTTP1AloneIsHinted(t *testing.T) {
	r := ran(0, map[bench.Kind]int64{bench.Malformed: 3})
	r.FirstFailures["malformed"] = "malformed answer: not HTTP/2: whatever"
	says(t, "HTTP/1.1", judged(r, slo.SLO{}).outcome(), CouldNotRun, "\n  hint: the target seems to speak HTTP/1.1 alone")
}

func TestASearchsExitCodeSaysWhatWasFound(t *testing.T) {
	for what, c := range map[string]struct {
		found slo.Capacity
		code  int
	}{
		"found":                            {slo.Capacity{Rate: 500, Confirmed: true, Limit: slo.SLOLimit}, Fine},
		"found, nothing did not hold":      {slo.Capacity{Rate: 500, Confirmed: true, Limit: slo.MostLimit}, Fine},
		"not confirmed":                    {slo.Capacity{Rate: 500, Limit: slo.SLOLimit, OutOfBounds: true}, Invalid},
		"the generator's limit":            {slo.Capacity{Rate: 500, Confirmed: true, Limit: slo.GeneratorLimit}, Invalid},
		"the generator can't do the first": {slo.Capacity{Limit: slo.GeneratorLimit, Above: 100}, Invalid},
		"no rate holds":                    {slo.Capacity{Limit: slo.SLOLimit, Above: 1}, Bad},
		"cut short with a rate":            {slo.Capacity{Rate: 500, Limit: slo.NoLimit, CutShort: true}, Invalid},
		"cut short while it confirmed":     {slo.Capacity{Rate: 500, Confirmed: true, Limit: slo.SLOLimit, CutShort: true}, Invalid},
		"cut short without a rate":         {slo.Capacity{Limit: slo.NoLimit, CutShort: true}, CouldNotRun},
		"cut short, none held":             {slo.Capacity{Limit: slo.SLOLimit, Above: 100, CutShort: true}, CouldNotRun},
	} {
		c.found.Text = "what was found"
		text := "weir: what was found"
		if c.code == Fine {
			text = ""
		}
		says(t, what, searched(&c.found), c.code, text)
	}
}

func TestACurveOnThePageHasAllProbes(t *testing.T) {
	goal, err := slo.Parse("p99<20ms")
	if err != nil {
		t.Fatal(err)
	}
	c := curve(goal, &slo.Capacity{Rate: 200, Probes: []slo.Probe{
		{Rate: 200, P50: 1, P99: 2, P999: 3, Valid: true, Held: true}, {Rate: 400, P99: 9, Errors: 0.5, Valid: true},
	}})
	if c.Goal != "p99<20ms" || c.Rate != 200 || len(c.Rungs) != 2 || c.Rungs[1].Failed != 0.5 || c.Rungs[1].Held ||
		!c.Rungs[0].Held || c.Rungs[0].Latency.P99 != 2 {
		t.Errorf("got %+v", c)
	}
}

func TestARunIsReportedOnStdoutAndItsProgressOnStderr(t *testing.T) {
	url := target(t)
	for line, c := range map[string]struct {
		code     int
		out, err string // what each contains; "" is empty
	}{
		"/ -n 20 -c 2":                                    {Fine, "Requests", ""},
		"/ -n 20 -c 64":                                   {Fine, "20   100 %", ""},
		"/ -n 3 -c 8 -q":                                  {Fine, "3 requests", ""},
		"/ -n 20 --slo errors<1%":                         {Fine, "SLO\n  met          errors<1%: errors is 0 %\n", ""},
		"/ -n 20 --slo rate>1000000000":                   {Bad, "SLO\n  missed       rate>", "weir: the SLO is missed: rate>"},
		"/503 -n 20":                                      {Bad, "ALL FAILED", "was as expected: 20 status; first: status 503"},
		"/503 -n 20 --slo p99<1s":                         {Bad, "ALL FAILED", "weir: the SLO is missed: p99<1s: p99 is beyond what could be measured"},
		"/ -n 20 -r 1000 --max-lag 5s":                    {Fine, "open loop at 1,000/s", ""},
		"/ -r 30/m -n 1 --max-lag 5s":                     {Fine, "open loop at 0.5/s", ""},
		"/ --steps 40,80/100ms --max-lag 5s":              {Fine, "open loop at 40/s in 100ms, 80/s in 100ms", ""},
		"/ --ramp 100:10/100ms --max-lag 5s":              {Fine, "100/s to 10/s in 100ms", ""},
		"/ -n 20 --data x -m PUT -H X-A:b":                {Fine, "20   100 %", ""},
		"/ -n 4 --no-keepalive":                           {Fine, "0 % of the requests reused one", ""},
		"/ -n 20 --seed 5 --threads 1":                    {Fine, "1 thread", ""},
		"/ -n 20 --warmup 20ms --threads 2 --max-lag 50s": {Fine, "20.0 ms of warm-up", ""},
	} {
		got := inProcess(nil, append([]string{"bench"}, strings.Split(url+line, " ")...)...)
		if got.code != c.code || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) || c.err == "" && got.err != "" {
			t.Errorf("%s: code %d\n%s%s\nwant code %d, %q and %q", line, got.code, got.out, got.err, c.code, c.out, c.err)
		}
	}
}

// A run shorter than a second has no line of progress; a longer one has one for each second, unless it shall be quiet.
func TestProgressIsALineForEachSecond(t *testing.T) {
	url := target(t)
	loud := inProcess(nil, "bench", url, "-d", "1100ms", "-r", "50", "--max-lag", "5s")
	quiet := inProcess(nil, "bench", url, "-d", "1100ms", "-r", "50", "--max-lag", "5s", "-q")
	if !strings.Contains(loud.err, "1 s") || !strings.Contains(loud.err, "0 failed") || strings.ContainsAny(loud.err, "\r\x1b") {
		t.Errorf("stderr is %q", loud.err)
	}
	if quiet.err != "" || quiet.code != Fine {
		t.Errorf("quiet: %+v", quiet)
	}
}

func TestTargetsOutOfReachAreOneLine(t *testing.T) {
	closed := freeAddress(t)
	plain := strings.TrimPrefix(target(t), "http://")
	for line, want := range map[string]string{
		"http://" + closed + "/ -n 5":             "weir: can't reach http://" + closed + "/: connect: " + closed + ": connection refused (5 attempts)",
		"tcp://" + closed + " -n 5":               "connection refused",
		closed + " --tcp=connect -n 5":            "connection refused",
		"ws://" + closed + " -n 5":                "connection refused",
		"http://" + closed + " --http2 -n 5":      "connection refused",
		"http://no.such.host.invalid/":            "weir: can't reach http://no.such.host.invalid/: lookup no.such.host.invalid",
		"grpc://no.such.host.invalid:1/p.S/M":     "weir: can't reach grpc://no.such.host.invalid:1/p.S/M: lookup",
		"https://" + plain + " -n 5":              "\n  hint: does the target speak plain HTTP? then the URL begins with http://",
		"https://" + plain + " --http2 -n 5":      "\n  hint: does the target speak plain HTTP?",
		"grpc://" + closed + "/p.S/M --data {}":   "can't ask grpc://" + closed + "/p.S/M how to encode the message",
		"http://" + closed + "/ -r 5000 -d 100ms": "connection refused",
	} {
		got := inProcess(nil, append([]string{"bench"}, strings.Split(line, " ")...)...)
		if got.code != CouldNotRun || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v, want code %d and %q", line, got, CouldNotRun, want)
		}
	}
}

// A target that does not answer its first seconds is given up; one that answered before is not.
func TestOnlyATargetThatNeverAnsweredIsGivenUp(t *testing.T) {
	refused := bench.Second{Requests: 5, Failures: bench.Failures{bench.Connect: 5}}
	fine := bench.Second{Requests: 5, OK: 5}
	idle := bench.Second{}
	for what, c := range map[string]struct {
		seconds []bench.Second
		gives   bool
	}{
		"refused for two seconds": {[]bench.Second{refused, refused}, true},
		"refused for one":         {[]bench.Second{refused}, false},
		"refused, then fine":      {[]bench.Second{refused, fine, refused, refused}, false},
		"fine, then refused":      {[]bench.Second{fine, refused, refused, refused}, false},
		"nothing due at first":    {[]bench.Second{idle, idle, refused}, true},
		"nothing due at all":      {[]bench.Second{idle, idle, idle}, false},
		"other failures":          {[]bench.Second{{Requests: 5, Failures: bench.Failures{bench.Reset: 5}}, refused}, false},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		u := &unreachable{give: cancel}
		for _, s := range c.seconds {
			u.second(s)
		}
		if gave := ctx.Err() != nil; gave != c.gives {
			t.Errorf("%s: given up %v, want %v", what, gave, c.gives)
		}
		cancel()
	}
}

func TestAnIPv6AddressIsATarget(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Log("this machine has no IPv6")
		return
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.NotFoundHandler()}}
	s.Start()
	t.Cleanup(s.Close)
	at := l.Addr().String()
	for _, url := range []string{at, "http://" + at + "/"} {
		if got := inProcess(nil, "bench", url, "-n", "3", "--json"); got.code != Bad || !strings.Contains(got.out, `"404": 3`) {
			t.Errorf("%s: %+v", url, got)
		}
	}
}

// read is the report of --json.
func read(t *testing.T, text string) *bench.Report {
	t.Helper()
	r, err := bench.ReadReport(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

func TestTheJSONIsAReportWithWhatTheCommandAdds(t *testing.T) {
	url := target(t)
	got := inProcess(nil, "bench", url+"/a", "-n", "30", "-c", "3", "--slo", "errors<1%,p50<1h", "--json")
	r := read(t, got.out)
	if got.code != Fine || r.OK != 30 || r.Statuses[200] != 30 || r.Target != url+"/a" || r.Settings.Loop != "closed" ||
		r.Settings.Connections != 3 || r.Settings.Requests != 30 || r.Histogram.Count() != 30 || r.Opened < 1 || r.Opened > 3 {
		t.Errorf("code %d, %+v", got.code, r)
	}
	var more struct {
		SLO      []slo.Verdict
		Capacity any
		Replay   *replay.Comparison
	}
	if err := json.Unmarshal([]byte(got.out), &more); err != nil {
		t.Fatal(err)
	}
	if len(more.SLO) != 2 || more.SLO[0].Term != "errors<1%" || more.SLO[1].State != slo.Met || more.Capacity != nil || more.Replay != nil {
		t.Errorf("got %+v", more)
	}
}

func TestAnInvalidRunsJSONHasNoLatencies(t *testing.T) {
	// No generator sends a request within a nanosecond of its time.
	got := inProcess(nil, "bench", target(t), "-n", "20", "-r", "1000", "--max-lag", "1ns", "--json", "--slo", "p99<1h")
	r := read(t, got.out)
	if got.code != Invalid || r.Valid() || r.OK != 20 || r.Latency.P50 != 0 || r.Histogram.Count() != 0 || r.Lag.Max == 0 {
		t.Errorf("code %d, %+v", got.code, r)
	}
	if !strings.Contains(got.out, `"state": "unknown"`) || !strings.Contains(got.err, "weir: the measurement is invalid: ") {
		t.Errorf("%s\n%s", got.out, got.err)
	}
	text := inProcess(nil, "bench", target(t), "-n", "20", "-r", "1000", "--max-lag", "1ns", "--slo", "p99<1h")
	if text.code != Invalid || !strings.Contains(text.out, "INVALID") || strings.Contains(text.out, "\n  Latency\n") || !strings.Contains(text.out, "  unknown      p99<1h") {
		t.Errorf("code %d\n%s", text.code, text.out)
	}
}

func TestAScenariosKindsHaveFiguresOfTheirOwn(t *testing.T) {
	path := file(t, `
[[requests]]
name = "list"
weight = 3
path = "/list?page=${random 1 9}"
expect.status = 200
[[requests]]
name = "buy"
method = "POST"
path = "/buy"
body = '{"turn": ${counter}}'
expect = { body = { contains = "thanks" } }
`)
	got := inProcess(nil, "bench", target(t), "--scenario", path, "-n", "400", "--seed", "3", "--json")
	r := read(t, got.out)
	if got.code != Fine || len(r.Classes) != 2 || r.Classes[0].Name != "list" || r.Classes[1].Name != "buy" {
		t.Fatalf("code %d, classes %+v", got.code, r.Classes)
	}
	list, buy := r.Classes[0], r.Classes[1]
	if list.OK+buy.Failures[bench.Body] != 400 || buy.OK != 0 || list.OK < 200 || list.OK > 380 {
		t.Errorf("list: %d OK; buy: %d OK, %v", list.OK, buy.OK, buy.Failures)
	}
	again := read(t, inProcess(nil, "bench", target(t), "--scenario", path, "-n", "400", "--seed", "3", "-c", "1", "--json").out)
	if again.Classes[0].OK != list.OK {
		t.Errorf("the same seed chose list %d times, then %d times", list.OK, again.Classes[0].OK)
	}
}

func TestABodyOfAFileIsSentAsItIs(t *testing.T) {
	got := make(chan string, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // a short one fails the comparison
		got <- q.Method + " " + q.Host + " " + q.Header.Get("X-A") + " " + string(body)
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte("@a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := inProcess(nil, "bench", s.URL, "-n", "1", "-c", "1", "--data", "@"+path, "-H", "Host: shop.example", "-H", "X-A: 1"); r.code != Fine {
		t.Fatal(r)
	}
	if text, want := <-got, "POST shop.example 1 @a\nb\n"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}
