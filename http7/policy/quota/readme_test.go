package quota_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/quota"
	"weir/internal/config"
	"weir/internal/shared"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle string
		limit  int
	}{{"partners", 1_000_000}, {"free", 1000}}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}, "no policy finds out who a client is") {
		needs := policytest.Needs(t)
		if c.Shared != nil {
			store, err := shared.New(c.Shared.Config, shared.Needs{Log: needs.Log})
			if err != nil {
				t.Fatal(err)
			}
			needs.Shared = store
		}
		q := c.Policies[wants[i].bundle].Quota
		steps, err := quota.Compile(q, wants[i].bundle, needs)
		if err != nil || len(steps) != 1 || q.Limit != wants[i].limit {
			t.Errorf("example %d: %+v, %d steps, %v", i+1, q, len(steps), err)
		}
	}
}
