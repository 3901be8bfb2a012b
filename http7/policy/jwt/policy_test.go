package jwt

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// head is a request with the given fields, each with its line end.
func head(fields string) string { return "GET /a?b=1 HTTP/1.1\nHost: h\n" + fields + "\n" }

func TestAGoodTokenEstablishesWhoSendsIt(t *testing.T) {
	w := worldOf(t, func(c *Config) { c.GroupsClaim = "realm_access.roles" }, es256())
	token := es256().sign(t, claims(time.Now(), map[string]any{
		"realm_access": map[string]any{"roles": []string{"staff", "admin"}}, "scope": "orders.read  orders.write", "scp": []string{"x", "y z"}, "groups": nil,
	}), nil)
	x := asked(token)
	if v := w.steps[0].Request.Request(x); v.Act != http7.Go {
		t.Fatal(v.Fault)
	}
	if x.Consumer != "alice" || x.Scheme != "jwt" {
		t.Errorf("consumer %q by %q", x.Consumer, x.Scheme)
	}
	if want := []string{"staff", "admin"}; !slices.Equal(x.Groups, want) {
		t.Errorf("groups %q, want %q", x.Groups, want)
	}
	if want := []string{"orders.read", "orders.write", "x", "y", "z"}; !slices.Equal(x.Scopes, want) {
		t.Errorf("scopes %q, want %q", x.Scopes, want)
	}
	for name, want := range map[string]string{"plan": "gold", "iss": "https://id.example.com", "realm_access.roles": "staff", "aud": "api"} {
		if got, ok := x.Claim(name); !ok || string(got) != want {
			t.Errorf("claim %s: got %q, want %q", name, got, want)
		}
	}
}

func TestWithoutATokenTheRequestGoesOnWithoutAnIdentity(t *testing.T) {
	w := worldOf(t, nil, es256())
	for _, fields := range []string{"", "Authorization: Basic YTpi\n", "Authorization: Bearerx y\n", "Authorization: \n", "X-Token: Bearer a\n"} {
		r := testkit.Policy(t, w.steps, head(fields), "")
		if want := []string{"edge.jwt: go", "edge.jwt.forward: go"}; !slices.Equal(r.Verdicts, want) || r.Consumer != "" || r.Request != "Host: h\n"+fields {
			t.Errorf("%q: got %q, %q, %q", fields, r.Verdicts, r.Consumer, r.Request)
		}
	}
}

func TestClaimsThatAreJudged(t *testing.T) {
	now := time.Now()
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		what    string
		changes map[string]any
		want    string
	}{
		{"all is well", nil, "alice"},
		{"another issuer", map[string]any{"iss": "https://id.example.com/"}, "jwt_issuer"},
		{"no issuer", map[string]any{"iss": nil}, "jwt_issuer"},
		{"a list of issuers", map[string]any{"iss": []string{"https://id.example.com"}}, "jwt_issuer"},
		{"another audience", map[string]any{"aud": "other"}, "jwt_audience"},
		{"no audience", map[string]any{"aud": nil}, "jwt_audience"},
		{"an audience among others", map[string]any{"aud": []string{"other", "api"}}, "alice"},
		{"no audience among others", map[string]any{"aud": []string{"other", "apis"}}, "jwt_audience"},
		{"expired", map[string]any{"exp": in(-time.Minute)}, "jwt_expired"},
		{"expired within the leeway", map[string]any{"exp": in(-10 * time.Second)}, "alice"},
		{"not yet", map[string]any{"nbf": in(time.Minute)}, "jwt_not_yet"},
		{"not yet within the leeway", map[string]any{"nbf": in(10 * time.Second)}, "alice"},
		{"no nbf", map[string]any{"nbf": nil}, "alice"},
		{"no exp", map[string]any{"exp": nil}, "jwt_claims"},
		{"an exp that is a text", map[string]any{"exp": "9999999999"}, "jwt_claims"},
		{"an exp that is no time", map[string]any{"exp": -5}, "jwt_claims"},
		{"an exp far away", map[string]any{"exp": 1e18}, "alice"},
		{"an nbf that is a text", map[string]any{"nbf": "0"}, "jwt_claims"},
		{"no sub", map[string]any{"sub": nil}, "jwt_claims"},
		{"an empty sub", map[string]any{"sub": ""}, "jwt_claims"},
		{"a sub that is a number", map[string]any{"sub": 5}, "jwt_claims"},
		{"a sub that is a list", map[string]any{"sub": []string{"alice"}}, "jwt_claims"},
		{"a key of DPoP", map[string]any{"cnf": map[string]any{"jkt": "x"}}, "jwt_bound"},
		{"a certificate", map[string]any{"cnf": map[string]any{"x5t#S256": strings.Repeat("A", 43)}}, "jwt_bound"},
		{"a certificate that is none", map[string]any{"cnf": map[string]any{"x5t#S256": "A"}}, "jwt_claims"},
	} {
		w := worldOf(t, nil, es256())
		if got := w.says(es256().sign(t, claims(now, c.changes), nil)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
	w := worldOf(t, func(c *Config) { c.NoExpiry = true }, es256())
	if got := w.says(es256().sign(t, claims(now, map[string]any{"exp": nil}), nil)); got != "alice" {
		t.Errorf("no exp where that is allowed: got %s", got)
	}
}

func TestATokenIsGoodUntilItExpiresHoweverOftenItWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, nil, es256())
		token := es256().sign(t, claims(time.Now(), map[string]any{"exp": time.Now().Add(time.Minute).Unix()}), nil)
		for range 9 {
			if got := w.says(token); got != "alice" {
				t.Errorf("got %s", got)
			}
			time.Sleep(10 * time.Second) // 30 of them are the leeway
		}
		if got := w.says(token); got != "jwt_expired" {
			t.Errorf("later: got %s", got)
		}
	})
}

