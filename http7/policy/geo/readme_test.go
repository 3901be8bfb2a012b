package geo_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle string
		steps  int
		served map[string]bool
	}{
		{"edge", 2, map[string]bool{"192.0.2.1": true, "203.0.113.1": true, "10.0.0.1": true}},
		{"europe", 1, map[string]bool{"192.0.2.1": true, "203.0.113.1": false, "10.0.0.1": true}},
	}
	read := func(string) ([]byte, error) { return world(t), nil }
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{ReadFile: read}) {
		got := *c.Policies[wants[i].bundle].Geo
		got.Database = file(t, world(t))
		if steps := compile(t, got); len(steps) != wants[i].steps {
			t.Errorf("example %d: %d steps, want %d", i+1, len(steps), wants[i].steps)
		}
		for client, want := range wants[i].served {
			if served := open(t, got).Allows(address(client)); served != want {
				t.Errorf("example %d: %s is served: %v, want %v", i+1, client, served, want)
			}
		}
	}
}
