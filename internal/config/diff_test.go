package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"weir/internal/plan"
	"weir/internal/term"
)

// goodConfig parses a config that must be good.
func goodConfig(t *testing.T, text string) *Config {
	t.Helper()
	c, report := Parse("weir.toml", []byte(text), Options{Handlers: []string{"hello"}, Env: func(name string) (string, bool) { return "secret of " + name, true }})
	if c == nil {
		t.Fatalf("%s\n%s", report, text)
	}
	return c
}

const base = `
[listeners.web]
address = ":8080"
policies = "edge"
[listeners.db]
address = ":5432"
kind = "tcp"
upstream = "db"
[[routes]]
name = "orders"
match = { hosts = "api.example.com", path = "/v1/orders/*", methods = "GET" }
upstream = "api"
timeout = "5s"
[[routes]]
match = { path = "/ping" }
respond = { body = "pong" }
[policies.edge]
headers.request = { set = { X-Edge = "a" } }
[upstreams.api]
endpoints = ["10.0.0.1:80", "10.0.0.2:80"]
[upstreams.db]
endpoints = "10.0.1.1:5432"
`

// differs compares base with base after the replacements, given as pairs, and what is written behind it.
func differs(t *testing.T, more string, pairs ...string) plan.Changes {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not in the base", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return Diff(goodConfig(t, base), goodConfig(t, text+more))
}

func TestEqualConfigsDoNotDiffer(t *testing.T) {
	for _, c := range []plan.Changes{
		differs(t, ""),
		differs(t, "", `address = ":8080"`, "address = [\":8080\"]\nkind = \"http\""),                        // a list of one, and a default
		differs(t, "", `endpoints = "10.0.1.1:5432"`, `endpoints = ["10.0.1.1:5432"]`),                       // the same in other words
		differs(t, "", `methods = "GET" }`, `methods = ["GET"] }`, `timeout = "5s"`, "timeout = \"5000ms\""), // and another unit
	} {
		if !c.None() {
			t.Errorf("got %+v", c)
		}
	}
}

