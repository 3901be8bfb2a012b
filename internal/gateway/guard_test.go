package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/http7/policy/introspect"
	"weir/http7/policy/jwt"
	"weir/internal/config"
)

// keysOf writes a file of keys: consumer and key.
func keysOf(t testing.TB, keys map[string]string) string {
	t.Helper()
	var b strings.Builder
	for consumer, key := range keys {
		sum := sha256.Sum256([]byte(key))
		b.WriteString("[[keys]]\nconsumer = \"" + consumer + "\"\nhash = \"sha256:" + hex.EncodeToString(sum[:]) + "\"\n")
	}
	path := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shown is an endpoint that answers with the fields that it was sent.
func shown(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var lines []string
		for name, values := range r.Header {
			lines = append(lines, name+"="+strings.Join(values, ","))
		}
		for name := range r.Trailer {
			lines = append(lines, "trailer "+name)
		}
		slices.Sort(lines)
		_, _ = io.WriteString(w, strings.Join(lines, "\n"))
	})}
	go func() { _ = s.Serve(l) }() // ends with the test
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// knock returns the status, head and body of an answer.
func (r *rig) knock(method, path string, fields ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url("web", path), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, string(body)
}

const guarded = `
[access_log]
path = "-"
[audit_log]
path = "{audit}"
[listeners.web]
address = "127.0.0.1:0"
policies = ["edge"]
[[routes]]
name = "open"
match.path = "/open"
upstream = "shop"
[[routes]]
name = "closed"
match.path = "/closed"
upstream = "shop"
policies = "partners"
[[routes]]
name = "gold"
match = { path = "/gold", claims = { plan = "gold" } }
upstream = "shop"
[[routes]]
name = "apart"
match.path = "/apart"
without = "edge"
upstream = "shop"
[policies.edge]
ip_filter = { deny = "203.0.113.0/24" }
api_key = { keys_file = "{keys}", forward = { X-User = "consumer" } {more} }
[policies.partners]
api_key = { header = "X-Partner-Key", keys_file = "{keys}" }
[upstreams.shop]
endpoints = "{shop}"
`

func TestGuardsLetInWhoSaysWhoHeIs(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.log")
	text := strings.NewReplacer("{keys}", keysOf(t, map[string]string{"ann": "the-key-of-ann"}), "{shop}", shown(t), "{audit}", audit, "{more}", "").Replace(guarded)
	r := start(t, text)
	for _, tc := range []struct {
		path   string
		fields []string
		status int
		says   string
		never  string
	}{
		{"/open", nil, 200, "", "X-User"},
		{"/open", []string{"X-User: mallory"}, 200, "", "mallory"},
		{"/open", []string{"X-Api-Key: the-key-of-ann", "X-User: mallory"}, 200, "X-User=ann", "mallory"},
		{"/open", []string{"X-Api-Key: the-key-of-ann"}, 200, "X-User=ann", "the-key-of-ann"},
		{"/open", []string{"X-Api-Key: wrong"}, 401, `"status":401`, "wrong"},
		{"/apart", []string{"X-Api-Key: wrong"}, 200, "X-Api-Key=wrong", ""},
		{"/apart", []string{"X-User: mallory"}, 200, "", "mallory"},
		{"/closed", nil, 401, `"fault":"identity_required"`, ""},
		{"/closed", []string{"X-Api-Key: the-key-of-ann"}, 401, `"fault":"identity_required"`, ""},
		{"/closed", []string{"X-Partner-Key: the-key-of-ann"}, 200, "", "the-key-of-ann"},
		{"/nowhere", []string{"X-Api-Key: wrong"}, 401, "", ""},
		{"/gold", []string{"X-Api-Key: the-key-of-ann"}, 404, "", ""},
	} {
		res, body := r.knock("GET", tc.path, tc.fields...)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.says) || tc.never != "" && strings.Contains(body, tc.never) {
			t.Errorf("%s %q: %d %s, want %d with %q and without %q", tc.path, tc.fields, res.StatusCode, body, tc.status, tc.says, tc.never)
		}
		if tc.status == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %q: a 401 without WWW-Authenticate", tc.path, tc.fields)
		}
	}
	until(t, "the audit log has its lines", func() bool { b, _ := os.ReadFile(audit); return strings.Count(string(b), "\n") == 4 })
	b, _ := os.ReadFile(audit)
	for line := range strings.Lines(string(b)) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil || l["policy"] == "" || l["status"] != 401.0 || l["mode"] != "enforce" {
			t.Errorf("%v: %s", err, line)
		}
	}
	for _, secret := range []string{"the-key-of-ann", "wrong"} {
		if strings.Contains(string(b)+r.access.String()+r.log.String()+r.metrics(), secret) {
			t.Errorf("%q is told", secret)
		}
	}
	if m := r.metrics(); !strings.Contains(m, `weir_policy_refusals_total{policy="partners.require_identity",fault="identity_required",mode="enforce"} 2`) {
		t.Errorf("the refusals are not counted:\n%s", m)
	}
}

