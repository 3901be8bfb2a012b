package health

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

// foundIn returns what a Check notes, one "path: text (hint)" per line.
func foundIn(check func(*conf.Problems)) string {
	p := conf.NewProblems()
	check(p)
	var lines []string
	for _, one := range p.List() {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", one.Path, one.Text, one.Hint))
	}
	return strings.Join(lines, "\n")
}

func TestTheDefaultsOfOutliers(t *testing.T) {
	c := DefaultOutliers()
	if c.ConsecutiveErrors.Value() != 5 || c.SuccessRateDeviation != 1.9 || c.BaseEjection.Value() != 10*time.Second ||
		c.MaxEjection.Value() != 300*time.Second || c.MaxEjected.Value() != 0.5 || c.PanicBelow.Value() != 0.5 {
		t.Errorf("the defaults are %+v", c)
	}
	if got := foundIn(c.Check); got != "" {
		t.Errorf("the defaults have problems: %s", got)
	}
}

func TestWhatAnOutliersTableMayHold(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*OutliersConfig)
		want   string // a prefix; "" is no problem
	}{
		{"one error is enough", func(c *OutliersConfig) { c.ConsecutiveErrors = conf.AtMost(1) }, ""},
		{"rows off", func(c *OutliersConfig) { c.ConsecutiveErrors = conf.OffLimit }, ""},
		{"a row of none", func(c *OutliersConfig) { c.ConsecutiveErrors = conf.AtMost(0) }, `consecutive_errors: 0 is out of range (write a whole number from 1 to 1000, or "off")`},
		{"a row without end", func(c *OutliersConfig) { c.ConsecutiveErrors = conf.AtMost(1001) }, "consecutive_errors: 1001 is out of range"},
		{"rates off", func(c *OutliersConfig) { c.SuccessRateDeviation = 0 }, ""},
		{"a negative deviation", func(c *OutliersConfig) { c.SuccessRateDeviation = -1.9 }, "success_rate_deviation: -1.9 is out of range (write a number of standard deviations, such as 1.9, or 0 to turn it off)"},
		{"a huge deviation", func(c *OutliersConfig) { c.SuccessRateDeviation = 101 }, "success_rate_deviation: 101 is out of range"},
		{"no number", func(c *OutliersConfig) { c.SuccessRateDeviation = math.NaN() }, "success_rate_deviation: NaN is out of range"},
		{"the shortest ejection", func(c *OutliersConfig) { c.BaseEjection = conf.Dur(100 * time.Millisecond) }, ""},
		{"no time at all", func(c *OutliersConfig) { c.BaseEjection = conf.Dur(0) }, `base_ejection: "0s" is too short (write at least "100ms", which`},
		{"for ever", func(c *OutliersConfig) { c.MaxEjection = conf.OffDuration }, `max_ejection: "off" is not possible here (to eject nobody, write max_ejected = "off")`},
		{"a base without end", func(c *OutliersConfig) { c.BaseEjection, c.MaxEjection = conf.OffDuration, conf.Dur(time.Hour) }, `base_ejection: "off" is not possible here`},
		{"more than a day", func(c *OutliersConfig) { c.MaxEjection = conf.Dur(25 * time.Hour) }, `max_ejection: "25h" is too long (write at most "1d")`},
		{"the longest shorter than the shortest", func(c *OutliersConfig) {
			c.BaseEjection, c.MaxEjection = conf.Dur(time.Minute), conf.Dur(30*time.Second)
		}, `max_ejection: "30s" is shorter than base_ejection, "1m" (write at least "1m")`},
		{"the longest as short as the shortest", func(c *OutliersConfig) { c.MaxEjection = c.BaseEjection }, ""},
		{"nobody", func(c *OutliersConfig) { c.MaxEjected = conf.Percent(0) }, ""},
		{"everybody", func(c *OutliersConfig) { c.MaxEjected = conf.Percent(100) }, ""},
		{"no panic", func(c *OutliersConfig) { c.PanicBelow = conf.Percent(0) }, ""},
	} {
		cfg := DefaultOutliers()
		c.change(&cfg)
		if got := foundIn(cfg.Check); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

func TestTheStreakThatLbIsToldOf(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*OutliersConfig)
		want   int
	}{
		{"by default", func(*OutliersConfig) {}, 5},
		{"rows off", func(c *OutliersConfig) { c.ConsecutiveErrors = conf.OffLimit }, 0},
		{"nobody may be ejected", func(c *OutliersConfig) { c.MaxEjected = conf.Percent(0) }, 0},
		{"rates off", func(c *OutliersConfig) { c.SuccessRateDeviation = 0 }, 5},
	} {
		cfg := DefaultOutliers()
		c.change(&cfg)
		if got := cfg.Streak(); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
