package report

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
)

// Watch runs cfg and shows on out how it goes: on a terminal in two lines that are drawn anew, elsewhere in a line for
// each second, or for each five where the run is longer than a minute. The screen is left with whole lines whatever
// happens, and its cursor is never hidden. Colour is as the terminal and NO_COLOR want it. Watch calls cfg.Progress too,
// and returns what bench.Run does. When ctx ends it says that it stops.
func Watch(ctx context.Context, out io.Writer, cfg bench.Config) (*bench.Report, error) {
	p := newProgress(out, &cfg)
	told := cfg.Progress
	cfg.Progress = func(s bench.Second) {
		p.Second(s)
		if told != nil {
			told(s)
		}
	}
	var drawing sync.WaitGroup
	drawing.Go(func() { p.Run(ctx) }) // draws
	r, err := bench.Run(ctx, cfg)
	p.Close()
	drawing.Wait()
	return r, err
}

// progress is what Watch shows of a run.
type progress struct {
	out    io.Writer
	paint  term.Paint
	look   func() term.Screen
	live   bool
	every  int // seconds for each plain line
	cfg    bench.Config
	start  time.Time
	length time.Duration
	closed chan struct{}

	mu       sync.Mutex
	fresh    chan struct{} // a second has come
	seconds  int
	now      bench.Second // the last
	waiting  moment       // those that no plain line has told of
	ready    []moment     // those of plain lines to be written
	requests int64
	failed   int64
	stopping bool

	drawn int // lines on the terminal
}

// longRun is from when on plain lines come less often.
const (
	longRun  = time.Minute
	farApart = 5
)

// newProgress returns the progress of a run of cfg that begins now.
func newProgress(out io.Writer, cfg *bench.Config) *progress {
	look := term.Look(out)
	p := &progress{
		out: out, paint: term.Paint{Colour: look.Colour}, look: func() term.Screen { return term.Look(out) },
		live: look.Terminal && look.Columns >= narrowest, every: 1, cfg: *cfg, start: time.Now(), length: cfg.Duration,
		closed: make(chan struct{}),
		fresh:  make(chan struct{}, 1), waiting: moment{Second: bench.Second{Histogram: bench.NewHistogram()}},
	}
	if p.length == 0 && cfg.Requests == 0 && cfg.Arrivals != nil {
		p.length = cfg.Arrivals.Length()
	}
	if p.length > longRun {
		p.every = farApart
	}
	return p
}

// Second takes what bench.Run tells; it is made for bench.Config.Progress. It does not block: Run writes.
func (p *progress) Second(s bench.Second) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = s
	p.seconds++
	p.requests += s.Requests
	p.failed += s.Failures.Total()
	if !p.live {
		p.waiting.add(&s)
		if p.seconds%p.every == 0 {
			p.ready = append(p.ready, p.waiting)
			p.waiting = moment{From: s.At, Second: bench.Second{Histogram: bench.NewHistogram()}}
		}
	}
	select {
	case p.fresh <- struct{}{}:
	default:
	}
}

// Close ends Run, which shows what came last. It is called once.
func (p *progress) Close() { close(p.closed) }

// Run draws until Close: what is new at once, and on a terminal the bar several times a second. When ctx ends it only
// says that the run is being stopped.
func (p *progress) Run(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	done := ctx.Done()
	for {
		select {
		case <-p.closed:
			p.finish()
			return
		case <-done:
			done = nil
			p.stop()
		case <-p.fresh:
		case <-tick.C:
			if !p.live {
				continue
			}
		}
		p.draw()
	}
}

// finish shows what came last. A run that did not even begin leaves no bar behind.
func (p *progress) finish() {
	p.mu.Lock()
	if !p.live && p.waiting.At > 0 {
		p.ready = append(p.ready, p.waiting)
	}
	begun := p.seconds > 0 || p.drawn > 0
	p.mu.Unlock()
	if begun {
		p.draw()
	}
}

// stop notes that the run is being ended.
func (p *progress) stop() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	if !p.live {
		fmt.Fprintln(p.out, "  stopping; waiting for the requests under way")
	}
}

// draw writes what there is. The lock is not held while it writes.
func (p *progress) draw() {
	if !p.live {
		p.mu.Lock()
		ready := p.ready
		p.ready = nil
		p.mu.Unlock()
		for i := range ready {
			fmt.Fprintln(p.out, p.plain(&ready[i]))
		}
		return
	}
	columns := p.look().Columns
	p.mu.Lock()
	lines := []string{p.bar(columns, time.Since(p.start)-p.cfg.Warmup), p.figures(columns)}
	p.mu.Unlock()
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", p.drawn)
	}
	for _, l := range lines {
		// A line is cleared before it is written: what a ^C has left there goes too.
		b.WriteString("\r\x1b[K" + l + "\n")
	}
	p.drawn = len(lines)
	fmt.Fprint(p.out, b.String())
}

