package demo

import (
	"fmt"
	"math"
	"time"

	"weir/internal/term"
)

// ms writes a latency in milliseconds with as many digits as one reads: 0.21, 3.4, 120, 1,500.
func ms(d time.Duration) string {
	f := float64(d) / float64(time.Millisecond)
	switch {
	case d == 0:
		return "–"
	case f < 0.995:
		return fmt.Sprintf("%.2f ms", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f ms", f)
	}
	return term.Count(int64(math.Round(f))) + " ms"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
