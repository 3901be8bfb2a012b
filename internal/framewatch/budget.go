package framewatch

import "time"

// budget is a leaky bucket: what is spent flows back at a rate, up to a burst.
type budget struct {
	burst float64
	rate  float64 // a second
	spent float64
	at    time.Time
}

// spend takes n and reports whether that was still within the burst.
func (b *budget) spend(n float64, now time.Time) bool {
	if !b.at.IsZero() {
		b.spent = max(0, b.spent-b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	b.spent += n
	return b.spent <= b.burst
}

// earn gives n back.
func (b *budget) earn(n float64) { b.spent = max(0, b.spent-n) }
