package forward

import (
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

func TestTheDefaultsPassAndRetryWhatTheManualSays(t *testing.T) {
	t.Parallel()
	c := Default()
	h := DefaultHedge()
	c.Hedge = &h
	p := conf.NewProblems()
	if c.Check(p); p.Failed() {
		t.Errorf("problems: %v", p.List())
	}
	r := &c.Retry
	if got := strings.Join(r.On, " "); got != "connect reset timeout 502 503 504" {
		t.Errorf("retried are %q", got)
	}
	if r.Attempts != 2 || r.Budget.String() != "20%" || r.Backoff.String() != "25ms" {
		t.Errorf("%d attempts, budget %v, backoff %v", r.Attempts, r.Budget, r.Backoff)
	}
	if h.After.String() != "p95" || h.Budget.String() != "5%" {
		t.Errorf("hedge after %v, budget %v", h.After, h.Budget)
	}
}

func TestCheckNamesTheKeyAndTheTrouble(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Retry.Attempts = 11 }, "retry.attempts"},
		{func(c *Config) { c.Retry.Attempts = -1 }, "retry.attempts"},
		{func(c *Config) { c.Retry.On = []string{"conect"} }, "retry.on[0]"},
		{func(c *Config) { c.Retry.On = []string{"reset", "reset"} }, `retry.on[1]: "reset" is written twice`},
		{func(c *Config) { c.Retry.Methods = []string{"GET", "get"} }, `retry.methods[1]: "get" is not a method`},
		{func(c *Config) { c.Retry.Replay = conf.Bytes(1 << 30) }, "retry.replay"},
		{func(c *Config) { c.Retry.Backoff = conf.Dur(time.Minute) }, "retry.backoff"},
		{func(c *Config) { c.Retry.Backoff = conf.OffDuration }, ""},
		{func(c *Config) { c.Retry.Backoff = conf.Dur(0) }, ""},
		{func(c *Config) { c.Hedge = &HedgeConfig{Budget: conf.Percent(5)} }, "hedge.after"},
		{func(c *Config) { c.Hedge = &HedgeConfig{After: AfterPercentile(95)} }, "hedge.budget"},
		{func(c *Config) { h := DefaultHedge(); c.Hedge, c.Retry.Attempts = &h, 0 }, "hedge.after: no attempt may follow"},
		{func(c *Config) { c.Timeouts.Connect = conf.OffDuration }, "timeouts.connect"},
		{func(c *Config) { c.Connections.KeepAlive = conf.Dur(0) }, "connections.keep_alive"},
	} {
		cfg, p := Default(), conf.NewProblems()
		c.change(&cfg)
		cfg.Check(p)
		var got []string
		for _, pr := range p.List() {
			got = append(got, pr.Path.String()+": "+pr.Text)
		}
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestHedgeAfterIsAPercentileOrADuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]HedgeAfter{
		"p50": AfterPercentile(50), "p95": AfterPercentile(95), "p99.9": AfterPercentile(99.9),
		"50ms": AfterDuration(50 * time.Millisecond), "1s": AfterDuration(time.Second), "0s": {},
	} {
		var a HedgeAfter
		if err := a.UnmarshalText([]byte(text)); err != nil || a != want {
			t.Errorf("%q is %v, %v", text, a, err)
		}
		if got := a.String(); got != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
	for _, text := range []string{"", "p", "p49", "p100", "p-95", "p9e1", "pNaN", "p0x60", "P95", "95", "95%", "off", "-1s", "p 95"} {
		var a HedgeAfter
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, a)
		}
	}
}

// FuzzHedgeAfter: what is read is written back as something that reads the same.
func FuzzHedgeAfter(f *testing.F) {
	for _, s := range []string{"p95", "p99.9", "50ms", "off", "p", "1h30m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, b HedgeAfter
		if a.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := b.UnmarshalText([]byte(a.String())); err != nil || a != b {
			t.Fatalf("%q is %v, which is read as %v, %v", text, a, b, err)
		}
	})
}