func TestWhatDiffersIsToldByKey(t *testing.T) {
	for _, c := range []struct {
		about string
		more  string
		pairs []string
		got   func(plan.Changes) any
		want  any
	}{
		{"a key of a route", "", []string{`timeout = "5s"`, `timeout = "2s"`}, func(c plan.Changes) any { return c.Routes },
			[]plan.Change{{Kind: plan.Changed, Name: "orders", About: "GET api.example.com/v1/orders/* → api", Keys: []plan.Key{{Key: "timeout", Old: "5s", New: "2s"}}}}},
		{"a key that is new", "", []string{`timeout = "5s"`, "timeout = \"5s\"\npriority = 3"}, func(c plan.Changes) any { return c.Routes[0].Keys },
			[]plan.Key{{Key: "priority", Old: "0", New: "3"}}},
		{"a list", "", []string{`methods = "GET"`, `methods = ["GET", "PUT"]`}, func(c plan.Changes) any { return c.Routes[0].Keys },
			[]plan.Key{{Key: "match.methods", Old: `["GET"]`, New: `["GET", "PUT"]`}}},
		{"a route more and one less", "[[routes]]\nmatch = { path = \"/new\" }\nhandler = \"hello\"\n", []string{"path = \"/ping\"", "path = \"/pong\"", `body = "pong"`, `body = "ping"`},
			func(c plan.Changes) any { return c.Routes }, []plan.Change{
				{Kind: plan.Added, Name: "/new", About: "/new → handler hello"},
				{Kind: plan.Removed, Name: "/ping", About: "/ping → answers 200"},
				{Kind: plan.Added, Name: "/pong", About: "/pong → answers 200"},
			}},
		{"a route renamed", "", []string{`name = "orders"`, `name = "all-orders"`}, func(c plan.Changes) any { return c.Routes },
			[]plan.Change{{Kind: plan.Renamed, Name: "all-orders", Was: "orders", About: "GET api.example.com/v1/orders/* → api", Keys: []plan.Key{}}}},
		{"a route renamed and changed", "", []string{`name = "orders"`, `name = "all-orders"`, `timeout = "5s"`, `timeout = "6s"`},
			func(c plan.Changes) any { return c.Routes[0].Keys }, []plan.Key{{Key: "timeout", Old: "5s", New: "6s"}}},
		{"a policy, and whom it concerns", "", []string{`X-Edge = "a"`, `X-Edge = "b"`}, func(c plan.Changes) any { return c.Policies },
			[]plan.Change{{Kind: plan.Changed, Name: "edge", Keys: []plan.Key{{Key: "headers.request.set.X-Edge", Old: "a", New: "b"}}, Used: []string{"listener web"}}}},
		{"endpoints", "", []string{`"10.0.0.2:80"`, `"10.0.0.3:80"`, `"10.0.0.1:80"`, `{ address = "10.0.0.1:80", weight = 3 }`}, func(c plan.Changes) any { return c.Upstreams },
			[]plan.Change{{Kind: plan.Changed, Name: "api", About: "10.0.0.1:80, 10.0.0.3:80, ewma", Added: []string{"10.0.0.3:80"}, Removed: []string{"10.0.0.2:80"},
				Keys: []plan.Key{{Key: "endpoints[10.0.0.1:80].weight", Old: "1", New: "3"}}, Used: []string{"route orders"}}}},
		{"a listener's address", "", []string{`":8080"`, `[":8080", ":8081"]`}, func(c plan.Changes) any { return c.Listeners },
			[]plan.Change{{Kind: plan.Changed, Name: "web", About: "http on :8080, :8081", Added: []string{":8081"}, Keys: []plan.Key{}}}},
		{"settings", "[shutdown]\ngrace = \"1m\"\n", nil, func(c plan.Changes) any { return c.Settings }, []plan.Key{{Key: "shutdown.grace", Old: "30s", New: "1m"}}},
	} {
		if got := c.got(differs(t, c.more, c.pairs...)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got\n%+v, want\n%+v", c.about, got, c.want)
		}
	}
}

// What changes in the middle of a list of tables is told alone: of a list as one value nobody would see it.
func TestListsOfTablesDifferByElement(t *testing.T) {
	limits := func(list string) *Config {
		return goodConfig(t, base+"[policies.fair]\nrate_limit = "+list+"\n[[routes]]\nmatch = { path = \"/fair\" }\nupstream = \"api\"\npolicies = \"fair\"\n")
	}
	a, b, c := `{ key = "client", rate = "1/s" }`, `{ key = "route", rate = "2/s" }`, `{ key = "host", rate = "3/s" }`
	for _, tc := range []struct {
		old, new string
		want     string
	}{
		{"[" + a + "]", `[{ key = "client", rate = "1/s", ipv6_prefix = 48 }]`, "rate_limit[0].ipv6_prefix 64 48"},
		{"[" + a + "," + b + "]", "[" + a + `, { key = "route", rate = "5/s" }]`, "rate_limit[1].rate 2/s 5/s"},
		{"[" + a + "," + b + "," + c + "]", "[" + a + "," + c + "]", `rate_limit[1] { mode = "enforce", key = ["route"], rate = "2/s",`},
		{"[" + b + "]", "[" + a + "," + b + "]", `rate_limit[0]  { mode = "enforce", key = ["client"], rate = "1/s",`},
		{"[" + a + "]", "[]", `rate_limit[0] { mode = "enforce", key = ["client"]`},
	} {
		var got []string
		for _, k := range Diff(limits(tc.old), limits(tc.new)).Policies[0].Keys {
			got = append(got, k.Key+" "+k.Old+" "+k.New)
		}
		if len(got) != 1 || !strings.HasPrefix(got[0], tc.want) {
			t.Errorf("from %s to %s: got %q, want %s", tc.old, tc.new, got, tc.want)
		}
	}
}

