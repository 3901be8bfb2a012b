package demo

import (
	"errors"
	"time"

	"weir/bench"
)

// outcome is the whole demo in figures, for the report.
type outcome struct {
	view        view
	reports     []*bench.Report // of the lanes, in their order
	requests    int64
	failed      int64
	failures    bench.Failures
	window      window
	hero        string
	back        bool // the hero got traffic again
	interrupted bool
	err         error // a lane could not run
}

// window is what the API's lanes saw while the hero was dead.
type window struct {
	from, to         time.Duration
	requests, failed int64
	slowest          time.Duration
}

// outcome sums up after the lanes have ended.
func (s *story) outcome(interrupted bool) outcome {
	o := outcome{view: s.view(), hero: s.hero.name, interrupted: interrupted}
	s.mu.Lock()
	defer s.mu.Unlock()
	o.back = s.back
	if o.window.from = s.killed; s.killed != 0 {
		o.window.to = max(s.alive, s.killed)
	}
	for _, l := range s.lanes {
		r, err := l.result()
		o.err = errors.Join(o.err, err)
		o.reports = append(o.reports, r)
		o.requests += r.Requests
		o.failed += r.Failed()
		for k, n := range r.Failures {
			o.failures[k] += n
		}
		if l.kind != "tcp" && s.killed != 0 {
			requests, failed, slowest := l.between(o.window.from, o.window.to)
			o.window.requests += requests
			o.window.failed += failed
			o.window.slowest = max(o.window.slowest, slowest)
		}
	}
	return o
}

// code is the exit code of the demo.
func (o *outcome) code() int {
	switch {
	case o.failed > 0:
		return Failed
	case o.interrupted, o.err != nil, o.requests == 0:
		return NotBegun
	case !o.back:
		return Failed
	}
	return Fine
}
