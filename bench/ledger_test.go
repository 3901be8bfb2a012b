package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestQuantilesAreThoseOfTheSortedSamples(t *testing.T) {
	// Three digits: each quantile within a thousandth of the exact one.
	for name, draw := range map[string]func(*rand.Rand) float64{
		"uniform":     func(r *rand.Rand) float64 { return 1e5 + r.Float64()*1e8 },
		"exponential": func(r *rand.Rand) float64 { return 1e5 + r.ExpFloat64()*2e6 },
		"two modes": func(r *rand.Rand) float64 {
			if r.IntN(50) == 0 {
				return 4e8 + r.Float64()*1e8
			}
			return 2e5 + r.Float64()*1e5
		},
		"log normal": func(r *rand.Rand) float64 { return 1e6 * math.Exp(r.NormFloat64()) },
	} {
		r := rand.New(rand.NewPCG(7, 7))
		h := newHistogram()
		var samples []float64
		for range 20_000 {
			d := time.Duration(draw(r))
			samples = append(samples, float64(d))
			record(h, d)
		}
		slices.Sort(samples)
		q := QuantilesOf(h)
		for _, c := range []struct {
			share float64
			got   time.Duration
		}{{.5, q.P50}, {.9, q.P90}, {.99, q.P99}, {.999, q.P999}, {1, q.Max}} {
			want := samples[int(math.Ceil(c.share*float64(len(samples))))-1]
			if math.Abs(float64(c.got)-want) > want/500 {
				t.Errorf("%s: %v at %v, want %v", name, c.got, c.share, time.Duration(want))
			}
		}
	}
}

func TestQuantilesOfFewSamples(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		samples []time.Duration
		p50     time.Duration
		max     time.Duration
	}{
		{nil, 0, 0},
		{[]time.Duration{5 * ms}, 5 * ms, 5 * ms},
		{[]time.Duration{1 * ms, 9 * ms}, 1 * ms, 9 * ms},
		{[]time.Duration{9 * ms, 1 * ms, 5 * ms}, 5 * ms, 9 * ms},
	} {
		h := newHistogram()
		for _, d := range c.samples {
			record(h, d)
		}
		q := QuantilesOf(h)
		if (q.P50-c.p50).Abs() > c.p50/500 || (q.Max-c.max).Abs() > c.max/500 {
			t.Errorf("%v: p50 %v, max %v; want %v, %v", c.samples, q.P50, q.Max, c.p50, c.max)
		}
		if len(c.samples) > 0 && (q.P99 != q.Max || q.P999 != q.Max) {
			t.Errorf("%v: the far quantiles are %v and %v, want the maximum %v", c.samples, q.P99, q.P999, q.Max)
		}
	}
}

func TestSamplesBeyondTheScaleAreKeptAtItsEnds(t *testing.T) {
	h := newHistogram()
	for _, d := range []time.Duration{-time.Second, 0, 1, time.Hour, math.MaxInt64} {
		record(h, d)
	}
	if n := h.TotalCount(); n != 5 {
		t.Fatalf("%d of 5 samples were kept", n)
	}
	if q := QuantilesOf(h); q.Max < time.Minute || q.Max > time.Minute+time.Second || q.P50 > time.Microsecond {
		t.Errorf("max %v, p50 %v; want a minute and next to nothing", q.Max, q.P50)
	}
}

func TestALedgerTakesDownEachFate(t *testing.T) {
	l := newLedger("http://a")
	slow := 30 * time.Millisecond
	l.note(slot{lag: 2 * time.Millisecond}, 10*time.Millisecond, answer{status: 200, bytes: 100}, nil)
	l.note(slot{late: true}, slow, answer{status: 200, bytes: 50}, nil)
	l.note(slot{lag: time.Millisecond}, slow, answer{status: 503, bytes: 7}, errStatus)
	l.note(slot{late: true}, slow, answer{}, errShort)
	second := l.turn(time.Second)
	if second.Requests != 4 || second.OK != 2 || second.BytesIn != 157 || second.Lag != 2*time.Millisecond || second.At != time.Second {
		t.Errorf("the second is %+v", second)
	}
	if (second.Latency.Max - slow).Abs() > slow/500 {
		t.Errorf("the slowest took %v, want %v", second.Latency.Max, slow)
	}
	if next := l.turn(2 * time.Second); next.Requests != 0 || next.Latency != (Quantiles{}) || next.Lag != 0 || next.Failures.Total() != 0 {
		t.Errorf("the next second begins with %+v", next)
	}
	r := l.finish(2*time.Second, 3)
	var failures Failures
	failures[Status], failures[ShortBody] = 1, 1
	if r.Failures != failures || r.Failed() != 5 || r.Late != 2 || r.Unsent != 3 || r.Requests != 4 || r.OK != 2 || r.BytesIn != 157 {
		t.Errorf("the report is %+v", r)
	}
	if r.Histogram.TotalCount() != 2 || r.LagHistogram.TotalCount() != 2 {
		t.Errorf("latencies of %d, lags of %d; want of the 2 that are OK, of the 2 that were not late", r.Histogram.TotalCount(), r.LagHistogram.TotalCount())
	}
	if len(r.Series) != 2 || r.PerSecond() != 2 {
		t.Errorf("%d seconds, %v/s; want 2 and 2/s", len(r.Series), r.PerSecond())
	}
}

