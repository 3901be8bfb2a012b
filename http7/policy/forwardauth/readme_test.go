package forwardauth_test

import (
	"testing"

	"weir/http7/policy/forwardauth"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	bundles := []string{"site", "partners"}
	for i, c := range policytest.Examples(t, len(bundles), policytest.Site, config.Parse, config.Options{}) {
		steps, err := forwardauth.Compile(c.Policies[bundles[i]].ForwardAuth, bundles[i], policytest.Needs(t))
		if err != nil || len(steps) == 0 {
			t.Errorf("example %d: %d steps, %v", i+1, len(steps), err)
		}
	}
}
