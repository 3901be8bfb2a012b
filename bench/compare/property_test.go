package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// opposite is a verdict with the sides changed.
var opposite = map[Verdict]Verdict{Worse: Better, Better: Worse, Mixed: Mixed, Alike: Alike, Unclear: Unclear, TooFew: TooFew}

// near allows for rounding and no more.
func near(x, y float64) bool { return math.Abs(x-y) <= 1e-9*max(1, math.Abs(x), math.Abs(y)) }

func TestSidesThatChangePlacesTurnTheAnswerRound(t *testing.T) {
	for _, c := range []struct {
		about  string
		s      *shape
		f      *shift
		na, nb int
	}{
		{"nothing", modest, none, 3, 3}, {"the tail", modest, tail, 3, 3}, {"all", jitter, all, 3, 3}, {"two files and four", wild, all, 2, 4},
		{"one file a side", modest, all, 1, 1},
	} {
		a, b := named("a", seeded(c.na, c.s, none, 300, 5, 1)...), named("b", seeded(c.nb, c.s, c.f, 300, 5, 2)...)
		there, back := mustCompare(t, a, b, 0.05), mustCompare(t, b, a, 0.05)
		for i, l := range there.Figures {
			m := back.Figures[i]
			low, high := 1/(1+l.High)-1, 1/(1+l.Low)-1
			if l.of.kind == failures {
				low, high = -l.High, -l.Low
			}
			if m.Verdict != opposite[l.Verdict] || m.Beyond != l.Beyond || !near(m.Low, low) || !near(m.High, high) || m.A != l.B || m.B != l.A {
				t.Errorf("%s, %s: %+v; turned round %+v", c.about, l.Name, l, m)
			}
		}
		if want := opposite[there.Verdict]; back.Verdict != want {
			t.Errorf("%s: %s; turned round %s, want %s", c.about, there.Verdict, back.Verdict, want)
		}
	}
}

func TestTheOrderOfTheFilesDecidesNothing(t *testing.T) {
	a, b := named("a", seeded(3, wild, none, 300, 5, 1)...), named("b", seeded(3, wild, all, 300, 5, 2)...)
	want := mustCompare(t, a, b, 0.05)
	for _, order := range [][3]int{{0, 2, 1}, {1, 0, 2}, {2, 1, 0}, {1, 2, 0}} {
		x, y := []Input{a[order[0]], a[order[1]], a[order[2]]}, []Input{b[order[2]], b[order[0]], b[order[1]]}
		got := mustCompare(t, x, y, 0.05)
		if got.Text != want.Text || got.Verdict != want.Verdict {
			t.Errorf("in the order %v: %s; want %s", order, got.Text, want.Text)
		}
		for i := range got.Figures {
			if g, w := got.Figures[i], want.Figures[i]; !near(g.Low, w.Low) || !near(g.High, w.High) || g.Verdict != w.Verdict {
				t.Errorf("in the order %v: %+v; want %+v", order, g, w)
			}
		}
	}
}

// slowedBy returns n runs whose every latency is multiplied.
func slowedBy(by float64, n int, s *shape, rate, seconds int, seed uint64) (out []*bench.Report) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		out = append(out, report(rate, seconds, func(int) float64 { return by * s.at(r.Float64()) }))
	}
	return out
}

func TestTheUnitOfTimeDecidesNothing(t *testing.T) {
	at := func(unit float64) *Result {
		return mustCompare(t, named("a", slowedBy(unit, 3, modest, 300, 5, 1)...), named("b", slowedBy(1.1*unit, 3, modest, 300, 5, 2)...), 0.05)
	}
	want := at(1)
	for _, unit := range []float64{0.01, 7, 1000} {
		got := at(unit)
		if got.Verdict != want.Verdict {
			t.Errorf("times %v: %s; want %s", unit, got.Text, want.Text)
		}
		for i, l := range got.Figures {
			w := want.Figures[i]
			if l.of.kind != latency || w.Verdict == TooFew {
				continue
			}
			// The histogram keeps three digits, and other digits choose other draws.
			if math.Abs(l.A/w.A/unit-1) > 0.002 || math.Abs(l.Change-w.Change) > 0.003 || math.Abs((l.High-l.Low)/(w.High-w.Low)-1) > 0.25 {
				t.Errorf("times %v: %+v; want %+v", unit, l, w)
			}
		}
	}
}

