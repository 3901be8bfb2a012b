package config

import (
	"strings"
	"testing"
)

// guardFrame has a listener with a policy, and a route with another.
const guardFrame = `
[listeners.web]
address = ":80"
policies = "edge"
[[routes]]
name = "a"
policies = "own"
respond = {}
%s
`

const aJWT = "jwt = { jwks = \"https://id.example.com/jwks.json\", audience = \"a\", issuer = \"https://id.example.com\" }\n"

func TestRulesOfIdentities(t *testing.T) {
	follow(t, guardFrame, []rule{
		{text: "[policies.edge]\n" + aJWT + "[policies.own]"},
		{text: "[policies.edge]\n" + aJWT + "require_identity = \"all\"\n[policies.own]"},
		{text: "[policies.edge]\n" + aJWT + "require_identity = \"none\"\n[policies.own]"},
		{text: "[policies.edge]\n" + aJWT + "require_identity = \"some\"\n[policies.own]", want: `policies.edge.require_identity: "some" is not a requirement`},
		{text: "[policies.edge]\nrequire_identity = \"any\"\n[policies.own]", want: `policies.edge.require_identity: no section of this policy establishes an identity`},
		{text: "[policies.edge]\n[policies.own]\nclient_cert = {}", want: `warning: policies.own.client_cert: no client of listener web is asked for a certificate`},
		{text: "[policies.edge]\nclient_cert = {}\n[policies.own]", want: `warning: policies.edge.client_cert: no client of listener web is asked for a certificate`},
		{text: "[policies.edge]\nclient_cert = { mode = \"off\" }\n[policies.own]"},
	})
}

func TestWhatIsAboutIdentitiesWantsASectionThatFindsThemOut(t *testing.T) {
	const edge = "[policies.edge]\n"
	identified := edge + aJWT
	follow(t, guardFrame, []rule{
		{text: edge + "[policies.own]\nauthorise = { require = \"group:ops\" }", want: `warning: policies.own.authorise: no policy finds out who a client is where this one applies, so that nobody`},
		{text: edge + "[policies.own]\nauthorise = { require = \"country == 'DE' || claims.plan == 'gold'\" }", want: `warning: policies.own.authorise: no policy finds out`},
		{text: edge + "[policies.own]\nrate_limit = { key = \"consumer\", rate = \"1/s\" }", want: `warning: policies.own.rate_limit: no policy finds out who a client is where this one applies, so that all requests`},
		{text: edge + "[policies.own]\nquota = { key = [\"route\", \"claim:tenant\"], limit = 1 }", want: `warning: policies.own.quota: no policy finds out`},
		{text: edge + "[policies.own]\nconcurrency = { key = \"consumer\", limit = 1 }", want: `warning: policies.own.concurrency: no policy finds out`},
		{text: identified + "[policies.own]\nauthorise = { require = \"group:ops\" }"},
		{text: edge + "[policies.own]\n" + aJWT + "rate_limit = { key = \"consumer\", rate = \"1/s\" }"},
		{text: edge + "[policies.own]\nauthorise = { require = \"method == 'GET'\" }\nrate_limit = { rate = \"1/s\" }"},
		{text: edge + "[policies.own]\nauthorise = { mode = \"off\", require = \"group:ops\" }"},
	})
}

func TestWordsOfOtherProxiesAreUnderstood(t *testing.T) {
	follow(t, guardFrame, []rule{
		{text: "[policies.edge]\nkey-auth = {}\n[policies.own]", want: `did you mean api_key?`},
		{text: "[policies.edge]\nbasic_auth = {}\n[policies.own]", want: `did you mean basic?`},
		{text: "[policies.edge]\nmodsecurity = {}\n[policies.own]", want: `did you mean waf?`},
		{text: "[policies.edge]\njwt = { jwks_uri = \"https://id.example.com/jwks.json\", audience = \"a\" }\n[policies.own]", want: `did you mean jwks?`},
		{text: "[policies.edge]\njwt = { jwks = \"https://id.example.com/jwks.json\", aud = \"a\" }\n[policies.own]", want: `did you mean audience?`},
		{text: "[policies.edge]\nip_filter = { whitelist = \"10.0.0.0/8\" }\n[policies.own]", want: `did you mean allow?`},
		{text: "[policies.edge]\nwhitelist = {}\n[policies.own]", want: `valid keys are require_identity`},
	})
}

