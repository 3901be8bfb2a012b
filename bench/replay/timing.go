package replay

import (
	"fmt"
	"math"
	"slices"
	"time"

	"weir/bench"
)

// lead is how long after the start of the run the first request is due, so that it is no more late than the others.
const lead = 10 * time.Millisecond

// Requests returns how many requests are replayed.
func (l *Log) Requests() int { return len(l.entries) }

// Span returns the time from the first arrival to the last.
func (l *Log) Span() time.Duration {
	return time.Duration(l.entries[len(l.entries)-1].at - l.entries[0].at)
}

// Arrivals returns when each request is due: the gaps of the log, divided by speed. Slot n is the n-th request of
// Source. It is an error, which wraps bench.ErrConfig, if speed is not above 0.
func (l *Log) Arrivals(speed float64) (*bench.Arrivals, error) {
	if !(speed > 0) || math.IsInf(speed, 0) || float64(l.Span())/speed > math.MaxInt64/4 {
		return nil, fmt.Errorf("%w: a speed of %g", bench.ErrConfig, speed)
	}
	times := make([]time.Duration, len(l.entries))
	for i := range l.entries {
		times[i] = lead + l.since(i, speed)
	}
	return &bench.Arrivals{Times: times}, nil
}

// since returns how long after the first request number i arrives at a speed.
func (l *Log) since(i int, speed float64) time.Duration {
	gap := l.entries[i].at - l.entries[0].at
	if speed == 1 {
		return time.Duration(gap)
	}
	return time.Duration(float64(gap) / speed)
}

// Concurrency returns how many requests were under way at once at most, had they come at a speed and taken as long
// as the log says; 0 where it says nothing.
func (l *Log) Concurrency(speed float64) int {
	var ends []time.Duration
	for i := range l.entries {
		if took := l.entries[i].took; took != unknown {
			ends = append(ends, l.since(i, speed)+time.Duration(took)*time.Microsecond)
		}
	}
	slices.Sort(ends)
	most, ended, begun := 0, 0, 0
	for i := range l.entries {
		if l.entries[i].took == unknown {
			continue
		}
		for ended < len(ends) && ends[ended] < l.since(i, speed) {
			ended++
		}
		begun++
		most = max(most, begun-ended)
	}
	return most
}

// Latency returns how long the requests took by the log; it is empty where the log does not say.
func (l *Log) Latency() bench.Histogram { return l.latency(len(l.entries), nil) }

// latency returns how long the first n requests took; wanted, where given, chooses by method.
func (l *Log) latency(n int, wanted func(method uint16) bool) bench.Histogram {
	h := bench.NewHistogram()
	for i := range l.entries[:n] {
		if e := &l.entries[i]; e.took != unknown && (wanted == nil || wanted(e.method)) {
			h.Record(time.Duration(e.took) * time.Microsecond)
		}
	}
	return h
}
