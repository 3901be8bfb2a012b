package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ledger takes down every request. All lines share it.
type ledger struct {
	mu      sync.Mutex
	report  Report
	second  Second
	latency *hdrhistogram.Histogram // of the current second
}

func newLedger(target string) *ledger {
	return &ledger{
		report:  Report{Target: target, Histogram: newHistogram(), LagHistogram: newHistogram()},
		latency: newHistogram(),
	}
}

// note takes down one request that ended: its slot, its time since the slot, and its fate.
func (l *ledger) note(s slot, took time.Duration, a answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.second.Requests++
	l.second.BytesIn += a.bytes
	if err != nil {
		l.second.Failures[kindOf(err)]++
	} else {
		l.second.OK++
		record(l.report.Histogram, took)
		record(l.latency, took)
	}
	if s.late {
		l.report.Late++
		return
	}
	record(l.report.LagHistogram, s.lag)
	l.second.Lag = max(l.second.Lag, s.lag)
}

// turn closes the current second and returns it.
func (l *ledger) turn(at time.Duration) Second {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.second
	done.At = at
	done.Latency = QuantilesOf(l.latency)
	l.second = Second{}
	l.latency.Reset()

	r := &l.report
	r.Requests += done.Requests
	r.OK += done.OK
	r.BytesIn += done.BytesIn
	for k, n := range done.Failures {
		r.Failures[k] += n
	}
	r.Series = append(r.Series, done)
	return done
}

// finish returns the report; the ledger is not used afterwards.
func (l *ledger) finish(elapsed time.Duration, unsent int64) *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.report
	r.Elapsed = elapsed
	r.Unsent = unsent
	r.Latency = QuantilesOf(r.Histogram)
	r.Lag = QuantilesOf(r.LagHistogram)
	return r
}
