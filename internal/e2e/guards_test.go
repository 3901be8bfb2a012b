//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// guarding has every policy that says who and what may pass on a route of its own, behind one listener that speaks every
// protocol.
const guarding = `
state_dir = "{dir}/state"
[access_log]
path = "{dir}/access.log"
[audit_log]
path = "{dir}/audit.log"
[listeners.web]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
policies = ["edge", "staff"]
trusted_proxies = ["127.0.0.0/8"]
[listeners.web.tls]
certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }]
client_auth = { ca = "{dir}/cert.pem", mode = "request" }
[policies.edge]
request_id = {}
geo = { database = "{dir}/country.mmdb", header = "X-Country", deny_countries = ["XX"] }
ip_filter = { deny = ["203.0.113.0/24"] }

[[routes]]
name = "plain"
upstream = "shower"
[[routes]]
name = "german"
match = { path = "/plain", country = ["DE"] }
upstream = "shower"
[[routes]]
name = "keys"
match.path = "/keys"
policies = "keys"
upstream = "shower"
[policies.keys]
api_key = { keys_file = "{dir}/keys.toml", forward = { X-User = "consumer", X-Groups = "groups" } }
[[routes]]
name = "basic"
match.path = "/basic"
policies = "basic"
upstream = "shower"
[policies.basic]
basic = { users_file = "{dir}/htpasswd", realm = "staff", forward = { X-User = "consumer" } }
[[routes]]
name = "tokens"
match.path = "/tokens/*"
policies = "tokens"
upstream = "shower"
[policies.tokens]
jwt = { public_keys = "{dir}/token.pem", issuer = "https://id.example.com", audience = ["api"], algorithms = ["ES256"], forward = { X-User = "sub" } }
authorise = [{ methods = ["GET"], require = "scope:read" }, { require = "claims.plan == 'gold' && group:partners" }]
[policies.staff]
api_key = { keys_file = "{dir}/keys.toml", header = "X-Staff-Key", realm = "staff" }
[[routes]]
name = "ruled"
match.path = "/ruled"
policies = "ruled"
upstream = "shower"
[policies.ruled]
authorise = [{ methods = ["GET", "POST"], require = "consumer:ann" }]
[[routes]]
name = "asked"
match.path = "/asked"
policies = "asked"
upstream = "shower"
[policies.asked]
introspect = { url = "{service}/introspect", client_id = "weir", client_secret = "{client-secret}", forward = { X-User = "sub" } }
[[routes]]
name = "judged"
match.path = "/judged"
policies = "judged"
upstream = "shower"
[policies.judged]
forward_auth = { url = "{service}/judge", copy = ["X-User"] }
[[routes]]
name = "certified"
match.path = "/certified"
policies = "certified"
upstream = "shower"
[policies.certified]
client_cert = { forward = { X-Client-CN = "subject.cn" } }
[[routes]]
name = "login"
match.path = "/login/*"
policies = "login"
upstream = "shower"
[policies.login]
oidc = { issuer = "{service}", client_id = "weir", client_secret = "{client-secret}", callback = "/login/callback" }
[[routes]]
name = "ways"
match.path = "/ways"
policies = "ways"
upstream = "shower"
[policies.ways]
basic = { users_file = "{dir}/htpasswd", realm = "staff" }
jwt = { public_keys = "{dir}/token.pem", algorithms = ["ES256"], realm = "api" }
[[routes]]
name = "every"
match.path = "/every"
policies = "every"
upstream = "shower"
[policies.every]
require_identity = "all"
api_key = { keys_file = "{dir}/keys.toml" }
jwt = { public_keys = "{dir}/token.pem", algorithms = ["ES256"] }
[[routes]]
name = "welcome"
match.path = "/welcome"
policies = "welcome"
upstream = "shower"
[policies.welcome]
require_identity = "none"
api_key = { keys_file = "{dir}/keys.toml", forward = { X-User = "consumer" } }
[[routes]]
name = "often"
match.path = "/often"
policies = "often"
upstream = "shower"
[policies.often]
rate_limit = [{ key = "header:X-Who", rate = "1/d", burst = 1 }]
[[routes]]
name = "much"
match.path = "/much"
policies = "much"
upstream = "shower"
[policies.much]
quota = { key = "header:X-Who", limit = 1, per = "month" }
[[routes]]
name = "together"
match.path = "/together"
policies = "together"
upstream = "slow"
[policies.together]
concurrency = { limit = 1, key = "header:X-Who" }
[[routes]]
name = "described"
match.path = "/described/*"
policies = "described"
upstream = "shower"
[policies.described]
validate = { openapi = "{dir}/api.yaml" }
[[routes]]
name = "walled"
match.path = "/walled"
policies = "walled"
upstream = "shower"
[policies.walled]
waf = {}
[[routes]]
name = "watched"
match.path = "/watched"
policies = "watched"
upstream = "shower"
[policies.watched]
waf = { mode = "observe" }
api_key = { keys_file = "{dir}/keys.toml", mode = "observe", forward = { X-User = "consumer" } }
[upstreams.shower]
endpoints = "{shower}"
[upstreams.slow]
endpoints = "{slow}"
`

