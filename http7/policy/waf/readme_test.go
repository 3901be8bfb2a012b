package waf_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/waf"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	bundles := []string{"edge", "comments"}
	for i, c := range policytest.Examples(t, len(bundles), policytest.Site, config.Parse, config.Options{}) {
		steps, err := waf.Compile(c.Policies[bundles[i]].WAF, bundles[i], process.Needs())
		if err != nil || len(steps) != 1 {
			t.Errorf("example %d: %v, %v", i+1, steps, err)
		}
	}
}
