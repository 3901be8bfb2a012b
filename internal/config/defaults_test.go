package config

import (
	"strings"
	"testing"
)

// sharedCase is a text of [defaults] and of an entry, and lines that the effective form then has, or,
// with a "!" before them, has not.
type sharedCase struct {
	name, defaults, entry string
	want                  []string
}

func TestDefaultsAreMergedKeyByKey(t *testing.T) {
	for _, c := range []sharedCase{
		{
			"a scalar that the entry lacks", "[defaults.listeners]\nforwarded = \"both\"", "",
			[]string{`forwarded = "both"`},
		},
		{
			"a scalar that the entry has", "[defaults.listeners]\nforwarded = \"both\"", "[listeners.web]\nforwarded = \"off\"",
			[]string{`forwarded = "off"`, `!forwarded = "both"`},
		},
		{
			"a table beside the entry's", "[defaults.listeners.limits]\nheader_count = 7", "[listeners.web]\nlimits.header_bytes = \"2KiB\"",
			[]string{`header_count = 7`, `header_bytes = "2KiB"`, `idle_timeout = "75s"`},
		},
		{
			"a list, which the entry replaces", "[defaults.listeners]\ntrusted_proxies = [\"10.0.0.0/8\"]", "[listeners.web]\ntrusted_proxies = [\"::1\"]",
			[]string{`trusted_proxies = ["::1"]`, `!10.0.0.0/8`},
		},
		{
			"a list, which the entry empties", "[defaults.listeners]\ntrusted_proxies = [\"10.0.0.0/8\"]", "[listeners.web]\ntrusted_proxies = []",
			[]string{`trusted_proxies = []`},
		},
		{
			"a timeout of every upstream", "[defaults.upstreams]\ntimeouts.connect = \"9s\"", "",
			[]string{`connect = "9s"`, `response = "30s"`},
		},
		{
			"a probe of every upstream", "[defaults.upstreams.health]\nhttp.path = \"/up\"", "",
			[]string{`path = "/up"`, `status = "2xx"`, `interval = "2s"`},
		},
		{
			"another probe in the entry", "[defaults.upstreams.health]\nhttp.path = \"/up\"\nrise = 9", "[upstreams.api]\nhealth.tcp = {}",
			[]string{`[upstreams.api.health.tcp]`, `rise = 9`, `!path = "/up"`},
		},
		{
			"endpoints, which the entry replaces", "[defaults.upstreams]\nendpoints = [\"z:1\"]", "",
			[]string{`address = "a:1"`, `!z:1`},
		},
		{
			"a timeout of every route", "[defaults.routes]\ntimeout = \"9s\"", "",
			[]string{`timeout = "9s"`},
		},
		{
			"an action, which the route replaces", "[defaults.routes]\nhandler = \"hello\"", "",
			[]string{`upstream = "api"`, `!handler`},
		},
		{
			"a route's retry over the shared one", "[defaults.routes]\nretry = { attempts = 9, on = [\"reset\"] }", "[[routes]]\nmatch.path = \"/b\"\nupstream = \"api\"\nretry.attempts = 1",
			[]string{"[routes.retry]\nattempts = 9\non = [\"reset\"]", "[routes.retry]\nattempts = 1\non = [\"reset\"]"},
		},
		{
			"a route's retry over its upstream's", "", "[upstreams.api]\nretry.on = [\"503\"]\n[[routes]]\nmatch.path = \"/b\"\nupstream = \"api\"\nretry.attempts = 1",
			[]string{"[routes.retry]\nattempts = 1\non = [\"503\"]", "[upstreams.api.retry]\nattempts = 2\non = [\"503\"]"},
		},
		{
			"a retry that an answer from here has no use for", "[defaults.routes]\nretry.attempts = 9", "[[routes]]\nmatch.path = \"/b\"\nrespond = {}",
			[]string{"[routes.respond]\nstatus = 200"},
		},
		{
			"a split, which a route's own action replaces", "[defaults.routes]\nsplit = [{ upstream = \"api\" }]\nsplit_by = \"client\"",
			"[[routes]]\nmatch.path = \"/b\"\nrespond = {}\n[[routes]]\nmatch.path = \"/c\"",
			[]string{"[routes.respond]\nstatus = 200", `split_by = ["client"]`, `split = [{ upstream = "api", weight = 1 }]`},
		},
		{
			"what is about forwarding, which a redirect has no use for", "[defaults.routes]\nrewrite.prefix = \"/v2\"\nmirror.upstream = \"api\"",
			"[[routes]]\nmatch.path = \"/b\"\nredirect.to = \"/c\"",
			[]string{"[routes.rewrite]\nmode = \"enforce\"\nprefix = \"/v2\"", "[routes.redirect]\nto = \"/c\"\nstatus = 308", "[routes.mirror]\nupstream = \"api\"\nsample = \"100%\""},
		},
		{
			"error pages, by their statuses", "[defaults.routes.error_pages]\n\"5xx\" = \"/5.html\"\n404 = \"/4.html\"",
			"[[routes]]\nmatch.path = \"/b\"\nrespond = {}\nerror_pages = { 404 = \"/b.html\" }",
			[]string{"[routes.error_pages]\n404 = [\"/b.html\"]\n5xx = [\"/5.html\"]"},
		},
		{
			"a condition of every route", "[defaults.routes.match]\nheaders = { X-A = \"1\" }", "[[routes]]\nmatch.headers.X-B = \"2\"\nupstream = \"api\"",
			[]string{"[routes.match.headers]\nX-A = \"1\"\nX-B = \"2\""},
		},
		{
			"rules for paths of every listener", "[defaults.listeners.paths]\nempty_segments = \"merge\"", "[listeners.web]\npaths.parameters = \"keep\"",
			[]string{"[listeners.web.paths]\nempty_segments = \"merge\"\ndot_segments = \"refuse\"\nencoded_slash = \"refuse\"\nparameters = \"keep\""},
		},
		{
			"http's keys, which tcp listeners don't get", "[defaults.listeners]\nforwarded = \"both\"\nlimits = { header_count = 7, idle_timeout = \"9s\" }",
			"[listeners.db]\naddress = \":81\"\nkind = \"tcp\"\nupstream = \"api\"",
			[]string{"[listeners.db]\naddress = [\":81\"]\nkind = \"tcp\"\nupstream = \"api\"\nmax_connections_per_client = \"off\"\n\n[listeners.db.limits]\nidle_timeout = \"9s\"\n\n"},
		},
		{
			"tcp's upstream, which http listeners don't get", "[defaults.listeners]\nupstream = \"api\"", "",
			[]string{"[listeners.web]\naddress = [\":80\"]\nkind = \"http\"\nprotocols"},
		},
		{
			"a default of tls where there is tls alone", "[defaults.listeners]\nmax_connections = 5", "",
			[]string{`max_connections = 5`, `!min_version`},
		},
	} {
		c.check(t)
	}
}

