package rule

import "time"

// Absent is the value of a number that a message doesn't give.
const Absent = -1

// maxDelta is what a greater number of seconds counts as (RFC 9111 §1.2.2).
const maxDelta = 1 << 31

// parseDelta reads a number of seconds: digits and nothing else. Too many of them are [maxDelta].
func parseDelta(b []byte) (seconds int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if seconds = seconds*10 + int64(c-'0'); seconds > maxDelta {
			seconds = maxDelta
		}
	}
	return seconds, len(b) > 0
}

// span makes a duration of seconds; nothing of what is absent.
func span(seconds int64) time.Duration { return time.Duration(max(seconds, 0)) * time.Second }

// toSeconds rounds down to whole seconds, at most [maxDelta].
func toSeconds(d time.Duration) int64 { return min(max(int64(d/time.Second), 0), maxDelta) }
