package obs

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// bounds are the upper limits of a latency histogram's buckets, from 100 µs to 60 s.
var bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, 60 * time.Second,
}

// Histogram counts spans of time in fixed buckets and is exported as a Prometheus histogram in
// seconds. The library's own histogram of this version writes vmrange buckets, which Prometheus
// can't read, under a mutex; this one is two atomic additions.
//
// It is safe for concurrent use. A scrape beside an update may see the bucket without the sum.
type Histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts one span. A negative one (the clock was set back) counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(d)].Add(1)
	h.sum.Add(int64(d))
}

// bucketOf finds the first bound that is not below d. The scan is linear: most spans are short.
func bucketOf(d time.Duration) int {
	for i := range bounds {
		if d <= bounds[i] {
			return i
		}
	}
	return len(bounds)
}

// write appends the histogram in the Prometheus text format; name is a series without suffix.
func (h *Histogram) write(w *bytes.Buffer, name string) {
	var n uint64
	for i := range h.buckets {
		n += h.buckets[i].Load()
		fmt.Fprintf(w, "%s %d\n", withLabel(name, "_bucket", `le="`+le(i)+`"`), n)
	}
	sum := time.Duration(h.sum.Load()).Seconds()
	fmt.Fprintf(w, "%s %s\n", withLabel(name, "_sum", ""), strconv.FormatFloat(sum, 'g', -1, 64))
	fmt.Fprintf(w, "%s %d\n", withLabel(name, "_count", ""), n)
}

// le is the label of bucket i.
func le(i int) string {
	if i == len(bounds) {
		return "+Inf"
	}
	return strconv.FormatFloat(bounds[i].Seconds(), 'g', -1, 64)
}
