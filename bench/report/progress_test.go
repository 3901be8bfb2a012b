package report

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
	"weir/internal/testkit"
)

// second is one of a run of 1,000 a second.
func second(n int) bench.Second {
	h := bench.NewHistogram()
	for i := range 990 {
		h.Record(time.Duration(1000+i) * time.Microsecond)
	}
	s := bench.Second{At: time.Duration(n) * time.Second, Requests: 1000, OK: 990, Histogram: h, Latency: h.Quantiles(), Lag: 120 * time.Microsecond}
	s.Failures[bench.Timeout] = 10
	return s
}

// play feeds a progress with one second after the other, and closes it. Time is synctest's.
func play(t *testing.T, p *progress, seconds int) {
	t.Helper()
	var drawing sync.WaitGroup
	drawing.Go(func() { p.Run(t.Context()) })
	<-time.After(p.cfg.Warmup)
	for n := range seconds {
		<-time.After(time.Second)
		p.Second(second(n + 1))
	}
	synctest.Wait()
	p.Close()
	drawing.Wait()
}

// onScreen makes p draw as on a terminal of so many columns.
func onScreen(p *progress, columns int) *progress {
	p.live = true
	p.look = func() term.Screen { return term.Screen{Terminal: true, Rows: 24, Columns: columns} }
	return p
}

func TestWithoutATerminalEachSecondIsALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		play(t, newProgress(&out, &bench.Config{Rate: 1000, Duration: 3 * time.Second}), 3)
		testkit.Golden(t, "testdata/progress.txt", out.String())
	})
}

func TestALongRunHasALineForFiveSecondsAndOneForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		play(t, newProgress(&out, &bench.Config{Arrivals: &bench.Arrivals{Steps: []bench.Step{{From: 0, To: 2000, For: 2 * time.Minute}}}}), 12)
		testkit.Golden(t, "testdata/progress.long.txt", out.String())
	})
}

// shown plays what a terminal would show of text: lines that are cleared and overwritten.
func shown(t *testing.T, text string) []string {
	t.Helper()
	lines, row := []string{""}, 0
	up := regexp.MustCompile(`^\x1b\[(\d)A`)
	for text != "" {
		if m := up.FindStringSubmatch(text); m != nil {
			row -= int(m[1][0] - '0')
			text = text[len(m[0]):]
			continue
		}
		if rest, ok := strings.CutPrefix(text, "\x1b[K"); ok {
			lines[row] = ""
			text = rest
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch r {
		case '\n':
			if row++; row == len(lines) {
				lines = append(lines, "")
			}
		case '\r':
		case '\x1b':
			t.Fatalf("an escape that is not known before %q", text[:min(8, len(text))])
		default:
			lines[row] += string(r)
		}
		if row < 0 {
			t.Fatal("the cursor left the screen")
		}
	}
	return lines
}

func TestATerminalHasTwoLinesThatAreDrawnAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, columns := range []int{60, 80, 200} {
			var out bytes.Buffer
			play(t, onScreen(newProgress(&out, &bench.Config{Rate: 1000, Duration: 10 * time.Second, Warmup: 2 * time.Second}), columns), 5)
			lines := shown(t, out.String())
			if len(lines) != 3 || lines[2] != "" {
				t.Fatalf("%d columns: %q, want two lines and the cursor below", columns, lines)
			}
			for _, want := range []string{"5 s of 10 s", "█"} {
				if !strings.Contains(lines[0], want) {
					t.Errorf("%d columns: no %q in %q", columns, want, lines[0])
				}
			}
			for _, want := range []string{"1,000/s of 1,000/s", "50 failed", "p50 1.49 ms"} {
				if !strings.Contains(lines[1], want) {
					t.Errorf("%d columns: no %q in %q", columns, want, lines[1])
				}
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n >= columns {
					t.Errorf("%d columns: a line of %d: %q", columns, n, l)
				}
			}
			if !strings.Contains(out.String(), "warming up, 1.5 s to go") {
				t.Errorf("no warm-up in %q", out.String())
			}
			if strings.Contains(out.String(), "?25l") {
				t.Error("the cursor is hidden: who shows it again after a kill?")
			}
		}
	})
}

