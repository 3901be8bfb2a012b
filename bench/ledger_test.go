package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// pack returns what a dense histogram holds.
func pack(h *hdrhistogram.Histogram) Histogram {
	packed := NewHistogram()
	packed.MergeFrom(h)
	return packed
}

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
		h := newDense()
		var samples []float64
		for range 20_000 {
			d := time.Duration(draw(r))
			samples = append(samples, float64(d))
			record(h, d)
		}
		slices.Sort(samples)
		q := pack(h).Quantiles()
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
		h := newDense()
		for _, d := range c.samples {
			record(h, d)
		}
		q := pack(h).Quantiles()
		if (q.P50-c.p50).Abs() > c.p50/500 || (q.Max-c.max).Abs() > c.max/500 {
			t.Errorf("%v: p50 %v, max %v; want %v, %v", c.samples, q.P50, q.Max, c.p50, c.max)
		}
		if len(c.samples) > 0 && (q.P99 != q.Max || q.P999 != q.Max) {
			t.Errorf("%v: the far quantiles are %v and %v, want the maximum %v", c.samples, q.P99, q.P999, q.Max)
		}
	}
}

func TestSamplesBeyondTheScaleAreKeptAtItsEnds(t *testing.T) {
	h := newDense()
	for _, d := range []time.Duration{-time.Second, 0, 1, time.Hour, math.MaxInt64} {
		record(h, d)
	}
	if n := h.TotalCount(); n != 5 {
		t.Fatalf("%d of 5 samples were kept", n)
	}
	if q := pack(h).Quantiles(); q.Max < 10*time.Minute || q.Max > 10*time.Minute+time.Second || q.P50 > time.Microsecond {
		t.Errorf("max %v, p50 %v; want ten minutes and next to nothing", q.Max, q.P50)
	}
}

func TestALedgerTakesDownEachFate(t *testing.T) {
	l := newLedger([]string{"read", "write"}, 2, time.Second)
	slow, ms := 30*time.Millisecond, time.Millisecond
	l.tallies[0].note(&done{lag: 2 * ms, took: 10 * ms, status: 200, in: 100, out: 5, opened: true})
	l.tallies[0].note(&done{late: true, lag: -1, took: slow, status: 200, in: 50, out: 5, class: 1, opened: true, reopened: true})
	l.tallies[1].note(&done{lag: ms, took: slow, status: 503, in: 7, failed: true, kind: Status, class: 1})
	l.tallies[1].note(&done{late: true, lag: -1, took: slow, failed: true, kind: ShortBody})
	l.explain(Status, errors.New("status 503"))
	l.explain(Status, errors.New("status 500"))
	l.explain(Timeout, errors.New("of the warm-up"))
	second := l.turn(time.Second, 0.5)
	if second.Requests != 4 || second.OK != 2 || second.Late != 2 || second.BytesIn != 157 || second.Lag != 2*ms || second.At != time.Second || second.Busy != 0.5 {
		t.Errorf("the second is %+v", second)
	}
	if (second.Latency.Max - slow).Abs() > slow/500 {
		t.Errorf("the slowest took %v, want %v", second.Latency.Max, slow)
	}
	if next := l.turn(2*time.Second, 0); next.Requests != 0 || next.Latency != (Quantiles{}) || next.Lag != 0 || next.Failures.Total() != 0 || next.Late != 0 {
		t.Errorf("the next second begins with %+v", next)
	}
	r := l.finish(2*time.Second, 3)
	var failures Failures
	failures[Status], failures[ShortBody] = 1, 1
	if r.Failures != failures || r.Failed() != 5 || r.Late != 2 || r.Unsent != 3 || r.Requests != 4 || r.OK != 2 || r.BytesIn != 157 || r.BytesOut != 10 {
		t.Errorf("the report is %+v", r)
	}
	if r.Opened != 2 || r.Redials != 1 || r.Statuses[200] != 2 || r.Statuses[503] != 1 || len(r.Statuses) != 2 {
		t.Errorf("opened %d, redials %d, statuses %v", r.Opened, r.Redials, r.Statuses)
	}
	if r.Histogram.Count() != 2 || r.LagHistogram.Count() != 2 {
		t.Errorf("latencies of %d, lags of %d; want of the 2 that are OK, of the 2 that were not late", r.Histogram.Count(), r.LagHistogram.Count())
	}
	if want := map[string]string{"status": "status 503"}; !maps.Equal(r.FirstFailures, want) {
		t.Errorf("first failures %v, want %v", r.FirstFailures, want)
	}
	if len(r.Series) != 2 || r.PerSecond() != 2 {
		t.Errorf("%d seconds, %v/s; want 2 and 2/s", len(r.Series), r.PerSecond())
	}
	if c := r.Classes[1]; c.Name != "write" || c.OK != 1 || c.Failures[Status] != 1 || c.Histogram.Count() != 1 || c.Latency.Max < slow {
		t.Errorf("the second class is %+v", c)
	}
}

