package oidc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// comesBack is a browser that has signed in at the provider and is about to come back: the URL of the callback.
func (r *rig) comesBack() (*browser, *url.URL) {
	r.t.Helper()
	b := r.browser()
	form := b.opens("/app")
	b.stops = "/oauth2/callback"
	p := b.signsIn(form)
	b.stops = ""
	if p.url.Query().Get("code") == "" {
		r.t.Fatalf("no code in %s", p.url)
	}
	return b, p.url
}

// refused demands that a page is a refusal, that the browser has no session, and that the reason was told to the log alone.
func (r *rig) refused(b *browser, p page, status int, fault, cause string) {
	r.t.Helper()
	faults := r.faults()
	last := ""
	if len(faults) > 0 {
		last = faults[len(faults)-1]
	}
	if p.status != status || !strings.Contains(p.body, fault) || !strings.HasPrefix(last, fault) || !strings.Contains(last, cause) {
		r.t.Errorf("got %d %s, refused by %q, want %d %s because of %q", p.status, p.body, last, status, fault, cause)
	}
	if cause != "" && strings.Contains(p.body, cause) {
		r.t.Errorf("the client is told %q", cause)
	}
	if b.cookies()["__Host-weir_oidc"] != "" {
		r.t.Error("the browser has a session")
	}
	if p := b.asks("GET", r.server.URL+"/api", nil); p.status != 401 {
		r.t.Errorf("the browser is somebody: %s", p.body)
	}
}

// TestAnothersCodeSignsNobodyIn: a page that makes a browser open the attacker's callback must not sign it in as the attacker
// (RFC 6749 §10.12).
func TestAnothersCodeSignsNobodyIn(t *testing.T) {
	r := newRig(t, nil)
	_, back := r.comesBack()
	victim := r.browser()
	r.refused(victim, victim.opens(back.RequestURI()), 400, "oidc_stale_login", "")
	// The same for one that is about to sign in itself.
	victim.opens("/app")
	r.refused(victim, victim.opens(back.RequestURI()), 400, "oidc_stale_login", "")
}

// TestABrowserOverPlainHTTPIsExplainedToTheOperator: it keeps no secure cookie, so that it never comes back with one.
func TestABrowserOverPlainHTTPIsExplainedToTheOperator(t *testing.T) {
	r := newRig(t, nil)
	for secure, want := range map[bool]error{false: errPlain, true: errStale} {
		x := parsed(t, "GET /oauth2/callback?state=0a&code=b HTTP/1.1\n")
		x.Secure = secure
		if r.decide(x); x.Fault != r.site.stale || x.Cause != want {
			t.Errorf("https %v: got %v because of %v", secure, x.Fault, x.Cause)
		}
	}
}

func TestACallbackWorksOnce(t *testing.T) {
	r := newRig(t, nil)
	b, back := r.comesBack()
	if p := b.opens(back.RequestURI()); p.status != 200 {
		t.Fatalf("got %d %q", p.status, r.faults())
	}
	if p := b.opens(back.RequestURI()); p.status != 400 {
		t.Errorf("the second time: %d", p.status)
	}
}

// The cookie of a login that was kept made its callback good again for ten minutes, where the provider takes codes twice.
func TestACallbackWorksOnceWhateverCookiesAreShownAgain(t *testing.T) {
	r := newRig(t, nil)
	b, back := r.comesBack()
	kept := b.cookies()
	if p := b.opens(back.RequestURI()); p.status != 200 {
		t.Fatalf("got %d %q", p.status, r.faults())
	}
	for name, value := range kept {
		b.sets(name, value)
	}
	if p := b.opens(back.RequestURI()); p.status != 400 || !strings.Contains(p.body, "oidc_stale_login") || r.event("login") != 1 {
		t.Errorf("got %d %s, %d logins", p.status, p.body, r.event("login"))
	}
}

func TestWhatComesBackIsCheckedFieldByField(t *testing.T) {
	r := newRig(t, nil)
	for i, c := range []struct {
		what         string
		change       func(q url.Values)
		status       int
		fault, cause string
	}{
		{"no state", func(q url.Values) { q.Del("state") }, 400, "oidc_stale_login", ""},
		{"an empty state", func(q url.Values) { q.Set("state", "") }, 400, "oidc_stale_login", ""},
		{"another state", func(q url.Values) { q.Set("state", q.Get("state")+"A") }, 400, "oidc_stale_login", ""},
		{"a slot that is none", func(q url.Values) { q.Set("state", "9"+q.Get("state")[1:]) }, 400, "oidc_stale_login", ""},
		{"no code", func(q url.Values) { q.Del("code") }, 403, "oidc_failed", "neither a code nor an error"},
		{"another code", func(q url.Values) { q.Set("code", "x"+q.Get("code")) }, 403, "oidc_failed", "answered 400 invalid_grant"},
		{"another provider", func(q url.Values) { q.Set("iss", "https://evil.example") }, 403, "oidc_failed", "another provider"},
		{"a no", func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, 403, "oidc_denied", "access_denied"},
		{"a no with more to say", func(q url.Values) { q.Set("error", "a\r\nb: c") }, 403, "oidc_denied", "says no"},
	} {
		b, back := r.comesBack()
		q := back.Query()
		c.change(q)
		t.Log(c.what)
		r.refused(b, b.opens("/oauth2/callback?"+q.Encode()), c.status, c.fault, c.cause)
		if r.event("login_failed") != uint64(i+1) {
			t.Errorf("%s: %d failures are counted, want %d", c.what, r.event("login_failed"), i+1)
		}
	}
}

