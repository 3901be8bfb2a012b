package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Format names the JSON of a Result and its version. Fields may be added within a version; none is removed or gets
// another meaning.
const Format = "weir-bench-compare/1"

// Result is what a comparison came to.
type Result struct {
	// Format is the constant Format.
	Format string `json:"format"`
	A      Side   `json:"a"`
	B      Side   `json:"b"`
	// Tolerance is Options.Tolerance; Confidence is that of the intervals.
	Tolerance  float64 `json:"tolerance"`
	Confidence float64 `json:"confidence"`
	// Warnings are reasons to doubt the comparison.
	Warnings []string `json:"warnings"`
	Figures  []Figure `json:"figures"`
	// Verdict is the whole table's, Text the same in words.
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	// Regression: a figure is worse beyond chance and beyond the tolerance.
	Regression bool `json:"regression"`
}

// Side is what was put together for one side.
type Side struct {
	Files   []string `json:"files"`
	Targets []string `json:"targets"`
	// Requests ended or were never sent; Answers of them got the answer that they expect, and have a latency.
	Requests int64 `json:"requests"`
	Answers  int64 `json:"answers"`
	// Seconds are those that were compared; LeftOut those in which the generator was late.
	Seconds int `json:"seconds"`
	LeftOut int `json:"left_out"`
}

// Verdict is what is found about a figure or all of them.
type Verdict string

// The verdicts.
const (
	// Worse: slower, fewer answers, or more errors, beyond chance.
	Worse Verdict = "worse"
	// Better is the contrary, beyond chance.
	Better Verdict = "better"
	// Mixed is the whole table's, when some figures are worse and others better.
	Mixed Verdict = "mixed"
	// Alike: no difference found, and any that there is is small. Of the whole table: none beyond the tolerance.
	Alike Verdict = "no difference found"
	// Unclear: no difference found, but a large one is possible.
	Unclear Verdict = "can't tell"
	// TooFew requests or seconds for the figure to say anything.
	TooFew Verdict = "too little data"
)