func TestObservedGuardsRefuseNobodyAndCountTheSame(t *testing.T) {
	text := strings.NewReplacer("{keys}", keysOf(t, map[string]string{"ann": "the-key-of-ann"}), "{shop}", shown(t), "{audit}", filepath.Join(t.TempDir(), "a"), "{more}", `, mode = "observe"`).Replace(guarded)
	r := start(t, text)
	if res, body := r.knock("GET", "/open", "X-Api-Key: wrong", "X-User: me"); res.StatusCode != 200 || !strings.Contains(body, "X-Api-Key=wrong") || !strings.Contains(body, "X-User=me") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := r.knock("GET", "/apart", "X-Api-Key: wrong"); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	until(t, "one line with a remark", func() bool { return strings.Count(r.access.String(), "would refuse: ") == 1 })
	until(t, "one refusal", func() bool { return strings.Contains(r.metrics(), `mode="observe"} 1`) })
}

func TestAReloadKeepsWhatPoliciesKeepAndEndsWhatTheyDont(t *testing.T) {
	keys := keysOf(t, map[string]string{"ann": "the-key-of-ann"})
	text := strings.NewReplacer("{keys}", keys, "{shop}", shown(t), "{audit}", filepath.Join(t.TempDir(), "a"), "{more}", "").Replace(guarded)
	r := start(t, text)
	level := func() int { return strings.Count(r.metrics(), "\nweir_policy_level{policy=\"edge.") }
	if level() == 0 {
		t.Fatal("the policy shows no level")
	}
	before := level()
	r.reload(text)
	if level() != before {
		t.Errorf("%d levels behind a reload, %d before", level(), before)
	}
	r.write("[[routes]]\nupstream = \"none\"\n")
	if r.g.Reload().OK {
		t.Fatal("a wrong config was taken")
	}
	if level() != before {
		t.Errorf("%d levels behind a refused reload, %d before", level(), before)
	}
	r.reload("[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nrespond = {}\n")
	if level() != 0 {
		t.Errorf("%d levels of a policy that is gone", level())
	}
}

func TestGuardsOfATCPListenerCloseConnections(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.log")
	config := func(list string) string {
		return `
[audit_log]
path = "` + audit + `"
[listeners.db]
address = "127.0.0.1:0"
kind = "tcp"
upstream = "db"
policies = "office"
[policies.office]
ip_filter = { ` + list + ` }
[upstreams.db]
endpoints = "` + echo(t) + `"
`
	}
	says := func(r *rig) string {
		c, err := net.Dial("tcp", r.g.Addr("db").String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("hi")); err != nil {
			return ""
		}
		b := make([]byte, 2)
		_, _ = io.ReadFull(c, b)
		return strings.Trim(string(b), "\x00")
	}
	r := start(t, config(`allow = ["127.0.0.0/8"]`))
	if got := says(r); got != "hi" {
		t.Fatalf("an allowed client got %q", got)
	}
	r.reload(config(`deny = ["127.0.0.0/8"]`))
	if got := says(r); got != "" {
		t.Errorf("a denied client got %q", got)
	}
	until(t, "the refusal is counted", func() bool {
		m := r.metrics()
		return strings.Contains(m, `weir_listener_connections_refused_total{listener="db",reason="policy"} 1`) &&
			strings.Contains(m, `weir_policy_refusals_total{policy="office.ip_filter",fault="address_refused",mode="enforce"} 1`)
	})
	until(t, "it is told", func() bool {
		b, _ := os.ReadFile(audit)
		return strings.Contains(string(b), `"policy":"office.ip_filter"`)
	})
	r.reload(config(`deny = ["127.0.0.0/8"], mode = "observe"`))
	if got := says(r); got != "hi" {
		t.Errorf("an observed client got %q", got)
	}
}