func TestSecondsOfManyWorkersAddUp(t *testing.T) {
	l := newLedger([]string{"all"}, 2, time.Second)
	var workers sync.WaitGroup
	const each, writers = 2000, 4
	for w := range writers {
		workers.Go(func() {
			for i := range each {
				d := done{took: time.Millisecond, in: 1, late: i%2 == 0, lag: time.Duration(i%2 - 1)}
				if i%10 == w {
					d.failed, d.kind = true, Reset
				}
				l.tallies[w%2].note(&d)
			}
		})
	}
	var turned int64
	for range 20 {
		turned += l.turn(0, 0).Requests
	}
	workers.Wait()
	turned += l.turn(0, 0).Requests
	r := l.finish(time.Second, 0)
	const all = each * writers
	if turned != all || r.Requests != all || r.OK+r.Failures[Reset] != all || r.Failures[Reset] != all/10 || r.BytesIn != all || r.Late != all/2 {
		t.Errorf("turned %d, %d requests, %d ok, %v, %d bytes, %d late; want %d in all", turned, r.Requests, r.OK, r.Failures, r.BytesIn, r.Late, all)
	}
	if r.Histogram.Count() != r.OK || r.LagHistogram.Count() != all/2 || r.Classes != nil {
		t.Errorf("%d latencies, %d lags, classes %v", r.Histogram.Count(), r.LagHistogram.Count(), r.Classes)
	}
}

func TestErrorsAreSortedIntoKinds(t *testing.T) {
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{&ConnectError{syscall.ECONNREFUSED}, Connect},
		{&ConnectError{syscall.ECONNRESET}, Connect},
		{&ConnectError{timeout}, Connect},
		{fmt.Errorf("wrapped: %w", &ConnectError{io.EOF}), Connect},
		{timeout, Timeout},
		{os.ErrDeadlineExceeded, Timeout},
		{syscall.ECONNRESET, Reset},
		{&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, Reset},
		{io.EOF, Reset},
		{errors.New("what nobody thought of"), Reset},
		{ErrShort, ShortBody},
		{fmt.Errorf("%w: x", ErrMalformed), Malformed},
		{&unexpectedStatus{status: 404}, Status},
		{errBody, Body},
		{&TLSError{io.EOF}, TLS},
		{&ConnectError{&TLSError{timeout}}, TLS},
	} {
		if got := KindOf(c.err); got != c.want {
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
	if want := `{"body":0,"connect":3,"malformed":0,"reset":0,"short_body":1,"status":20,"timeout":0,"tls":0}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	var back Failures
	if err := json.Unmarshal(text, &back); err != nil || back != f {
		t.Errorf("read back %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"boredom":1}`), &back); err == nil {
		t.Error("an unknown kind was read")
	}
	if got := Kind(99).String(); got != "kind 99" {
		t.Errorf("an unknown kind is %q", got)
	}
}