// The secrets of the test: none of them may be told by anything but what it is for.
const (
	annsKey      = "wk_the-key-of-ann"
	bobsPassword = "the-password-of-bob"
	clientSecret = "the-secret-of-the-client"
	opaqueToken  = "the-opaque-token-of-cem"
)

const described = `openapi: 3.0.3
info: { title: things, version: "1" }
servers: [{ url: /described }]
paths:
  /things:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: { type: object, required: [size], properties: { size: { type: integer, maximum: 9 } } }
      responses: { "200": { description: ok } }
`

// guardErrands are asked over every carrier; fields hold {token} and the like.
var guardErrands = []errand{
	{name: "a country", target: "/plain", fields: []string{"X-Forwarded-For: 198.51.100.7"}, status: 200, says: []string{"X-Country: DE\r\n"}},
	{name: "a country from outside", target: "/plain", fields: []string{"X-Country: DE"}, status: 200, never: []string{"X-Country"}},
	{name: "a denied country", target: "/plain", fields: []string{"X-Forwarded-For: 192.0.2.7"}, status: 403, says: []string{`"fault":"country_refused"`}},
	{name: "a denied address", target: "/plain", fields: []string{"X-Forwarded-For: 203.0.113.9"}, status: 403, says: []string{`"fault":"address_refused"`}},
	{name: "a key", target: "/keys", fields: []string{"X-Api-Key: " + annsKey, "X-User: mallory", "X_User: mallory"}, status: 200, says: []string{"X-User: ann\r\n", "X-Groups: partners\r\n"}, never: []string{annsKey, "mallory"}},
	{name: "no key", target: "/keys", fields: []string{"X-User: mallory"}, status: 401, says: []string{`"fault":"identity_required"`}, seen: challenged},
	{name: "a wrong key", target: "/keys", fields: []string{"X-Api-Key: wk_wrong"}, status: 401, says: []string{`"fault":"api_key_`}, never: []string{"wk_wrong"}, seen: challenged},
	{name: "a password", target: "/basic", fields: []string{"Authorization: {bob}"}, status: 200, says: []string{"X-User: bob\r\n"}, never: []string{"Authorization"}},
	{name: "a wrong password", target: "/basic", fields: []string{"Authorization: {eve}"}, status: 401, says: []string{`"fault":"basic_invalid"`}, seen: challenged},
	{name: "a token", target: "/tokens/a", fields: []string{"Authorization: Bearer {token}", "X-User: mallory"}, status: 200, says: []string{"X-User: dora\r\n"}, never: []string{"Bearer", "mallory"}},
	{name: "an expired token", target: "/tokens/a", fields: []string{"Authorization: Bearer {expired}"}, status: 401, says: []string{`"fault":"jwt_expired"`}, seen: challenged},
	{name: "a token of nobody", target: "/tokens/a", fields: []string{"Authorization: Bearer {none}"}, status: 401, says: []string{`"fault":"jwt_`}, seen: challenged},
	{name: "a scope that lacks", target: "/tokens/a", fields: []string{"Authorization: Bearer {poor}"}, status: 403, says: []string{`"fault":"not_authorised"`}},
	{name: "an expression", method: "PUT", target: "/tokens/a", fields: []string{"Authorization: Bearer {token}"}, status: 200, says: []string{"PUT /tokens/a HTTP/1.1\r\n"}},
	{name: "an expression that fails", method: "PUT", target: "/tokens/a", fields: []string{"Authorization: Bearer {poor}"}, status: 403},
	{name: "a rule without a key", target: "/ruled", status: 401, says: []string{`"fault":"identity_required"`}, has: []string{`WWW-Authenticate: ApiKey realm="staff", in="header", name="X-Staff-Key"`}},
	{name: "a rule with a key", target: "/ruled", fields: []string{"X-Staff-Key: " + annsKey}, status: 200, never: []string{annsKey}},
	{name: "a rule that no key helps", method: "PUT", target: "/ruled", status: 403, says: []string{`"fault":"not_authorised"`}},
	{name: "a gRPC call to a rule without a key", method: "POST", target: "/ruled", fields: []string{"Content-Type: application/grpc", "Te: trailers"}, status: 200, has: []string{"Grpc-Status: 16"}},
	{name: "an opaque token", target: "/asked", fields: []string{"Authorization: Bearer " + opaqueToken}, status: 200, says: []string{"X-User: cem\r\n"}, never: []string{opaqueToken}},
	{name: "an opaque token that ended", target: "/asked", fields: []string{"Authorization: Bearer other-token"}, status: 401, seen: challenged},
	{name: "a request that the service lets in", target: "/judged", fields: []string{"Authorization: Bearer friend", "X-User: mallory"}, status: 200, says: []string{"X-User: emil\r\n"}, never: []string{"mallory"}},
	{name: "a request that the service sends away", target: "/judged", fields: []string{"Authorization: Bearer stranger"}, status: 403, says: []string{"we know you"}, has: []string{"X-Reason: stranger"}},
	{name: "a certificate", target: "/certified", fields: []string{"X-Client-CN: mallory"}, status: 200, says: []string{"X-Client-CN: weir.test\r\n"}, never: []string{"mallory"}},
	{name: "a browser without a session", target: "/login/a", fields: []string{"Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, status: 302, seen: signsIn},
	{name: "a script without a session", target: "/login/a", fields: []string{"Accept: application/json"}, status: 401},
	{name: "several ways", target: "/ways", status: 401, seen: func(t *testing.T, res *http.Response, _ string) {
		if got := strings.Join(res.Header.Values("WWW-Authenticate"), ", "); !strings.Contains(got, `Basic realm="staff"`) || !strings.Contains(got, `Bearer realm="api"`) {
			t.Errorf("WWW-Authenticate is %q", got)
		}
	}},
	{name: "the second of several ways", target: "/ways", fields: []string{"Authorization: Bearer {token}"}, status: 200},
	{name: "one of all ways", target: "/every", fields: []string{"Authorization: Bearer {token}"}, status: 401, says: []string{`"fault":"identity_required"`}},
	{name: "all ways", target: "/every", fields: []string{"Authorization: Bearer {token}", "X-Api-Key: " + annsKey}, status: 200},
	{name: "nobody is welcome", target: "/welcome", fields: []string{"X-User: mallory"}, status: 200, never: []string{"mallory"}},
	{name: "somebody false is not", target: "/welcome", fields: []string{"X-Api-Key: wk_wrong"}, status: 401},
	{name: "a rate", target: "/often", fields: []string{"X-Who: {carrier}"}, status: 200, seen: func(t *testing.T, res *http.Response, _ string) {
		if res.Header.Get("RateLimit-Policy") == "" || res.Header.Get("RateLimit") == "" {
			t.Errorf("no RateLimit in %v", res.Header)
		}
		res.Header.Del("RateLimit") // it may tell seconds
	}},
	{name: "over the rate", target: "/often", fields: []string{"X-Who: {carrier}"}, status: 429, says: []string{`"fault":"rate_limited"`}, seen: comesBack},
	{name: "a quota", target: "/much", fields: []string{"X-Who: {carrier}"}, status: 200},
	{name: "over the quota", target: "/much", fields: []string{"X-Who: {carrier}"}, status: 429, says: []string{`"fault":"quota_`}, seen: comesBack},
	{name: "one at a time", target: "/together", fields: []string{"X-Who: {carrier}"}, status: 200},
	{name: "two at a time", target: "/together", fields: []string{"X-Who: held"}, status: 429, says: []string{`"fault":"concurrency_exceeded"`}, seen: comesBack},
	{name: "a body as described", method: "POST", target: "/described/things", fields: []string{"Content-Type: application/json"}, body: `{"size":9}`, status: 200, says: []string{`{"size":9}`}},
	{name: "a body against what is described", method: "POST", target: "/described/things", fields: []string{"Content-Type: application/json"}, body: `{"size":10}`, status: 422, says: []string{`/size`}},
	{name: "what is not described", target: "/described/others", status: 404},
	{name: "an attack", target: "/walled?q=" + url.QueryEscape("1' UNION SELECT password FROM users--"), fields: []string{"Accept: */*"}, status: 403, says: []string{`"fault":"waf_blocked"`}},
	{name: "no attack", target: "/walled?q=shoes", fields: []string{"Accept: */*"}, status: 200},
	{name: "an attack that is watched", target: "/watched?q=" + url.QueryEscape("1' UNION SELECT password FROM users--"), fields: []string{"Accept: */*", "X-Api-Key: " + annsKey}, status: 200, says: []string{"X-Api-Key: " + annsKey + "\r\n"}},
	{name: "a wrong key that is watched", target: "/watched", fields: []string{"X-Api-Key: wk_wrong"}, status: 200, says: []string{"X-Api-Key: wk_wrong\r\n"}},
	{name: "a gRPC call without a key", method: "POST", target: "/keys", fields: []string{"Content-Type: application/grpc", "Te: trailers"}, status: 200, has: []string{"Grpc-Status: 16"}},
}

func challenged(t *testing.T, res *http.Response, _ string) {
	if res.Header.Get("WWW-Authenticate") == "" {
		t.Error("a 401 names no scheme")
	}
}

func comesBack(t *testing.T, res *http.Response, _ string) {
	if res.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to come back")
	}
	for _, name := range []string{"Retry-After", "RateLimit"} {
		res.Header.Del(name) // seconds pass
	}
}

func signsIn(t *testing.T, res *http.Response, _ string) {
	to, err := res.Location()
	if err != nil || to.Path != "/authorize" || to.Query().Get("code_challenge_method") != "S256" || to.Query().Get("state") == "" || to.Query().Get("nonce") == "" {
		t.Errorf("sent to %v, %v", to, err)
	}
	res.Header.Del("Location") // every one has a state of its own
}

// service is what the policies ask: an authorisation server, a judge and an OpenID provider.
func service(t *testing.T) string {
	t.Helper()
	l := listen(t)
	self := "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("/introspect", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		active := id == "weir" && secret == clientSecret && r.FormValue("token") == opaqueToken
		_ = json.NewEncoder(w).Encode(map[string]any{"active": active, "sub": "cem", "scope": "read"})
	})
	mux.HandleFunc("/judge", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer friend" && r.Header.Get("X-Forwarded-Method") == "GET" && r.Header.Get("X-Forwarded-Uri") == "/judged" {
			w.Header().Set("X-User", "emil")
			return
		}
		w.Header().Set("X-Reason", "stranger")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "we know you")
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": self, "authorization_endpoint": self + "/authorize", "token_endpoint": self + "/token", "jwks_uri": self + "/jwks",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) })
	s := &http.Server{Handler: mux}
	go func() { _ = s.Serve(l) }() // ends with the test
	t.Cleanup(func() { _ = s.Close() })
	return self
}