// A listener's bundle finds out who somebody is; only where it says so itself does every route want to know.
func TestAListenerMayWantAnIdentityOnEveryRoute(t *testing.T) {
	keys := keysOf(t, map[string]string{"ann": "the-key-of-ann"})
	config := func(requires string) string {
		return strings.Replace(web0, "\n", "\npolicies = \"edge\"\n", 1) + `
[[routes]]
name = "a"
match.path = "/a"
respond.body = "a"
[[routes]]
name = "b"
match.path = "/b"
without = "edge"
respond.body = "b"
[policies.edge]
` + requires + `
api_key.keys_file = "` + keys + `"
`
	}
	for requires, want := range map[string][3]int{
		``: {200, 200, 404}, `require_identity = "none"`: {200, 200, 404},
		`require_identity = "any"`: {401, 200, 404}, `require_identity = "all"`: {401, 200, 404},
	} {
		r := start(t, config(requires))
		var got [3]int
		for i, path := range []string{"/a", "/b", "/c"} {
			res, _ := r.knock("GET", path)
			got[i] = res.StatusCode
		}
		if res, _ := r.knock("GET", "/a", "X-Api-Key: the-key-of-ann"); got != want || res.StatusCode != 200 {
			t.Errorf("%q: %v, want %v; with a key %d", requires, got, want, res.StatusCode)
		}
	}
}

// What an http listener relays as it is, no policy sees as a request: its address was judged by nobody.
func TestConnectionsThatPassThroughAreJudgedByTheirAddress(t *testing.T) {
	table, _ := pair(t, "web.test")
	db, dbRoots := database(t, "db.test")
	config := func(list string) string {
		return "[listeners.web]\n" + any0 + "policies = \"office\"\ntls.certificates = " + table + "\npassthrough = { sni = \"db.test\", upstream = \"db\" }\n" +
			"[[routes]]\nrespond.body = \"ok\"\n[policies.office]\ncors = { origins = \"https://a.example\" }\nip_filter = { " + list + " }\n[upstreams.db]\nendpoints = \"" + db + "\"\n"
	}
	r := start(t, config(`allow = "127.0.0.0/8"`))
	s, err := r.dial("web", "db.test", "", dbRoots)
	if err != nil {
		t.Fatal(err)
	}
	s.echoes("passed through")
	r.reload(config(`deny = "127.0.0.0/8"`))
	if _, err := r.dial("web", "db.test", "", dbRoots); err == nil {
		t.Error("a denied client is passed through")
	}
	until(t, "the refusal is counted", func() bool {
		return strings.Contains(r.metrics(), `weir_policy_refusals_total{policy="office.ip_filter",fault="address_refused",mode="enforce"} 1`)
	})
}

// A 401 must name a scheme, and there is none for certificates.
func TestA401WithoutASchemeNamesWeir(t *testing.T) {
	r := start(t, web0+"[[routes]]\npolicies = \"p\"\nrespond = {}\n[policies.p]\nclient_cert = {}\n")
	if res, body := r.knock("GET", "/"); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != "Weir" {
		t.Errorf("%d %q %s", res.StatusCode, res.Header.Get("WWW-Authenticate"), body)
	}
}

