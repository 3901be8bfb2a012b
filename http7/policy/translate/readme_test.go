package translate_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/translate"
	"weir/internal/config"
)

// rest is what a whole config needs besides a policy.
const rest = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"service\", policies = [%] }]\nupstreams.service = { endpoints = [\"127.0.0.1:1\"], protocol = \"h2c\" }\n"

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	bundles := []string{"web", "app"}
	for i, c := range policytest.Examples(t, len(bundles), rest, config.Parse, config.Options{}) {
		steps, err := translate.Compile(c.Policies[bundles[i]].Translate, bundles[i])
		if err != nil || len(steps) != 1 {
			t.Errorf("example %d: %v, %v", i+1, steps, err)
		}
	}
}
