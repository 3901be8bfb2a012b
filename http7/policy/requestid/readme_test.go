package requestid_test

import (
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/http7/policy/requestid"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle, header string
		kept           bool
	}{{"edge", "X-Request-Id", false}, {"inner", "X-Correlation-Id", true}}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		steps, err := requestid.Compile(c.Policies[wants[i].bundle].RequestID, wants[i].bundle)
		if err != nil {
			t.Fatal(err)
		}
		x := exchange(t, head(wants[i].header+": a\n"))
		run(x, steps)
		name, _ := http7.NewName(wants[i].header)
		if told, _ := x.Answer.Header.First(name); string(told) != string(x.RequestID) || (string(told) == "a") != wants[i].kept {
			t.Errorf("example %d: told %q", i+1, told)
		}
	}
}
