package cors_test

import (
	"os"
	"strings"
	"testing"

	"weir/internal/config"
)

// rest is what a whole config needs besides a policy.
const rest = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"api\" }]\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	wants := []struct{ bundle, answer, remark string }{
		{"edge", allowsApp + credential + "Access-Control-Allow-Methods: GET, POST\nAccess-Control-Allow-Headers: Content-Type\nAccess-Control-Max-Age: 3600\n" + variesAll, ""},
		{"open", allowsAll + "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\nAccess-Control-Allow-Headers: *, Authorization\nAccess-Control-Max-Age: 600\n" + variesAll, ""},
		{"preview", "Server: s\nContent-Length: 0\n", "edge.cors:would refuse the preflight"},
	}
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
		r := pass(t, compile(t, c.Policies[wants[i].bundle].CORS), preflight(""), answer)
		if r.Answer != wants[i].answer || strings.Join(r.Remarks, "") != wants[i].remark {
			t.Errorf("example %d: got\n%s%q, want\n%s%q", i+1, r.Answer, r.Remarks, wants[i].answer, wants[i].remark)
		}
	}
}
