package bench

import (
	"fmt"
	"time"
)

const (
	// noRest is the busy share from which on a thread counts as having had no rest in a second.
	noRest = 0.95
	// starvedShare of the requests may have waited while the generator itself had no rest. Slots that were never
	// sent don't count as the others: a rate beyond all measure would hide those that were.
	starvedShare = 0.01
	// hardlyBusy is the share of a core below which a generator is not what holds its requests up.
	hardlyBusy = 0.1
	// distortedShare of the requests may have been sent late by the generator; a single one always may.
	distortedShare = 0.01
)

// judge says why the latencies of an open loop are not to be trusted. Three things make them the generator's own:
// it sent late although a connection was free; slots queued and, by what a request costs it, no target could be so fast
// that it would have held the rate; or slots queued while one of its threads worked without a rest, so that the queue is
// as much its doing as the target's.
func (r *Report) judge(maxLag time.Duration) {
	if r.Settings.Loop != "open" || r.Requests == 0 {
		return
	}
	if float64(r.Distorted) > max(1, distortedShare*float64(r.Requests)) {
		r.Invalid = append(r.Invalid, fmt.Sprintf(
			"the generator sent %d of %d requests more than %v after their time (--max-lag)", r.Distorted, r.Requests, maxLag))
	}
	if needs := r.needs(); needs > float64(r.Settings.Threads) && float64(r.Late) > starvedShare*float64(r.Requests) {
		r.Invalid = append(r.Invalid, fmt.Sprintf(
			"the generator can't hold this rate: at %v a request it needs %.1f cores, and it uses %d",
			(r.CPU/time.Duration(r.Requests)).Round(100*time.Nanosecond), needs, r.Settings.Threads))
		return
	}
	var starved int64
	seconds := 0
	for _, s := range r.Series {
		if s.Busy > noRest && s.Late > 0 {
			starved += s.Late
			seconds++
		}
	}
	if float64(starved) > starvedShare*float64(r.Requests) {
		r.Invalid = append(r.Invalid, fmt.Sprintf(
			"the generator can't hold this rate: in %d of %d s it had no rest while requests were due", seconds, len(r.Series)))
	}
}

// needs returns how many cores the whole timetable takes at what a request cost; 0 where the generator did so little
// that what a run takes besides, its clock and Go's runtime, is much of it: then the target keeps requests waiting.
func (r *Report) needs() float64 {
	if r.Settings.Duration <= 0 || r.CPU.Seconds() < hardlyBusy*r.Elapsed.Seconds() {
		return 0
	}
	due := float64(r.Requests+r.Unsent) / r.Settings.Duration.Seconds()
	return due * r.CPU.Seconds() / float64(r.Requests)
}