// Figure is one line of the table.
type Figure struct {
	Name string `json:"name"`
	// Unit is "ns", "1/s" or "share".
	Unit string `json:"unit"`
	// A and B are the sides' own values, Difference is B - A.
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference float64 `json:"difference"`
	// Change is B / A - 1; for a share, B - A. Low and High are the ends of its interval. With TooFew all three are 0.
	Change float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`

	Verdict Verdict `json:"verdict"`
	// Beyond: it is worse or better by more than the tolerance. Worse and beyond is a Regression.
	Beyond     bool `json:"beyond_tolerance"`
	Regression bool `json:"regression"`
	// Needs is how many answers a side must hold, where it holds fewer.
	Needs int64 `json:"needs,omitempty"`

	of *figure
}

func describe(inputs []Input, s *side) Side {
	out := Side{Requests: int64(math.Round(s.requests())), Answers: int64(s.answers()), Seconds: s.blocks(), LeftOut: s.late}
	seen := map[string]bool{}
	for _, in := range inputs {
		out.Files = append(out.Files, in.Name)
		if !seen[in.Report.Target] {
			seen[in.Report.Target] = true
			out.Targets = append(out.Targets, in.Report.Target)
		}
	}
	return out
}

// rounding is what sums of the same numbers may differ by.
const rounding = 1e-9

// errorsSlack is by how much the share of errors may grow whatever the tolerance.
const errorsSlack = 0.001

// judge fills in the figures and the verdict.
func (r *Result) judge(s *spread, a, b *side) {
	var judged []int
	var gate vector
	short := min(a.blocks(), b.blocks()) < fewestSeconds
	for i := range figures {
		f := &figures[i]
		gate[i] = math.Log1p(r.Tolerance)
		if f.kind == failures {
			gate[i] = errorsSlack + r.Tolerance*max(0, s.a[i])
		}
		if !short && f.tells(a, b) && finite(s.a[i]) && finite(s.b[i]) {
			judged = append(judged, i)
		}
	}
	width := s.width(judged, &gate)
	next := 0
	for i := range figures {
		line := newFigure(&figures[i], s.a[i], s.b[i])
		if !figures[i].tells(a, b) {
			line.Needs = int64(figures[i].needs())
		}
		if next < len(judged) && judged[next] == i {
			next++
			line.judge(s.b[i]-s.a[i], width*student(s.dof[i])*s.se[i], gate[i], r.Tolerance)
		}
		r.Figures = append(r.Figures, line)
	}
	r.conclude()
}

// tells reports whether both sides have what the figure needs.
func (f *figure) tells(a, b *side) bool {
	return f.kind != latency || min(a.answers(), b.answers()) >= f.needs()
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// newFigure is a line that says nothing yet.
func newFigure(f *figure, a, b float64) Figure {
	line := Figure{Name: f.name, Verdict: TooFew, of: f, Unit: "ns"}
	switch f.kind {
	case latency:
		a, b = math.Exp(a), math.Exp(b)
	case throughput:
		line.Unit = "1/s"
		a, b = math.Exp(a), math.Exp(b)
	case failures:
		line.Unit = "share"
	}
	if finite(a) && finite(b) {
		line.A, line.B, line.Difference = a, b, b-a
	}
	return line
}

// judge fills in the change, its interval of half the width to either side, and the verdict.
func (l *Figure) judge(change, half, gate, tolerance float64) {
	half = max(half, rounding)
	l.Change, l.Low, l.High = change, change-half, change+half
	if l.of.kind != failures {
		l.Change, l.Low, l.High = math.Expm1(l.Change), math.Expm1(l.Low), math.Expm1(l.High)
	}
	small := math.Log1p(max(2*tolerance, 0.05))
	if l.of.kind == failures {
		small = 0.01
	}
	switch bad := change * l.of.worse(); {
	case bad > half:
		l.Verdict, l.Beyond = Worse, bad > gate+rounding
		l.Regression = l.Beyond
	case -bad > half:
		l.Verdict, l.Beyond = Better, -bad > gate+rounding
	case math.Abs(change)+half <= small:
		l.Verdict = Alike
	default:
		l.Verdict = Unclear
	}
}

// conclude makes the table's verdict of its figures'.
func (r *Result) conclude() {
	var worse, better, little, unclear []*Figure
	told := false
	for i := range r.Figures {
		l := &r.Figures[i]
		r.Regression = r.Regression || l.Regression
		told = told || l.of.headline && l.Verdict != TooFew
		switch {
		case l.Regression:
			worse = append(worse, l)
		case l.Beyond:
			better = append(better, l)
		case l.Verdict == Worse || l.Verdict == Better:
			little = append(little, l)
		case l.of.headline && l.Verdict != Alike, l.of.kind != latency && l.Verdict == Unclear:
			unclear = append(unclear, l)
		}
	}
	switch {
	case len(worse) > 0 && len(better) > 0:
		r.Verdict, r.Text = Mixed, r.loss(worse)+" "+sentence(better)+"."
	case len(worse) > 0:
		r.Verdict, r.Text = Worse, r.loss(worse)
	case len(better) > 0:
		r.Verdict, r.Text = Better, sentence(better)+"."
	case !told:
		r.Verdict, r.Text = TooFew, fmt.Sprintf("Can't tell: too little data; a side needs %d s and %d answers.",
			fewestSeconds, int(figures[0].needs()))
	case len(unclear) > 0:
		r.Verdict, r.Text = Unclear, "Can't tell: "+why(slices.MaxFunc(unclear, farther))
	case len(little) > 0:
		r.Verdict = Alike
		r.Text = fmt.Sprintf("No difference beyond the tolerance of %s. %s.", percent(r.Tolerance), sentence(little[:1]))
	default:
		r.Verdict, r.Text = Alike, "No difference found."
		if p99 := r.figure("p99"); p99 != nil && p99.Verdict == Alike {
			r.Text += " " + capital(at(p99)) + " B differs by " + p99.interval() + "."
		}
	}
}

// farther orders what is unclear by how well it says so: the far tail best, latencies before errors before throughput.
func farther(a, b *Figure) int {
	rank := [...]int{latency: 2, failures: 1, throughput: 0}
	return cmp.Or(cmp.Compare(rank[a.of.kind], rank[b.of.kind]), cmp.Compare(a.of.from, b.of.from))
}

func (r *Result) figure(name string) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			return &r.Figures[i]
		}
	}
	return nil
}
