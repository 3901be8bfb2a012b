package config

import (
	"strings"
	"testing"

	"weir/internal/plan"
)

// GET /config is "without secrets", and showed the credentials that policies give to endpoints: ${UP_TOKEN} was a text
// like any other by then.
func TestWhatIsShownHasNoCredentialsInFields(t *testing.T) {
	o := testOptions()
	o.Env = func(string) (string, bool) { return "confidential", true }
	c, r := Parse("x", []byte(`
[listeners.web]
address = ":1"
[[routes]]
match.headers = { X-Api-Key = "confidential", X-Token = "*", X-Plain = "seen-1" }
upstream = "u"
policies = "p"
[policies.p.headers]
request = { set = { Authorization = "Bearer ${UP}", X-Edge = "seen-2" }, add = { X-Secret = ["confidential", "${UP}"] }, remove = ["X-Auth"] }
[upstreams.u]
endpoints = "a:1"
health.http = { path = "/", headers = { Authorization = "Basic ${UP}", X-Probe = "seen-3" } }
`), o)
	if c == nil {
		t.Fatal(r)
	}
	got := string(Shown(c))
	for _, want := range []string{`X-Token = "*"`, "seen-1", "seen-2", "seen-3", "X-Auth", `Authorization = "***"`, `X-Api-Key = "***"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not shown in\n%s", want, got)
		}
	}
	if strings.Contains(got, "confidential") || !strings.Contains(string(Effective(c)), "Bearer confidential") {
		t.Errorf("a credential is shown, or left out of what the operator asks for with his own file:\n%s", got)
	}
}

func TestCredentialsInChangesAreHidden(t *testing.T) {
	key := func(k, old, new string) plan.Key { return plan.Key{Key: k, Old: old, New: new} }
	c := plan.Changes{Policies: []plan.Change{{Keys: []plan.Key{
		key("headers.request.set.Authorization", "a", "b"), key("headers.request.set.X-Token", "", "b"), key("headers.request.set.X-Edge", "a", "b"),
	}}}, Settings: []plan.Key{key("admin.token", "env A", "env B")}}
	HideCredentials(&c)
	want := []plan.Key{key("headers.request.set.Authorization", "***", "***"), key("headers.request.set.X-Token", "", "***"), key("headers.request.set.X-Edge", "a", "b")}
	for i, k := range c.Policies[0].Keys {
		if k != want[i] {
			t.Errorf("got %+v, want %+v", k, want[i])
		}
	}
	if c.Settings[0] != key("admin.token", "env A", "env B") {
		t.Errorf("got %+v", c.Settings[0])
	}
}
