package cors_test

import (
	"strings"
	"testing"
	"time"

	"weir/http7/policy/cors"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestWhatIsWrongWithAConfigIsSaidAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*cors.Config)
		want   string // path and text; a warning has "warning " before it
	}{
		{"no origins", func(c *cors.Config) { c.Origins = nil }, "origins: no origin is allowed"},
		{"no origin", func(c *cors.Config) { c.Origins = append(c.Origins, "a.example") }, `origins[1]: "a.example" is not an origin`},
		{"a path", func(c *cors.Config) { c.Origins = []string{"https://a.example/"} }, `origins[0]: "https://a.example/" is more than an origin`},
		{"everybody with credentials", func(c *cors.Config) { c.Origins, c.Credentials = []string{"*"}, true },
			`origins[0]: "*" with credentials would let every site act as its visitors`},
		{"null with credentials", func(c *cors.Config) { c.Origins, c.Credentials = []string{"null"}, true },
			`origins[0]: "null" with credentials would let every site act as its visitors`},
		{"a top-level domain", func(c *cors.Config) { c.Origins = []string{"https://*.com"} }, `warning origins[0]: "https://*.com" holds for a whole top-level domain`},
		{"a top-level domain with a port", func(c *cors.Config) { c.Origins = []string{"https://*.com:8443"} }, `warning origins[0]: "https://*.com:8443" holds for a whole top-level domain`},
		{"this machine", func(c *cors.Config) { c.Origins = []string{"http://*.localhost:3000"} }, ""},
		{"no method", func(c *cors.Config) { c.Methods = []string{"GET", "P UT"} }, `methods[1]: "P UT" is not a method`},
		{"a method in lower case", func(c *cors.Config) { c.Methods = []string{"patch"} }, `methods[0]: "patch" is not "PATCH"`},
		{"no field", func(c *cors.Config) { c.Headers = []string{"X-A", "X B"} }, `headers[1]: "X B" is not a field name`},
		{"no field exposed", func(c *cors.Config) { c.Expose = []string{""} }, `expose[0]: "" is not a field name`},
		{"all exposed with credentials", func(c *cors.Config) { c.Expose, c.Credentials = []string{"*"}, true }, `expose[0]: with credentials "*" is a field of that name`},
		{"half a second", func(c *cors.Config) { c.MaxAge = conf.Dur(1500 * time.Millisecond) }, `max_age: "1500ms" is no whole number of seconds`},
		{"the defaults", nil, ""},
		{"everything", func(c *cors.Config) {
			c.Origins, c.Methods, c.Headers, c.Expose = []string{"*", "null", "https://a.example"}, []string{"*"}, []string{"*"}, []string{"*"}
			c.MaxAge, c.PrivateNetwork = conf.OffDuration, true
		}, ""},
	} {
		cfg, p := site(c.change), conf.NewProblems()
		cfg.Check(p)
		policytest.Hinted(t, p)
		if got := policytest.Said(p); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		steps, err := cors.Compile(cfg, "edge")
		if fails := c.want != "" && !strings.HasPrefix(c.want, "warning"); fails != (err != nil) || fails != (steps == nil) {
			t.Errorf("%s: Compile returns %v, %v", c.what, steps, err)
		}
	}
}
