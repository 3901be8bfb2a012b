package config

import (
	"strings"
	"testing"

	"weir/internal/plan"
)

func TestRulesOfACache(t *testing.T) {
	frame := "[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"api\"\npolicies = \"p\"\n[upstreams.api]\nendpoints = \"10.0.0.1:80\"\n[policies.p.cache]\n%s\n"
	follow(t, frame, []rule{
		{text: ``},
		{text: `mode = "observe"`},
		{text: `mode = "on"`, want: `policies.p.cache.mode: "on" is not a mode`},
		{text: `ttl = "origin"`},
		{text: `ttl = "60s"`},
		{text: `ttl = "orign"`, want: `policies.p.cache.ttl: "orign" is not a time to live`},
		{text: `ttl = "off"`, want: `policies.p.cache.ttl: "off" is not a time to live`},
		{text: `ttl = 60`, want: `policies.p.cache.ttl: `},
		{text: `ttl = "0s"`, want: `policies.p.cache.ttl: "0s" is no time at all`},
		{text: `ttl = "367d"`, want: `policies.p.cache.ttl: "367d" is more than a year`},
		{text: `negative_ttl = "5s"`},
		{text: "ttl = \"5s\"\nnegative_ttl = \"5s\""},
		{text: "ttl = \"5s\"\nnegative_ttl = \"6s\"", want: `warning: policies.p.cache.negative_ttl: errors stay for longer than good answers do, 5s`},
		{text: `negative_ttl = "origin"`, want: `policies.p.cache.negative_ttl: "origin" is not a duration`},
		{text: `stale_while_revalidate = "0s"`, want: `policies.p.cache.stale_while_revalidate: "0s" is no time at all`},
		{text: `stale_if_error = "10m"`},
		{text: `key = ["path"]`},
		{text: `key = "path"`},
		{text: `key = ["host", "path", "query:page", "query:size", "header:Accept-Language", "cookie:uid"]`},
		{text: `key = []`, want: `policies.p.cache.key: all paths would share one answer`},
		{text: `key = ["host", "query"]`, want: `policies.p.cache.key: all paths would share one answer`},
		{text: `key = ["path", "hst"]`, want: `policies.p.cache.key[1]: "hst" is no part of a key`},
		{text: `key = ["path", "path"]`, want: `policies.p.cache.key[1]: "path" is there twice`},
		{text: `key = ["path", "query", "query:page"]`, want: `policies.p.cache.key[1]: "query" is the whole query`},
		{text: `key = ["path", "header:Range"]`, want: `policies.p.cache.key[1]: Range does not choose an answer`},
		{text: `key = ["path", "header:a b"]`, want: `policies.p.cache.key[1]: "header:a b" is no part of a key`},
		{text: `key = ["path", "header:Cookie"]`, want: `warning: policies.p.cache.key[1]: every client has an answer of its own then`},
		{text: `max_object = "off"`, want: `policies.p.cache.max_object: "off" is out of range`},
		{text: `max_object = "0B"`, want: `policies.p.cache.max_object: "0B" is out of range`},
		{text: `max_object = "31MiB"`},
		{text: `max_object = "32MiB"`, want: `warning: policies.p.cache.max_object: a cache of 256MiB holds no object of 32MiB: larger ones than 31MiB are not stored`},
		{text: "max_object = \"9MiB\"\n[cache]\nsize = \"64MiB\"", want: `warning: policies.p.cache.max_object: a few objects of 9MiB push everything else out of a cache of 64MiB`},
		{text: "[cache]\nsize = \"2MiB\""},
		{text: "max_object = \"1MiB\"\n[cache]\nsize = \"2MiB\"", want: `warning: policies.p.cache.max_object: a cache of 2MiB holds no object of 1MiB: larger ones than 862KiB are not stored`},
		{text: `max_object = "129MiB"`, want: `policies.p.cache.max_object: an object of 129MiB would be more than half of a cache of 256MiB`},
		{text: "max_object = \"129MiB\"\n[cache]\nsize = \"2GiB\"", want: `warning: policies.p.cache.max_object: a cache of 2GiB holds no object of 129MiB: larger ones than 31MiB are not stored`},
		{text: "max_object = \"2MiB\"\n[cache]\nsize = \"8KiB\"", want: `cache.size: "8KiB" holds next to nothing`},
		{text: `wait = "0s"`},
		{text: `wait = "off"`},
		{text: `wait = "11m"`, want: `policies.p.cache.wait: "11m" keeps requests waiting for too long`},
		{text: `tags_header = "Cache-Tag"`},
		{text: `tags_header = "off"`},
		{text: `tags_header = "Cache Tag"`, want: `policies.p.cache.tags_header: "Cache Tag" is not a field name`},
		{text: `tags_header = "set-cookie"`, want: `policies.p.cache.tags_header: "set-cookie" says something else, and would not reach clients`},
		{text: `tag_header = "Cache-Tag"`, want: `policies.p.cache.tag_header: there is no key "tag_header"`},
	})
}