func TestASecretThatChangesIsToldAndNeverShown(t *testing.T) {
	with := func(token string) *Config { return goodConfig(t, base+"[admin]\ntoken = \""+token+"\"\n") }
	c := Diff(with("the first token is this"), with("the second token is that"))
	b, err := json.Marshal(c)
	if err != nil || strings.Contains(string(b), "token is") || !reflect.DeepEqual(c.Settings, []plan.Key{{Key: "admin.token"}}) {
		t.Errorf("%v: %s", err, b)
	}
	if c := Diff(with("the first token is this"), with("the first token is this")); !c.None() {
		t.Errorf("one secret differs from itself: %+v", c)
	}
	if text := (&plan.Report{Changes: c}).Text(term.Paint{}); !strings.Contains(text, "admin.token  is another one") {
		t.Errorf("got %s", text)
	}
}

func TestWhatBecomesOfOpenSessionsIsTold(t *testing.T) {
	for _, c := range []struct {
		about string
		pairs []string
		want  []string // listener or upstream, end or stay, a word
	}{
		{"nothing", nil, nil},
		{"a tcp listener's address", []string{`":5432"`, `":5433"`}, []string{"db stay accepted no more at :5432"}},
		{"an address more", []string{`":5432"`, `[":5432", ":5433"]`}, nil},
		{"a tcp listener's upstream", []string{"kind = \"tcp\"\nupstream = \"db\"", "kind = \"tcp\"\nupstream = \"api\""}, []string{"db stay live on with upstream db"}},
		{"a tcp listener that goes", []string{"[listeners.db]\naddress = \":5432\"\nkind = \"tcp\"\nupstream = \"db\"\n", ""}, []string{"db stay live until they end"}},
		{"an http listener that goes", []string{"[listeners.web]", "[listeners.other]"}, []string{"web end have 30s"}},
		{"an endpoint that goes", []string{`"10.0.0.1:80", "10.0.0.2:80"`, `"10.0.0.2:80"`}, []string{"api stay 10.0.0.1:80 gets nothing new"}},
		{"an http listener that gets TLS", []string{"policies = \"edge\"\n", "policies = \"edge\"\ntls.certificates = {cert=\"testdata/good/pair.pem\", key=\"testdata/good/pair.pem\"}\n"},
			[]string{"web stay open connections stay as they are, new ones speak TLS"}},
		{"a tcp listener that gets TLS", []string{"kind = \"tcp\"\n", "kind = \"tcp\"\ntls.certificates = {cert=\"testdata/good/pair.pem\", key=\"testdata/good/pair.pem\"}\n"},
			[]string{"db stay open connections stay as they are, new ones speak TLS"}},
		{"sessions that go by their hello", []string{"kind = \"tcp\"\nupstream = \"db\"", "kind = \"tcp\"\nupstream = \"db\"\npassthrough = { sni = \"a.test\", upstream = \"api\" }"},
			[]string{"db stay new connections go by the new passthrough"}},
		{"an upstream that goes", []string{"upstreams.api", "upstreams.new", `upstream = "api"`, `upstream = "new"`}, []string{"api stay the upstream goes"}},
	} {
		endings := differs(t, "", c.pairs...).Endings
		if len(endings) != len(c.want) {
			t.Errorf("%s: got %+v, want %q", c.about, endings, c.want)
			continue
		}
		for i, e := range endings {
			word := strings.SplitN(c.want[i], " ", 3)
			if e.Listener+e.Upstream != word[0] || e.Ends != (word[1] == "end") || !strings.Contains(e.Why, word[2]) {
				t.Errorf("%s: got %+v, want %q", c.about, e, c.want[i])
			}
		}
	}
}

