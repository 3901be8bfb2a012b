package ratelimit_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/ratelimit"
	"weir/internal/config"
	"weir/internal/shared"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle string
		limits int
	}{{"edge", 1}, {"partners", 2}}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}, "no policy finds out who a client is") {
		needs := policytest.Needs(t)
		if c.Shared != nil {
			store, err := shared.New(c.Shared.Config, shared.Needs{Log: needs.Log})
			if err != nil {
				t.Fatal(err)
			}
			needs.Shared = store
		}
		list := c.Policies[wants[i].bundle].RateLimit
		steps, err := ratelimit.Compile(list, wants[i].bundle, needs)
		if err != nil || len(steps) != 1 || len(list) != wants[i].limits {
			t.Errorf("example %d: %d limits, %d steps, %v", i+1, len(list), len(steps), err)
		}
	}
}