func TestRulesOfTheStore(t *testing.T) {
	o := testOptions()
	o.Memory = func() int64 { return 8<<30 - 12345 }
	const frame = "[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"api\"\npolicies = \"p\"\n[upstreams.api]\nendpoints = \"10.0.0.1:80\"\n"
	followWith(t, frame+"[policies.p.cache]\n[cache]\n%s\n", o, []rule{
		{text: ``},
		{text: `size = "1MiB"`},
		{text: `size = "4MiB"`},
		{text: `size = "7GiB"`},
		{text: `size = "8GiB"`, want: `warning: cache.size: "8GiB" is more than the memory there is, 8191MiB`},
		{text: `size = "10TiB"`, want: `warning: cache.size: "10TiB" is more than the memory there is, 8191MiB`},
		{text: `size = "1023KiB"`, want: `cache.size: "1023KiB" holds next to nothing`},
		{text: `size = "off"`, want: `cache.size: a store without a bound would take all memory`},
		{text: `size = 5`, want: `cache.size: 5 is not a size`},
		{text: `ttl = "60s"`, want: `cache.ttl: there is no key "ttl" in cache`},
	})
	o.Memory = func() int64 { return 0 }
	followWith(t, frame+"[policies.p.cache]\n[cache]\n%s\n", o, []rule{{text: `size = "10TiB"`}})
	const nobody = `warning: cache.size: nothing is stored: no policy has a cache section`
	followWith(t, frame+"[policies.p]\n%s\n", testOptions(), []rule{
		{text: ""},
		{text: "[cache]\nsize = \"64MiB\"", want: nobody},
		{text: "[cache]\nsize = \"256MiB\""}, // as when it is not written
		{text: "cache.mode = \"off\"\n[cache]\nsize = \"64MiB\""},
	})
}

func TestTheLargestObjectThatNobodyWroteFitsTheStore(t *testing.T) {
	for _, c := range []struct{ cache, policy, want string }{
		{"", "", "1MiB"},
		{"size = \"1MiB\"", "", "128KiB"},
		{"size = \"4MiB\"", "", "512KiB"},
		{"size = \"${SIZE}\"", "", "512KiB"},
		{"size = \"8MiB\"", "", "1MiB"},
		{"size = \"64GiB\"", "", "1MiB"},
		{"size = \"4MiB\"", "max_object = \"1MiB\"", "1MiB"},
		{"size = \"4MiB\"", "max_object = \"1KiB\"", "1KiB"},
	} {
		o := testOptions()
		o.Env = func(string) (string, bool) { return "4MiB", true }
		cfg, report := Parse("x", []byte("[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"api\"\npolicies = \"p\"\n[upstreams.api]\nendpoints = \"10.0.0.1:80\"\n"+
			"[cache]\n"+c.cache+"\n[policies.p.cache]\n"+c.policy+"\n"), o)
		if cfg == nil {
			t.Fatalf("%+v: %s", c, report)
		}
		if got := cfg.Policies["p"].Cache.MaxObject.String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if again, report := Parse("x", Effective(cfg), o); again == nil || again.Policies["p"].Cache.MaxObject != cfg.Policies["p"].Cache.MaxObject {
			t.Errorf("%+v: as it is written in full: %s", c, report)
		}
	}
}

// caching has two listeners whose policies and two routes whose policies a test fills in.
const caching = `
[listeners.inner]
address = ":81"
policies = [INNER]
[listeners.web]
address = ":80"
policies = [WEB]
[[routes]]
match.path = "/a"
upstream = "api"
policies = [A]
without = [WITHOUT]
[[routes]]
match.path = "/b"
respond = {}
policies = [B]
[upstreams.api]
endpoints = "10.0.0.1:80"
[policies.one.cache]
[policies.two.cache]
ttl = "1m"
[policies.off.cache]
mode = "off"
[policies.plain]
`

