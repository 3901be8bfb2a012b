package bench

import (
	"io"
	"sync"
	"time"
)

// ledger adds up what the tallies take down, second by second.
type ledger struct {
	tallies []*tally
	report  Report

	mu    sync.Mutex
	first [kinds]string // the first failure of each kind
}

func newLedger(classes []string, tallies int, maxLag time.Duration) *ledger {
	l := &ledger{}
	l.report = Report{Format: ReportFormat, Histogram: NewHistogram(), LagHistogram: NewHistogram(), Invalid: []string{}, Statuses: map[int]int64{}}
	for range tallies {
		l.tallies = append(l.tallies, newTally(len(classes), maxLag))
	}
	if len(classes) > 1 { // else the figures are the report's
		for _, name := range classes {
			l.report.Classes = append(l.report.Classes, Class{Name: name, Histogram: NewHistogram()})
		}
	}
	return l
}

// explain keeps the text of the first failure of each kind.
func (l *ledger) explain(kind Kind, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first[kind] == "" {
		l.first[kind] = words(err)
	}
}

// turn closes the current second and returns it. One goroutine calls it.
func (l *ledger) turn(at time.Duration, busy float64) Second {
	sum := Second{At: at, Busy: busy, Histogram: NewHistogram()}
	for _, t := range l.tallies {
		i := t.turn()
		l.add(&sum, i)
		i.empty()
	}
	sum.Latency = sum.Histogram.Quantiles()
	r := &l.report
	r.Histogram.Add(sum.Histogram)
	r.Requests += sum.Requests
	r.OK += sum.OK
	r.BytesIn += sum.BytesIn
	r.Late += sum.Late
	addFailures(&r.Failures, &sum.Failures)
	r.Series = append(r.Series, sum)
	return sum
}

// add takes one tally's second into the second of all, and into what the report counts as a whole.
func (l *ledger) add(sum *Second, i *interval) {
	sum.Requests += i.count.Requests
	sum.OK += i.count.OK
	sum.Late += i.count.Late
	sum.BytesIn += i.count.BytesIn
	sum.Lag = max(sum.Lag, i.count.Lag)
	addFailures(&sum.Failures, &i.count.Failures)
	sum.Histogram.MergeFrom(i.latency)

	r := &l.report
	r.LagHistogram.MergeFrom(i.lag)
	r.BytesOut += i.out
	r.Distorted += i.distorted
	r.Opened += i.opened
	r.Redials += i.reopened
	for status, n := range i.statuses {
		if n > 0 {
			r.Statuses[status] += n
		}
	}
}

// addClasses takes in what the tallies count of each class.
func (l *ledger) addClasses() {
	for _, t := range l.tallies {
		for c := range t.classes {
			from, to := &t.classes[c], &l.report.Classes[c]
			to.OK += from.ok
			addFailures(&to.Failures, &from.failures)
			to.Histogram.Add(from.latency)
		}
	}
}

// words is the text of a failure for a reader, to whom EOF says nothing.
func words(err error) string {
	if err == io.EOF {
		return "the connection was closed before a byte of the answer"
	}
	return err.Error()
}

func addFailures(to, from *Failures) {
	for k, n := range from {
		to[k] += n
	}
}

// finish returns the report; the ledger is not used afterwards.
func (l *ledger) finish(elapsed time.Duration, unsent int64) *Report {
	r := &l.report
	r.Elapsed = elapsed
	r.Unsent = unsent
	r.Latency = r.Histogram.Quantiles()
	r.Lag = r.LagHistogram.Quantiles()
	l.addClasses()
	for c := range r.Classes {
		r.Classes[c].Latency = r.Classes[c].Histogram.Quantiles()
	}
	for k, text := range l.first {
		if text != "" && r.Failures[k] > 0 {
			if r.FirstFailures == nil {
				r.FirstFailures = map[string]string{}
			}
			r.FirstFailures[Kind(k).key()] = text
		}
	}
	return r
}
