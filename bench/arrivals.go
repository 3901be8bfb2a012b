package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// Arrivals are the open loop's timetable: how many requests a second are due, and how they are spread.
type Arrivals struct {
	// Steps are the rates, one after the other.
	Steps []Step
	// Poisson spreads requests as independent users would: exponential gaps, with Config.Seed. Default: even gaps.
	Poisson bool
	// Times, where given, are when each request is due, ascending, since the end of the warm-up; Steps and Poisson
	// are not used then, and there must be no warm-up.
	Times []time.Duration
}

// Step is a time with a rate of requests a second that goes in a line from From to To.
type Step struct {
	From, To float64
	// For is how long it lasts. 0: to the end of the run; only the last step may say so.
	For time.Duration
}

// Constant returns the timetable of one rate.
func Constant(rate float64) *Arrivals { return &Arrivals{Steps: []Step{{From: rate, To: rate}}} }

// ParseRamp reads "100:5000/60s": from 100 to 5,000 requests a second within a minute.
func ParseRamp(text string) (*Arrivals, error) {
	rates, length, ok := strings.Cut(text, "/")
	from, to, colon := strings.Cut(rates, ":")
	var step Step
	var err error
	if !ok || !colon {
		err = fmt.Errorf("want FROM:TO/TIME")
	}
	if err == nil {
		step.From, err = parseRate(from)
	}
	if err == nil {
		step.To, err = parseRate(to)
	}
	if err == nil {
		step.For, err = parseLength(length)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: ramp %q: %w, such as 100:5000/60s", ErrConfig, text, err)
	}
	return &Arrivals{Steps: []Step{step}}, nil
}

// ParseSteps reads "100/30s,200/30s,400/30s", or "100,200,400/30s" where every rate lasts equally long.
func ParseSteps(text string) (*Arrivals, error) {
	a := &Arrivals{}
	waiting := 0
	for _, item := range strings.Split(text, ",") {
		rate, length, ok := strings.Cut(item, "/")
		r, err := parseRate(rate)
		if err == nil && ok {
			var d time.Duration
			d, err = parseLength(length)
			for i := len(a.Steps) - waiting; i < len(a.Steps); i++ {
				a.Steps[i].For = d
			}
			a.Steps = append(a.Steps, Step{From: r, To: r, For: d})
			waiting = 0
		} else {
			a.Steps = append(a.Steps, Step{From: r, To: r})
			waiting++
		}
		if err != nil {
			return nil, fmt.Errorf("%w: steps %q: %w, such as 100,200,400/30s", ErrConfig, text, err)
		}
	}
	if waiting > 0 {
		return nil, fmt.Errorf("%w: steps %q: the last step has no time, such as 100,200,400/30s", ErrConfig, text)
	}
	return a, nil
}

func parseRate(text string) (float64, error) {
	var r float64
	var rest string
	n, _ := fmt.Sscanf(text+" ", "%g%s", &r, &rest)
	if n != 1 || r < 0 || math.IsInf(r, 0) || math.IsNaN(r) {
		return 0, fmt.Errorf("%q is not a rate", text)
	}
	return r, nil
}

func parseLength(text string) (time.Duration, error) {
	var d conf.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return 0, err
	}
	if d.IsOff() || d.Value() <= 0 {
		return 0, fmt.Errorf("%q is not a time", text)
	}
	return d.Value(), nil
}

// String says the timetable in words, such as "1000/s" or "100/s to 5000/s in 1m0s, Poisson".
func (a *Arrivals) String() string {
	if len(a.Times) > 0 {
		return fmt.Sprintf("%d given times", len(a.Times))
	}
	var parts []string
	for _, s := range a.Steps {
		text := perSecond(s.From)
		if s.To != s.From {
			text += " to " + perSecond(s.To)
		}
		if s.For > 0 {
			text += " in " + s.For.String()
		}
		parts = append(parts, text)
	}
	if a.Poisson {
		parts = append(parts, "Poisson")
	}
	return strings.Join(parts, ", ")
}

// perSecond writes a rate without an exponent.
func perSecond(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) + "/s" }

// Length returns how long the timetable lasts: all its Steps, or to just behind the last of its Times. It is 0 where
// the last step lasts as long as the run.
func (a *Arrivals) Length() time.Duration {
	var sum time.Duration
	for _, s := range a.Steps {
		if s.For == 0 {
			return 0
		}
		sum += s.For
	}
	if n := len(a.Times); n > 0 {
		return a.Times[n-1] + time.Nanosecond
	}
	return sum
}

// maxRate is one request a nanosecond, which is how finely times are told apart.
const maxRate = 1e9

// longest is what any time may be: sums of a few still fit.
const longest = 50 * 365 * 24 * time.Hour

