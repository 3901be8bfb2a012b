package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/bench"
	"weir/bench/report"
	"weir/bench/slo"
)

// capacity is --find-capacity: it searches the highest rate and reports the last run at it.
func (p *program) capacity(ctx context.Context, f *benchFlags, cfg bench.Config, goal slo.SLO, outs []output) error {
	s := search{p: p, cfg: cfg, poisson: f.arrivals == "poisson", at: map[float64]*bench.Report{}}
	found, err := slo.Find(ctx, slo.Options{SLO: goal, Start: float64(f.rate), Probe: f.duration, Progress: func(probe slo.Probe) {
		if !f.quiet {
			fmt.Fprintln(p.err, probe.String())
		}
	}}, s.measure)
	switch {
	case errors.Is(err, slo.ErrOptions), errors.Is(err, bench.ErrConfig):
		return err
	case err != nil:
		return fail(CouldNotRun, err)
	}
	r := s.at[found.Rate]
	if r == nil {
		r = s.last
	}
	if r == nil {
		return fail(CouldNotRun, errors.New("cut short before the first try was over"))
	}
	m := judged(r, goal)
	m.Capacity, m.extras.Capacity = found, curve(goal, found)
	if err := p.writeReports(outs, m); err != nil {
		return err
	}
	if answered(r) == 0 {
		return fail(CouldNotRun, errors.New(nothing(r)))
	}
	return searched(found)
}

// searched is the exit of a search.
func searched(found *slo.Capacity) error {
	text := "weir: " + found.Text
	switch {
	case found.CutShort && found.Rate == 0:
		return &exit{CouldNotRun, text}
	case found.Limit == slo.GeneratorLimit:
		return &exit{Invalid, text}
	case found.Rate == 0:
		return &exit{Bad, text}
	case !found.Confirmed, found.CutShort:
		return &exit{Invalid, text}
	}
	return nil
}

// search runs the probes and keeps their reports.
type search struct {
	p       *program
	cfg     bench.Config
	poisson bool
	at      map[float64]*bench.Report // the last run at each rate
	last    *bench.Report
}

func (s *search) measure(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
	cfg := s.cfg
	cfg.Duration = d
	cfg.Arrivals = bench.Constant(rate)
	cfg.Arrivals.Poisson = s.poisson
	cfg.Seed += uint64(len(s.at))
	r, err := s.p.send(ctx, cfg, true)
	if err != nil {
		return nil, err
	}
	s.at[rate], s.last = r, r
	return r, nil
}

// curve is the search as the page shows it.
func curve(goal slo.SLO, found *slo.Capacity) *report.Capacity {
	c := &report.Capacity{Goal: goal.String(), Rate: found.Rate}
	for _, probe := range found.Probes {
		c.Rungs = append(c.Rungs, report.Rung{
			Rate: probe.Rate, Latency: bench.Quantiles{P50: probe.P50, P99: probe.P99, P999: probe.P999},
			Failed: probe.Errors, Held: probe.Held, Valid: probe.Valid,
		})
	}
	return c
}
