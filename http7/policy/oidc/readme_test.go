package oidc_test

import (
	"testing"

	"weir/http7/policy/oidc"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	lookup := func(name string) (string, bool) { return "a secret of some length: " + name, true }
	bundles := []string{"site", "backoffice"}
	for i, c := range policytest.Examples(t, len(bundles), policytest.Site, config.Parse, config.Options{Secret: lookup}) {
		steps, err := oidc.Compile(c.Policies[bundles[i]].OIDC, bundles[i], policytest.Needs(t))
		if err != nil || len(steps) == 0 {
			t.Errorf("example %d: %d steps, %v", i+1, len(steps), err)
		}
	}
}