// The 401 of a bundle named its realm, the 403 of a token without the scope did not.
func TestATokenThatLacksAScopeIsToldTheRealmOfItsBundle(t *testing.T) {
	const key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiewIRAOs9189SJYnFgqQNInscpXm\nMUv8Pej+UDgJDR9vTpuGa2ip0dShWFkRvNkAfaVbNgN9yL2CxsgXJaSDpQ==\n-----END PUBLIC KEY-----\n"
	const dora = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoic2hvcCIsInN1YiI6ImRvcmEiLCJzY29wZSI6Im9yZGVycy5yZWFkIiwicGxhbiI6ImdvbGQiLCJleHAiOjQxMDI0NDQ4MDB9.G4GbSuJWC38Rt7yK6ybZtiei1K86rSMirFFsOj39_9pZANmTYmhqCYcBgyd4mUmEhDkrYywVdGPxNjOsdCYVQw"
	path := filepath.Join(t.TempDir(), "token.pem")
	if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, web0+"[[routes]]\npolicies = \"p\"\nrespond = {}\n[policies.p]\njwt = { public_keys = \""+path+"\", issuer = \"https://id.example.com\", audience = \"shop\", algorithms = \"ES256\", realm = \"orders\" }\n"+
		"authorise = { require = \"scope:orders.write\" }\n")
	for token, want := range map[string]string{
		"Authorization: Bearer " + dora: `403 Bearer realm="orders", error="insufficient_scope", scope="orders.write"`,
		"X-None: of it":                 `401 Bearer realm="orders"`,
	} {
		res, _ := r.knock("GET", "/", token)
		if got := strconv.Itoa(res.StatusCode) + " " + res.Header.Get("WWW-Authenticate"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestABundleOfTwoRealmsHasNone(t *testing.T) {
	for _, c := range []struct {
		policy config.Guards
		want   string
	}{
		{config.Guards{}, ""},
		{config.Guards{JWT: &jwt.Config{Realm: "a"}}, "a"},
		{config.Guards{Introspect: &introspect.Config{Realm: "b"}}, "b"},
		{config.Guards{JWT: &jwt.Config{Realm: "a"}, Introspect: &introspect.Config{Realm: "a"}}, "a"},
		{config.Guards{JWT: &jwt.Config{Realm: "a"}, Introspect: &introspect.Config{Realm: "b"}}, ""},
	} {
		if got := realmOf(&config.Policy{Guards: c.policy}); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// A client that could mend it by logging in was told 403, where a listener says how to and only authorise of the route asks.
func TestARuleAsksNobodyWhoHeIsInTheSchemesOfTheListener(t *testing.T) {
	users := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(users, []byte("bob:$2a$04$uW2nlGiGCMHHYPGdQPXy8.TTfGnJJfEeCqmo4Dy0fNBnQyZTT7bXK\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, strings.NewReplacer("{keys}", keysOf(t, map[string]string{"ann": "the-key-of-ann", "eve": "the-key-of-eve"}), "{users}", users).Replace(
		strings.Replace(web0, "\n", "\npolicies = [\"keys\", \"names\"]\n", 1)+`
[[routes]]
name = "closed"
match.path = "/closed"
policies = "rules"
respond = {}
[[routes]]
name = "apart"
match.path = "/apart"
without = "names"
policies = "rules"
respond = {}
[[routes]]
name = "alone"
match.path = "/alone"
without = ["keys", "names"]
policies = "rules"
respond = {}
[[routes]]
name = "more"
match.path = "/more"
policies = ["welcome", "rules"]
respond = {}
[[routes]]
name = "again"
match.path = "/again"
without = "names"
policies = ["names", "rules"]
respond = {}
[policies.keys]
api_key = { keys_file = "{keys}", realm = "shop" }
[policies.names]
require_identity = "none"
basic = { users_file = "{users}", realm = "shop" }
[policies.welcome]
require_identity = "none"
api_key = { keys_file = "{keys}", header = "X-Other-Key", realm = "shop" }
[policies.rules]
authorise = [{ methods = ["GET"], require = "consumer:ann" }]
`))
	key, other := `ApiKey realm="shop", in="header", name="X-Api-Key"`, `ApiKey realm="shop", in="header", name="X-Other-Key"`
	name := `Basic realm="shop", charset="UTF-8"`
	for _, c := range []struct {
		method, path, field, fault string
		status                     int
		challenges                 []string
	}{
		{"GET", "/closed", "X-None: of it", "identity_required", 401, []string{key, name}},
		{"GET", "/closed", "X-Api-Key: the-key-of-ann", "", 200, nil},
		{"GET", "/closed", "X-Api-Key: the-key-of-eve", "not_authorised", 403, nil},
		{"PUT", "/closed", "X-None: of it", "not_authorised", 403, nil}, // no rule is for it
		{"GET", "/apart", "X-None: of it", "identity_required", 401, []string{key}},
		{"GET", "/alone", "X-None: of it", "not_authorised", 403, nil},
		{"GET", "/more", "X-None: of it", "identity_required", 401, []string{key, name, other}},
		{"GET", "/again", "X-None: of it", "identity_required", 401, []string{key, name}},
	} {
		res, body := r.knock(c.method, c.path, c.field)
		if res.StatusCode != c.status || !slices.Equal(res.Header.Values("WWW-Authenticate"), c.challenges) || !strings.Contains(body, c.fault) {
			t.Errorf("%s %s with %s: %d %q %s, want %+v", c.method, c.path, c.field, res.StatusCode, res.Header.Values("WWW-Authenticate"), body, c)
		}
	}
	until(t, "the refusals are counted", func() bool {
		m := r.metrics()
		return strings.Contains(m, `weir_policy_refusals_total{policy="rules.authorise",fault="identity_required",mode="enforce"} 4`) &&
			strings.Contains(m, `weir_policy_refusals_total{policy="rules.authorise",fault="not_authorised",mode="enforce"} 3`)
	})
}

func TestARuleOfAListenerThatRedirectsAsksWhoSomebodyIs(t *testing.T) {
	r := start(t, strings.Replace(web0, "\n", "\nredirect_to_https = true\npolicies = \"keys\"\n", 1)+"[listeners.tls]\n"+any0+"tls.certificates = "+func() string { table, _ := pair(t, "a.test"); return table }()+
		"\n[[routes]]\nrespond = {}\n[policies.keys]\napi_key.keys_file = \""+keysOf(t, map[string]string{"ann": "the-key-of-ann"})+"\"\nauthorise = { require = \"identified\" }\n")
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for field, want := range map[string]int{"X-None: of it": 401, "X-Api-Key: the-key-of-ann": 308} {
		if res, body := r.knock("GET", "/", field); res.StatusCode != want || want == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", field, res.StatusCode, body)
		}
	}
}
