package demo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
)

// chance is the same in each run of a test.
func chance() *rand.Rand { return rand.New(rand.NewPCG(5, 8)) }

// anyView is what a demo may show at any moment.
func anyView(r *rand.Rand) view {
	v := midway()
	v.now = time.Duration(r.Int64N(int64(v.length) + 1))
	times := func() time.Duration { return time.Duration(r.Int64N(int64(30 * time.Second))) }
	for i := range v.lanes {
		l := &v.lanes[i]
		l.perSecond, l.ok, l.failed = r.Int64N(100_000), r.Int64N(10_000_000), r.Int64N(2)*r.Int64N(100_000)
		l.latency = bench.Quantiles{P50: times(), P99: times()}
	}
	for i := range v.endpoints {
		e := &v.endpoints[i]
		e.state = []string{inRotation, killed, waiting, "down", "unknown", "draining", ""}[r.IntN(7)]
		e.perSecond, e.served, e.share = 99_999*r.Float64(), r.Int64N(10_000_000), r.Float64()
	}
	v.events = v.events[:r.IntN(len(v.events)+1)]
	return v
}

func TestAnyBoardHasItsSizeAndItsColumns(t *testing.T) {
	r := chance()
	for range 300 {
		v := anyView(r)
		lines := board(&v, term.Paint{})
		if len(lines) != 18 {
			t.Fatalf("%d lines, want 18", len(lines))
		}
		for i, l := range lines {
			if n := utf8.RuneCountInString(l); n > boardWidth || strings.ContainsAny(l, "\n\r\x1b") {
				t.Errorf("line %d has %d columns: %q", i, n, l)
			}
		}
		for _, group := range [][]string{lines[3:7], lines[8:13]} {
			head := group[0]
			for _, column := range []string{"req/s", "ok", "failed", "p99", "served"} {
				end := strings.Index(head, " "+column)
				if end < 0 {
					continue // of the other table
				}
				end += len(column) + 1
				for _, row := range group[1:] {
					if letters := []rune(row); letters[end-1] == ' ' || end < len(letters) && letters[end] != ' ' {
						t.Errorf("a figure does not end below %q:\n%s\n%s", column, head, row)
					}
				}
			}
		}
	}
}

func TestColourChangesNoLetterOfTheBoard(t *testing.T) {
	r := chance()
	for range 100 {
		v := anyView(r)
		plain, coloured := strings.Join(board(&v, term.Paint{}), "\n"), strings.Join(board(&v, term.Paint{Colour: true}), "\n")
		for code := range 100 {
			coloured = strings.ReplaceAll(coloured, "\x1b["+strconv.Itoa(code)+"m", "")
		}
		if plain != coloured {
			t.Fatalf("without its codes the coloured board is another:\n%s\n%s", coloured, plain)
		}
	}
}

func TestALineOfALogSaysEveryLane(t *testing.T) {
	r := chance()
	for range 100 {
		v := anyView(r)
		line := tickLine(&v)
		failed := int64(0)
		for _, l := range v.lanes {
			failed += l.failed
			if want := fmt.Sprintf("%s %d/s %s", l.name, l.perSecond, ms(l.latency.P99)); !strings.Contains(line, want) {
				t.Errorf("no %q in %q", want, line)
			}
		}
		if !strings.Contains(line, fmt.Sprintf("failed %d ", failed)) || strings.Contains(line, "echo-1") || strings.Contains(line, "\n") {
			t.Errorf("%q, want %d failed and no share of the echo's", line, failed)
		}
	}
}

func TestEveryVerdictAgreesWithItsCode(t *testing.T) {
	for n := range 32 {
		is := func(bit int) bool { return n&(1<<bit) != 0 }
		o := over()
		o.interrupted, o.back = is(0), is(1)
		if is(2) {
			o.failed, o.failures[bench.Timeout] = 3, 3
		}
		if is(3) {
			o.err = errors.New("no such target")
		}
		if is(4) {
			o.requests = 0
		}
		words := verdict(&o, term.Paint{})
		want, ok := map[string]int{"✓ PASSED": Fine, "✗ FAILED": Failed, "✗ NOT RUN": NotBegun, "• INTERRUPTED": NotBegun}[strings.SplitN(words, "  ", 2)[0]]
		if got := o.code(); !ok || got != want {
			t.Errorf("interrupted %v, back %v, failed %v, error %v, no request %v: exit code %d, %q", is(0), is(1), is(2), is(3), is(4), got, words)
		}
		if passes := is(1) && n == 1<<1; passes != (o.code() == Fine) {
			t.Errorf("%05b passes: %v", n, !passes)
		}
	}
}

func TestAReportIsWrittenForAnyOutcome(t *testing.T) {
	none := &bench.Report{}
	for name, o := range map[string]outcome{
		"of nothing":        {view: midway(), reports: []*bench.Report{none, none, none}, hero: "api-2"},
		"of one that died":  {view: midway(), reports: []*bench.Report{none, none, none}, hero: "api-2", window: window{from: time.Second, to: time.Second}},
		"without endpoints": {view: view{lanes: midway().lanes}, reports: []*bench.Report{none, none, none}},
		"as usual":          over(),
	} {
		text := strings.Join(report(&o, term.Paint{}), "\n")
		for _, bad := range []string{"NaN", "Inf", "%!", "-0"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %q in\n%s", name, bad, text)
			}
		}
		if dead := strings.Contains(text, "dead for"); dead != (o.window.to > o.window.from) {
			t.Errorf("%s: says that it was dead for a time: %v\n%s", name, dead, text)
		}
	}
}

func TestMillisecondsHaveTheDigitsThatOneReads(t *testing.T) {
	us := time.Microsecond
	for d, want := range map[time.Duration]string{
		0: "–", us: "0.00 ms", 994 * us: "0.99 ms", 995 * us: "1.0 ms", 999 * us: "1.0 ms", 99_949 * us: "99.9 ms", 99_950 * us: "100 ms", 999_500 * us: "1,000 ms",
		1500 * time.Millisecond: "1,500 ms", 30 * time.Second: "30,000 ms",
	} {
		if got := ms(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0.0 s", 940 * time.Millisecond: "0.9 s", 960 * time.Millisecond: "1.0 s", 20 * time.Second: "20.0 s"} {
		if got := seconds(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// gone is a terminal that has been closed.
type gone struct{ writes int }

func (g *gone) Write([]byte) (int, error) { g.writes++; return 0, os.ErrClosed }

func TestAScreenThatIsGoneChangesNoVerdict(t *testing.T) {
	for _, live := range []bool{false, true} {
		out := &gone{}
		s := screen{out: out, stage: &stage{}, live: live}
		v := midway()
		s.begin()
		s.draw(&v, true)
		s.end(&v)
		if code := s.report(over()); code != Fine || out.writes < 4 {
			t.Errorf("live %v: exit code %d after %d writes", live, code, out.writes)
		}
	}
}