func TestSecondsOfManyLinesAddUp(t *testing.T) {
	l := newLedger("http://a")
	var lines sync.WaitGroup
	const each, writers = 2000, 4
	for w := range writers {
		lines.Go(func() {
			for i := range each {
				var err error
				if i%10 == w {
					err = io.EOF
				}
				l.note(slot{late: i%2 == 0}, time.Millisecond, answer{bytes: 1}, err)
			}
		})
	}
	var turned int64
	for range 20 {
		turned += l.turn(0).Requests
	}
	lines.Wait()
	turned += l.turn(0).Requests
	r := l.finish(time.Second, 0)
	const all = each * writers
	if turned != all || r.Requests != all || r.OK+r.Failures[Reset] != all || r.Failures[Reset] != all/10 || r.BytesIn != all || r.Late != all/2 {
		t.Errorf("turned %d, %d requests, %d ok, %v, %d bytes, %d late; want %d in all", turned, r.Requests, r.OK, r.Failures, r.BytesIn, r.Late, all)
	}
	if r.Histogram.TotalCount() != r.OK || r.LagHistogram.TotalCount() != all/2 {
		t.Errorf("%d latencies, %d lags", r.Histogram.TotalCount(), r.LagHistogram.TotalCount())
	}
}

func TestErrorsAreSortedIntoKinds(t *testing.T) {
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{&connectError{syscall.ECONNREFUSED}, Connect},
		{&connectError{syscall.ECONNRESET}, Connect},
		{&connectError{timeout}, Connect},
		{fmt.Errorf("wrapped: %w", &connectError{io.EOF}), Connect},
		{timeout, Timeout},
		{os.ErrDeadlineExceeded, Timeout},
		{syscall.ECONNRESET, Reset},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, Reset},
		{io.EOF, Reset},
		{errors.New("what nobody thought of"), Reset},
		{errShort, ShortBody},
		{fmt.Errorf("%w: x", errMalformed), Malformed},
		{errStatus, Status},
	} {
		if got := kindOf(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

func TestFailuresReadAsAListAndAsJSON(t *testing.T) {
	var f Failures
	if f.String() != "none" || f.Total() != 0 {
		t.Errorf("no failure reads %q", f)
	}
	f[Connect], f[ShortBody], f[Status] = 3, 1, 20
	if got := f.String(); got != "3 connect, 1 short body, 20 status" || f.Total() != 24 {
		t.Errorf("got %q, %d", got, f.Total())
	}
	text, err := json.Marshal(f)
	if want := `{"connect":3,"malformed":0,"reset":0,"short_body":1,"status":20,"timeout":0}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	if got := Kind(99).String(); got != "kind 99" {
		t.Errorf("an unknown kind is %q", got)
	}
}

func TestAReportOfNothingDividesByNothing(t *testing.T) {
	r := newLedger("x").finish(0, 0)
	if r.PerSecond() != 0 || r.Latency != (Quantiles{}) || r.Lag != (Quantiles{}) || r.Failed() != 0 {
		t.Errorf("got %+v", r)
	}
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "Histogram") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestNotingARequestAllocatesNothing(t *testing.T) {
	l := newLedger("http://a")
	if n := testing.AllocsPerRun(1000, func() { l.note(slot{lag: 5}, time.Millisecond, answer{bytes: 9}, nil) }); n != 0 {
		t.Fatalf("a note costs %v allocations", n)
	}
}
