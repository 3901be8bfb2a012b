package compare

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// loss says what became worse.
func (r *Result) loss(worse []*Figure) string {
	return fmt.Sprintf("%s: beyond the tolerance of %s.", sentence(worse), percent(r.Tolerance))
}

// sentence says by how much B differs in one figure that stands for the others, and names those.
func sentence(lines []*Figure) string {
	chief := lines[0]
	for _, l := range lines {
		switch {
		case l.of.headline && math.Abs(l.Change) > math.Abs(chief.Change), l.Name == "p99",
			l.of.kind == failures && chief.of.kind == throughput: // what fails is the cause, what does not arrive the effect
			chief = l
		}
	}
	text := fmt.Sprintf("B is %s %s (%s)", chief.words(), at(chief), chief.interval())
	var others []string
	for _, l := range lines {
		if l != chief {
			others = append(others, l.Name)
		}
	}
	if len(others) > 0 {
		text += ", and differs likewise in " + strings.Join(others, ", ")
	}
	return text
}

// words names the change by its kind, such as "slower by 9.8 %".
func (l *Figure) words() string {
	return l.direction() + " by " + strings.TrimLeft(l.change(l.Change), "+−")
}

// direction says which way a figure differs.
func (l *Figure) direction() string {
	switch {
	case l.of.kind != latency:
		return string(l.Verdict)
	case l.Verdict == Worse:
		return "slower"
	}
	return "faster"
}

func at(l *Figure) string {
	switch l.of.kind {
	case throughput, failures:
		return "in " + l.Name
	}
	if l.Name == "mean" {
		return "on average"
	}
	if strings.Contains(l.Name, " to ") {
		return "from " + l.Name
	}
	return "at " + strings.Replace(l.Name, "slowest", "the slowest", 1)
}

func why(l *Figure) string {
	if l.Verdict == TooFew {
		return fmt.Sprintf("too little data: %s needs %s answers a side.", l.Name, thousands(l.Needs))
	}
	return fmt.Sprintf("too little data or too unsteady. %s B may be %s; more or longer runs narrow that.", capital(at(l)), l.interval())
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// interval says the ends of the interval in words.
func (l *Figure) interval() string {
	return fmt.Sprintf("%s to %s, 95 %% sure", l.change(l.Low), l.change(l.High))
}

// change writes a change: per cent, or points of a share.
func (l *Figure) change(x float64) string {
	if l.of.kind == failures {
		return signed(x*100, 2) + " pt"
	}
	if math.Abs(x) >= 10 {
		return signed(x*100, 0) + " %"
	}
	return signed(x*100, 1) + " %"
}

func signed(x float64, digits int) string {
	text := fmt.Sprintf("%+.*f", digits, x)
	if strings.Trim(text, "+-0.") == "" {
		return strings.TrimLeft(text, "+-")
	}
	return strings.Replace(text, "-", "−", 1)
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", share*100), "0"), ".") + " %"
}

// value writes a side's own value.
func (l *Figure) value(x float64) string {
	switch l.of.kind {
	case throughput:
		return fmt.Sprintf("%.1f/s", x)
	case failures:
		return fmt.Sprintf("%.2f %%", x*100)
	}
	switch d := time.Duration(x); {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.2f s", x/1e9)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", x/1e6)
	default:
		return fmt.Sprintf("%.1f µs", x/1e3)
	}
}
