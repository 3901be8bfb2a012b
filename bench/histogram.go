package bench

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	histogramFloor  = 1000 // ns
	histogramCeil   = int64(10 * time.Minute)
	histogramDigits = 3
)

// Histogram holds durations in nanoseconds, to three digits or half a microsecond, whichever is more, up to ten minutes;
// longer ones count as that.
// In JSON it is a string: HdrHistogram's V2 compressed encoding in base64, which its libraries read in every language.
// The zero Histogram is empty and takes no values.
type Histogram struct {
	*hdrhistogram.PackedHistogram
}

// NewHistogram returns an empty Histogram.
func NewHistogram() Histogram {
	return Histogram{hdrhistogram.NewPacked(histogramFloor, histogramCeil, histogramDigits)}
}

// Record adds d. It is not safe for concurrent use.
func (h Histogram) Record(d time.Duration) {
	// Within its bounds RecordValue cannot fail.
	_ = h.RecordValue(clampNanos(d))
}

// Add adds all that o holds.
func (h Histogram) Add(o Histogram) {
	if o.PackedHistogram != nil {
		h.Merge(o.PackedHistogram)
	}
}

// Count returns how many durations h holds.
func (h Histogram) Count() int64 {
	if h.PackedHistogram == nil {
		return 0
	}
	return h.TotalCount()
}

// Quantile returns the duration below or at which a share q of 0 to 1 lies; 0 where h is empty.
func (h Histogram) Quantile(q float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.ValueAtPercentile(q * 100))
}

// MarshalJSON writes the encoding as a string; an empty histogram is "".
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Count() == 0 {
		return []byte(`""`), nil
	}
	text, err := h.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	*h = NewHistogram()
	if encoded == "" {
		return nil
	}
	decoded, err := hdrhistogram.DecodePacked([]byte(encoded))
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	h.PackedHistogram = decoded
	return nil
}

// newDense returns an empty histogram of the same shape that is fast to record in.
func newDense() *hdrhistogram.Histogram {
	return hdrhistogram.New(histogramFloor, histogramCeil, histogramDigits)
}

// record adds d, clamped to what the histogram can hold.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	// Within its bounds RecordValue cannot fail.
	_ = h.RecordValue(clampNanos(d))
}

func clampNanos(d time.Duration) int64 { return min(max(d.Nanoseconds(), 0), histogramCeil) }

// Quantiles are the usual points of a distribution of times. All are zero where nothing was counted.
type Quantiles struct {
	Mean  time.Duration `json:"mean_ns"`
	Min   time.Duration `json:"min_ns"`
	P50   time.Duration `json:"p50_ns"`
	P75   time.Duration `json:"p75_ns"`
	P90   time.Duration `json:"p90_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	P9999 time.Duration `json:"p9999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Quantiles reads the usual points.
func (h Histogram) Quantiles() Quantiles {
	if h.Count() == 0 {
		return Quantiles{}
	}
	points := h.ValueAtPercentilesSlice([]float64{50, 75, 90, 95, 99, 99.9, 99.99})
	at := func(i int) time.Duration { return time.Duration(points[i]) }
	return Quantiles{
		Mean: time.Duration(h.Mean()), Min: time.Duration(h.Min()), Max: time.Duration(h.Max()),
		P50: at(0), P75: at(1), P90: at(2), P95: at(3), P99: at(4), P999: at(5), P9999: at(6),
	}
}
