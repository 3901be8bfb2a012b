package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Quantiles are the usual points of a latency distribution, in time. All are zero where nothing was counted.
type Quantiles struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// Second is what one second of the measured part came to. A request belongs to the second in which it ended.
type Second struct {
	// At is the second's end, since the warm-up ended.
	At time.Duration `json:"at_ns"`
	// Requests ended, fine or failed; OK of them were answered below status 400.
	Requests int64    `json:"requests"`
	OK       int64    `json:"ok"`
	Failures Failures `json:"failures"`
	// BytesIn is what the answers held, heads and framing included.
	BytesIn int64     `json:"bytes_in"`
	Latency Quantiles `json:"latency"`
	// Lag is the worst delay of the generator itself.
	Lag time.Duration `json:"lag_ns"`
}

// Report is what a run came to. Every figure leaves the warm-up out.
type Report struct {
	Target string `json:"target"`
	// Elapsed is the measured time, up to the last answer.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Requests ended, fine or failed; OK of them were answered below status 400.
	Requests int64    `json:"requests"`
	OK       int64    `json:"ok"`
	Failures Failures `json:"failures"`
	// Unsent slots of the schedule were given up, because every connection stayed busy until the end.
	Unsent int64 `json:"unsent"`
	// Late slots found every connection busy; their wait is part of their latency.
	Late int64 `json:"late"`
	// Redials are connections that the target closed while they were idle; no failure.
	Redials int64 `json:"redials"`
	// BytesIn is what the answers held, heads and framing included.
	BytesIn int64     `json:"bytes_in"`
	Latency Quantiles `json:"latency"`
	// Lag is how late the generator itself sent: its own share of the latency.
	Lag    Quantiles `json:"lag"`
	Series []Second  `json:"series"`

	// Histogram holds the latency of every request that is OK, in nanoseconds, three digits, up to a minute.
	Histogram *hdrhistogram.Histogram `json:"-"`
	// LagHistogram holds the generator's lag of every slot that was not late, likewise.
	LagHistogram *hdrhistogram.Histogram `json:"-"`
}

// Failed returns the requests that failed and the slots that were never sent.
func (r *Report) Failed() int64 { return r.Failures.Total() + r.Unsent }

// PerSecond returns the rate of requests that ended, fine or failed.
func (r *Report) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Requests) / r.Elapsed.Seconds()
}

const (
	histogramFloor  = 1000 // ns
	histogramCeil   = int64(time.Minute)
	histogramDigits = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(histogramFloor, histogramCeil, histogramDigits)
}

// record adds d, clamped to what the histogram can hold.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	// Within its bounds RecordValue cannot fail.
	_ = h.RecordValue(min(max(d.Nanoseconds(), 0), histogramCeil))
}

// QuantilesOf reads the usual points from a histogram of nanoseconds, such as Report.Histogram.
func QuantilesOf(h *hdrhistogram.Histogram) Quantiles {
	if h.TotalCount() == 0 {
		return Quantiles{}
	}
	at := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) }
	return Quantiles{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max())}
}
