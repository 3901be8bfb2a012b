package slo

import (
	"fmt"
	"math"
	"time"

	"weir/bench"
)

// State is what became of a promise.
type State string

// The states.
const (
	// Met: the figure is on the right side of its limit.
	Met State = "met"
	// Missed: it is not.
	Missed State = "missed"
	// Unknown: the run is invalid, so its figures say nothing about the target.
	Unknown State = "unknown"
)

// Verdict is what a run came to in one term.
type Verdict struct {
	// Term is the promise as Parse reads it.
	Term string `json:"term"`
	// Unit of Measured and Limit is "ns", "share" or "1/s".
	Unit     string  `json:"unit"`
	Measured float64 `json:"measured"`
	Limit    float64 `json:"limit"`
	State    State   `json:"state"`
	// Text says the same in a line.
	Text string `json:"text"`
}

// Judge compares a run with each promise, in the order of the text. Latencies are those of the requests that got the
// answer that they expect; slots that were never sent count as slower than any limit. Errors are failures and unsent
// slots, as a share of the requests and unsent slots. In an invalid run every state is Unknown.
func (s SLO) Judge(r *bench.Report) []Verdict {
	out := make([]Verdict, 0, len(s.terms))
	for i := range s.terms {
		out = append(out, s.terms[i].judge(r))
	}
	return out
}

// Outcome is Missed if any term is missed, else Unknown if any is unknown, else Met.
func Outcome(verdicts []Verdict) State {
	state := Met
	for _, v := range verdicts {
		switch {
		case v.State == Missed:
			return Missed
		case v.State == Unknown:
			state = Unknown
		}
	}
	return state
}

func (t *term) judge(r *bench.Report) Verdict {
	v := Verdict{Term: t.String(), Unit: "ns", Limit: t.limit, State: Missed}
	switch t.of {
	case failing:
		v.Unit = "share"
	case speed:
		v.Unit = "1/s"
	}
	measured, known := t.measure(r)
	said := t.name + " is beyond what could be measured"
	if known {
		v.Measured = measured
		said = fmt.Sprintf("%s is %s", t.name, t.rounded(measured))
	}
	switch {
	case !r.Valid():
		v.State, v.Text = Unknown, fmt.Sprintf("unknown  %s: the run is invalid", v.Term)
		return v
	case known && t.holds(measured):
		v.State = Met
	}
	v.Text = fmt.Sprintf("%-7s  %s: %s", v.State, v.Term, said)
	return v
}

// measure returns the figure, or false where no answer or an unsent slot leaves it without a bound.
func (t *term) measure(r *bench.Report) (float64, bool) {
	switch t.of {
	case failing:
		return errorShare(r), true
	case speed:
		return r.PerSecond(), true
	case mean:
		return float64(r.Latency.Mean), r.OK > 0 && r.Unsent == 0
	case slowest:
		return float64(r.Latency.Max), r.OK > 0 && r.Unsent == 0
	}
	if r.OK == 0 {
		return 0, false
	}
	rank := t.share * float64(r.OK+r.Unsent) / float64(r.OK)
	return float64(r.Histogram.Quantile(min(1, rank))), rank <= 1+rounding
}

// rounding is by how much, as a share, a figure may differ from a limit that it lies on: 0.7 % is a little less than
// seven in a thousand, as binary fractions go.
const rounding = 1e-12

func (t *term) holds(x float64) bool {
	if math.Abs(x-t.limit) <= rounding*t.limit {
		return !t.strict
	}
	return x < t.limit == t.upper
}

// rounded writes a figure as a person reads it.
func (t *term) rounded(x float64) string {
	switch t.of {
	case failing:
		return fmt.Sprintf("%.3g %%", x*100)
	case speed:
		return fmt.Sprintf("%.1f/s", x)
	}
	return short(time.Duration(x))
}

// errorShare returns the share of the requests and unsent slots that failed or were never sent; 1 where there are
// none of either.
func errorShare(r *bench.Report) float64 {
	all := r.Requests + r.Unsent
	if all == 0 {
		return 1
	}
	return float64(r.Failed()) / float64(all)
}