// narrowest is how many columns the live lines need.
const narrowest = 60

// bar shows how far the run is.
func (p *progress) bar(columns int, elapsed time.Duration) string {
	if elapsed < 0 {
		rest := cut(", "+span((-elapsed).Round(100*time.Millisecond))+" to go", max(columns-13, 1))
		return "  " + p.paint.Yellow("warming up") + p.paint.Dim(rest)
	}
	share, words := p.share(elapsed)
	width := columns - 6 - utf8.RuneCountInString(words)
	text := "  "
	// A terminal that was made narrow has no room for the bar: a line that wraps would not be overwritten.
	if words = cut(words, max(columns-3, 1)); share >= 0 && width >= 10 {
		text += p.paint.Cyan(term.Left(term.Bar(share, width), width)) + p.paint.Dim("▏") + " "
	}
	if p.stopping {
		return text + p.paint.Yellow(words)
	}
	return text + words
}

// share returns how much of the run is done, below 0 where it has no end, and says it in words.
func (p *progress) share(elapsed time.Duration) (float64, string) {
	if p.stopping {
		return -1, "stopping; waiting for the requests under way"
	}
	elapsed = elapsed.Truncate(100 * time.Millisecond)
	share, words := -1.0, span(elapsed)
	if p.length > 0 {
		elapsed = min(elapsed, p.length)
		share, words = elapsed.Seconds()/p.length.Seconds(), span(elapsed.Truncate(time.Second))+" of "+span(p.length)
		if elapsed < time.Second {
			words = "0 s of " + span(p.length)
		}
	}
	if n := p.cfg.Requests; n > 0 {
		if byCount := float64(p.requests) / float64(n); byCount > share {
			share, words = byCount, term.Count(p.requests)+" of "+term.Plural(n, "request")
		}
	}
	return share, words
}

// figures are the last second in one line, as much of it as fits.
func (p *progress) figures(columns int) string {
	if p.seconds == 0 {
		return ""
	}
	m := moment{Second: p.now, From: p.now.At - time.Second}
	text := "  "
	room := columns - 3
	for i, part := range p.parts(&m, p.failed) {
		n := utf8.RuneCountInString(part.text)
		if i > 0 {
			n += 3
		}
		if room -= n; room < 0 {
			break
		}
		if i > 0 {
			text += "   "
		}
		text += part.paint(part.text)
	}
	return text
}

// plain is a line for what is no terminal.
func (p *progress) plain(m *moment) string {
	m.Latency = m.Histogram.Quantiles()
	text := term.Right(span(m.At), 10)
	for _, part := range p.parts(m, m.Failures.Total()) {
		text += "   " + part.text
	}
	return text
}

// part is a piece of a line, in its colour.
type part struct {
	text  string
	paint func(string) string
}

// parts say what a stretch of time came to. A wide enough field keeps figures from jumping about.
func (p *progress) parts(m *moment, failed int64) []part {
	speed := term.Right(rate(float64(m.Requests), m.At-m.From), 9)
	if asked := p.asked((m.From + m.At) / 2); asked > 0 {
		speed += " of " + three(asked) + "/s"
	}
	errors := part{term.Count(failed) + " failed", p.paint.Dim}
	if failed > 0 {
		errors.paint = p.paint.Red
	}
	out := []part{{speed, p.paint.Bold}, errors}
	switch late := p.late(m); {
	case late != "":
		out = append(out, part{late, p.paint.Red})
	case m.OK > 0:
		out = append(out, part{"p50 " + term.Right(latency(m.Latency.P50), 7), plainly}, part{"p99 " + term.Right(latency(m.Latency.P99), 7), plainly})
	}
	if p.open() && m.Lag > 0 {
		lag := part{"lag " + latency(m.Lag), p.paint.Dim}
		if p.cfg.MaxLag > 0 && m.Lag > p.cfg.MaxLag {
			lag.paint = p.paint.Yellow
		}
		out = append(out, lag)
	}
	return out
}

func plainly(text string) string { return text }

func (p *progress) open() bool { return p.cfg.Rate > 0 || p.cfg.Arrivals != nil }

// late says what spoils the latencies of this second: then they are not shown. The limits are those of a whole run.
func (p *progress) late(m *moment) string {
	if p.open() && m.Busy > 0.95 && m.Late > 0 {
		return fmt.Sprintf("the generator is at its limit (%.0f %% busy)", 100*m.Busy)
	}
	return ""
}

// asked is the rate that the timetable wants at a time; 0 where it has none.
func (p *progress) asked(at time.Duration) float64 {
	if p.cfg.Arrivals == nil {
		return p.cfg.Rate
	}
	for _, s := range p.cfg.Arrivals.Steps {
		if s.For == 0 || at < s.For {
			if s.For == 0 {
				return s.From
			}
			return s.From + (s.To-s.From)*at.Seconds()/s.For.Seconds()
		}
		at -= s.For
	}
	return 0
}
