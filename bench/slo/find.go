package slo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"weir/bench"
)

// Options are the choices of a search.
type Options struct {
	// SLO is what must hold. Without a term for errors, at most 1 % may fail.
	SLO SLO
	// Start is the first rate, in requests a second; at least 1. Default: 100.
	Start float64
	// Most is the highest rate to ask for. Default: 1,000,000.
	Most float64
	// Precision is how close, as a share, the found rate and the lowest that did not hold come. Default: 0.03.
	Precision float64
	// Probe is how long a rate is tried; low rates are tried up to four times as long, until the highest percentile of
	// the SLO rests on five requests. Default: 5s.
	Probe time.Duration
	// Probes and Time bound the search: no probe is begun after so many, or so much measured time. Defaults: 60 and 10m.
	Probes int
	Time   time.Duration
	// Progress is told of each probe when it is over, on the caller's goroutine. Default: none.
	Progress func(Probe)
}

// Measure runs at a rate for a time and reports.
type Measure func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error)

// confirmations is how many more probes the found rate gets, of which a majority must hold.
const confirmations = 3

const (
	defaultErrors = 0.01 // the share that may fail where the SLO does not say
	keepingUp     = 0.95 // of the asked rate must have ended for a probe to hold
)

// ErrOptions is wrapped by a refusal of Options.
var ErrOptions = errors.New("can't search for a capacity")

// Find searches the highest rate at which the SLO holds. It blocks until it is found, the bounds are reached, ctx ends
// or measure fails; what is known then is in the Capacity, even beside an error.
//
// A probe holds if every promise is met and at least 95 % of the asked rate got through: a queue that still grows at the end
// is no capacity. The rate doubles until it does not hold (or, if the first does not, is cut to a quarter until it does), and
// the gap is then halved, geometrically, until it is within the precision.
//
// Near the edge a probe is a coin toss, and one stall of the machine can spoil a probe anywhere. A rate is given up only
// when two of up to three probes say so. A rate that holds once is believed for the moment, since the search ends with three
// more probes of the rate it found: if two of those do not hold, it was luck, and the search steps down,
// by the precision first and by twice as much each time, until a rate is confirmed. So an unlucky probe costs a
// probe, and a lucky one is caught. The method takes for granted that a rate above one that does not hold does not hold
// either; where a probe contradicts that, the Capacity says so.
//
// A probe whose report is invalid says that the generator could not send so fast: it bounds the search from above, and
// if that is the bound at the end, the found rate is the generator's limit and not the target's.
func Find(ctx context.Context, o Options, measure Measure) (*Capacity, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &search{o: o, ctx: ctx, measure: measure, needed: o.SLO.requests()}
	s.result = &Capacity{Format: Format, SLO: o.SLO.String(), Precision: o.Precision}
	if s.bracket() {
		s.bisect()
		s.confirm()
	}
	return s.finish()
}

func (o *Options) fill() error {
	if len(o.SLO.terms) == 0 {
		return fmt.Errorf("%w without an SLO to hold", ErrOptions)
	}
	o.Start = cmp.Or(o.Start, 100)
	o.Most = cmp.Or(o.Most, 1e6)
	o.Precision = cmp.Or(o.Precision, 0.03)
	o.Probe = cmp.Or(o.Probe, 5*time.Second)
	o.Probes = cmp.Or(o.Probes, 60)
	o.Time = cmp.Or(o.Time, 10*time.Minute)
	switch {
	case !(o.Start >= lowest) || !(o.Most >= o.Start) || math.IsInf(o.Most, 0):
		return fmt.Errorf("%w from %v to %v requests a second; the first must be at least %v, and no more than the last", ErrOptions, o.Start, o.Most, lowest)
	case !(o.Precision >= 0.001 && o.Precision <= 0.5):
		return fmt.Errorf("%w to a precision of %v; 0.001 to 0.5 are", ErrOptions, o.Precision)
	case o.Probe < 0 || o.Probes < 0 || o.Time < 0:
		return fmt.Errorf("%w within a negative bound", ErrOptions)
	}
	for i := range o.SLO.terms {
		if o.SLO.terms[i].of == speed {
			return fmt.Errorf("%w with a term for rate: the rate is what is searched", ErrOptions)
		}
	}
	return nil
}

// requests returns how many a probe should have for the highest percentile to rest on five.
func (s SLO) requests() float64 {
	n := 100.0
	for i := range s.terms {
		if t := &s.terms[i]; t.of == quantile {
			n = max(n, 5/(1-t.share))
		}
	}
	return n
}

