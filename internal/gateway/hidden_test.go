package gateway

import (
	"strings"
	"testing"

	"weir/internal/explain"
	colours "weir/internal/term"
)

// A key in a query was masked by whoever looked for it, and told by the log where nobody had: on a route without the
// policy, behind an earlier refusal, and where no route was found.
func TestNoLineOfTheLogTellsAKeyOfTheQuery(t *testing.T) {
	r := start(t, strings.ReplaceAll(`
[access_log]
path = "-"
sample = "100%"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match.path = "/open"
respond.body = "open"
[[routes]]
match.path = "/closed"
policies = "partners"
respond.body = "closed"
[[routes]]
match.path = "/far"
policies = ["near", "partners"]
respond.body = "far"
[policies.near]
ip_filter = { deny = "127.0.0.0/8" }
[policies.partners]
api_key = { query = "key", keys_file = "{keys}" }
`, "{keys}", keysOf(t, map[string]string{"ann": "s3cret-of-ann"})))
	for _, c := range []struct {
		path   string
		status int
		shown  string
	}{
		{"/closed?a=1&key=s3cret-of-ann", 200, `"target":"/closed?a=1&key=***"`},
		{"/closed?key=s3cret-wrong&b", 401, `"target":"/closed?key=***&b"`},
		{"/closed?%6Bey=s3cret-wrong", 401, `"target":"/closed?%6Bey=***"`},
		{"/closed?key=s3cret-of-ann&key=s3cret-of-ann", 401, `"target":"/closed?key=***&key=***"`},
		{"/open?key=s3cret-of-ann", 200, `"target":"/open?key=***"`},
		{"/far?key=s3cret-of-ann", 403, `"target":"/far?key=***"`},
		{"/nowhere?key=s3cret-of-ann", 404, `"target":"/nowhere?key=***"`},
	} {
		if res, body := r.knock("GET", c.path); res.StatusCode != c.status || strings.Contains(body, "s3cret") {
			t.Errorf("%s: %d %s, want %d", c.path, res.StatusCode, body, c.status)
		}
		until(t, "the log has "+c.shown, func() bool { return strings.Contains(r.access.String(), c.shown) })
	}
	if told := r.access.String() + r.log.String() + r.metrics(); strings.Contains(told, "s3cret") {
		t.Errorf("a key is told in\n%s", told)
	}
}

// Whoever judges by a field in which credentials stand has it logged, so that plan can judge again: as a hash, whatever the
// field is called.
func TestNoLineOfTheLogTellsACredentialThatAConditionReads(t *testing.T) {
	r := start(t, strings.ReplaceAll(`
[access_log]
path = "-"
sample = "100%"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match.path = "/closed"
policies = "partners"
respond.body = "closed"
[policies.partners]
api_key = { header = "X-Caller", keys_file = "{keys}" }
authorise = [{ require = 'headers["x-caller"] != "" && headers["x-other"] == "seen"' }]
`, "{keys}", keysOf(t, map[string]string{"ann": "s3cret-of-ann"})))
	if res, body := r.knock("GET", "/closed", "X-Caller: s3cret-of-ann", "X-Other: seen"); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	const shown = `["header:x-caller","hmac:`
	until(t, "the log has "+shown, func() bool { return strings.Contains(r.access.String(), shown) })
	if told := r.access.String(); strings.Contains(told, "s3cret") || !strings.Contains(told, `["header:x-other","seen"]`) {
		t.Errorf("the log tells %s", told)
	}
}

// The first line of an explanation masked a key of the query, and what stood below told it: explanations are pasted into
// tickets.
func TestNoExplanationTellsAKeyOfTheQuery(t *testing.T) {
	g := start(t, strings.ReplaceAll(`
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match.path = "/q/*"
policies = "partners"
upstream = "u"
[[routes]]
match.path = "/passed/*"
policies = "passing"
upstream = "u"
[[routes]]
match.path = "/open/*"
upstream = "u"
[[routes]]
match.path = "/old/*"
redirect = { to = "/open/{rest}" }
[policies.partners]
api_key = { query = "key", keys_file = "{keys}" }
[policies.passing]
api_key = { query = "key", keys_file = "{keys}", pass = true }
[upstreams.u]
endpoints = "192.0.2.1:80"
`, "{keys}", keysOf(t, map[string]string{"ann": "s3cret-of-ann"})))
	for _, c := range []struct {
		target string
		action explain.Action
		query  string
		leaves string // the target that the endpoint gets, or where a redirect points
	}{
		{"/q/a?b=1&key=s3cret-of-ann", explain.Forwarded, "b=1&key=***", "/q/a?b=1"},
		{"/q/a?key=s3cret-wrong", explain.Refused, "key=***", ""},
		{"/passed/a?key=s3cret-of-ann", explain.Forwarded, "key=***", "/passed/a?key=***"},
		{"/open/a?%6Bey=s3cret-of-ann&c", explain.Forwarded, "%6Bey=***&c", "/open/a?%6Bey=***&c"},
		{"/old/a?key=s3cret-of-ann", explain.Redirected, "key=***", "/open/a?key=***"},
		{"/nowhere?key=s3cret-of-ann", explain.Refused, "key=***", ""},
		{"/open/a?", explain.Forwarded, "", "/open/a?"},
		{"/open/a", explain.Forwarded, "", "/open/a"},
	} {
		r, err := g.g.Explain(explain.Question{URL: c.target})
		if err != nil {
			t.Fatal(err)
		}
		leaves := ""
		if len(r.Upstreams) > 0 {
			leaves = r.Upstreams[0].Request.Target
		} else if r.Answer != nil {
			leaves = r.Answer.Location
		}
		if r.Action != c.action || r.Request.Query != c.query || leaves != c.leaves {
			t.Errorf("%s: %s with query %q, leaves as %q; want %s, %q, %q", c.target, r.Action, r.Request.Query, leaves, c.action, c.query, c.leaves)
		}
		b, err := r.MarshalJSON()
		if told := r.Text(colours.Paint{}) + string(b); err != nil || strings.Contains(told, "s3cret") {
			t.Errorf("%s: %v, told\n%s", c.target, err, told)
		}
	}
}
