package requestid_test

import (
	"os"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/requestid"
	"weir/internal/config"
)

// rest is what a whole config needs besides a policy.
const rest = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"api\" }]\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	wants := []struct {
		bundle, header string
		kept           bool
	}{{"edge", "X-Request-Id", false}, {"inner", "X-Correlation-Id", true}}
	examples := strings.Split(string(text), "```toml\n")[1:]
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, want %d", len(examples), len(wants))
	}
	for i, e := range examples {
		e, _, _ = strings.Cut(e, "```")
		c, report := config.Parse("README.md", []byte(rest+e), config.Options{})
		if c == nil {
			t.Fatalf("example %d:\n%s", i+1, report)
		}
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