func TestTheBarFollowsTimeOrCount(t *testing.T) {
	for _, c := range []struct {
		cfg      bench.Config
		requests int64
		elapsed  time.Duration
		share    float64
		words    string
	}{
		{bench.Config{Rate: 1, Duration: 10 * time.Second}, 0, 2500 * time.Millisecond, 0.25, "2 s of 10 s"},
		{bench.Config{Rate: 1, Duration: 10 * time.Second}, 0, 11 * time.Second, 1, "10 s of 10 s"},
		{bench.Config{Rate: 1, Duration: 10 * time.Second}, 0, 10 * time.Millisecond, 0, "0 s of 10 s"},
		{bench.Config{Requests: 4000}, 1000, time.Second, 0.25, "1,000 of 4,000 requests"},
		{bench.Config{Requests: 4000, Duration: time.Minute}, 1000, 30 * time.Second, 0.5, "30 s of 1 min"},
		{bench.Config{Arrivals: &bench.Arrivals{Times: []time.Duration{0, 20 * time.Second}}}, 1, 5 * time.Second, 0.25, "5 s of 20 s"},
		{bench.Config{}, 1000, 1530 * time.Millisecond, -1, "1.5 s"},
	} {
		p := newProgress(&bytes.Buffer{}, &c.cfg)
		p.requests = c.requests
		if share, words := p.share(c.elapsed); share < c.share-0.011 || share > c.share+0.011 || words != c.words {
			t.Errorf("%+v after %v: %.2f, %q; want %.2f, %q", c.cfg, c.elapsed, share, words, c.share, c.words)
		}
	}
}

func TestTheRateThatIsAskedForFollowsTheTimetable(t *testing.T) {
	steps := &bench.Arrivals{Steps: []bench.Step{{From: 100, To: 100, For: 10 * time.Second}, {From: 100, To: 300, For: 10 * time.Second}, {From: 50, To: 50}}}
	for at, want := range map[time.Duration]float64{time.Second: 100, 9 * time.Second: 100, 15 * time.Second: 200, time.Hour: 50} {
		p := newProgress(&bytes.Buffer{}, &bench.Config{Arrivals: steps})
		if got := p.asked(at); got != want {
			t.Errorf("at %v: %v, want %v", at, got, want)
		}
	}
}

func TestASecondThatTheGeneratorSpoiledHasNoLatencies(t *testing.T) {
	p := newProgress(&bytes.Buffer{}, &bench.Config{Rate: 1000, Duration: time.Second})
	s := second(1)
	s.Busy, s.Late = 0.99, 5
	m := moment{}
	m.Histogram = bench.NewHistogram()
	m.add(&s)
	line := p.plain(&m)
	if strings.Contains(line, "p99") || !strings.Contains(line, "the generator is at its limit (99 % busy)") {
		t.Error(line)
	}
}

func TestAnInterruptIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, live := range []bool{false, true} {
			var out bytes.Buffer
			p := newProgress(&out, &bench.Config{Rate: 1000, Duration: time.Minute})
			if live {
				onScreen(p, 80)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var drawing sync.WaitGroup
			drawing.Go(func() { p.Run(ctx) })
			p.Second(second(1))
			synctest.Wait()
			cancel()
			synctest.Wait()
			if !strings.Contains(out.String(), "stopping; waiting for the requests under way") {
				t.Errorf("live %v: %q", live, out.String())
			}
			p.Close()
			drawing.Wait()
			if !strings.HasSuffix(out.String(), "\n") {
				t.Errorf("live %v: the last line is not whole: %q", live, out.String())
			}
		}
	})
}

// stuck is a terminal whose user has pressed Ctrl-S.
type stuck struct{ release chan struct{} }

func (s stuck) Write(text []byte) (int, error) {
	<-s.release
	return len(text), nil
}

func TestATerminalThatIsHeldUpDoesNotHoldUpTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{make(chan struct{})}
		p := onScreen(newProgress(out, &bench.Config{Rate: 1000, Duration: time.Minute}), 80)
		var drawing sync.WaitGroup
		drawing.Go(func() { p.Run(t.Context()) })
		for n := range 100 {
			p.Second(second(n + 1)) // synctest would report a deadlock
			synctest.Wait()
		}
		close(out.release)
		p.Close()
		drawing.Wait()
		if p.requests != 100_000 || p.failed != 1000 {
			t.Errorf("%d requests, %d failed", p.requests, p.failed)
		}
	})
}

