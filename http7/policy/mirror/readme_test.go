package mirror_test

import (
	"os"
	"strings"
	"testing"

	"weir/http7/policy/mirror"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const rest = "\n[listeners.web]\naddress = \":8080\"\n[upstreams]\nsite.endpoints = [\"127.0.0.1:1\"]\nsite-next.endpoints = [\"127.0.0.1:2\"]\n"
	wants := []func(c *mirror.Config) bool{
		func(c *mirror.Config) bool {
			return c.Sample.Value() == 0.1 && c.Compare && len(c.Headers) == 2 && len(c.Ignore) == 2 && c.Methods == nil
		},
		func(c *mirror.Config) bool {
			return c.Sample.Value() == 1 && !c.Compare && len(c.Methods) == 2 && c.Timeout.Value().Seconds() == 2 && c.MaxBody.Value() == 64<<10
		},
	}
	examples := strings.Split(string(text), "```toml\n")[1:]
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, want %d", len(examples), len(wants))
	}
	for i, e := range examples {
		e, _, _ = strings.Cut(e, "```")
		c, report := config.Parse("README.md", []byte(e+rest), config.Options{})
		if c == nil {
			t.Fatalf("example %d:\n%s", i+1, report)
		}
		m := c.Routes[0].Mirror
		if m == nil || m.Upstream != "site-next" || !wants[i](m) {
			t.Errorf("example %d: %+v", i+1, m)
			continue
		}
		if _, err := mirror.Compile(m, mirror.Needs{Route: "site"}); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
	}
}