func TestAReportOfNothingDividesByNothing(t *testing.T) {
	r := newLedger([]string{"all"}, 1, time.Second).finish(0, 0)
	if r.PerSecond() != 0 || r.Latency != (Quantiles{}) || r.Lag != (Quantiles{}) || r.Failed() != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestNotingARequestAllocatesNothing(t *testing.T) {
	l := newLedger([]string{"a", "b"}, 1, time.Second)
	if n := testing.AllocsPerRun(1000, func() { l.tallies[0].note(&done{lag: 5, took: time.Millisecond, in: 9, class: 1}) }); n != 0 {
		t.Fatalf("a note costs %v allocations", n)
	}
}

func TestClassesAddUpToTheReport(t *testing.T) {
	const classes, tallies, each = 5, 3, 4000
	names := []string{"a", "b", "c", "d", "e"}
	l := newLedger(names, tallies, time.Second)
	want := make([]Class, classes)
	for c := range want {
		want[c] = Class{Name: names[c], Histogram: NewHistogram()}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range each {
		d := done{class: int(random.ExpFloat64()) % classes, took: time.Duration(random.ExpFloat64() * 1e7)}
		if d.failed = random.IntN(7) == 0; d.failed {
			d.kind = Kind(random.IntN(int(kinds)))
			want[d.class].Failures[d.kind]++
		} else {
			want[d.class].OK++
			want[d.class].Histogram.Record(d.took)
		}
		l.tallies[random.IntN(tallies)].note(&d)
		if i%500 == 0 {
			l.turn(time.Duration(i), 0)
		}
	}
	l.turn(each, 0)
	r := l.finish(each, 0)
	var ok int64
	var failures Failures
	sum := NewHistogram()
	for c, got := range r.Classes {
		if got.Name != want[c].Name || got.OK != want[c].OK || got.Failures != want[c].Failures || got.Latency != want[c].Histogram.Quantiles() {
			t.Errorf("class %s: %d ok, %v, %+v", got.Name, got.OK, got.Failures, got.Latency)
		}
		ok += got.OK
		addFailures(&failures, &got.Failures)
		sum.Add(got.Histogram)
	}
	if ok != r.OK || failures != r.Failures || sum.Quantiles() != r.Latency {
		t.Errorf("the classes have %d ok, %v, %+v; the report %d, %v, %+v", ok, failures, sum.Quantiles(), r.OK, r.Failures, r.Latency)
	}
}

func TestManyClassesTakeLittleMemory(t *testing.T) {
	// Each class had two dense histograms on each thread, 260 kB each: 60 classes on 8 threads took 170 MiB, which
	// were emptied and added up every second.
	notes := 200_000
	if testing.Short() {
		notes = 50_000 // the race detector's run
	}
	before := heap()
	l := newLedger(make([]string, 60), 8, time.Second)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range notes {
		l.tallies[i%8].note(&done{class: random.IntN(60), took: time.Duration(random.ExpFloat64() * 5e6)})
	}
	if took := heap() - before; took > 32<<20 {
		t.Errorf("60 classes on 8 threads take %d MiB", took>>20)
	}
	runtime.KeepAlive(l)
}

// heap returns how many bytes live.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestASecondTakesLittleMemory(t *testing.T) {
	// Of 20,000 requests, with latencies spread as widely as those of a queue: an hour of them in 150 MiB, 20 MB of
	// JSON.
	seconds, each := 40, 20_000
	if testing.Short() {
		seconds = 20 // the race detector's run
	}
	random := rand.New(rand.NewPCG(3, 4))
	l := newLedger([]string{"all"}, 1, time.Second)
	before := heap()
	for s := range time.Duration(seconds) {
		for range each {
			l.tallies[0].note(&done{took: time.Duration(random.ExpFloat64() * 20e6)})
		}
		l.turn(s*time.Second, 0)
	}
	if took := (heap() - before) / int64(seconds); took > 44<<10 {
		t.Errorf("a second takes %d bytes", took)
	}
	var text bytes.Buffer
	if err := l.finish(time.Duration(seconds)*time.Second, 0).Write(&text); err != nil || text.Len()/seconds > 6<<10 {
		t.Errorf("a second is written in %d bytes, %v", text.Len()/seconds, err)
	}
}

func BenchmarkNote(b *testing.B) {
	for _, classes := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d classes", classes), func(b *testing.B) {
			l := newLedger(make([]string, classes), 1, time.Second)
			random := rand.New(rand.NewPCG(5, 6))
			var took [4096]time.Duration
			for i := range took {
				took[i] = time.Duration(random.ExpFloat64() * 1e6)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.tallies[0].note(&done{class: i % classes, lag: 1000, took: took[i%len(took)]})
			}
		})
	}
}
