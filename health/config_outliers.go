package health

import (
	"math"
	"strconv"
	"time"

	"weir/internal/conf"
)

// OutliersConfig says when traffic itself shows that an endpoint is unfit, and for how long it is
// then left out. What counts as an error is what a use came to on the endpoint: no connection, a
// reset, a timeout, an answer that is none, a 5xx. An endpoint is always compared with the others
// on the same route: a route that fails everywhere ejects nobody. The only endpoint of an upstream
// is never ejected.
type OutliersConfig struct {
	// ConsecutiveErrors is how many errors in a row on one route eject an endpoint, within
	// milliseconds of the next success of another endpoint on that route; if none is asked, after
	// 2 s. The more of what the others do there fails, the longer the row must be: 5 while less than
	// a sixteenth fails, 20 at a half, and no row is long enough when all fails. "off": rows are not
	// looked at. Default: 5.
	ConsecutiveErrors conf.Limit `toml:"consecutive_errors"`
	// SuccessRateDeviation ejects an endpoint whose share of successes is lower than the mean of
	// all by this many standard deviations, and by 5 percentage points and more than chance at
	// least. It is looked at every 10 s, among endpoints with at least 100 uses in that time, where there are at least 5.
	// A lower figure ejects more. 0: not looked at. Default: 1.9.
	SuccessRateDeviation float64 `toml:"success_rate_deviation"`
	// BaseEjection is how long the first ejection lasts; the second lasts twice as long, the third
	// three times, and so on. Each time that an endpoint then serves this long without another
	// ejection takes one off the count. Default: 10s.
	BaseEjection conf.Duration `toml:"base_ejection"`
	// MaxEjection is the longest ejection. Default: 300s.
	MaxEjection conf.Duration `toml:"max_ejection"`
	// MaxEjected is the largest share of an upstream's endpoints that may be ejected at once, of
	// those that are neither down nor in maintenance; one of two or more always may, and all that a
	// ready backup stands in for. "off" ejects none. Default: 50%.
	MaxEjected conf.Share `toml:"max_ejected"`
	// PanicBelow is the share of endpoints below which ejection is no longer believed: if fewer than
	// this are not ejected, of those neither down nor in maintenance, the ejected ones get traffic
	// too. "off": never. Default: 50%.
	PanicBelow conf.Share `toml:"panic_below"`
}

// DefaultOutliers returns the values of absent keys; they hold where the table is absent too.
func DefaultOutliers() OutliersConfig {
	return OutliersConfig{
		ConsecutiveErrors:    conf.AtMost(5),
		SuccessRateDeviation: 1.9,
		BaseEjection:         conf.Dur(10 * time.Second),
		MaxEjection:          conf.Dur(300 * time.Second),
		MaxEjected:           conf.Percent(50),
		PanicBelow:           conf.Percent(50),
	}
}

// Check notes what is wrong with c.
func (c *OutliersConfig) Check(p *conf.Problems) {
	if !c.ConsecutiveErrors.IsOff() && (c.ConsecutiveErrors.Value() < 1 || c.ConsecutiveErrors.Value() > maxStreak) {
		p.Add("consecutive_errors", c.ConsecutiveErrors.String()+" is out of range",
			"write a whole number from 1 to "+strconv.Itoa(maxStreak)+`, or "off"`)
	}
	if d := c.SuccessRateDeviation; math.IsNaN(d) || d < 0 || d > 100 {
		p.Add("success_rate_deviation", strconv.FormatFloat(d, 'g', -1, 64)+" is out of range",
			"write a number of standard deviations, such as 1.9, or 0 to turn it off")
	}
	checkEjection(p, "base_ejection", c.BaseEjection)
	checkEjection(p, "max_ejection", c.MaxEjection)
	if c.MaxEjection.Value() < c.BaseEjection.Value() && !c.MaxEjection.IsOff() {
		p.Add("max_ejection", strconv.Quote(c.MaxEjection.String())+" is shorter than base_ejection, "+strconv.Quote(c.BaseEjection.String()),
			"write at least "+strconv.Quote(c.BaseEjection.String()))
	}
}

// maxStreak is the longest row of errors that can be asked for.
const maxStreak = 1000

func checkEjection(p *conf.Problems, key string, d conf.Duration) {
	switch {
	case d.IsOff():
		p.Add(key, `"off" is not possible here`, `to eject nobody, write max_ejected = "off"`)
	case d.Value() < 100*time.Millisecond:
		p.Add(key, strconv.Quote(d.String())+" is too short", `write at least "100ms", which is how often endpoints are chosen anew`)
	case d.Value() > 24*time.Hour:
		p.Add(key, strconv.Quote(d.String())+" is too long", `write at most "1d"`)
	}
}

// off reports whether nothing can eject.
func (c *OutliersConfig) off() bool {
	return c == nil || c.MaxEjected.Value() == 0 || c.ConsecutiveErrors.IsOff() && c.SuccessRateDeviation == 0
}

// Streak is what lb is to call a row of errors: [OutliersConfig.ConsecutiveErrors], 0 when off.
func (c *OutliersConfig) Streak() int {
	if c.off() {
		return 0
	}
	return c.ConsecutiveErrors.Value()
}