// swaps replaces the browser's login by one that is changed.
func (r *rig) swaps(b *browser, state string, change func(*login)) {
	r.t.Helper()
	name := r.site.jar.logins[state[0]-'0']
	text, err := r.site.seal.open(forLogin, []byte(b.cookies()[name]))
	var l login
	if err != nil || json.Unmarshal(text, &l) != nil {
		r.t.Fatal("the login can't be read")
	}
	change(&l)
	text, _ = json.Marshal(l)
	b.sets(name, r.site.seal.close(forLogin, text))
}

func TestACodeIsGoodForItsOwnLoginAlone(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		what   string
		change func(*login)
		cause  string
	}{
		{"another verifier (RFC 7636)", func(l *login) { l.Verifier = strings.Repeat("a", 43) }, "answered 400 invalid_grant"},
		{"another nonce", func(l *login) { l.Nonce = "b" }, "of another login"},
		{"another redirect URI", func(l *login) { l.Redirect += "/x" }, "answered 400 invalid_grant"},
	} {
		b, back := r.comesBack()
		r.swaps(b, back.Query().Get("state"), c.change)
		t.Log(c.what)
		r.refused(b, b.opens(back.RequestURI()), 403, "oidc_failed", c.cause)
	}
}

// tokens makes the provider's token endpoint answer with an ID token of the test's making.
func (p *idp) tokens(t *testing.T, make func(nonce string) string) {
	nonce := ""
	p.breaks(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/authorize":
			nonce = r.URL.Query().Get("nonce")
		case "/oauth/token":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"at","token_type":"Bearer","expires_in":300,"id_token":%q}`, make(nonce))
			return true
		}
		return false
	})
}

// signed returns a token, by the provider's key unless key says otherwise.
func (p *idp) signed(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	own, err := p.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if key == nil {
		key = own.Key()
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: own.ID()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(claims)
	token, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// TestBadIDTokensSignNobodyIn: each differs from one that is good in one thing (OpenID Connect Core §3.1.3.7, RFC 8725).
func TestBadIDTokensSignNobodyIn(t *testing.T) {
	r, now := newRig(t, nil), time.Now().Unix()
	for _, c := range []struct {
		what   string
		change func(claims map[string]any)
		alg    jose.SignatureAlgorithm
		key    any
		text   func(good string) string
		ok     bool
	}{
		{what: "a good one", ok: true},
		{what: "another issuer", change: func(m map[string]any) { m["iss"] = "https://evil.example" }},
		{what: "another audience", change: func(m map[string]any) { m["aud"] = "other" }},
		{what: "no audience", change: func(m map[string]any) { delete(m, "aud") }},
		{what: "two audiences, without a party", change: func(m map[string]any) { m["aud"] = []string{clientID, "other"} }},
		{what: "two audiences, for us", ok: true, change: func(m map[string]any) { m["aud"], m["azp"] = []string{clientID, "other"}, clientID }},
		{what: "another party", change: func(m map[string]any) { m["azp"] = "other" }},
		{what: "expired", change: func(m map[string]any) { m["exp"] = now - 10 }},
		{what: "no expiry", change: func(m map[string]any) { delete(m, "exp") }},
		{what: "not yet", change: func(m map[string]any) { m["nbf"] = now + 600 }},
		{what: "no nonce", change: func(m map[string]any) { delete(m, "nonce") }},
		{what: "no subject", change: func(m map[string]any) { delete(m, "sub") }},
		{what: "a subject that is a number", change: func(m map[string]any) { m["sub"] = 7 }},
		{what: "a hash of another access token", change: func(m map[string]any) { m["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }},
		{what: "the client's secret for a key", alg: jose.HS256, key: []byte(clientSecret)},
		{what: "no signature", text: func(good string) string { return good[:strings.LastIndex(good, ".")+1] }},
		{what: "alg none", text: func(good string) string {
			parts := strings.Split(good, ".")
			return "eyJhbGciOiJub25lIn0." + parts[1] + "."
		}},
		{what: "a changed claim", text: func(good string) string { return strings.Replace(good, ".", ".e", 1) }},
		{what: "no token", text: func(string) string { return "" }},
		{what: "no JWT", text: func(string) string { return "garbage" }},
		{what: "a claim that can't be told", change: func(m map[string]any) { m["sub"] = "a\r\nX-Admin: 1" }},
	} {
		r.idp.tokens(t, func(nonce string) string {
			claims := map[string]any{"iss": r.idp.server.URL, "aud": clientID, "sub": "ann-1", "exp": now + 300, "iat": now, "nonce": nonce}
			if c.change != nil {
				c.change(claims)
			}
			if c.alg == "" {
				c.alg = jose.RS256
			}
			token := r.idp.signed(t, c.alg, c.key, claims)
			if c.text != nil {
				token = c.text(token)
			}
			return token
		})
		b, back := r.comesBack()
		p := b.opens(back.RequestURI())
		if c.ok {
			if p.status != 200 {
				t.Errorf("%s: got %d %q", c.what, p.status, r.faults())
			}
			continue
		}
		t.Log(c.what)
		r.refused(b, p, 403, "oidc_failed", "")
	}
}

func TestUserInfoAboutSomebodyElseSignsNobodyIn(t *testing.T) {
	r := newRig(t, func(c *Config) { c.UserInfo = true })
	r.idp.breaks(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path == "/userinfo" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"sub":"bob","groups":["root"]}`)
			return true
		}
		return false
	})
	b, back := r.comesBack()
	r.refused(b, b.opens(back.RequestURI()), 403, "oidc_failed", "somebody else")
}

