package bench

import (
	"strings"
	"testing"
	"time"
)

func TestARunIsInvalidWhereTheGeneratorWasLate(t *testing.T) {
	lag := func(late int, by time.Duration) Histogram {
		h := NewHistogram()
		for n := range 1000 {
			if n < late {
				h.Record(by)
			} else {
				h.Record(50 * time.Microsecond)
			}
		}
		return h
	}
	second := func(busy float64, late int64) Second { return Second{Requests: 1000, Late: late, Busy: busy} }
	for _, c := range []struct {
		what   string
		lag    Histogram
		series []Second
		loop   string
		want   string // empty: valid
	}{
		{"on time", lag(0, 0), []Second{second(0.5, 0)}, "open", ""},
		{"one in two hundred late", lag(5, 8*time.Millisecond), []Second{second(0.5, 0)}, "open", ""},
		{"one in fifty late", lag(20, 8*time.Millisecond), []Second{second(0.5, 0)}, "open", "sent late"},
		{"one in fifty late by less than the limit", lag(20, 900*time.Microsecond), []Second{second(0.5, 0)}, "open", ""},
		{"the target holds slots up", lag(0, 0), []Second{second(0.6, 900)}, "open", ""},
		{"no rest, but nothing was due", lag(0, 0), []Second{second(1, 0)}, "open", ""},
		{"no rest and slots were due", lag(0, 0), []Second{second(1, 300), second(0.2, 0)}, "open", "in 1 of 2 s"},
		{"a burst of catching up", lag(0, 0), []Second{second(1, 15), second(0.2, 0)}, "open", ""},
		{"a closed loop has no schedule", lag(900, time.Second), []Second{second(1, 1000)}, "closed", ""},
	} {
		r := &Report{Settings: Settings{Loop: c.loop}, Lag: c.lag.Quantiles(), Series: c.series}
		for _, s := range c.series {
			r.Requests += s.Requests
		}
		r.judge(time.Millisecond)
		text := strings.Join(r.Invalid, "; ")
		if r.Valid() != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, text, c.want)
		}
	}
}
