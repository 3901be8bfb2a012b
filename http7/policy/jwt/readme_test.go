package jwt_test

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/jwt"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle string
		blocks bool
		sets   string
	}{{"edge", true, "X-Groups X-User"}, {"partners", false, ""}}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		steps, err := jwt.Compile(c.Policies[wants[i].bundle].JWT, wants[i].bundle, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := steps[0]; s.Stage != http7.Identify || s.Blocks != wants[i].blocks || s.Bundle != wants[i].bundle {
			t.Errorf("example %d: %+v", i+1, s)
		}
		if got := strings.Join(steps[1].Sets, " "); got != wants[i].sets {
			t.Errorf("example %d: tells %q, want %q", i+1, got, wants[i].sets)
		}
	}
}