func TestAnotherSeedGivesMuchTheSameInterval(t *testing.T) {
	a, b := named("a", seeded(3, modest, none, 300, 5, 1)...), named("b", seeded(3, modest, all, 300, 5, 2)...)
	first, err := Compare(a, b, Options{Tolerance: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		again, err := Compare(a, b, Options{Tolerance: 0.05, Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range again.Figures[:4] {
			f := first.Figures[i]
			if l.Change != f.Change || math.Abs((l.High-l.Low)/(f.High-f.Low)-1) > 0.15 {
				t.Errorf("seed %d: %+v; seed 0: %+v", seed+1, l, f)
			}
		}
	}
}

func TestALargerChangeIsNeverLessOfARegression(t *testing.T) {
	a := named("a", slowedBy(1, 3, modest, 500, 5, 1)...)
	rank := map[Verdict]int{Better: -1, Alike: 0, Unclear: 0, Worse: 1}
	last, change := -1, -1.0
	for _, by := range []float64{0.7, 0.9, 1, 1.03, 1.1, 1.3, 2, 100} {
		r := mustCompare(t, a, named("b", slowedBy(by, 3, modest, 500, 5, 2)...), 0.05)
		got, known := rank[r.Verdict]
		if l := r.figure("p50"); !known || got < last || l.Change <= change || r.Regression != (got > 0) {
			t.Errorf("times %v: %s, p50 %+v", by, r.Text, l)
		} else {
			last, change = got, l.Change
		}
	}
	if last != 1 {
		t.Error("not even a hundredfold is a regression")
	}
}

func TestMoreRequestsFindMore(t *testing.T) {
	pairs := 12
	if testing.Short() {
		pairs = 2
	}
	last := 0
	for _, rate := range []int{100, 400, 1600} {
		n := regressions(&shapes[2], tail, rate, 0, pairs)
		if n < last {
			t.Errorf("%d of %d found at %d/s, %d at a quarter of it", n, pairs, rate, last)
		}
		last = n
	}
	if last < pairs*3/4 {
		t.Errorf("%d of %d found at the highest rate", last, pairs)
	}
}

func TestLongerRunsNarrowTheInterval(t *testing.T) {
	width := func(seconds int) float64 {
		l := mustCompare(t, named("a", slowedBy(1, 3, modest, 100, seconds, 1)...), named("b", slowedBy(1, 3, modest, 100, seconds, 2)...), 0.05).figure("p50")
		return l.High - l.Low
	}
	short, long := width(8), width(128)
	// Sixteen times as long is a quarter as wide; the histogram's and the draws' own errors come on top.
	if ratio := short / long; ratio < 2.5 || ratio > 6.5 {
		t.Errorf("8 s: %v wide, 128 s: %v", short, long)
	}
}

func TestTheMeanBetweenTwoRanksIsThatOfASortedList(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 50 {
		var values []float64
		b := block{seconds: 1}
		s := &side{files: [][]block{{b}}}
		at := 0.0
		for bin := range 1 + r.IntN(20) {
			at += 1 + 10*r.Float64()
			count := 1 + r.IntN(5)
			s.values = append(s.values, at)
			b.cells = append(b.cells, cell{bin, float64(count)})
			for range count {
				values = append(values, at)
			}
		}
		b.ok = float64(len(values))
		s.files[0][0] = b
		sample := newSample(s)
		sample.add(&b)
		sample.measure()
		from := r.IntN(len(values))
		to := from + 1 + r.IntN(len(values)-from)
		sort.Float64s(values)
		want := 0.0
		for _, x := range values[from:to] {
			want += x / float64(to-from)
		}
		if got := sample.mean(float64(from), float64(to)); !near(got, want) {
			t.Errorf("ranks %d to %d of %v: %v, want %v", from, to, values, got, want)
		}
	}
}

func TestADrawTakesAsManySecondsAsAFileHasInRunsOfNeighbours(t *testing.T) {
	for _, c := range []struct{ seconds, run int }{{1, 1}, {7, 1}, {8, 2}, {26, 2}, {27, 3}, {70, 4}} {
		// Second k holds k+1 requests of its own latency, so that a draw shows which seconds it took.
		s := &side{files: [][]block{nil}}
		for k := range c.seconds {
			s.values = append(s.values, float64(k+1))
			s.files[0] = append(s.files[0], block{seconds: 1, ok: 1, cells: []cell{{k, 1}}})
		}
		sample := newSample(s)
		random := rand.New(rand.NewPCG(1, uint64(c.seconds)))
		for range 20 {
			sample.clear()
			sample.draw(s.files[0], random)
			taken, pieces := 0.0, 0
			for k, n := range sample.counts {
				taken += n
				if n > sample.counts[(k+1)%c.seconds] {
					pieces += int(n - sample.counts[(k+1)%c.seconds])
				}
			}
			most := (c.seconds + c.run - 1) / c.run
			if taken != float64(c.seconds) || sample.seconds != taken || pieces > most {
				t.Errorf("%d s: took %v in %d runs, want all in at most %d", c.seconds, taken, pieces, most)
			}
		}
	}
}

func TestFilesCountByTheirLength(t *testing.T) {
	for _, c := range []struct {
		lengths      []int
		blocks, runs float64
	}{
		{[]int{10}, 0, 1},
		{[]int{5, 5}, 2, 0.5},
		{[]int{5, 5, 5}, 6, 1.0 / 3},
		{[]int{10, 30}, 0.5 * (4 + 4.0/3), 1.0/16 + 9.0/16},
		{[]int{1, 1, 98}, (100 + 100 + 100.0/98) * 2 / 3, 0.9606},
	} {
		s := &side{}
		for _, n := range c.lengths {
			s.files = append(s.files, make([]block, n))
		}
		if blocks, runs := s.weights(); !near(blocks, c.blocks) || !near(runs, c.runs) {
			t.Errorf("%v: %v and %v, want %v and %v", c.lengths, blocks, runs, c.blocks, c.runs)
		}
	}
}

func TestFilesOfDifferentLengthDoNotLookUnlike(t *testing.T) {
	apart, tries := 0, 30
	if testing.Short() {
		tries = 5
	}
	for seed := range uint64(tries) {
		side := func(seed uint64) *side {
			r := rand.New(rand.NewPCG(seed, 3))
			next := func(int) float64 { return modest.at(r.Float64()) }
			return newSide([]*bench.Report{report(50, 4, next), report(50, 4, next), report(50, 40, next)}, time.Hour)
		}
		a, b := side(2*seed), side(2*seed+1)
		va, vb := seeing(a), seeing(b)
		if between(a, b, &va, &vb)[0] > 0 {
			apart++
		}
	}
	// Four degrees of freedom exceed one and a half times their mean in a fifth of all cases.
	if apart > tries*2/5 {
		t.Errorf("in %d of %d pairs of like runs, runs seem to differ", apart, tries)
	}
}

// seeing is the variance of a side's figures that its seconds explain.
func seeing(s *side) vector {
	own, draws := s.bootstrap(150, rand.New(rand.NewPCG(1, 1)))
	return variance(draws, &own)
}

func TestRunsThatDifferAddTheirScatter(t *testing.T) {
	// Nothing varies within a run: two runs a side, of 10 and 20 ms.
	constant := func(ms float64) *bench.Report { return report(50, 5, func(int) float64 { return ms }) }
	s := func() *side { return newSide([]*bench.Report{constant(10), constant(20)}, time.Hour) }
	var within vector
	got := between(s(), s(), &within, &within)
	if want := math.Ln2 * math.Ln2 / 2; math.Abs(got[0]/want-1) > 0.01 {
		t.Errorf("variance %v, want that of two logarithms ln 2 apart, %v", got[0], want)
	}
	same := newSide([]*bench.Report{constant(10), constant(10)}, time.Hour)
	if got := between(same, same, &within, &within); got != (vector{}) {
		t.Errorf("%v for runs that are alike", got)
	}
	one := newSide([]*bench.Report{constant(10)}, time.Hour)
	if got := between(one, one, &within, &within); got != (vector{}) {
		t.Errorf("%v for one run a side", got)
	}
}

// anyReport is a run of whatever may happen.
func anyReport(r *rand.Rand) *bench.Report {
	out := &bench.Report{Format: bench.ReportFormat, Target: "http://127.0.0.1/", Unsent: int64(r.IntN(2) * r.IntN(50))}
	scale := math.Exp(20 * r.Float64())
	for n := range 1 + r.IntN(12) {
		s := bench.Second{At: time.Duration(n+1) * time.Second, Lag: time.Duration(scale * r.Float64()), Histogram: bench.NewHistogram()}
		s.OK = int64(r.IntN(1 + r.IntN(60)))
		for range s.OK {
			s.Histogram.Record(time.Duration(scale * r.ExpFloat64()))
		}
		s.Failures[bench.Timeout] = int64(r.IntN(2) * r.IntN(30))
		s.Requests = s.OK + s.Failures.Total()
		out.OK, out.Requests = out.OK+s.OK, out.Requests+s.Requests
		out.Series = append(out.Series, s)
	}
	out.Requests++ // one that ended in no second
	out.Failures[bench.Reset]++
	out.Elapsed = time.Duration(len(out.Series)) * time.Second
	out.Latency.P50 = time.Duration(scale / 2)
	return out
}

func TestWhateverTheReportsHoldTheAnswerIsSound(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	told, cases := map[Verdict]int{}, 300
	if testing.Short() {
		cases = 60
	}
	for n := range cases {
		var a, b []*bench.Report
		for range 1 + random.IntN(3) {
			a = append(a, anyReport(random))
		}
		for range 1 + random.IntN(3) {
			b = append(b, anyReport(random))
		}
		r, err := Compare(named("a", a...), named("b", b...), Options{Tolerance: 0.5 * random.Float64() * float64(random.IntN(2)), Draws: 60})
		if err != nil {
			t.Fatal(err)
		}
		told[r.Verdict]++
		if flaw := flawOf(r); flaw != "" {
			t.Errorf("case %d: %s: %s\n%+v", n, flaw, r.Text, r.Figures)
		}
	}
	for _, v := range []Verdict{Worse, Better, Mixed, Unclear, TooFew} {
		if told[v] == 0 && !testing.Short() {
			t.Errorf("no case was %q: %v", v, told)
		}
	}
}

// flawOf says what contradicts itself in a result.
func flawOf(r *Result) string {
	regression := false
	for _, l := range r.Figures {
		regression = regression || l.Regression
		numbers := []float64{l.A, l.B, l.Difference, l.Change, l.Low, l.High}
		switch bad := l.of.worse(); {
		case slices.ContainsFunc(numbers, func(x float64) bool { return !finite(x) }):
			return l.Name + " has a figure that is no number"
		case l.Low > l.Change || l.Change > l.High:
			return l.Name + " lies outside of its interval"
		case l.Verdict == TooFew && (l.Low != 0 || l.High != 0 || l.Beyond):
			return l.Name + " says something with too little data"
		case l.Verdict == Worse && !(bad*l.Change > 0 && bad*l.Low > 0 && bad*l.High > 0):
			return l.Name + " is worse, but its interval holds none"
		case l.Verdict == Better && !(bad*l.Change < 0 && bad*l.Low < 0 && bad*l.High < 0):
			return l.Name + " is better, but its interval holds none"
		case l.Regression != (l.Beyond && l.Verdict == Worse):
			return l.Name + " is a regression against its own verdict"
		}
	}
	var b strings.Builder
	_, err := json.Marshal(r)
	switch {
	case regression != r.Regression || regression != (r.Verdict == Worse || r.Verdict == Mixed):
		return "the verdict is not that of the figures"
	case err != nil || r.Print(&b) != nil:
		return fmt.Sprintf("it can't be written: %v", err)
	case r.Text == "" || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf"):
		return "its text is unreadable"
	}
	return ""
}