func TestBrowsersMustComeBack(t *testing.T) {
	const oidc = "[policies.edge]\n[policies.own]\n[[routes]]\nname = \"b\"\nrespond = {}\npolicies = \"people\"\n"
	const people = "[policies.people]\noidc = { issuer = \"https://id.example.com\", client_id = \"weir\", client_secret = \"a secret of this test\" }\n"
	follow(t, guardFrame, []rule{
		{text: oidc + "match.path = [\"/app/*\", \"/oauth2/callback\"]\n" + people, want: `warning: policies.people.oidc.logout: no route with this policy takes "/oauth2/logout"`},
		{text: oidc + "match.path = [\"/app/*\", \"/oauth2/logout\"]\n" + people, want: `warning: policies.people.oidc.callback: no route with this policy takes "/oauth2/callback"`},
		{text: oidc + "match.path = [\"/app/*\", \"/oauth2/*\"]\n" + people},
		{text: oidc + "match.path = [\"/app/*\", \"/{any}/callback\"]\n" + people},
		{text: oidc + "match.hosts = \"b.example.com\"\n" + people},
	})
}

func TestConditionsWantPoliciesThatFindTheirFactsOut(t *testing.T) {
	const frame = "[policies.own]\n[[routes]]\nname = \"b\"\nrespond = {}\n"
	const claims, country = "match = { path = \"/b\", claims = { plan = \"gold\" } }\n", "match = { path = \"/b\", country = \"DE\" }\n"
	follow(t, guardFrame, []rule{
		{text: frame + claims + "[policies.edge]\n" + aJWT},
		{text: frame + claims + "[policies.edge]", want: `routes[1].match.claims: no policy of listener web finds out who a client is`},
		{text: frame + claims + "without = \"edge\"\n[policies.edge]\n" + aJWT, want: `routes[1].match.claims: no policy of listener web finds out`},
		{text: frame + claims + "policies = \"late\"\n[policies.late]\n" + aJWT + "[policies.edge]", want: `routes[1].match.claims: no policy of listener web finds out`},
		{text: frame + claims + "[listeners.other]\naddress = \":81\"\n[policies.edge]\n" + aJWT, want: `routes[1].match.claims: no policy of listener other finds out`},
		{text: frame + claims + "listeners = \"web\"\n[listeners.other]\naddress = \":81\"\n[policies.edge]\n" + aJWT},
		{text: frame + country + "[policies.edge]\n" + aJWT, want: `routes[1].match.country: no policy of listener web finds out where a client is`},
	})
}

func TestRulesOfSharedLimits(t *testing.T) {
	limit := "[policies.edge]\n[policies.own]\nrate_limit = { rate = \"1/s\", scope = \"shared\" }\n"
	quota := "[policies.edge]\n[policies.own]\nquota = { limit = 5, scope = \"shared\" }\n"
	store := "[shared]\nredis = \"redis://127.0.0.1\"\n"
	follow(t, guardFrame, []rule{
		{text: limit + store},
		{text: quota + store},
		{text: limit, want: `policies.own.rate_limit[0].scope: nothing says where nodes share this limit`},
		{text: quota, want: `policies.own.quota.scope: nothing says where nodes share this limit`},
		{text: strings.Replace(limit, "{ rate", "{ mode = \"off\", rate", 1)},
		{text: "[policies.edge]\n[policies.own]\nrate_limit = [{ rate = \"1/s\" }, { rate = \"1 per s\" }]\n", want: `policies.own.rate_limit[1].rate: "1 per s" is not a rate`},
	})
}

