package demo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/term"
	"weir/internal/testkit"
)

// midway is a view of a demo in which api-2 is dead.
func midway() view {
	at := func(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
	return view{
		now: 7200 * time.Millisecond, length: 20 * time.Second,
		lanes: []laneView{
			{"web", "http", "127.0.0.1:18080", 400, 2880, 0, bench.Quantiles{P50: at(210), P99: at(1620)}},
			{"secure", "https", "127.0.0.1:18081", 200, 1440, 2, bench.Quantiles{P50: at(250), P99: at(12_345)}},
			{"echo", "tcp", "127.0.0.1:18082", 200, 1440, 0, bench.Quantiles{P50: at(90), P99: at(123_456)}},
		},
		endpoints: []endpointView{
			{"api-1", "127.0.0.1:18091", inRotation, 300, 1520, 0.5},
			{"api-2", "127.0.0.1:18092", killed, 0, 1210, 0},
			{"api-3", "127.0.0.1:18093", "down", 299.6, 1590, 0.4999},
			{"echo-1", "127.0.0.1:18094", inRotation, 200, 1440, 1},
		},
		events: []event{
			{6 * time.Second, "api-2 killed: its listener closed, 14 connections reset"},
			{6950 * time.Millisecond, "api-2 out of rotation, 0.9 s after it died"},
		},
	}
}

// over is the outcome of the same demo, with nothing lost.
func over() outcome {
	v := midway()
	v.lanes[1].failed = 0
	q := bench.Quantiles{P50: 210_000, P90: 420_000, P99: 1_620_000, P999: 4_100_000, Max: 12_000_000}
	return outcome{
		view: v, hero: "api-2", back: true, requests: 16_000,
		reports: []*bench.Report{{Requests: 8000, OK: 8000, Latency: q}, {Requests: 4000, OK: 4000, Latency: q}, {Requests: 4000, OK: 4000, Latency: q}},
		window:  window{from: 6 * time.Second, to: 12 * time.Second, requests: 3600, slowest: 4_100_000},
	}
}

func TestWhatAPersonReadsIsAsReviewed(t *testing.T) {
	v, o := midway(), over()
	for name, lines := range map[string][]string{
		"board":         board(&v, term.Paint{}),
		"board.colour":  board(&v, term.Paint{Colour: true}),
		"report":        report(&o, term.Paint{}),
		"report.colour": report(&o, term.Paint{Colour: true}),
		"tick":          {tickLine(&v)},
	} {
		testkit.Golden(t, "testdata/"+name+".txt", strings.Join(lines, "\n")+"\n")
	}
}

func TestTheBoardKeepsItsSize(t *testing.T) {
	v := midway()
	empty := view{lanes: v.lanes, endpoints: v.endpoints}
	if a, b := len(board(&v, term.Paint{})), len(board(&empty, term.Paint{})); a != b || a >= boardHeight {
		t.Errorf("%d lines with events, %d without; want the same, fewer than %d", a, b, boardHeight)
	}
	for _, line := range board(&v, term.Paint{}) {
		if n := len([]rune(line)); n > boardWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	o := over()
	for _, line := range append(board(&v, term.Paint{}), report(&o, term.Paint{})...) {
		if n := len([]rune(line)); n > 98 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTheVerdictAndTheExitCodeAgree(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*outcome)
		code   int
		words  string
	}{
		"fine":                   {func(*outcome) {}, Fine, "✓ PASSED  16,000 requests answered, none failed"},
		"one failed":             {func(o *outcome) { o.failed, o.failures[bench.Reset] = 1, 1 }, Failed, "1 of 16,000 requests failed: 1 reset"},
		"unsent":                 {func(o *outcome) { o.failed = 3 }, Failed, "3 of 16,000 requests failed"},
		"never came back":        {func(o *outcome) { o.back = false }, Failed, "api-2 got no traffic after it was revived"},
		"interrupted":            {func(o *outcome) { o.interrupted, o.back = true, false }, NotBegun, "INTERRUPTED  after 7.2 s"},
		"failed and interrupted": {func(o *outcome) { o.interrupted, o.failed = true, 1 }, Failed, "✗ FAILED"},
		"a lane could not run":   {func(o *outcome) { o.err = errors.New("no such target") }, NotBegun, "no such target"},
	} {
		o := over()
		c.change(&o)
		if code, words := o.code(), verdict(&o, term.Paint{}); code != c.code || !strings.Contains(words, c.words) {
			t.Errorf("%s: %d, %q; want %d, %q", name, code, words, c.code, c.words)
		}
	}
}

func TestFiguresReadWell(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "–", 210 * time.Microsecond: "0.21 ms", 3456 * time.Microsecond: "3.5 ms", 123_456 * time.Microsecond: "123 ms"} {
		if got := ms(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestTheWindowTakesTheSecondsThatOverlapIt(t *testing.T) {
	var l lane
	for n := range 10 {
		s := bench.Second{At: time.Duration(n+1) * time.Second, Requests: 10}
		s.Latency.Max = time.Duration(n)
		s.Failures[bench.Reset] = int64(n % 2)
		l.second(s)
	}
	requests, failed, slowest := l.between(2500*time.Millisecond, 5*time.Second)
	if requests != 30 || failed != 1 || slowest != 4 {
		t.Errorf("got %d, %d, %d; want 30 requests of seconds 3 to 5, 1 failed, slowest 4", requests, failed, slowest)
	}
}
