// Package slo judges a run of weir bench by what its target has promised, and searches the highest rate at which the
// promise is kept.
//
// `weir bench --slo` calls Parse and Judge, `--find-capacity` calls Find. The package sends nothing itself: Find is
// given a function that measures at a rate.
package slo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// SLO is a list of promises, all of which are to be kept. The zero SLO promises nothing.
type SLO struct{ terms []term }

// term is one promise: a figure, the side of the limit on which it must be, and the limit.
type term struct {
	name   string
	of     subject
	share  float64 // a quantile's, 0 to 1
	upper  bool    // the figure must lie below the limit
	strict bool    // and not on it
	limit  float64 // ns, a share, or requests a second
}

// subject is what a figure measures, and so the unit of its limit.
type subject uint8

const (
	quantile subject = iota
	mean
	slowest
	failing
	speed
)

var subjects = map[string]subject{"mean": mean, "max": slowest, "errors": failing, "rate": speed}

var names = []string{"p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "mean", "max", "errors", "rate"}

// synonyms are what others call a figure.
var synonyms = map[string]string{"median": "p50", "average": "mean", "avg": "mean", "worst": "max", "rps": "rate", "qps": "rate", "failures": "errors"}

const allowed = `terms are p1 to p99.999, mean, max, errors and rate, such as "p99<20ms,errors<0.1%,rate>1000"`

// Parse reads "p99<20ms,errors<0.1%": terms with commas between them, each a figure, a comparison and a limit.
//
// Figures are any percentile from p1 to p99.999, mean and max, with a duration that has a unit; errors, the share of the
// requests that failed or were never sent, as "0.1%" or "0.001"; and rate, requests a second that ended, as "1000" or
// "1000/s". Times and errors take < and <=, rate takes > and >=. Errors say what is allowed.
func Parse(text string) (SLO, error) {
	var s SLO
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		t, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return SLO{}, fmt.Errorf("%q: %w", text, err)
		}
		if seen[t.name] {
			return SLO{}, fmt.Errorf("%q: %s occurs twice", text, t.name)
		}
		seen[t.name] = true
		s.terms = append(s.terms, t)
	}
	return s, nil
}

func parseTerm(text string) (term, error) {
	at := strings.IndexAny(text, "<>=")
	switch {
	case text == "":
		return term{}, fmt.Errorf("a term is empty; %s", allowed)
	case at < 0:
		return term{}, fmt.Errorf("%q lacks a comparison; %s", text, allowed)
	}
	sign := text[at : at+1]
	rest := text[at+1:]
	if strings.HasPrefix(rest, "=") {
		sign, rest = sign+"=", rest[1:]
	}
	t, err := parseName(strings.TrimSpace(text[:at]))
	if err != nil {
		return term{}, err
	}
	if err := t.compare(sign); err != nil {
		return term{}, err
	}
	return t, t.parseLimit(strings.TrimSpace(rest))
}

func parseName(name string) (term, error) {
	if of, ok := subjects[name]; ok {
		return term{name: name, of: of}, nil
	}
	if digits, ok := strings.CutPrefix(name, "p"); ok && len(digits) > 0 && len(digits) <= 6 && strings.Trim(digits, "0123456789.") == "" {
		if p, err := strconv.ParseFloat(digits, 64); err == nil && p >= 1 && p < 100 {
			return term{name: "p" + strconv.FormatFloat(p, 'f', -1, 64), of: quantile, share: p / 100}, nil
		}
		if strings.HasPrefix(digits, "100") {
			return term{}, fmt.Errorf(`there is no %s; did you mean "max"? %s`, name, allowed)
		}
	}
	near, known := synonyms[name]
	if !known {
		near = conf.Nearest(name, names)
	}
	if near != "" {
		return term{}, fmt.Errorf("%q is no figure; did you mean %q? %s", name, near, allowed)
	}
	return term{}, fmt.Errorf("%q is no figure; %s", name, allowed)
}

// compare takes the comparison, which must be one that makes a promise.
func (t *term) compare(sign string) error {
	t.upper = t.of != speed
	good, other := "<", "<="
	if !t.upper {
		good, other = ">", ">="
	}
	if sign != good && sign != other {
		return fmt.Errorf("%s is promised with %s or %s, not %s", t.name, good, other, sign)
	}
	t.strict = sign == good
	return nil
}

func (t *term) parseLimit(text string) error {
	switch t.of {
	case failing:
		return t.parseShare(text)
	case speed:
		n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
		if err != nil || !(n > 0 && n < 1e12) {
			return fmt.Errorf(`%s: %q is not a rate; write requests a second, such as "1000" or "1000/s"`, t.name, text)
		}
		t.limit = n
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf(`%s: %q is not a time; write a number and a unit, such as "20ms" or "1.5s"`, t.name, text)
	}
	t.limit = float64(d)
	return nil
}

func (t *term) parseShare(text string) error {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= 1) {
		return fmt.Errorf(`%s: %q is not a share; write "0.1%%" or "0.001"`, t.name, text)
	}
	if n == 0 && t.strict {
		return fmt.Errorf(`%s: less than none can't be promised; write "errors<=0"`, t.name)
	}
	t.limit = n
	return nil
}

// String writes the SLO in the form that Parse reads.
func (s SLO) String() string {
	var out []string
	for i := range s.terms {
		out = append(out, s.terms[i].String())
	}
	return strings.Join(out, ",")
}

func (t *term) String() string { return t.name + t.sign() + t.value(t.limit) }

func (t *term) sign() string {
	sign := ">"
	if t.upper {
		sign = "<"
	}
	if !t.strict {
		sign += "="
	}
	return sign
}

// value writes a figure or a limit in the term's unit.
func (t *term) value(x float64) string {
	switch t.of {
	case failing:
		return strconv.FormatFloat(x*100, 'g', 6, 64) + "%"
	case speed:
		return strconv.FormatFloat(x, 'f', -1, 64) + "/s"
	}
	return time.Duration(x).String()
}