func TestALineFitsATerminalThatIsMadeNarrow(t *testing.T) {
	p := newProgress(&bytes.Buffer{}, &bench.Config{Rate: 1000})
	p.now, p.seconds = second(1), 1
	for _, columns := range []int{0, 20, 40, narrowest - 1, 200} {
		if got := p.figures(columns); utf8.RuneCountInString(got) > max(columns, 2) {
			t.Errorf("%d columns: %q", columns, got)
		}
	}
}

func TestWatchRunsAndTells(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer endpoint.Close()
	var out bytes.Buffer
	told := 0
	r, err := Watch(t.Context(), &out, bench.Config{Target: endpoint.URL, Rate: 200, Duration: 1100 * time.Millisecond, Connections: 2,
		Progress: func(bench.Second) { told++ }})
	if err != nil || r.OK == 0 || told != 1 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v, told %d times, printed %q", err, told, out.String())
	}
}

func TestARunThatCannotBeginLeavesNoBar(t *testing.T) {
	var out bytes.Buffer
	p := onScreen(newProgress(&out, &bench.Config{}), 80)
	p.Close()
	p.Run(t.Context())
	_, err := Watch(t.Context(), &out, bench.Config{Target: "nonsense"})
	if !errors.Is(err, bench.ErrConfig) || out.Len() > 0 {
		t.Errorf("%v, printed %q", err, out.String())
	}
}

func TestTheLiveLinesNeverWrap(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     bench.Config
		elapsed time.Duration
		stop    bool
	}{
		{"warming up", bench.Config{Rate: 1000, Duration: time.Minute}, -90 * time.Second, false},
		{"by time", bench.Config{Rate: 1000, Duration: 90 * time.Minute}, 61 * time.Minute, false},
		{"by count", bench.Config{Requests: 123_456_789}, time.Second, false},
		{"without an end", bench.Config{}, 100 * time.Hour, false},
		{"stopping", bench.Config{Rate: 1000, Duration: time.Minute}, time.Second, true},
	} {
		p := newProgress(&bytes.Buffer{}, &c.cfg)
		p.stopping, p.requests = c.stop, 98_765_432
		for columns := 14; columns < 200; columns++ {
			if line := p.bar(columns, c.elapsed); utf8.RuneCountInString(line) >= columns {
				t.Errorf("%s in %d columns: %q", c.name, columns, line)
			}
		}
		if wide := p.bar(100, c.elapsed); strings.Contains(wide, "█") && utf8.RuneCountInString(wide) < 90 {
			t.Errorf("%s: a short bar where there is room: %q", c.name, wide)
		}
	}
}

func TestABarThatGrowsNeverShrinks(t *testing.T) {
	p := newProgress(&bytes.Buffer{}, &bench.Config{Rate: 1, Duration: 20 * time.Second})
	before := -1
	for at := time.Duration(0); at <= 21*time.Second; at += 100 * time.Millisecond {
		n := strings.Count(p.bar(80, at), "█")
		if n < before {
			t.Errorf("at %v: %d blocks after %d", at, n, before)
		}
		before = n
	}
	if want := 80 - 6 - len("20 s of 20 s"); before != want {
		t.Errorf("%d blocks at the end, want %d", before, want)
	}
}

func TestAPlaceThatIsGoneDoesNotStopTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, live := range []bool{false, true} {
			p := newProgress(failing{}, &bench.Config{Rate: 1000, Duration: time.Minute})
			if live {
				onScreen(p, 80)
			}
			play(t, p, 3)
			if p.requests != 3000 {
				t.Errorf("live %v: %d requests", live, p.requests)
			}
		}
	})
}

func TestAContextThatHasEndedBeforeIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	r, err := Watch(ctx, &out, bench.Config{Target: "http://127.0.0.1:1", Rate: 10, Duration: time.Hour})
	if err == nil && !r.CutShort {
		t.Errorf("%+v is not cut short", r)
	}
	if strings.Count(out.String(), "stopping") > 1 {
		t.Errorf("told more than once: %q", out.String())
	}
}
