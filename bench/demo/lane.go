package demo

import (
	"context"
	"sync"
	"time"

	"weir/bench"
)

// lane is the traffic of one listener. Its methods are safe for concurrent use.
type lane struct {
	name, kind, address string
	ask                 bench.Config

	mu     sync.Mutex
	report *bench.Report // nil until the run is over
	err    error
	series []bench.Second
}

// run sends the lane's traffic and blocks until it is over or ctx ends.
func (l *lane) run(ctx context.Context, length time.Duration) {
	ask := l.ask
	ask.Duration = length
	ask.Progress = l.second
	report, err := bench.Run(ctx, ask)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report, l.err = report, err
}

func (l *lane) second(s bench.Second) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.series = append(l.series, s)
}

// laneView is what the table shows of a lane.
type laneView struct {
	name, kind, address string
	perSecond           int64
	ok, failed          int64
	latency             bench.Quantiles // of the last second; of all, once the run is over
}

func (l *lane) view() laneView {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := laneView{name: l.name, kind: l.kind, address: l.address}
	if n := len(l.series); n > 0 {
		v.perSecond, v.latency = l.series[n-1].Requests, l.series[n-1].Latency
	}
	if r := l.report; r != nil {
		v.ok, v.failed, v.latency = r.OK, r.Failed(), r.Latency
		return v
	}
	for _, s := range l.series {
		v.ok += s.OK
		v.failed += s.Failures.Total()
	}
	return v
}

// between sums up the seconds that overlap with a part of the run: requests, failures and the slowest answer.
func (l *lane) between(from, to time.Duration) (requests, failed int64, slowest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	series := l.series
	if l.report != nil {
		series = l.report.Series
	}
	began := time.Duration(0)
	for _, s := range series {
		if s.At > from && began < to {
			requests += s.Requests
			failed += s.Failures.Total()
			slowest = max(slowest, s.Latency.Max)
		}
		began = s.At
	}
	return requests, failed, slowest
}

// result returns the report of a run that is over, or an empty one if it could not begin.
func (l *lane) result() (*bench.Report, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report == nil {
		return &bench.Report{}, l.err
	}
	return l.report, l.err
}
