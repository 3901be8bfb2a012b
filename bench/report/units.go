package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/internal/term"
)

// none is what stands where there is no value.
const none = "–"

// three writes a value with three digits: 1.23, 12.3, 123, 1,234.
func three(v float64) string {
	switch {
	case v > 0 && v < 0.00995:
		return tiny(v)
	case v == 0:
		return "0"
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return term.Count(int64(math.Round(v)))
}

// tiny writes a value below 0.01 with two digits, and nothing as 0.
func tiny(v float64) string {
	digits := 1 - int(math.Floor(math.Log10(v)))
	if digits > 9 {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// plain writes a value as people write numbers: its groups apart, two digits behind the point at most, and two that
// tell where it is below 1.
func plain(v float64) string {
	switch {
	case v > 0 && v < 0.00995:
		return tiny(v)
	case v >= 1e15:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	whole, rest, _ := strings.Cut(short(v, 2), ".")
	if rest != "" {
		rest = "." + rest
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return whole + rest
	}
	return term.Count(n) + rest
}

// latency writes a time in the unit that leaves three digits: 12.3 µs, 1.23 ms, 12.3 s.
func latency(d time.Duration) string {
	switch v := float64(d); {
	case v < 999.5e3:
		return three(v/1e3) + " µs"
	case v < 999.5e6:
		return three(v/1e6) + " ms"
	}
	return three(float64(d)/1e9) + " s"
}

// column is latency with room behind an s, so that the units of a column begin below each other.
func column(d time.Duration) string {
	text := latency(d)
	if strings.HasSuffix(text, " s") {
		text += " "
	}
	return text
}

// span writes how long something took or shall take: 250 ms, 12.3 s, 1 min 30 s, 2 h 5 min.
func span(d time.Duration) string {
	// The limits are those of what is written: 59.96 s is a minute.
	switch {
	case d < 999_500*time.Microsecond:
		return latency(d)
	case d < time.Minute-50*time.Millisecond:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return two(d/time.Minute, "min", d%time.Minute/time.Second, "s")
	}
	d = d.Round(time.Minute)
	return two(d/time.Hour, "h", d%time.Hour/time.Minute, "min")
}

func two(big time.Duration, bigUnit string, small time.Duration, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", big, bigUnit)
	}
	return fmt.Sprintf("%d %s %d %s", big, bigUnit, small, smallUnit)
}

// size writes bytes in units of a thousand.
func size(bytes float64) string {
	if bytes < 999.5 {
		return strconv.FormatFloat(bytes, 'f', 0, 64) + " B"
	}
	for _, unit := range []string{"kB", "MB", "GB"} {
		if bytes /= 1000; bytes < 999.5 {
			return three(bytes) + " " + unit
		}
	}
	return three(bytes/1000) + " TB"
}

// rate writes how many there were in a time.
func rate(n float64, in time.Duration) string {
	if in <= 0 {
		return none
	}
	return three(n/in.Seconds()) + "/s"
}

// percent writes n's share of all. Only all is 100 %, and only none is 0 %.
func percent(n, of int64) string {
	if of <= 0 {
		return none
	}
	v := 100 * float64(n) / float64(of)
	switch {
	case n == of || n == 0:
		return short(v, 0) + " %"
	case v > 99.999:
		return "> 99.999 %"
	case v > 99.99:
		return short(math.Floor(v*1000+1e-6)/1000, 3) + " %"
	case v > 99:
		return short(math.Floor(v*100+1e-6)/100, 2) + " %"
	case v < 0.001:
		return "< 0.001 %"
	case v < 1:
		return short(v, 3) + " %"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " %"
}

// short writes v with at most so many digits behind the point, without zeros at the end.
func short(v float64, digits int) string {
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}