func TestATokenThatBelongsToACertificateNeedsIt(t *testing.T) {
	cert := &x509.Certificate{Raw: []byte("not really one")}
	sum := sha256.Sum256(cert.Raw)
	w := worldOf(t, nil, es256())
	token := es256().sign(t, claims(time.Now(), map[string]any{"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}}), nil)
	for _, c := range []struct {
		what string
		conn *http7.Conn
		want string
	}{
		{"with it", &http7.Conn{ClientCert: cert}, "alice"},
		{"with it, the token seen before", &http7.Conn{ClientCert: cert}, "alice"},
		{"with another", &http7.Conn{ClientCert: &x509.Certificate{Raw: []byte("x")}}, "jwt_bound"},
		{"without one", &http7.Conn{}, "jwt_bound"},
	} {
		x := asked(token)
		x.Conn = c.conn
		if got := verdict(x, w.steps[0].Request.Request(x)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

func TestARefusalSaysWhatIsWrongAndNothingOfTheToken(t *testing.T) {
	w := worldOf(t, func(c *Config) { c.Realm = "shop" }, es256())
	token := es256().sign(t, claims(time.Now(), map[string]any{"aud": "s3cret"}), nil)
	r := testkit.Policy(t, w.steps, head("Authorization: Bearer "+token+"\n"), "")
	if want := `WWW-Authenticate: Bearer realm="shop", error="invalid_token", error_description="The token was given for another service."` + "\n"; r.Status != 401 || !strings.Contains(r.Answer, want) {
		t.Errorf("got %d %s", r.Status, r.Answer)
	}
	if !strings.Contains(r.Body, `"fault":"jwt_audience"`) || strings.Contains(r.Answer+r.Body, "s3cret") || strings.Contains(r.Answer+r.Body, token[:20]) {
		t.Errorf("got %s %s", r.Answer, r.Body)
	}
	if w.steps[0].Challenge != `Bearer realm="shop"` || !w.steps[0].Establishes {
		t.Errorf("got %+v", w.steps[0])
	}
	two := testkit.Policy(t, w.steps, head("Authorization: Bearer "+token+"\nAuthorization: Bearer x\n"), "")
	if two.Status != 400 || !strings.Contains(two.Answer, `error="invalid_request"`) {
		t.Errorf("two tokens: got %d %s", two.Status, two.Answer)
	}
}

func TestEndpointsAreToldClaimsAndDoNotGetTheToken(t *testing.T) {
	token := es256().sign(t, claims(time.Now(), nil), nil)
	fields := "Authorization: Bearer " + token + "\nX-User: root\nX-Other: o\n"
	table := map[string]string{"X-User": "sub", "X-Groups": "groups", "X-None": "none", "X-Exp": "plan"}
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string
	}{
		{"nothing told", nil, "Host: h\nX-User: root\nX-Other: o\n"},
		{"claims told", func(c *Config) { c.Forward = table }, "Host: h\nX-User: alice\nX-Other: o\nX-Exp: gold\nX-Groups: staff,partners\n"},
		{"the token passed", func(c *Config) { c.Pass = true }, "Host: h\n" + fields},
		{"both", func(c *Config) { c.Pass, c.Forward = true, map[string]string{"X-User": "sub"} }, "Host: h\n" + strings.Replace(fields, "root", "alice", 1)},
	} {
		w := worldOf(t, c.change, es256())
		if r := testkit.Policy(t, w.steps, head(fields), ""); r.Request != c.want {
			t.Errorf("%s: got %q, want %q", c.what, r.Request, c.want)
		}
	}
	w := worldOf(t, func(c *Config) { c.Forward = table }, es256())
	if want := []string{"X-Exp", "X-Groups", "X-None", "X-User"}; !slices.Equal(w.steps[1].Sets, want) || w.steps[1].Stage != http7.Rewrite {
		t.Errorf("sets %q", w.steps[1].Sets)
	}
	if r := testkit.Policy(t, w.steps, head("X-User: bob\nAuthorization: Basic YTpi\n"), ""); r.Request != "Host: h\nX-User: bob\nAuthorization: Basic YTpi\n" {
		t.Errorf("without a token, behind a policy that has told: got %q", r.Request)
	}
}

func TestClaimsThatCannotStandInAFieldRefuseTheToken(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{"gold", "alice"}, {"größer", "alice"}, {"a,b", "alice"}, {5, "alice"}, {true, "alice"}, {[]string{"a", "b"}, "alice"}, {nil, "alice"}, {"", "alice"},
		{"a\r\nX-Admin: 1", "jwt_claims"}, {"a\x00", "jwt_claims"}, {" a", "jwt_claims"}, {"a ", "jwt_claims"},
		{[]string{"a,b"}, "jwt_claims"}, {[]string{"a", ""}, "jwt_claims"},
	} {
		w := worldOf(t, func(c *Config) { c.Forward = map[string]string{"X-Plan": "plan"} }, es256())
		if got := w.says(es256().sign(t, claims(time.Now(), map[string]any{"plan": c.value}), nil)); got != c.want {
			t.Errorf("%q: got %s, want %s", c.value, got, c.want)
		}
	}
}

func TestATokenMayStandInACookieOrInTheQuery(t *testing.T) {
	token := es256().sign(t, claims(time.Now(), nil), nil)
	w := worldOf(t, func(c *Config) { c.Header, c.Cookie, c.Query = "X-Token", "session", "access_token" }, es256())
	for _, c := range []struct{ request, consumer, sent string }{
		{"GET / HTTP/1.1\nHost: h\nX-Token: " + token + "\n\n", "alice", "Host: h\n"},
		{"GET / HTTP/1.1\nHost: h\nX-Token: Bearer " + token + "\n\n", "alice", "Host: h\n"},
		{"GET / HTTP/1.1\nHost: h\nCookie: a=1; session=" + token + "; b=2\n\n", "alice", "Host: h\nCookie: a=1; b=2\n"},
		{"GET /?access_token=" + token + "&x=1 HTTP/1.1\nHost: h\n\n", "alice", "Host: h\n"},
		{"GET / HTTP/1.1\nHost: h\nAuthorization: Bearer " + token + "\n\n", "", "Host: h\nAuthorization: Bearer " + token + "\n"},
	} {
		if r := testkit.Policy(t, w.steps, c.request, ""); r.Consumer != c.consumer || r.Request != c.sent {
			t.Errorf("%.40q: got %q, %q", c.request, r.Consumer, r.Request)
		}
	}
	if r := testkit.Policy(t, w.steps, "GET /?access_token="+token+" HTTP/1.1\nHost: h\nX-Token: "+token+"\n\n", ""); r.Status != 400 {
		t.Errorf("in two places: got %d", r.Status)
	}
}

func TestOpaqueTokensMayBeLeftToOthers(t *testing.T) {
	for opaque, want := range map[string]string{"refuse": "jwt_malformed", "pass": ""} {
		w := worldOf(t, func(c *Config) { c.Opaque = opaque }, es256())
		if got := w.says("2YotnFZFEjr1zCsicMWpAA"); got != want {
			t.Errorf("%s: got %q, want %q", opaque, got, want)
		}
		if got := w.says("a.b.c"); got != "jwt_malformed" {
			t.Errorf("%s: three parts that are no JWT: got %q", opaque, got)
		}
	}
}

func TestObserveJudgesAlikeAndChangesNothing(t *testing.T) {
	w := worldOf(t, func(c *Config) { c.Mode, c.Forward = conf.Observe, map[string]string{"X-User": "sub"} }, es256())
	if len(w.steps) != 1 || w.steps[0].Mode != http7.Observe {
		t.Fatalf("%d steps", len(w.steps))
	}
	token := es256().sign(t, claims(time.Now(), nil), nil)
	fields := "Authorization: Bearer " + token + "\nX-User: root\n"
	if r := testkit.Policy(t, w.steps, head(fields), ""); r.Consumer != "alice" || r.Request != "Host: h\n"+fields {
		t.Errorf("got %q, %q", r.Consumer, r.Request)
	}
	if got := w.says(token + "AAAA"); got != "jwt_signature" {
		t.Errorf("a bad one: got %s", got)
	}
}

func TestOffMakesNoStep(t *testing.T) {
	c := Default()
	c.Mode = conf.ModeOff
	if steps, err := Compile(&c, "edge", nil); len(steps) != 0 || err != nil {
		t.Errorf("got %v, %v", steps, err)
	}
}

// A token in the query stood in the access log where the policy looks for it elsewhere.
func TestLogsHideTheUsualParameter(t *testing.T) {
	w := worldOf(t, nil, es256())
	if got := w.steps[0].Hides; !slices.Equal(got, []string{"access_token"}) {
		t.Errorf("hides %q", got)
	}
}