// issuer signs tokens; the file at path gets its public key.
func issuer(t *testing.T, path string) (sign func(claims map[string]any) string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "PUBLIC KEY", der)
	return func(claims map[string]any) string {
		body, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		signed := encoded(`{"alg":"ES256","typ":"JWT"}`) + "." + encoded(string(body))
		digest := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + encoded(string(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
	}
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// furnish writes the files that guarding names, and returns what {…} in fields stands for.
func furnish(t *testing.T, dir string) *strings.Replacer {
	t.Helper()
	hash := sha256.Sum256([]byte(annsKey))
	for name, text := range map[string]string{
		"keys.toml": "[[keys]]\nhash = \"sha256:" + hex.EncodeToString(hash[:]) + "\"\nconsumer = \"ann\"\ngroups = [\"partners\"]\n",
		"htpasswd":  "bob:$6$saltsalt$zcTi4G.mS.IB21XdlgVM1qA0BhV9Tjdpm1DJ4Hrve/lNiNjKEI2kukNr1F1UVroe0TCqQHSZ91MAAsqgcqOIP.\n",
		"api.yaml":  described,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	countries(t, filepath.Join(dir, "country.mmdb"), map[string]string{"198.51.100.0/24": "DE", "192.0.2.0/24": "XX"})
	sign := issuer(t, filepath.Join(dir, "token.pem"))
	claims := func(subject, scope string, end time.Duration) map[string]any {
		return map[string]any{"iss": "https://id.example.com", "aud": "api", "sub": subject, "scope": scope, "exp": time.Now().Add(end).Unix()}
	}
	rich := claims("dora", "read write", time.Hour)
	rich["plan"], rich["groups"] = "gold", []string{"partners"}
	whole := sign(rich)
	_, rest, _ := strings.Cut(whole, ".")
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	return strings.NewReplacer(
		"{token}", whole, "{expired}", sign(claims("dora", "read", -time.Hour)), "{poor}", sign(claims("dora", "write", time.Hour)),
		"{none}", encoded(`{"alg":"none"}`)+"."+rest[:strings.IndexByte(rest, '.')]+".",
		"{bob}", basic("bob", bobsPassword), "{eve}", basic("bob", "a-guess"),
	)
}

// countries writes a database of countries.
func countries(t *testing.T, path string, where map[string]string) {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for block, code := range where {
		_, network, err := net.ParseCIDR(block)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
}

// Every policy that says who and what may pass says the same on every carrier, and none tells a secret.
func TestEveryGuardOnEveryCarrier(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	fill := furnish(t, dir)
	slow, held, release := newHolder(t)
	config := strings.NewReplacer("{dir}", dir, "{client-secret}", clientSecret).Replace(guarding)
	c := start(t, config, "shower", newShower(t), "service", service(t), "slow", slow)
	ways := carriers(t, c, cfg)
	holds := errand{name: "the one that holds", target: "/together", fields: []string{"X-Who: held", "X-Hold: yes"}}
	kept := make(chan struct{})
	go func() { // ends with release
		defer close(kept)
		if res, err := ways["HTTP/2.0"].RoundTrip(holds.request(t, c.at(8443))); err == nil {
			res.Body.Close()
		}
	}()
	<-held
	for i := range guardErrands {
		e := guardErrands[i]
		t.Run(strings.ReplaceAll(e.name, " ", "-"), func(t *testing.T) { onEveryCarrier(t, e, ways, c.at(8443), fill) })
	}
	release()
	<-kept
	tellsNoSecret(t, c, dir)
}

func onEveryCarrier(t *testing.T, e errand, ways map[string]http.RoundTripper, address string, fill *strings.Replacer) {
	first, fields := "", e.fields
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
		t.Run(strings.ReplaceAll(proto, "/", "-"), func(t *testing.T) {
			e.fields = slices.Clone(fields)
			for i := range e.fields {
				e.fields[i] = strings.ReplaceAll(fill.Replace(e.fields[i]), "{carrier}", proto)
			}
			res, body := e.by(t, ways[proto], address)
			e.judge(t, proto, res, body)
			switch got := strings.ReplaceAll(alike(res, body), "x-who: "+strings.ToLower(proto), ""); {
			case first == "":
				first = got
			case got != first:
				t.Errorf("on %s\n%s\nbut on HTTP/1.1\n%s", proto, got, first)
			}
		})
	}
}

// newHolder is an endpoint that holds requests with X-Hold until release; held is told of the first.
func newHolder(t *testing.T) (address string, held <-chan struct{}, release func()) {
	t.Helper()
	came, goes := make(chan struct{}), make(chan struct{})
	l := listen(t)
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Hold") != "" {
			close(came)
			<-goes
		}
	})}
	go func() { _ = s.Serve(l) }() // ends with the test
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String(), came, func() { close(goes) }
}

