package slo

import (
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// run is a report of requests that took 1 ms, 2 ms, … up to ok ms, within a second.
func run(ok int) *bench.Report {
	r := &bench.Report{Format: bench.ReportFormat, OK: int64(ok), Requests: int64(ok), Elapsed: time.Second, Histogram: bench.NewHistogram()}
	for n := range ok {
		r.Histogram.Record(time.Duration(n+1) * time.Millisecond)
	}
	r.Latency = r.Histogram.Quantiles()
	return r
}

func mustParse(t *testing.T, text string) SLO {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEachTermIsJudgedOnItsOwn(t *testing.T) {
	failing := run(95)
	failing.Requests, failing.Failures = 97, bench.Failures{bench.Timeout: 2}
	unsent := run(90)
	unsent.Unsent = 10
	dead := run(0)
	dead.Requests, dead.Failures = 5, bench.Failures{bench.Connect: 5}
	invalid := run(100)
	invalid.Invalid = []string{"the generator sent late"}
	for _, c := range []struct {
		name, slo string
		r         *bench.Report
		state     State
		text      string
	}{
		{"below", "p50<51ms", run(100), Met, "met      p50<51ms: p50 is 50ms"},
		{"above", "p90<50ms", run(100), Missed, "missed   p90<50ms: p90 is 90"},
		{"any percentile", "p33.3<35ms", run(100), Met, "p33.3 is 33ms"},
		{"mean", "mean<51ms", run(100), Met, "mean is 50.5ms"},
		{"max", "max<99ms", run(100), Missed, "max is 100ms"},
		{"rate", "rate>99", run(100), Met, "rate is 100.0/s"},
		{"rate on the limit", "rate>100", run(100), Missed, "missed   rate>100/s: rate is 100.0/s"},
		{"rate at least", "rate>=100", run(100), Met, "met"},
		{"no errors", "errors<=0", run(100), Met, "errors is 0 %"},
		{"failures are errors", "errors<2%", failing, Missed, "errors is 2.06 %"},
		{"unsent slots are errors", "errors<=10%", unsent, Met, "errors is 10 %"},
		{"unsent slots are slow", "p85<90ms", unsent, Met, "p85 is 85"},
		{"beyond all that was sent", "p95<1h", unsent, Missed, "p95 is beyond what could be measured"},
		{"max of what was not sent", "max<1h", unsent, Missed, "beyond"},
		{"mean of what was not sent", "mean<1h", unsent, Missed, "beyond"},
		{"no answer at all", "p50<1h", dead, Missed, "beyond"},
		{"errors of nothing but", "errors<50%", dead, Missed, "errors is 100 %"},
		{"errors of an empty run", "errors<50%", run(0), Missed, "errors is 100 %"},
		{"an invalid run", "p99<1ms", invalid, Unknown, "unknown  p99<1ms: the run is invalid"},
		{"an invalid run that would do", "rate>1", invalid, Unknown, "unknown"},
	} {
		v := mustParse(t, c.slo).Judge(c.r)
		if len(v) != 1 || v[0].State != c.state || !strings.Contains(v[0].Text, c.text) {
			t.Errorf("%s: %+v; want %s, %q", c.name, v, c.state, c.text)
		}
	}
}

func TestAVerdictCarriesTheFigureAndItsUnit(t *testing.T) {
	v := mustParse(t, "p50<20ms,errors<1%,rate>5").Judge(run(100))
	for i, want := range []struct {
		unit            string
		measured, limit float64
	}{{"ns", 50e6, 20e6}, {"share", 0, 0.01}, {"1/s", 100, 5}} {
		if v[i].Unit != want.unit || v[i].Limit != want.limit || v[i].Measured < want.measured*0.99 || v[i].Measured > want.measured*1.01 {
			t.Errorf("%+v; want %+v", v[i], want)
		}
	}
}

func TestOneMissedTermIsAMissedSLO(t *testing.T) {
	of := func(states ...State) (v []Verdict) {
		for _, s := range states {
			v = append(v, Verdict{State: s})
		}
		return v
	}
	for _, c := range []struct {
		terms []Verdict
		want  State
	}{
		{of(Met, Met), Met}, {of(Met, Missed), Missed}, {of(Unknown, Unknown), Unknown},
		{of(Unknown, Missed), Missed}, {of(Met, Unknown), Unknown}, {nil, Met},
	} {
		if got := Outcome(c.terms); got != c.want {
			t.Errorf("%v is %s, want %s", c.terms, got, c.want)
		}
	}
}