// TestAProviderThatIsDownIsSaidSoAndFoundWhenItIsBack covers its start, too: nothing is asked before the first browser.
func TestAProviderThatIsDownIsSaidSoAndFoundWhenItIsBack(t *testing.T) {
	garbage := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, q *http.Request) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	r := newRig(t, nil)
	for _, c := range []struct {
		what string
		with func(http.ResponseWriter, *http.Request) bool
	}{
		{"down", garbage(503, "secret inside")},
		{"garbage", garbage(200, "{")},
		{"another issuer", garbage(200, `{"issuer":"https://evil.example"}`)},
		{"endpoints that are none", garbage(200, `{"issuer":"`+r.idp.server.URL+`","authorization_endpoint":"javascript:alert(1)"}`)},
		{"a redirect", func(w http.ResponseWriter, q *http.Request) bool {
			http.Redirect(w, q, "/other", http.StatusFound)
			return true
		}},
	} {
		r.idp.breaks(c.with)
		p := r.browser().opens("/app")
		if p.status != 503 || !strings.Contains(p.body, "oidc_unavailable") || !strings.Contains(newFaults().down.Extra, "Retry-After: ") || strings.Contains(p.body, "secret") || strings.Contains(strings.Join(r.faults(), ""), "secret") {
			t.Errorf("%s: got %d %s", c.what, p.status, p.body)
		}
		calls := r.idp.calls()
		if r.browser().opens("/app"); r.idp.calls() != calls {
			t.Errorf("%s: it is asked again at once", c.what)
		}
		r.later(pause)
	}
	r.idp.breaks(nil)
	r.in("/app")
}

func TestAProviderThatFailsWhenABrowserComesBack(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		what   string
		answer func(w http.ResponseWriter)
		status int
		fault  string
	}{
		{"500", func(w http.ResponseWriter) { w.WriteHeader(500) }, 503, "oidc_unavailable"},
		{"429", func(w http.ResponseWriter) { w.WriteHeader(429) }, 503, "oidc_unavailable"},
		{"cut", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9"); fmt.Fprint(w, "{") }, 503, "oidc_unavailable"},
		{"no", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"secret inside"}`)
		}, 403, "oidc_failed"},
		{"garbage", func(w http.ResponseWriter) { fmt.Fprint(w, "secret inside") }, 503, "oidc_unavailable"},
		{"too much", func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat("a", 2<<20)) }, 503, "oidc_unavailable"},
	} {
		r.idp.breaks(nil)
		b, back := r.comesBack()
		r.idp.breaks(func(w http.ResponseWriter, q *http.Request) bool {
			if q.URL.Path == "/oauth/token" {
				c.answer(w)
				return true
			}
			return false
		})
		t.Log(c.what)
		r.refused(b, b.opens(back.RequestURI()), c.status, c.fault, "")
		if strings.Contains(strings.Join(r.faults(), ""), "secret inside") {
			t.Errorf("%s: the log has %q", c.what, r.faults())
		}
	}
}

func TestAProviderOverTLSNamesNoPlaceWithout(t *testing.T) {
	f := &finder{issuer: "https://id.example.com"}
	for text, ok := range map[string]bool{
		"https://id.example.com/token": true, "https://other.example.com/token": true, "http://id.example.com/token": false, "": false, "/token": false,
	} {
		if err := f.demandURLs(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestNothingThatIsSecretIsTold: neither to clients nor to the log.
func TestNothingThatIsSecretIsTold(t *testing.T) {
	r := newRig(t, nil)
	b, back := r.comesBack()
	code := back.Query().Get("code")
	q := back.Query()
	q.Set("code", code+"x")
	bodies := b.opens("/oauth2/callback?" + q.Encode()).body
	p := b.opens("/app")
	bodies += p.body + strings.Join(r.faults(), "\n") + r.site.name + r.site.challenge + r.site.unknown
	b2, _ := r.in("/app")
	secrets := []string{clientSecret, code, back.Query().Get("state")}
	for _, value := range b2.cookies() {
		secrets = append(secrets, value)
	}
	bodies += b2.asks("GET", r.server.URL+"/api", nil).body
	for _, s := range secrets {
		if strings.Contains(bodies, s) {
			t.Errorf("%.20s… is told", s)
		}
	}
}