// tellsNoSecret looks for the secrets of the errands in all that Weir has written.
func tellsNoSecret(t *testing.T, c *child, dir string) {
	t.Helper()
	places := map[string]string{"log": c.stderr.String(), "output": c.stdout.String()}
	for _, page := range []string{"/metrics", "/status", "/config"} {
		status, body := c.admin("GET", page)
		if places[page] = string(body); status != 200 {
			t.Errorf("%s answered %d", page, status)
		}
	}
	var audit string
	eventually(t, "the logs are written", func() bool {
		for _, name := range []string{"access.log", "audit.log"} {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			places[name] = string(b)
		}
		audit = places["audit.log"]
		return strings.Count(audit, "waf_blocked") >= 6 && strings.Contains(places["access.log"], "/walled")
	})
	for place, text := range places {
		for _, secret := range []string{annsKey, bobsPassword, clientSecret, opaqueToken, "wk_wrong", "a-guess", "other-token", "eyJ", encoded(bobsPassword)[:20], "Bearer "} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is told by the %s", secret, place)
			}
		}
	}
	audited(t, audit)
	for _, series := range []string{
		`weir_policy_refusals_total{policy="keys.require_identity",fault="identity_required",mode="enforce"} `,
		`weir_policy_refusals_total{policy="watched.waf",fault="waf_blocked",mode="observe"} 3`,
		`weir_policy_refusals_total{policy="watched.api_key",fault="api_key_invalid",mode="observe"} 3`,
		`weir_policy_refusals_total{policy="walled.waf",fault="waf_blocked",mode="enforce"} 3`,
		`weir_policy_refusals_total{policy="edge.geo",fault="country_refused",mode="enforce"} 3`,
	} {
		if !strings.Contains(places["/metrics"], series) {
			t.Errorf("metrics lack %s", series)
		}
	}
}

// audited looks at the lines of the audit log: every refusal of the errands has one.
func audited(t *testing.T, log string) {
	t.Helper()
	policies := map[string]int{}
	for line := range strings.Lines(log) {
		var l struct {
			Client, Listener, Route, Policy, Fault, Mode, Path, Reason string
			Method, Host                                               string
			Status                                                     int
			RequestID                                                  string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Listener != "web" || l.Path == "" || l.Method == "" || l.RequestID == "" {
			t.Errorf("%v: %s", err, line)
		}
		policies[fmt.Sprint(l.Policy, " ", l.Fault)]++
	}
	for i := range guardErrands {
		e := &guardErrands[i]
		if e.status < 400 {
			continue
		}
		route := strings.SplitN(strings.TrimPrefix(e.target, "/"), "/", 2)[0]
		if !strings.Contains(log, `"path":"/`+strings.SplitN(route, "?", 2)[0]) {
			t.Errorf("no line for %s", e.name)
		}
	}
	if len(policies) < 15 {
		t.Errorf("%d kinds of refusals: %v", len(policies), policies)
	}
}
