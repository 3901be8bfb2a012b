//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/bench"
)

// rush is load at a rate that does not wait for answers.
type rush struct {
	path        string
	rate        float64       // requests a second
	warmup, run time.Duration // what comes in warmup is not in the report
	connections int           // default: 64
	steps       []bench.Step  // instead of rate
	body        func(body []byte) bool
}

// gently is a rate that a machine can bear under the race detector too, where that is on.
func gently(rate float64) float64 {
	if raceDetector {
		return min(rate, 150)
	}
	return rate
}

// on sends the load to c's listener and reports what came of it.
func (r rush) on(c *child) *bench.Report {
	c.t.Helper()
	report, err := r.try(c)
	if err != nil {
		c.t.Fatal(err)
	}
	return report
}

// beside is on, beside the test: what it returns waits for the report.
func (r rush) beside(c *child) func() *bench.Report {
	reports := make(chan *bench.Report, 1)
	go func() { // ends with the load
		report, err := r.try(c)
		if err != nil {
			c.t.Error(err)
		}
		reports <- report
	}()
	return func() *bench.Report {
		c.t.Helper()
		report := <-reports
		if report == nil {
			c.t.FailNow()
		}
		return report
	}
}

func (r rush) try(c *child) (*bench.Report, error) {
	source, err := newAsking(r.path, r.body)
	if err != nil {
		return nil, err
	}
	cfg := bench.Config{
		Target: "http://" + c.at(8080) + r.path, Source: source, Connections: max(r.connections, 64),
		Rate: r.rate, Duration: r.run, Warmup: r.warmup, Timeout: patience,
		MaxLag: time.Minute, // the machine may be busy; what a test demands of latencies leaves room for that
	}
	if r.steps != nil {
		cfg.Rate, cfg.Arrivals = 0, &bench.Arrivals{Steps: r.steps}
	}
	return bench.Run(context.Background(), cfg)
}

// asking is a bench.Source of one GET whose answer's body is looked at.
type asking struct {
	bench.Source
	expect *bench.Expect
}

func newAsking(path string, body func([]byte) bool) (bench.Source, error) {
	fixed, err := bench.Fixed("GET", path, nil, nil)
	if err != nil || body == nil {
		return fixed, err
	}
	return &asking{fixed, &bench.Expect{Body: body}}, nil
}

// Maker implements bench.Source.
func (a *asking) Maker(form bench.Form, authority string, seed uint64) bench.Maker {
	return &askingMaker{a.Source.Maker(form, authority, seed), a.expect}
}

type askingMaker struct {
	bench.Maker
	expect *bench.Expect
}

// Fill implements bench.Maker.
func (m *askingMaker) Fill(n int64, r *bench.Request) {
	m.Maker.Fill(n, r)
	r.Expect = m.expect
}

// shares counts answers by the name with which each begins.
type shares struct {
	names []string
	n     []atomic.Int64
}

func newShares(names ...string) *shares {
	return &shares{names: names, n: make([]atomic.Int64, len(names))}
}

// note counts one answer and reports whether its name is known. It is safe for concurrent use.
func (s *shares) note(body []byte) bool {
	i := slices.IndexFunc(s.names, func(name string) bool { return strings.HasPrefix(string(body), name) })
	if i < 0 {
		return false
	}
	s.n[i].Add(1)
	return true
}

func (s *shares) counts() []int64 {
	out := make([]int64, len(s.n))
	for i := range s.n {
		out[i] = s.n[i].Load()
	}
	return out
}

// during returns the share, 0 to 1, that the endpoint i has of the answers of the next d.
func (s *shares) during(d time.Duration, i int) float64 {
	before := s.counts()
	<-time.After(d)
	var mine, all float64
	for k, n := range s.counts() {
		all += float64(n - before[k])
		if k == i {
			mine = float64(n - before[k])
		}
	}
	return mine / max(all, 1)
}

// summary says the main figures of a report in a line.
func summary(r *bench.Report) string {
	q := r.Latency
	return fmt.Sprintf("%d requests, %d fine, %v failed, unsent %d; p50 %v p99 %v p99.9 %v max %v; lag p99 %v; statuses %v",
		r.Requests, r.OK, r.Failures, r.Unsent, short(q.P50), short(q.P99), short(q.P999), short(q.Max), short(r.Lag.P99), r.Statuses)
}

func short(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// unfailing fails the test for each request that failed.
func unfailing(t *testing.T, what string, r *bench.Report) {
	t.Helper()
	if n := r.Failed(); n > 0 {
		t.Errorf("%s: %d requests failed: %v, first %v", what, n, r.Failures, r.FirstFailures)
	}
}
