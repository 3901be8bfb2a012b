package slo

import (
	"strings"
	"testing"
	"time"

	"weir/bench"
)

func TestACapacityIsPutInWords(t *testing.T) {
	held, missed := Probe{Rate: 900, Held: true, Valid: true}, Probe{Rate: 950, Valid: true, Why: "p99 is 31ms"}
	for _, c := range []struct {
		name string
		c    Capacity
		want string
	}{
		{"found", Capacity{Rate: 900, Confirmed: true, Limit: SLOLimit, Above: 925},
			"p99<20ms holds up to 900/s, and no longer at 925/s."},
		{"found in haste", Capacity{Rate: 900, Limit: SLOLimit, Above: 1800, OutOfBounds: true},
			"p99<20ms holds up to 900/s (not confirmed), and no longer at 1800/s. The search ran out of probes or time."},
		{"interrupted", Capacity{Rate: 900, Limit: NoLimit, CutShort: true},
			"p99<20ms holds at 900/s (not confirmed), the highest rate that was tried. The search was cut short."},
		{"a small one", Capacity{Rate: 12.345, Confirmed: true, Limit: SLOLimit, Above: 12.7},
			"p99<20ms holds up to 12.3/s, and no longer at 12.7/s."},
		{"the generator's", Capacity{Rate: 900, Confirmed: true, Limit: GeneratorLimit, Above: 925},
			"p99<20ms holds at 900/s. That is the generator's limit, not the target's: at 925/s it could not send on time."},
		{"the allowed one", Capacity{Rate: 900, Confirmed: true, Limit: MostLimit},
			"p99<20ms holds at 900/s, the highest rate that was tried."},
		{"none", Capacity{Limit: SLOLimit, Above: 1}, "p99<20ms does not hold at any rate that was tried, down to 1/s."},
		{"none, the generator's fault", Capacity{Limit: GeneratorLimit, Above: 1},
			"No capacity was found: the generator itself could not send on time at 1/s."},
		{"nothing tried", Capacity{Limit: NoLimit, CutShort: true}, "No probe was made. The search was cut short."},
		{"unsteady", Capacity{Rate: 900, Confirmed: true, Limit: SLOLimit, Above: 925, Contradicted: true},
			"p99<20ms holds up to 900/s, and no longer at 925/s. A higher rate held once: the target is unsteady."},
	} {
		c.c.SLO = "p99<20ms"
		if got := c.c.sentence(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		above float64
		want  bool
	}{{925, false}, {899, true}, {0, false}} {
		if got := (&Capacity{Above: c.above, Probes: []Probe{held, missed}}).contradicted(); got != c.want {
			t.Errorf("900/s held and %v/s did not: contradicted is %v, want %v", c.above, got, c.want)
		}
	}
}

func TestAProbeSaysWhyItDoesNotHold(t *testing.T) {
	s := mustParse(t, "p50<60ms")
	with := func(change func(*bench.Report)) *bench.Report {
		r := run(100)
		change(r)
		return r
	}
	for _, c := range []struct {
		name string
		slo  SLO
		r    *bench.Report
		why  string
	}{
		{"it holds", s, run(100), ""},
		{"slow", mustParse(t, "p50<20ms"), run(100), "p50 is 50ms"},
		{"the second term", mustParse(t, "p50<60ms,max<99ms"), run(100), "max is 100ms"},
		{"late", s, with(func(r *bench.Report) { r.Invalid = []string{"sent late", "no rest"} }), "invalid: sent late; no rest"},
		{"half of it", s, with(func(r *bench.Report) { r.Elapsed = 2 * time.Second }), "only 50/s got through"},
		{"within the slack", s, with(func(r *bench.Report) { r.Elapsed = 1040 * time.Millisecond }), ""},
		{"failures", s, with(func(r *bench.Report) { r.Failures[bench.Reset] = 2 }), "2 % failed"},
		{"failures that are promised", mustParse(t, "errors<5%"), with(func(r *bench.Report) { r.Failures[bench.Reset] = 2 }), ""},
		{"most were never sent", s, with(func(r *bench.Report) { r.Unsent = 900 }), "p50 is beyond what could be measured"},
	} {
		p := c.slo.probe(c.r, 100)
		if p.Why != c.why || p.Held != (c.why == "") || p.Valid != c.r.Valid() || p.Rate != 100 {
			t.Errorf("%s: %+v; want %q", c.name, p, c.why)
		}
	}
}

func TestAProbeIsOneLine(t *testing.T) {
	p := Probe{Rate: 1500, PerSecond: 1499.6, P50: 1234567, P99: 20499999, P999: 1234567890, Errors: 0.00123, Valid: true, Held: true}
	if got, want := p.String(), "1500/s: p50 1.23ms, p99 20.5ms, errors 0.123 %: holds"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := p.row(), "     1500/s    1500/s    1.23ms    20.5ms     1.23s  0.123 %  holds"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Held, p.Why, p.Phase = false, "p99 is 20.5ms", Confirmation
	if got := p.row(); !strings.HasSuffix(got, "  p99 is 20.5ms (confirmation)") {
		t.Errorf("%q", got)
	}
}

func TestDurationsHaveThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "–", 7: "7ns", 1234: "1.23µs", 999999: "1ms", 20499999: "20.5ms", 61234 * time.Millisecond: "1m1.2s",
	} {
		if got := short(d); got != want {
			t.Errorf("%d ns is %q, want %q", d, got, want)
		}
	}
}
