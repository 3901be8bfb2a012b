package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a policy has counted goes with its section, though the bundle stays.
func TestTheCountsOfASectionGoWithIt(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.conf")
	if err := os.WriteFile(rules, []byte(`SecRule ARGS "@rx evil" "id:1,phase:2,deny,status:403"`), 0o600); err != nil {
		t.Fatal(err)
	}
	const config = `
[listeners.web]
address = "127.0.0.1:0"
policies = ["edge"]
[[routes]]
match = { path = "/" }
respond = { body = "ok" }
[policies.edge.headers.response]
set = { X-A = "b" }
`
	walled := config + strings.Replace(`
[policies.edge.waf]
rules = "{rules}"
ruleset = "own"
[policies.edge.ip_filter]
deny = ["127.0.0.0/8"]
`, "{rules}", rules, 1)
	r := start(t, config)
	for range 3 {
		r.reload(walled)
		if res, _ := r.knock("GET", "/?q=evil"); res.StatusCode != 403 {
			t.Fatal(res.Status)
		}
		until(t, "the refusal is counted", func() bool {
			return strings.Contains(r.metrics(), `weir_policy_refusals_total{policy="edge.ip_filter"`)
		})
		if !strings.Contains(r.metrics(), `weir_policy_events_total{policy="edge.waf"`) {
			t.Error("no events of the firewall")
		}
		r.reload(config)
		if m := r.metrics(); strings.Contains(m, `{policy="edge.`) {
			t.Errorf("what is gone is still counted:\n%s", m[strings.Index(m, "weir_policy"):])
		}
	}
}
