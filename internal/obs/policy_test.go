package obs

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestRefusalsAreCountedByPolicyFaultAndMode(t *testing.T) {
	c := NewCatalogue(Build{})
	p := c.Policies()
	p.Refused("edge.jwt", "jwt_expired", "enforce")
	p.Refused("edge.jwt", "jwt_expired", "enforce")
	p.Refused("edge.jwt", "jwt_expired", "observe")
	p.Refused("edge.api_key", "api_key_unknown", "enforce")
	for _, line := range []string{
		`weir_policy_refusals_total{policy="edge.jwt",fault="jwt_expired",mode="enforce"} 2`,
		`weir_policy_refusals_total{policy="edge.jwt",fault="jwt_expired",mode="observe"} 1`,
		`weir_policy_refusals_total{policy="edge.api_key",fault="api_key_unknown",mode="enforce"} 1`,
	} {
		wantLine(t, c, line)
	}
	if got := scrape(c); strings.Count(got, "# TYPE weir_policy_refusals_total ") != 1 || strings.Index(got, "edge.api_key") > strings.Index(got, "edge.jwt") {
		t.Errorf("one family in the order of its series is expected:\n%s", got)
	}
}

func TestEventsAndLevelsOfPolicies(t *testing.T) {
	c := NewCatalogue(Build{})
	p := c.Policies()
	failed := p.Counted("edge.jwt", "refresh_failed")
	failed.Add(2)
	if p.Counted("edge.jwt", "refresh_failed") != failed {
		t.Error("an event has two counters")
	}
	endOld := p.Gauged("edge.rate_limit", "keys", func() float64 { return 1.5 })
	wantLine(t, c, `weir_policy_events_total{policy="edge.jwt",event="refresh_failed"} 2`)
	wantLine(t, c, `weir_policy_level{policy="edge.rate_limit",level="keys"} 1.5`)
	endNew := p.Gauged("edge.rate_limit", "keys", func() float64 { return 7 })
	endOld() // the config before is retired behind the next one's begin
	wantLine(t, c, `weir_policy_level{policy="edge.rate_limit",level="keys"} 7`)
	endNew()
	endNew()
	wantNone(t, c, "weir_policy_level")
}

func TestCountsOfPoliciesGoWithThem(t *testing.T) {
	c := NewCatalogue(Build{})
	p := c.Policies()
	p.Refused("old.jwt", "jwt_expired", "enforce")
	p.Refused("new.jwt", "jwt_expired", "enforce")
	p.Counted("old.jwt", "refresh_failed").Add(1)
	p.Keep(func(policy string) bool { return policy == "new.jwt" })
	wantNone(t, c, "old.jwt")
	wantLine(t, c, `weir_policy_refusals_total{policy="new.jwt",fault="jwt_expired",mode="enforce"} 1`)
}

func TestRefusalsAreBounded(t *testing.T) {
	c := NewCatalogue(Build{})
	p := c.Policies()
	for i := range mostRefusals + 100 {
		p.Refused("p.waf", fmt.Sprint("fault", i), "enforce")
	}
	wantLine(t, c, `weir_policy_refusals_total{policy="p.waf",fault="other",mode="enforce"} 100`)
}

func TestRefusalsMayBeCountedWhileTheyAreRead(t *testing.T) {
	c := NewCatalogue(Build{})
	p := c.Policies()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 200 {
				p.Refused("edge.waf", fmt.Sprint("fault", j%7), "enforce")
				p.Gauged("edge.waf", "level", func() float64 { return float64(i) })()
			}
		})
	}
	all.Go(func() {
		for range 20 {
			scrape(c)
		}
	})
	all.Wait()
	wantLine(t, c, `weir_policy_refusals_total{policy="edge.waf",fault="fault0",mode="enforce"} 116`)
}

func TestARefusalIsCountedWithoutAllocation(t *testing.T) {
	p := NewCatalogue(Build{}).Policies()
	if n := testing.AllocsPerRun(1000, func() { p.Refused("edge.jwt", "jwt_expired", "enforce") }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
