package concurrency

import (
	"errors"
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestALimitIsANumberOrAdaptive(t *testing.T) {
	for text, want := range map[string]Limit{"1": AtMost(1), "100": AtMost(100), "adaptive": Adaptive, "2147483647": AtMost(1<<31 - 1)} {
		var l Limit
		if err := l.UnmarshalText([]byte(text)); err != nil || l != want || l.String() != text || l.IsZero() {
			t.Errorf("%q is %v, %v", text, l, err)
		}
		if b, _ := l.MarshalText(); string(b) != text {
			t.Errorf("%q is written as %q", text, b)
		}
	}
	for _, text := range []string{"", "0", "-1", "1.5", "off", "Adaptive", "99999999999"} {
		var l Limit
		var bad *conf.BadValue
		if err := l.UnmarshalText([]byte(text)); !errors.As(err, &bad) || bad.Hint == "" || !l.IsZero() {
			t.Errorf("%q is %v, %v", text, l, err)
		}
	}
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{nil, ""},
		{func(c *Config) { c.Limit = Limit{} }, "limit: there is no limit"},
		{func(c *Config) { c.Keys = 0 }, "keys: 0 is out of range"},
		{func(c *Config) { c.Keys = 1_000_000 }, ""},
		{func(c *Config) { c.Limit, c.Keys = Adaptive, 1_000_000 }, "keys: 1000000 is out of range"},
		{func(c *Config) { c.IPv6Prefix = 1 }, "ipv6_prefix: 1 is out of range"},
		{func(c *Config) { c.Key = key("path", "path") }, `key[1]: "path" is written twice`},
	} {
		p := conf.NewProblems()
		cfg := of(c.change)
		cfg.Check(p)
		policytest.Hinted(t, p)
		if got := policytest.Said(p); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if _, err := Compile(cfg, "edge", nil); (err != nil) != (c.want != "") {
			t.Errorf("%q: compiled with %v", c.want, err)
		}
	}
}

// FuzzLimit: a text that is a limit is written as it was read.
func FuzzLimit(f *testing.F) {
	for _, s := range []string{"1", "adaptive", "0", "007", "+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l, again Limit
		if l.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(l.String())); err != nil || again != l || l.IsZero() {
			t.Errorf("%q became %v and %v, %v", text, l, again, err)
		}
	})
}
