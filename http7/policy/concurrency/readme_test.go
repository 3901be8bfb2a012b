package concurrency_test

import (
	"testing"

	"weir/http7/policy/concurrency"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct{ bundle, limit string }{{"edge", "20"}, {"api", "adaptive"}}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		l := c.Policies[wants[i].bundle].Concurrency
		steps, err := concurrency.Compile(l, wants[i].bundle, policytest.Needs(t))
		if err != nil || len(steps) != 1 || l.Limit.String() != wants[i].limit {
			t.Errorf("example %d: %+v, %d steps, %v", i+1, l, len(steps), err)
		}
	}
}
