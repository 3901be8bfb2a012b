package forward

import (
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// HedgeConfig says when a slow attempt gets company: a second one on another endpoint; the first
// good answer is the client's and the other attempt is cut. Only requests that a retry may repeat
// are hedged, those without a body or with all of it at hand, and each once at most. An attempt that
// still connects has no hedge: timeouts.connect bounds it. Clients with a sticky session have none.
type HedgeConfig struct {
	// After is how long the attempt has been out before the hedge is made: a percentile of the
	// upstream's own time to the first byte over the last minute, such as "p95", or a duration. The
	// clock behind it is coarse: a hedge is up to 40 ms late, and most answers that come before that
	// are not hedged. Default: "p95".
	After HedgeAfter `toml:"after"`
	// Budget is how many hedges there may be, as a share of the requests of the last 10 s. They
	// count in retry.budget too. Default: 5%.
	Budget conf.Share `toml:"budget"`
}

// DefaultHedge returns the values of absent keys of a hedge that is configured.
func DefaultHedge() HedgeConfig {
	return HedgeConfig{After: HedgeAfter{percent: 95}, Budget: conf.Percent(5)}
}

// Check notes what is wrong with h.
func (h *HedgeConfig) Check(p *conf.Problems) {
	if h.After.percent == 0 && h.After.d <= 0 {
		p.Add("after", strconv.Quote(h.After.String())+" would send every request twice", `write a percentile such as "p95", or a duration such as "50ms"`)
	}
	if h.Budget.Value() == 0 {
		p.Add("budget", "no request may be hedged", `write a share such as "5%", or leave hedge out`)
	}
}

// HedgeAfter is a percentile of the latency that is measured, or a duration. The zero value is the
// duration 0.
type HedgeAfter struct {
	percent float64 // of a percentile, else 0
	d       time.Duration
}

// AfterPercentile returns the time within which percent of the answers begin.
func AfterPercentile(percent float64) HedgeAfter { return HedgeAfter{percent: percent} }

// AfterDuration returns a time that is fixed.
func AfterDuration(d time.Duration) HedgeAfter { return HedgeAfter{d: d} }

// Quantile returns the percentile as a number between 0 and 1; 0 if a is a duration.
func (a HedgeAfter) Quantile() float64 { return a.percent / 100 }

// Fixed returns the duration, 0 if a is a percentile.
func (a HedgeAfter) Fixed() time.Duration { return a.d }

// String returns the text that an operator would write.
func (a HedgeAfter) String() string {
	if a.percent != 0 {
		return "p" + strconv.FormatFloat(a.percent, 'f', -1, 64)
	}
	return conf.Dur(a.d).String()
}

// MarshalText writes the value as an operator would.
func (a HedgeAfter) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Wants implements [conf.Value].
func (HedgeAfter) Wants() (noun, hint string) {
	return "a time to hedge after", `write a percentile such as "p95" or "p99.9", or a duration such as "50ms"`
}

// UnmarshalText reads "p95" or a duration.
func (a *HedgeAfter) UnmarshalText(b []byte) error {
	noun, hint := a.Wants()
	bad := &conf.BadValue{Text: strconv.Quote(string(b)) + " is not " + noun, Hint: hint}
	if digits, ok := strings.CutPrefix(string(b), "p"); ok {
		if strings.Trim(digits, "0123456789.") != "" {
			return bad
		}
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil || v < 50 || v >= 100 {
			bad.Text += ": a percentile is at least 50 and below 100"
			return bad
		}
		*a = AfterPercentile(v)
		return nil
	}
	var d conf.Duration
	if err := d.UnmarshalText(b); err != nil || d.IsOff() {
		return bad
	}
	*a = AfterDuration(d.Value())
	return nil
}
