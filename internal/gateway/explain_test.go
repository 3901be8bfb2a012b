package gateway

import (
	"net/netip"
	"strings"
	"testing"

	"weir/internal/explain"
	colours "weir/internal/term"
)

// shop has routes of every kind.
const shop = `
[[routes]]
name = "orders"
match = { path = "/v1/orders/{id}", headers = { X-Tenant = "acme" } }
upstream = "one"
policies = "own"
rewrite = { strip_prefix = "/v1" }
mirror = { upstream = "two", sample = "10%", compare = true }
[[routes]]
name = "all"
match = { path = "/v1/*" }
split = [{ upstream = "one", weight = 3 }, { upstream = "two", weight = 1 }]
split_by = "cookie:uid"
[[routes]]
name = "old"
match = { path = "/old/*" }
redirect = { to = "/v1/{rest}" }
[[routes]]
name = "ping"
match = { path = "/ping" }
respond = { status = 201, body = "pong" }
[policies.own]
headers.request = { set = { X-Id = "{path.id}" } }
[upstreams.one]
endpoints = ["127.0.0.1:8001", "127.0.0.1:8002"]
balance = "round_robin"
[upstreams.two]
endpoints = "127.0.0.1:8003"
host = "two.internal"
`

// offline compiles a text for questions.
func offline(t *testing.T, text string) *Offline {
	t.Helper()
	c, report := compile(t, text)
	if c == nil {
		t.Fatal(report)
	}
	o, err := NewOffline(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func ask(t *testing.T, o *Offline, q explain.Question) *explain.Report {
	t.Helper()
	r, err := o.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnOfflineConfigExplainsARequest(t *testing.T) {
	o := offline(t, web+shop)
	r := ask(t, o, explain.Question{URL: "http://api.example/v1/orders/7?x=1", Header: []explain.Field{{Name: "X-Tenant", Value: "acme"}}, From: netip.MustParseAddr("192.0.2.9")})
	if r.Listener != "web" || r.Action != explain.Forwarded || r.Route == nil || r.Route.Name != "orders" {
		t.Fatalf("%+v", r)
	}
	if r.Route.Where != "weir.toml:4:1" || r.Candidates[0].Where != "weir.toml:4:1" || !r.Candidates[0].Taken {
		t.Errorf("the route is at %q, the candidates are %+v", r.Route.Where, r.Candidates)
	}
	if len(r.Route.Captures) != 1 || r.Route.Captures[0] != (explain.Field{Name: "id", Value: "7"}) {
		t.Errorf("captures: %v", r.Route.Captures)
	}
	if r.Mirror == nil || *r.Mirror != (explain.Mirror{Upstream: "two", Sample: 0.1, Compare: true}) {
		t.Errorf("mirror: %+v", r.Mirror)
	}
	if len(r.Upstreams) != 1 || len(r.Upstreams[0].Endpoints) != 2 || r.Upstreams[0].Request == nil {
		t.Fatalf("upstreams: %+v", r.Upstreams)
	}
	out := r.Upstreams[0].Request
	has := map[string]string{}
	for _, f := range out.Fields {
		has[f.Name] = f.Value
	}
	if out.Method != "GET" || out.Target != "/orders/7?x=1" || has["X-Id"] != "7" || has["X-Forwarded-For"] != "192.0.2.9" || has["Host"] != "api.example" {
		t.Errorf("it would leave as %+v", out)
	}
}

func TestAnOfflineConfigExplainsEveryAction(t *testing.T) {
	o := offline(t, web+shop)
	split := ask(t, o, explain.Question{URL: "/v1/x"})
	if split.Action != explain.Divided || split.Split == nil || split.Split.By != "cookie:uid" || len(split.Upstreams) != 2 {
		t.Fatalf("split: %+v", split)
	}
	if host := split.Upstreams[1].Request.Fields[0]; host != (explain.Field{Name: "Host", Value: "two.internal"}) {
		t.Errorf("the side two would get %v", host)
	}
	if share := split.Split.Sides[0].Share; share != 0.75 {
		t.Errorf("the side one has %v", share)
	}
	for _, c := range split.Candidates {
		if c.Where == "" || c.Taken == (c.Failed != nil) {
			t.Errorf("a candidate is %+v", c)
		}
	}
	for _, c := range []struct {
		url    string
		action explain.Action
		answer explain.Answer
	}{
		{"/old/a?b", explain.Redirected, explain.Answer{Status: 308, By: "route", Location: "/v1/a?b"}},
		{"/ping", explain.Responded, explain.Answer{Status: 201, By: "route"}},
		{"/nowhere", explain.Refused, explain.Answer{Status: 404, By: "protocol", Fault: "no_route"}},
		{"/a%2Fb", explain.Refused, explain.Answer{Status: 400, By: "protocol", Fault: "ambiguous_path"}},
	} {
		r := ask(t, o, explain.Question{URL: c.url})
		if r.Action != c.action || r.Answer == nil {
			t.Errorf("%s: %+v", c.url, r)
			continue
		}
		a := *r.Answer
		if a.Status != c.answer.Status || a.By != c.answer.By || a.Location != c.answer.Location || a.Fault != c.answer.Fault {
			t.Errorf("%s is answered %+v, want %+v", c.url, a, c.answer)
		}
	}
	if _, err := o.Explain(explain.Question{URL: "/ping", Listener: "wep"}); err == nil {
		t.Error("a listener that is not there explains")
	}
}

func TestAskingARunningWeirMovesNoCounter(t *testing.T) {
	r := start(t, web0+strings.ReplaceAll(shop, "127.0.0.1:8001", teller(t, "one")))
	r.tell(asked{path: "/ping", status: 201, says: "pong"})
	until(t, "the request is counted", func() bool {
		return strings.Contains(r.metrics(), `weir_http_requests_total{listener="web",route="ping",class="2xx"} 1`)
	})
	before := counters(r.metrics())
	for _, url := range []string{"/v1/x", "/v1/orders/7", "/old/a", "/ping", "/nowhere", "/a%2Fb"} {
		if _, err := r.g.Explain(explain.Question{URL: url}); err != nil {
			t.Fatal(url, err)
		}
	}
	if after := counters(r.metrics()); after != before {
		t.Errorf("counters before\n%s\nand after\n%s", before, after)
	}
}

// counters are the lines of a scrape that count.
func counters(scrape string) string {
	var b strings.Builder
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "weir_") && strings.Contains(line, "_total") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestAnExplanationSaysHowTheEndpointIsSpokenTo(t *testing.T) {
	for words, want := range map[string]string{
		"": "leaves over h1 as", `protocol = "h1"`: "leaves over h1 as", `protocol = "h2c"`: "leaves over h2c as",
		`tls = {}`:                             "leaves over h1 or h2, as the endpoint chooses, with TLS as",
		"tls = {}\nprotocol = \"h2\"":          "leaves over h2 with TLS as",
		"tls.insecure = true\nprotocol=\"h1\"": "leaves over h1 with TLS as",
	} {
		o := offline(t, web+"[[routes]]\nupstream = \"api\"\n[upstreams.api]\nendpoints = \"127.0.0.1:8001\"\n"+words+"\n")
		r := ask(t, o, explain.Question{URL: "/"})
		if got := r.Text(colours.Paint{}); !strings.Contains(got, want) {
			t.Errorf("%s: want %q in\n%s", words, want, got)
		}
	}
}

func TestAnExplanationFollowsTheSchemeToItsListener(t *testing.T) {
	table, _ := pair(t, "shop.test")
	o := offline(t, "[listeners.plain]\naddress = \":80\"\nredirect_to_https = true\n[listeners.safe]\naddress = \":443\"\nprotocols = [\"h1\", \"h2\", \"h3\"]\ntls.certificates = "+table+
		"\npassthrough = { sni = \"db.test\", upstream = \"db\" }\n[[routes]]\nmatch.sni = \"shop.test\"\nrespond.body = \"ok\"\n[upstreams.db]\nendpoints = \"127.0.0.1:1\"\n")
	for url, want := range map[string]string{
		"http://shop.test/a?b":  "https://shop.test/a?b",
		"https://shop.test/a?b": "200",
		"https://db.test/":      "relays its connection for this host to db as it is",
	} {
		r := ask(t, o, explain.Question{URL: url})
		if got := r.Text(colours.Paint{}); !strings.Contains(got, want) {
			t.Errorf("%s: want %q in\n%s", url, want, got)
		}
	}
}

// Whoever asked about a route for clients with a certificate was told 401, whatever he asked.
func TestAnExplanationSaysThatItKnowsNoCertificates(t *testing.T) {
	o := offline(t, web+`[[routes]]
match.path = "/a"
respond = {}
policies = "mtls"
[[routes]]
match.path = "/b"
respond = {}
[[routes]]
match.path = "/c"
respond = {}
policies = ["away", "mtls"]
[policies.mtls]
client_cert = {}
[policies.away]
ip_filter.deny = "127.0.0.0/8"
`)
	for path, want := range map[string]bool{"/a": true, "/b": false, "/c": false} {
		r := ask(t, o, explain.Question{URL: path})
		if got := strings.Contains(strings.Join(r.Notes, "\n"), "a client's certificate can't be told here"); got != want {
			t.Errorf("%s: said %v, want %v: %q", path, got, want, r.Notes)
		}
	}
}