// search is one Find under way.
type search struct {
	o       Options
	ctx     context.Context
	measure Measure
	needed  float64
	result  *Capacity
	spent   time.Duration

	low     float64 // the highest rate that held; 0: none
	high    float64 // the lowest that did not; 0: none
	invalid bool    // high is the generator's limit
	over    bool    // no more probes: bounds reached, ctx ended, or err
	err     error
}

// lowest is the rate below which the search gives up.
const lowest = 1.0

// hopeless is how many rates, each a quarter of the one before, may be too much for the generator: then it is not the
// rate, but the machine that lets nobody be on time.
const hopeless = 3

// bracket finds a rate that holds and one that does not, and reports whether there is something to bisect or confirm.
func (s *search) bracket() bool {
	rate := s.o.Start
	for late := 0; !s.over && s.low == 0 && rate >= lowest; {
		if s.try(rate, Search) {
			break
		}
		if s.invalid {
			late++
		}
		if s.high <= lowest || late == hopeless {
			return false
		}
		rate = max(lowest, rate/4)
	}
	for !s.over && s.low > 0 && s.high == 0 && s.low < s.o.Most {
		s.try(min(s.o.Most, s.low*2), Search)
	}
	return s.low > 0
}

func (s *search) bisect() {
	for !s.over && s.high > 0 && s.high > s.low*(1+s.o.Precision) {
		s.try(math.Sqrt(s.low*s.high), Search)
	}
}

// confirm probes the found rate again and steps down until one is confirmed.
func (s *search) confirm() {
	for step := s.o.Precision; !s.over; step *= 2 {
		held, missed, invalid := 0, 0, 0
		for !s.over && held <= confirmations/2 && missed <= confirmations/2 {
			switch p, ok := s.probe(s.low, Confirmation); {
			case !ok:
			case p.Held:
				held++
			default:
				missed++
				if !p.Valid {
					invalid++
				}
			}
		}
		switch {
		case held > confirmations/2:
			s.result.Confirmed = true
			return
		case missed > confirmations/2:
			s.high, s.invalid = s.low, invalid == missed
			if s.low *= 1 - min(step, 0.5); s.low < lowest {
				s.low = 0
				return
			}
		}
	}
}

// try asks whether a rate holds, moves low or high, and says which. One probe that holds is enough; two are needed to
// give a rate up.
func (s *search) try(rate float64, phase Phase) bool {
	held, missed, invalid := 0, 0, 0
	for held < 1+missed && missed < 2 {
		p, ok := s.probe(rate, phase)
		if !ok {
			return false
		}
		if p.Held {
			held++
		} else {
			missed++
		}
		if !p.Valid {
			invalid++
		}
	}
	if missed < 2 {
		s.low = rate
		return true
	}
	s.high, s.invalid = rate, invalid == missed
	return false
}

// probe measures once, or returns false where the search is over.
func (s *search) probe(rate float64, phase Phase) (Probe, bool) {
	if s.over {
		return Probe{}, false
	}
	if len(s.result.Probes) >= s.o.Probes || s.spent >= s.o.Time {
		s.over, s.result.OutOfBounds = true, true
		return Probe{}, false
	}
	d := time.Duration(math.Round(s.needed/rate*1000)) * time.Millisecond
	d = min(max(d, s.o.Probe), 4*s.o.Probe)
	r, err := s.measure(s.ctx, rate, d)
	if err != nil || r.CutShort || s.ctx.Err() != nil {
		s.over, s.err = true, err
		s.result.CutShort = s.ctx.Err() != nil || err == nil
		return Probe{}, false
	}
	s.spent += max(d, r.Elapsed)
	p := s.o.SLO.probe(r, rate)
	p.Phase = phase
	s.result.Probes = append(s.result.Probes, p)
	if s.o.Progress != nil {
		s.o.Progress(p)
	}
	return p, true
}

// finish puts down what the search knows.
func (s *search) finish() (*Capacity, error) {
	c := s.result
	c.Rate, c.Above, c.Spent = s.low, s.high, s.spent
	switch {
	case c.Rate == 0 && s.high == 0:
		c.Limit = NoLimit
	case s.high == 0 && c.Rate >= s.o.Most:
		c.Limit = MostLimit
	case s.high == 0:
		c.Limit = NoLimit
	case s.invalid:
		c.Limit = GeneratorLimit
	default:
		c.Limit = SLOLimit
	}
	slices.SortStableFunc(c.Probes, func(a, b Probe) int { return cmp.Compare(a.Rate, b.Rate) })
	c.Contradicted = c.contradicted()
	c.Text = c.sentence()
	if s.err != nil && s.ctx.Err() == nil {
		return c, s.err
	}
	return c, nil
}