func (a *Arrivals) check() error {
	total := time.Duration(0)
	for i, s := range a.Steps {
		total = min(total, longest) + min(s.For, longest)
		switch {
		case total > longest:
			return fmt.Errorf("%w: the steps last longer than %v", ErrConfig, longest)
		case !(s.From >= 0 && s.To >= 0) || s.For < 0:
			return fmt.Errorf("%w: step %d: rates and times are not negative", ErrConfig, i+1)
		case s.From > maxRate || s.To > maxRate:
			return fmt.Errorf("%w: step %d: more than one request a nanosecond", ErrConfig, i+1)
		case s.For == 0 && (i < len(a.Steps)-1 || s.From != s.To):
			return fmt.Errorf("%w: step %d lacks a time", ErrConfig, i+1)
		case s.From == 0 && s.To == 0 && s.For == 0:
			return fmt.Errorf("%w: a rate of 0", ErrConfig)
		}
	}
	switch {
	case len(a.Times) > 0:
	case len(a.Steps) == 0:
		return fmt.Errorf("%w: a timetable without steps", ErrConfig)
	case !slices.ContainsFunc(a.Steps, func(s Step) bool { return s.From > 0 || s.To > 0 }):
		return fmt.Errorf("%w: a timetable that sends nothing: every rate is 0", ErrConfig)
	}
	last := time.Duration(0)
	for i, at := range a.Times {
		if at < last {
			return fmt.Errorf("%w: time %d is before the one before, or below 0", ErrConfig, i+1)
		}
		last = at
	}
	return nil
}

// timetable yields the times of all slots in their order. It belongs to one goroutine at a time.
//
// A slot's time is where the integral of the rate reaches its number; so no error adds up. For Poisson arrivals the
// number is replaced by a sum of exponential gaps (time change of a unit process; Lewis and Shedler 1979).
type timetable struct {
	pieces []piece
	piece  int
	end    time.Duration
	random *rand.Rand
	x      float64
	n      int64
	times  []time.Duration
}

// piece is a step with where it begins: in time and in slots.
type piece struct {
	Step
	start time.Duration
	base  float64
}

// newTimetable lays the steps end to end behind a warm-up at the first one's rate.
func newTimetable(a *Arrivals, warm, end time.Duration, seed uint64) *timetable {
	t := &timetable{end: end}
	if len(a.Times) > 0 {
		behind, _ := slices.BinarySearch(a.Times, end)
		t.times = a.Times[:behind]
		return t
	}
	if a.Poisson {
		t.random = rand.New(rand.NewPCG(seed, 0x706f6973736f6e))
		t.x = t.random.ExpFloat64()
	}
	steps := a.Steps
	if warm > 0 {
		steps = append([]Step{{From: steps[0].From, To: steps[0].From, For: warm}}, steps...)
	}
	at, base := time.Duration(0), 0.0
	for _, s := range steps {
		if s.For == 0 {
			s.For = max(end-at, 0)
		}
		t.pieces = append(t.pieces, piece{Step: s, start: at, base: base})
		at += s.For
		base += (s.From + s.To) / 2 * s.For.Seconds()
	}
	return t
}

// next returns the time of the next slot, since the start of the run, or false behind the last one.
func (t *timetable) next() (time.Duration, bool) {
	if t.times != nil {
		if t.n >= int64(len(t.times)) {
			return 0, false
		}
		t.n++
		return t.times[t.n-1], true
	}
	at, ok := t.when(t.x)
	if !ok || at >= t.end {
		return 0, false
	}
	t.n++
	if t.random != nil {
		t.x += t.random.ExpFloat64()
	} else {
		t.x = float64(t.n)
	}
	return at, true
}

// slack is the part of a slot by which a sum may be off: 0.1 × 30 = 3.0000000000000004 makes no slot of its own.
const slack = 1e-6

// when returns the time at which the integral of the rate reaches x. x never falls.
func (t *timetable) when(x float64) (time.Duration, bool) {
	for ; t.piece < len(t.pieces); t.piece++ {
		p := &t.pieces[t.piece]
		if x < p.base+(p.From+p.To)/2*p.For.Seconds()-slack {
			return p.start + p.reach(x-p.base), true
		}
	}
	return 0, false
}

// expected returns how many slots are still to come, by the integral of the rate: for Poisson arrivals, on average.
func (t *timetable) expected() int64 {
	if t.times != nil {
		return int64(len(t.times)) - t.n
	}
	last := t.pieces[len(t.pieces)-1]
	return max(0, int64(math.Ceil(last.base+(last.From+last.To)/2*last.For.Seconds()-slack-t.x)))
}

// reach solves From·t + (To-From)/(2·For)·t² = slots for t.
func (p *piece) reach(slots float64) time.Duration {
	if slots <= 0 {
		return 0
	}
	bend := (p.To - p.From) / p.For.Seconds()
	root := math.Sqrt(max(0, p.From*p.From+2*bend*slots))
	return time.Duration(math.Round(2 * slots / (p.From + root) * float64(time.Second)))
}
