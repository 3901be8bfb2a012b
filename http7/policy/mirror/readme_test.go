package mirror_test

import (
	"testing"

	"weir/http7/policy/mirror"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	const rest = "listeners.web.address = \":8080\"\nupstreams.site.endpoints = [\"127.0.0.1:1\"]\nupstreams.site-next.endpoints = [\"127.0.0.1:2\"]\n"
	wants := []func(c *mirror.Config) bool{
		func(c *mirror.Config) bool {
			return c.Sample.Value() == 0.1 && c.Compare && len(c.Headers) == 2 && len(c.Ignore) == 2 && c.Methods == nil
		},
		func(c *mirror.Config) bool {
			return c.Sample.Value() == 1 && !c.Compare && len(c.Methods) == 2 && c.Timeout.Value().Seconds() == 2 && c.MaxBody.Value() == 64<<10
		},
	}
	for i, c := range policytest.Examples(t, len(wants), rest, config.Parse, config.Options{}) {
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
