package validate_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/validate"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	bundles := []string{"orders", "events"}
	steps := []int{2, 1}
	for i, c := range policytest.Examples(t, len(bundles), policytest.Site, config.Parse, config.Options{}) {
		made, err := validate.Compile(c.Policies[bundles[i]].Validate, bundles[i], nil)
		if err != nil || len(made) != steps[i] {
			t.Errorf("example %d: %v, %v", i+1, made, err)
		}
	}
}