// What is told of listeners with TLS, where the base has none.
func TestWhatDiffersBetweenListenersWithTLS(t *testing.T) {
	const with = "[listeners.web]\naddress = \":8443\"\ntls.certificates = { cert = \"testdata/good/pair.pem\", key = \"testdata/good/pair.pem\" }\n%s\n" +
		"[[routes]]\nrespond = {}\n[upstreams.db]\nendpoints = \"a:1\"\n"
	for _, c := range []struct {
		old, new string
		keys     string
		ending   string
	}{
		{`protocols = ["h1", "h2", "h3"]`, `protocols = ["h1", "h2"]`, "protocols", "h3 is spoken no more"},
		{`protocols = ["h1", "h2"]`, `protocols = ["h1", "h2", "h3"]`, "protocols", ""},
		{`tls.min_version = "1.2"`, `tls.min_version = "1.3"`, "tls.min_version", ""},
		{``, `limits.h2_streams = 5`, "limits.h2_streams", ""},
		{``, `accept_proxy_protocol = "10.0.0.1"`, "accept_proxy_protocol", ""},
		{``, `passthrough = { sni = "a.test", upstream = "db" }`, "passthrough", "what is relayed as it is lives on"},
		{`passthrough = { sni = "a.test", upstream = "db" }`, `passthrough = { sni = "b.test", upstream = "db" }`, "passthrough[0].sni", "what is relayed as it is lives on"},
		{`tls.client_auth.ca = "testdata/good/pair.pem"`, `tls.client_auth = { ca = "testdata/good/pair.pem", mode = "request" }`, "tls.client_auth.mode", "new ones may show one"},
		{`tls.client_auth = { ca = "testdata/good/pair.pem", mode = "request" }`, `tls.client_auth.ca = "testdata/good/pair.pem"`, "tls.client_auth.mode", "new ones must show one"},
		{`tls.client_auth.ca = "testdata/good/pair.pem"`, `tls.client_auth.ca = "./testdata/good/pair.pem"`, "tls.client_auth.ca", "new ones must show one"},
	} {
		d := Diff(goodConfig(t, strings.Replace(with, "%s", c.old, 1)), goodConfig(t, strings.Replace(with, "%s", c.new, 1)))
		if len(d.Listeners) != 1 || len(d.Listeners[0].Keys) != 1 || d.Listeners[0].Keys[0].Key != c.keys {
			t.Errorf("from %q to %q: %+v, want the key %s", c.old, c.new, d.Listeners, c.keys)
		}
		if got := len(d.Endings) > 0 && strings.Contains(d.Endings[0].Why, c.ending); got != (c.ending != "") || len(d.Endings) > 1 {
			t.Errorf("from %q to %q: %+v, want an ending with %q", c.old, c.new, d.Endings, c.ending)
		}
	}
}

func TestTheListOfUsersIsBounded(t *testing.T) {
	more := ""
	for i := range 20 {
		more += "[[routes]]\nmatch = { path = \"/" + strings.Repeat("x", i+1) + "\" }\nupstream = \"api\"\n"
	}
	old, changed := goodConfig(t, base+more), goodConfig(t, strings.Replace(base, `"10.0.0.2:80"`, `"10.0.0.9:80"`, 1)+more)
	if used := Diff(old, changed).Upstreams[0].Used; len(used) != mostUsers+1 || used[mostUsers] != "and 11 others" {
		t.Errorf("got %q", used)
	}
}

// The text of a plan with every kind of change, and its JSON, are files.
func TestAPlanReadsAsTheGoldenFilesSay(t *testing.T) {
	c := differs(t, "[[routes]]\nmatch = { path = \"/new\" }\nhandler = \"hello\"\n[shutdown]\ngrace = \"1m\"\n",
		`name = "orders"`, `name = "all-orders"`, `timeout = "5s"`, `timeout = "2s"`, `X-Edge = "a"`, `X-Edge = "b"`, `"10.0.0.2:80"`, `"10.0.0.3:80"`,
		`":5432"`, `":5433"`, "[[routes]]\nmatch = { path = \"/ping\" }\nrespond = { body = \"pong\" }\n", "")
	c.Shadowed = []plan.Shadowed{{Route: "/new", By: "all-orders", Why: "it takes every path", New: true}}
	r := &plan.Report{Old: "weir.toml", New: "new.toml", Changes: c}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/diff/plan.txt", []byte(r.Text(term.Paint{})))
	compare(t, "testdata/diff/plan.json", append(b, '\n'))
}