func TestARouteHasOneCache(t *testing.T) {
	const hint = "an answer is stored once; leave one out"
	for _, c := range []struct{ inner, web, a, without, b, want, hint string }{
		{a: `"one"`},
		{web: `"one", "plain"`},
		{inner: `"one"`, web: `"two"`}, // each has its own routes
		{a: `"one", "off"`, web: `"off"`},
		{a: `"one"`, web: `"two"`, without: `"two"`},
		{a: `"one", "two"`, want: `routes[0].policies[1]: the policy "one" has a cache as well`, hint: hint},
		{web: `"plain", "one", "two"`, want: `listeners.web.policies[2]: the policy "one" has a cache as well`, hint: hint},
		{a: `"plain", "two"`, web: `"one"`, want: `routes[0].policies[1]: the policy "one" of listener web has a cache as well`,
			hint: `an answer is stored once; write without = ["one"], or leave one out`},
		{a: `"one"`, inner: `"one"`, want: `routes[0].policies[0]: the policy "one" of listener inner has a cache as well`,
			hint: `write without = ["one"]`},
		{b: `"one"`, want: `warning: routes[1].policies[0]: the cache of "one" has no effect: this route answers by itself`,
			hint: "leave it out; what is stored are the answers of upstreams"},
		{b: `"off"`},
		{b: `"one"`, web: `"two"`, want: `warning: routes[1].policies[0]: the cache of "one" has no effect`},
	} {
		text := strings.NewReplacer("INNER", c.inner, "WEB", c.web, "[A]", "["+c.a+"]", "WITHOUT", c.without, "[B]", "["+c.b+"]").Replace(caching)
		_, report := Parse("weir.toml", []byte(text), testOptions())
		got := report.String()
		if fails := c.want != "" && !strings.HasPrefix(c.want, "warning: "); report.Failed() != fails {
			t.Errorf("%+v: failed is %t\n%s", c, report.Failed(), got)
		}
		if c.want == "" && (strings.Contains(got, "has a cache") || strings.Contains(got, "no effect")) || !strings.Contains(got, c.want) || !strings.Contains(got, c.hint) {
			t.Errorf("%+v: the report is\n%s", c, got)
		}
	}
}

func TestAConfigSaysWhetherItCaches(t *testing.T) {
	for text, want := range map[string]bool{
		base:                                false,
		base + "[cache]\nsize = \"1GiB\"\n": false,
		base + "[policies.c.cache]\n":       true,
		base + "[policies.c]\ncache.mode = \"off\"\n":     false,
		base + "[policies.c]\ncache.mode = \"observe\"\n": true,
	} {
		if got := goodConfig(t, text).Caches(); got != want {
			t.Errorf("%s\ncaches: %t, want %t", text[len(base):], got, want)
		}
	}
}

func TestWhatDiffersOfACacheIsToldByKey(t *testing.T) {
	old := goodConfig(t, strings.Replace(base, "policies = \"edge\"", `policies = ["edge", "c"]`, 1)+"[policies.c.cache]\n")
	next := goodConfig(t, strings.Replace(base, "policies = \"edge\"", `policies = ["edge", "c"]`, 1)+
		"[policies.c.cache]\nttl = \"60s\"\nkey = [\"path\", \"query:page\"]\n[cache]\nsize = \"1GiB\"\n")
	c := Diff(old, next)
	if len(c.Settings) != 1 || c.Settings[0] != (plan.Key{Key: "cache.size", Old: "256MiB", New: "1GiB"}) {
		t.Errorf("settings: %+v", c.Settings)
	}
	want := []plan.Key{
		{Key: "cache.key", Old: `["host", "path", "query"]`, New: `["path", "query:page"]`},
		{Key: "cache.ttl", Old: "origin", New: "1m"},
	}
	if len(c.Policies) != 1 || len(c.Policies[0].Keys) != 2 || c.Policies[0].Keys[0] != want[0] || c.Policies[0].Keys[1] != want[1] ||
		len(c.Policies[0].Used) != 1 || c.Policies[0].Used[0] != "listener web" {
		t.Errorf("policies: %+v, want %+v", c.Policies, want)
	}
}
