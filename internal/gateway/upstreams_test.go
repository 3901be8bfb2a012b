package gateway

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/lb"
)

// balancingOf returns what lb is told of upstream u in a config.
func balancingOf(t *testing.T, config string) lb.Config {
	t.Helper()
	c, report := compile(t, web+"[[routes]]\nupstream = \"u\"\n"+config)
	if c == nil {
		t.Fatal(report)
	}
	return balancing(c.Config, c.Config.Upstreams["u"], false)
}

func TestWhatLBIsToldOfAnUpstream(t *testing.T) {
	const u = "[upstreams.u]\nendpoints = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n"
	for _, c := range []struct {
		name, config string
		right        func(b lb.Config) bool
	}{
		{"defaults", u, func(b lb.Config) bool {
			return b.Panic.Value() == 0.5 && b.Streak == 5 && b.RetryBudget.Value() == 0.2 && b.Breaker == nil && b.MaxInFlight.IsOff()
		}},
		{"an absent queue is the default", u, func(b lb.Config) bool { return *b.Queue == lb.DefaultQueue() }},
		{"no queue is none", u + "max_in_flight = 5\nqueue.size = 0", func(b lb.Config) bool { return b.Queue.Size == 0 && *b.Queue != lb.QueueConfig{} }},
		{"a queue is that", u + "max_in_flight = 5\nqueue.size = 7", func(b lb.Config) bool { return b.Queue.Size == 7 && b.MaxInFlight.Value() == 5 }},
		{"no budget is no default", u + "retry.budget = \"off\"", func(b lb.Config) bool { v := b.RetryBudget.Value(); return v > 0 && v < 1e-6 }},
		{"outliers off", u + "outliers.max_ejected = \"off\"", func(b lb.Config) bool { return b.Streak == 0 }},
		{"rows off", u + "outliers.consecutive_errors = \"off\"", func(b lb.Config) bool { return b.Streak == 0 }},
		{"never in panic", u + "outliers.panic_below = \"off\"", func(b lb.Config) bool { return b.Panic.Value() == 0 }},
		{"endpoints", u, func(b lb.Config) bool { return len(b.Endpoints) == 2 && !b.Discovered }},
	} {
		if b := balancingOf(t, c.config); !c.right(b) {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

func TestTheZoneOfTheNodeReachesEveryUpstream(t *testing.T) {
	c, report := compile(t, "zone = \"eu-1a\"\n"+web+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"127.0.0.1:1\"\n")
	if c == nil {
		t.Fatal(report)
	}
	if b := balancing(c.Config, c.Config.Upstreams["u"], true); b.Zone != "eu-1a" || !b.Discovered || b.Endpoints != nil {
		t.Errorf("lb is told %+v", b)
	}
}

// A directory that can't be used is an error where an operator has named it: nothing starts, and a
// reload is refused.
func TestAStateDirectoryThatCantBeUsedRefusesAReload(t *testing.T) {
	plain := "[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"" + endpoint(t, "x") + "\"\n"
	r := start(t, plain)
	r.write("state_dir = \"/dev/null/weir\"\n" + plain + "sticky.cookie = \"weir\"\n")
	if v := r.g.Reload(); v.OK || !strings.Contains(v.Problems[len(v.Problems)-1].Text, "upstream u: sticky keys") {
		t.Errorf("the verdict is %+v", v)
	}
	r.says("web", "/", "x")
	r.reload("state_dir = \"" + filepath.Join(t.TempDir(), "state") + "\"\n" + plain + "sticky.cookie = \"weir\"\n")
	r.says("web", "/", "x")
}