// Findings of a guard had no way out, or one that led elsewhere.
func TestProblemsOfGuardsSayTheWayOut(t *testing.T) {
	const own = "[policies.edge]\n[policies.own]\n"
	const readable = "hint: the user that runs Weir must be able to read this file"
	for _, c := range []struct{ text, want, hint string }{
		{own + "quota = { limit = \"1M\" }", `policies.own.quota.limit: "1M" is not a whole number`, "hint: write it in digits and without quotes, such as 1000"},
		{own + "quota = { limit = \"off\" }", `policies.own.quota.limit: "off" is not a whole number`, "hint: write it in digits"},
		{own + "quota = { limit = \"5\" }", `policies.own.quota.limit: "5" is not a whole number`, "hint: write it without quotes: 5"},
		{own + "ip_filter.deny_file = \"/none/x\"", `"/none/x" can't be read`, readable},
		{own + "geo.database = \"/none/x\"", `"/none/x" can't be read`, readable},
		{own + "validate.openapi = \"/none/x\"", `"/none/x" can't be read`, readable},
		{own + "waf.rules = \"/none/x\"", `"/none/x" can't be read`, readable},
		{own + "rate_limit = { rate = \"5/s\", max_delay = \"2s\" }", `warning: policies.own.rate_limit[0].max_delay: no request waits`, `hint: write on_excess = "delay" as well`},
		{own + "rate_limit = { rate = \"5/s\", max_waiting = 5 }", `warning: policies.own.rate_limit[0].max_waiting: no request waits`, `hint: write on_excess = "delay" as well`},
		{own + "geo = { database = \"/none/x\", allow_countries = [\"UK\"] }", `policies.own.geo.allow_countries[0]: "UK" is the code of no country`, `hint: write "GB"`},
		{own + "[[routes]]\nname = \"b\"\nrespond = {}\nmatch = { path = \"/b\", country = \"el\" }", `routes[1].match.country[0]: "el" is the code of no country`, `hint: write "GR"`},
		{own + "mode = \"observe\"", `policies.own.mode: there is no key "mode" in policies.own`, `hint: each of its tables has one of its own, such as ip_filter.mode; valid keys are`},
		{own + "authorise = { methods = [\"delete\"], require = \"true\" }", `policies.own.authorise[0].methods[0]: "delete" is not "DELETE"`, `hint: write "DELETE": upper and lower case differ in methods`},
	} {
		_, report := Parse("x", []byte(strings.Replace(guardFrame, "%s", c.text, 1)), testOptions())
		if got := report.String(); !strings.Contains(got, c.want) || !strings.Contains(got, c.hint) {
			t.Errorf("%s gave\n%s\nwant %s\n%s", c.text, got, c.want, c.hint)
		}
	}
	follow(t, guardFrame, []rule{
		{text: own + "rate_limit = { rate = \"5/s\", on_excess = \"delay\", max_delay = \"2s\", max_waiting = 5 }"},
		{text: own + "rate_limit = { rate = \"5/s\", max_delay = \"1s\" }"},
	})
}

func TestASummarySaysWhoJudgesWhere(t *testing.T) {
	text := strings.Replace(guardFrame, "%s", "[[routes]]\nname = \"b\"\nmatch.path = \"/b\"\nwithout = \"edge\"\nrespond = {}\n[policies.edge]\n[policies.own]", 1)
	c, report := Parse("x", []byte(text), testOptions())
	if c == nil {
		t.Fatal(report)
	}
	got := Summary(c)
	for _, want := range []string{"  listener web          http on :80, policies edge\n", "  route    a            → status 200 from here, policies own\n", "  route    b            → status 200 from here, without edge\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

func TestASecretOfAGuardIsNeverShown(t *testing.T) {
	text := guardFrame[:len(guardFrame)-3] + `
[policies.edge]
[policies.own]
introspect = { url = "https://id.example.com/introspect", client_id = "weir", client_secret = "confidential-secret" }
[shared]
redis = "redis://127.0.0.1"
password = "confidential-password"
`
	c, report := Parse("x", []byte(text), testOptions())
	if c == nil {
		t.Fatal(report)
	}
	for _, shown := range []string{string(Effective(c)), string(Shown(c)), Summary(c), report.String()} {
		if strings.Contains(shown, "confidential") {
			t.Errorf("a secret is shown:\n%s", shown)
		}
	}
}
