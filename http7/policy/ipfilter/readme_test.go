package ipfilter_test

import (
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	const listed = "198.51.100.0/24 ; SBL7\n"
	wants := []struct {
		bundle string
		served map[string]bool
	}{
		{"edge", map[string]bool{"203.0.113.8": false, "203.0.113.7": true, "198.51.100.1": false, "10.0.0.1": true, "2001:db8::1": true}},
		{"office", map[string]bool{"192.0.2.1": true, "2001:db8::1": true, "203.0.113.7": false}},
	}
	read := func(string) ([]byte, error) { return []byte(listed), nil }
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{ReadFile: read}) {
		section := *c.Policies[wants[i].bundle].IPFilter
		if section.DenyFile != "" {
			section.DenyFile = file(t, listed)
		}
		f := open(t, section)
		for client, want := range wants[i].served {
			if got := f.Allows(address(client)); got != want {
				t.Errorf("example %d: %s is served: %v, want %v", i+1, client, got, want)
			}
		}
	}
}