// check merges the case's texts into a small config and looks for the lines in its effective form.
func (c sharedCase) check(t *testing.T) {
	t.Helper()
	text := c.defaults + "\n"
	for _, part := range []struct{ header, body string }{
		{"[listeners.web]", "address = \":80\"\n"},
		{"[upstreams.api]", "endpoints = \"a:1\"\n"},
	} {
		text += part.header + "\n" + part.body
		if _, own, found := strings.Cut(c.entry, part.header+"\n"); found {
			own, rest, more := strings.Cut(own, "\n[")
			text += own + "\n"
			c.entry = ""
			if more {
				c.entry = "[" + rest
			}
		}
	}
	text += "[[routes]]\nupstream = \"api\"\n" + c.entry
	got, r := Parse("x", []byte(text), testOptions())
	if got == nil {
		t.Errorf("%s: refused:\n%s\n%s", c.name, text, r)
		return
	}
	effective := string(Effective(got))
	for _, want := range c.want {
		want, absent := strings.CutPrefix(want, "!")
		if strings.Contains(effective, want) == absent {
			t.Errorf("%s: %q is there: %v, in\n%s", c.name, want, !absent, effective)
		}
	}
}

func TestWrongDefaultsAreSaidOnceAndWhereTheyStand(t *testing.T) {
	for _, c := range []struct{ defaults, want string }{
		{"[defaults.listeners]\nkind = \"udp\"", `x:2:8: defaults.listeners.kind: "udp" is not a kind of listener`},
		{"[defaults.listeners]\nlimits.header_bytes = 5", `x:2:23: defaults.listeners.limits.header_bytes: 5 is not a size`},
		{"[defaults.listeners]\nlimits.header_bytes = \"1B\"", `x:2:23: defaults.listeners.limits.header_bytes: "1B" is out of range`},
		{"[defaults.listeners]\npolicies = \"nope\"", `x:2:12: defaults.listeners.policies: there is no policy "nope"`},
		{"[defaults.upstreams]\nnope = 1", `x:2:1: defaults.upstreams.nope: there is no key "nope" in defaults.upstreams`},
		{"[defaults.routes]\ntimeout = \"0s\"", `x:2:11: defaults.routes.timeout: "0s" is no time at all`},
		{"[defaults.routes]\nretry.attempts = 99", `x:2:18: defaults.routes.retry.attempts: 99 is out of range`},
		{"[defaults.policies]\nx = 1", `x:1:11: defaults.policies: there is no key "policies" in defaults`},
		{"defaults = 5", `x:1:12: defaults: 5 is not a table`},
		{"defaults.listeners = 5", `x:1:22: defaults.listeners: 5 is not a table`},
	} {
		text := c.defaults + "\n" + `
[listeners.a]
address = ":80"
[listeners.b]
address = ":81"
[upstreams.a]
endpoints = "a:1"
[upstreams.b]
endpoints = "b:1"
[[routes]]
upstream = "a"
[[routes]]
match.path = "/b"
upstream = "b"
`
		got, r := Parse("x", []byte(text), testOptions())
		if got != nil || !strings.HasPrefix(r.String(), c.want) || len(r.Findings()) != 1 {
			t.Errorf("%s gave\n%s\nwant %s alone", c.defaults, r, c.want)
		}
	}
}
