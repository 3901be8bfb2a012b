package slo

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"weir/bench"
)

// Format names the JSON of a Capacity and its version. Fields may be added within a version; none is removed or gets
// another meaning.
const Format = "weir-bench-capacity/1"

// Limit says what bounds a Capacity from above.
type Limit string

// The limits.
const (
	// SLOLimit: at a slightly higher rate the SLO no longer holds. The rate is the target's capacity.
	SLOLimit Limit = "slo"
	// GeneratorLimit: at a slightly higher rate the generator could not send on time. The target may be capable of more.
	GeneratorLimit Limit = "generator"
	// MostLimit: the SLO holds at the highest rate that was allowed.
	MostLimit Limit = "most"
	// NoLimit: the search ended before it met any.
	NoLimit Limit = "none"
)

// Phase says what a probe was for.
type Phase string

// The phases.
const (
	Search       Phase = "search"
	Confirmation Phase = "confirmation"
)

// Capacity is what a search came to.
type Capacity struct {
	// Format is the constant Format.
	Format string `json:"format"`
	SLO    string `json:"slo"`
	// Rate is the highest rate, in requests a second, at which the SLO holds; 0: none was found.
	Rate float64 `json:"rate"`
	// Confirmed: two of three more probes at Rate held.
	Confirmed bool `json:"confirmed"`
	// Limit says what bounds Rate; Above is the lowest rate that did not hold, 0 where none did not.
	Limit Limit   `json:"limit"`
	Above float64 `json:"above,omitempty"`
	// Precision is the share by which Above may exceed Rate, unless confirmations made the search step down.
	Precision float64 `json:"precision"`
	// CutShort: the search was ended from outside. OutOfBounds: by Options.Probes or Options.Time.
	CutShort    bool `json:"cut_short"`
	OutOfBounds bool `json:"out_of_bounds"`
	// Contradicted: a probe held at a higher rate than Above, so that the target is unsteady or not monotonic.
	Contradicted bool `json:"contradicted"`
	// Spent is the measured time.
	Spent time.Duration `json:"spent_ns"`
	// Probes is the curve: every probe, by its rate, those of one rate in their order.
	Probes []Probe `json:"probes"`
	// Text says what was found in a sentence or two.
	Text string `json:"text"`
}

// Probe is one run of the search.
type Probe struct {
	Phase Phase `json:"phase"`
	// Rate was asked for, PerSecond requests ended.
	Rate      float64 `json:"rate"`
	PerSecond float64 `json:"per_second"`
	// The percentiles are zero where the probe is not valid.
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	// Errors is the share that failed or was never sent.
	Errors float64 `json:"errors"`
	// Valid: the generator sent on time. Only a valid probe can hold.
	Valid bool `json:"valid"`
	Held  bool `json:"held"`
	// Why says why it did not hold.
	Why string `json:"why,omitempty"`
}

// probe judges one run of a search.
func (s SLO) probe(r *bench.Report, rate float64) Probe {
	latency := r.Sound().Latency
	p := Probe{
		Rate: rate, PerSecond: r.PerSecond(), P50: latency.P50, P99: latency.P99, P999: latency.P999,
		Errors: errorShare(r), Valid: r.Valid(),
	}
	p.Why = s.objection(r, rate)
	p.Held = p.Why == ""
	return p
}

// objection returns why a run does not hold, or "".
func (s SLO) objection(r *bench.Report, rate float64) string {
	if !r.Valid() {
		return "invalid: " + strings.Join(r.Invalid, "; ")
	}
	promised := false
	for i := range s.terms {
		t := &s.terms[i]
		promised = promised || t.of == failing
		if x, known := t.measure(r); !known {
			return t.name + " is beyond what could be measured"
		} else if !t.holds(x) {
			return fmt.Sprintf("%s is %s", t.name, t.rounded(x))
		}
	}
	switch {
	case !promised && errorShare(r) > defaultErrors:
		return fmt.Sprintf("%.3g %% failed", errorShare(r)*100)
	case r.PerSecond() < keepingUp*rate:
		return fmt.Sprintf("only %.0f/s got through", r.PerSecond())
	}
	return ""
}

func (c *Capacity) contradicted() bool {
	for i := range c.Probes {
		if p := &c.Probes[i]; p.Held && c.Above > 0 && p.Rate > c.Above {
			return true
		}
	}
	return false
}

func (c *Capacity) sentence() string {
	text := "No probe was made."
	switch {
	case c.Rate > 0:
		text = c.found()
	case c.Limit == GeneratorLimit:
		text = fmt.Sprintf("No capacity was found: the generator itself could not send on time at %s/s.", rate(c.Above))
	case c.Above > 0:
		text = fmt.Sprintf("%s does not hold at any rate that was tried, down to %s/s.", c.SLO, rate(c.Above))
	}
	switch {
	case c.CutShort:
		text += " The search was cut short."
	case c.OutOfBounds:
		text += " The search ran out of probes or time."
	}
	if c.Contradicted {
		text += " A higher rate held once: the target is unsteady."
	}
	return text
}

func (c *Capacity) found() string {
	sure := ""
	if !c.Confirmed {
		sure = " (not confirmed)"
	}
	switch c.Limit {
	case GeneratorLimit:
		return fmt.Sprintf("%s holds at %s/s%s. That is the generator's limit, not the target's: at %s/s it could not send on time.",
			c.SLO, rate(c.Rate), sure, rate(c.Above))
	case SLOLimit:
		return fmt.Sprintf("%s holds up to %s/s%s, and no longer at %s/s.", c.SLO, rate(c.Rate), sure, rate(c.Above))
	}
	return fmt.Sprintf("%s holds at %s/s%s, the highest rate that was tried.", c.SLO, rate(c.Rate), sure)
}

// rate writes requests a second with three or four digits.
func rate(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.3g", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// Print writes the curve and what was found, for a person.
func (c *Capacity) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  %9s %9s %9s %9s %9s %8s\n", "asked", "got", "p50", "p99", "p99.9", "errors")
	for i := range c.Probes {
		b.WriteString(c.Probes[i].row() + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n", c.Text)
	_, err := io.WriteString(w, b.String())
	return err
}

// row is the probe's line in the table.
func (p *Probe) row() string {
	text := fmt.Sprintf("  %9s %9s %9s %9s %9s %8s", rate(p.Rate)+"/s", rate(p.PerSecond)+"/s",
		short(p.P50), short(p.P99), short(p.P999), fmt.Sprintf("%.3g %%", p.Errors*100))
	if p.Held {
		text += "  holds"
	} else {
		text += "  " + p.Why
	}
	if p.Phase == Confirmation {
		text += " (confirmation)"
	}
	return text
}

// String is the probe in a line, for progress.
func (p *Probe) String() string {
	said := "holds"
	if !p.Held {
		said = p.Why
	}
	return fmt.Sprintf("%s/s: p50 %s, p99 %s, errors %.3g %%: %s", rate(p.Rate), short(p.P50), short(p.P99), p.Errors*100, said)
}

// short rounds to three digits; what is not known is a dash.
func short(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	digits := math.Floor(math.Log10(max(1, float64(d)))) - 2
	return d.Round(time.Duration(math.Pow(10, max(0, digits)))).String()
}
