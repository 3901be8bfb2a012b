package oidc

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// in is a browser that has signed in, and the page that it ended at.
func (r *rig) in(path string) (*browser, page) {
	r.t.Helper()
	b := r.browser()
	p := b.signsIn(b.opens(path))
	if p.status != 200 || !strings.Contains(p.body, "consumer ann-1\n") {
		r.t.Fatalf("the login ended at %s with %d %s (%q)", p.url, p.status, p.body, r.faults())
	}
	return b, p
}

func TestABrowserSignsInAndIsKnownAgain(t *testing.T) {
	r := newRig(t, nil)
	b, p := r.in("/app/list?page=2")
	if p.url.Path != "/app/list" || p.url.RawQuery != "page=2" {
		t.Errorf("ended at %s", p.url)
	}
	for _, want := range []string{"groups [staff admins]\n", "scopes [", "claim email=ann@example.com\n", "claim plan=gold\n", "X-User: ann-1\n", "X-Groups: staff,admins\n"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the endpoint is not told %q:\n%s", want, p.body)
		}
	}
	if strings.Contains(p.body, "Cookie") || strings.Contains(p.body, "claim given_name") {
		t.Errorf("the endpoint gets more than it should:\n%s", p.body)
	}
	calls := r.idp.calls()
	if p = b.opens("/app/other"); p.status != 200 || !strings.Contains(p.body, "consumer ann-1\n") || r.idp.calls() != calls {
		t.Errorf("the second request: %d %s, %d calls to the provider", p.status, p.body, r.idp.calls()-calls)
	}
	if r.event("login") != 1 || r.event("login_failed") != 0 {
		t.Errorf("%d logins, %d failed", r.event("login"), r.event("login_failed"))
	}
	if names := cookieNames(b); !slices.Equal(names, []string{"__Host-weir_oidc"}) {
		t.Errorf("the browser keeps %q", names)
	}
}

func cookieNames(b *browser) (names []string) {
	for name := range b.cookies() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestTheProviderIsAskedAsTheStandardsSay(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parameters = map[string]string{"prompt": "login", "hd": "example.com"} })
	b := r.browser()
	b.stops = "/authorize"
	p := b.opens("/app")
	q := p.url.Query()
	for name, want := range map[string]string{
		"client_id": clientID, "response_type": "code", "redirect_uri": r.server.URL + "/oauth2/callback", "code_challenge_method": "S256",
		"scope": "openid profile email offline_access", "prompt": "login", "hd": "example.com",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("state")) < 27 || len(q.Get("nonce")) < 26 || len(q.Get("code_challenge")) != 43 || q.Get("state")[1:] == q.Get("nonce") {
		t.Errorf("state %q, nonce %q, challenge %q", q.Get("state"), q.Get("nonce"), q.Get("code_challenge"))
	}
	if p.status != 302 || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d, Cache-Control %q", p.status, p.header.Get("Cache-Control"))
	}
	again := b.opens("/app").url.Query()
	if again.Get("state") == q.Get("state") || again.Get("nonce") == q.Get("nonce") || again.Get("code_challenge") == q.Get("code_challenge") {
		t.Error("two logins share a state, a nonce or a challenge")
	}
}

func TestCookiesCanNeitherBeReadByScriptsNorLeaveTheHost(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser()
	b.stops = "/authorize"
	for _, line := range b.opens("/app").header.Values("Set-Cookie") {
		checkAttributes(t, line, "; Max-Age=600")
	}
	b.stops = "/app"
	for _, line := range b.signsIn(r.form(b)).header.Values("Set-Cookie") {
		if !strings.Contains(line, "=; Max-Age=0") {
			checkAttributes(t, line, "; Max-Age=28800")
		}
	}
}

// form returns the provider's form for a browser that stops somewhere else.
func (r *rig) form(b *browser) page {
	stops := b.stops
	b.stops = ""
	defer func() { b.stops = stops }()
	return b.opens("/app")
}

func checkAttributes(t *testing.T, line, age string) {
	t.Helper()
	if !strings.HasPrefix(line, "__Host-weir_oidc") || !strings.HasSuffix(line, age+"; Path=/; Secure; HttpOnly; SameSite=Lax") {
		t.Errorf("got %.30s…%s", line, line[strings.Index(line, ";"):])
	}
	if len(line) > 4096 {
		t.Errorf("a cookie has %d bytes", len(line))
	}
	if c, err := http.ParseSetCookie(line); err != nil || c.Valid() != nil {
		t.Errorf("it is no cookie: %v", err)
	}
}

// TestOnlyANavigationIsSentAway: nothing else could do anything with a page for signing in.
func TestOnlyANavigationIsSentAway(t *testing.T) {
	const fresh = "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n"
	for _, c := range []struct {
		what, request string
		want          bool
	}{
		{"a link", "GET / HTTP/1.1\nAccept: text/html\n" + fresh, true},
		{"an older browser", "GET / HTTP/1.1\nAccept: text/html,application/xhtml+xml;q=0.9\n", true},
		{"a form", "POST / HTTP/1.1\nAccept: text/html\nContent-Length: 0\n" + fresh, false},
		{"HEAD", "HEAD / HTTP/1.1\nAccept: text/html\n" + fresh, false},
		{"a script", "GET / HTTP/1.1\nAccept: text/html\nSec-Fetch-Mode: cors\nSec-Fetch-Dest: empty\n", false},
		{"an image", "GET / HTTP/1.1\nAccept: text/html\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\n", false},
		{"a frame", "GET / HTTP/1.1\nAccept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe\n", false},
		{"a page that is fetched ahead", "GET / HTTP/1.1\nAccept: text/html\nSec-Purpose: prefetch\n" + fresh, false},
		{"a script of older browsers", "GET / HTTP/1.1\nAccept: text/html\nX-Requested-With: XMLHttpRequest\n", false},
		{"an API", "GET / HTTP/1.1\nAccept: application/json\n", false},
		{"curl", "GET / HTTP/1.1\nAccept: */*\n", false},
		{"nothing said", "GET / HTTP/1.1\n", false},
		{"gRPC", "GET / HTTP/1.1\nAccept: text/html\nContent-Type: application/grpc\n", false},
	} {
		if got := navigates(parsed(t, c.request)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
		}
	}
	x := parsed(t, "GET / HTTP/1.1\nAccept: text/html\n")
	x.Upgrade = []byte("websocket")
	if navigates(x) {
		t.Error("a WebSocket is sent away")
	}
}

// parsed returns the exchange of a request without its last line and Host.
func parsed(t testing.TB, text string) *http7.Exchange {
	t.Helper()
	q, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n") + "Host: app.example.com\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	x := &http7.Exchange{Conn: &http7.Conn{}}
	http7.FillRequest(x, q)
	return x
}

func TestOthersWithoutASessionGet401(t *testing.T) {
	r := newRig(t, nil)
	p := r.browser().asks("GET", r.server.URL+"/api", nil, "Accept", "application/json")
	if p.status != 401 || p.header.Get("WWW-Authenticate") != `Cookie realm="edge.oidc", cookie-name="__Host-weir_oidc"` || p.header.Get("Location") != "" {
		t.Errorf("got %d %q %q", p.status, p.header.Get("WWW-Authenticate"), p.header.Get("Location"))
	}
	if r.idp.calls() != 0 {
		t.Errorf("%d calls to the provider", r.idp.calls())
	}
}

func TestWithoutRedirectNobodyIsSentAway(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Redirect = false })
	if p := r.browser().opens("/app"); p.status != 401 {
		t.Errorf("got %d", p.status)
	}
}

// TestTheWayBackNeverLeavesTheSite: whoever makes somebody click on a link chooses path and query.
func TestTheWayBackNeverLeavesTheSite(t *testing.T) {
	for _, target := range []string{"//evil.example/", "//evil.example", "/\\evil.example/", "/%2F%2Fevil.example", "/a?to=//evil.example", "/@evil.example", "/.evil.example/"} {
		x := parsed(t, "GET /x HTTP/1.1\n")
		path, query, found := strings.Cut(target, "?")
		if x.Path = []byte(path); found {
			x.Query = []byte(query)
		}
		for _, external := range []string{"", "https://site.example"} {
			p := &site{external: external}
			to, err := url.Parse(string(p.here(x)))
			if err != nil || to.Host != map[string]string{"": "app.example.com", "https://site.example": "site.example"}[external] {
				t.Errorf("%s leads to %s", target, p.here(x))
			}
		}
	}
	x := parsed(t, "GET /x HTTP/1.1\n")
	x.Query = []byte(strings.Repeat("a", mostReturn))
	if got := string((&site{}).here(x)); got != "http://app.example.com/" {
		t.Errorf("a long one leads to %.40s", got)
	}
}

func TestALinkThatLooksLikeAnotherHostComesBackToThisOne(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser()
	p := b.signsIn(b.asks("GET", r.server.URL+"//evil.example/", nil, "Accept", "text/html"))
	if p.status != 200 || p.url.Host != strings.TrimPrefix(r.server.URL, "https://") {
		t.Errorf("ended at %s with %d", p.url, p.status)
	}
}

func TestThoseWhoAskForAnotherHostSignInAtTheExternalOne(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ExternalURL = "https://app.example.com/" })
	b := r.browser()
	b.stops = "app.example.com"
	p := b.opens("/app?x=1")
	if p.status != 302 || p.url.String() != "https://app.example.com/app?x=1" || r.idp.calls() != 0 {
		t.Errorf("sent to %s with %d, %d calls", p.url, p.status, r.idp.calls())
	}
	x := parsed(t, "GET /app HTTP/1.1\nAccept: text/html\n") // which asks for app.example.com
	if v := (sender{r.site}).Request(x); v.Fault != r.site.login {
		t.Fatalf("got %+v", v)
	}
	d := x.Kept(r.site.login).(*departure)
	if !strings.Contains(string(d.to), "redirect_uri=https%3A%2F%2Fapp.example.com%2Foauth2%2Fcallback") {
		t.Errorf("sent to %s", d.to)
	}
}

func TestALoginNeverNeedsACookieThatIsTooLong(t *testing.T) {
	r := newRig(t, nil)
	for _, query := range []string{strings.Repeat("&", 2000), strings.Repeat("\"", 2000), strings.Repeat("a", 2000)} {
		x := parsed(t, "GET /app HTTP/1.1\n")
		x.Query = []byte(query)
		d := r.site.depart(x, &provider{})
		if n := len(d.set[0]); n > 4096 {
			t.Errorf("%.3s…: %d bytes", query, n)
		}
	}
}

// TestLoginsInSeveralTabsDontEndEachOther: each has a cookie of its own, of four.
func TestLoginsInSeveralTabsDontEndEachOther(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser()
	first := b.opens("/first")
	for len(b.cookies()) < 2 { // slots are drawn
		b.opens("/second")
	}
	last := b.opens("/third")
	for range 40 {
		if len(b.cookies()) > 4 {
			t.Fatalf("the browser keeps %q", cookieNames(b))
		}
		if b.cookies()[r.site.jar.logins[0]] != "" && len(b.cookies()) == 4 {
			break
		}
		last = b.opens("/third")
	}
	if p := b.signsIn(last); p.status != 200 || p.url.Path != "/third" {
		t.Errorf("the last ended at %s with %d", p.url, p.status)
	}
	_ = first // it may have been drawn over; what counts is that the others did not end the last
}

func TestALoginThatIsUnderWaySurvivesAReload(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser()
	form := b.opens("/app")
	r.reload(nil)
	if p := b.signsIn(form); p.status != 200 || p.url.Path != "/app" {
		t.Errorf("ended at %s with %d (%q)", p.url, p.status, r.faults())
	}
}

func TestUserInfoAddsWhatTheTokenLacks(t *testing.T) {
	r := newRig(t, func(c *Config) { c.UserInfo, c.Claims = true, []string{"nickname", "email"} })
	r.idp.infos = map[string]any{"nickname": "annie", "email": "other@example.com"}
	_, p := r.in("/app")
	if !strings.Contains(p.body, "claim nickname=annie\n") || !strings.Contains(p.body, "claim email=ann@example.com\n") {
		t.Errorf("got %s", p.body)
	}
	if r.idp.count("/userinfo") != 1 {
		t.Errorf("asked %d times", r.idp.count("/userinfo"))
	}
}

func TestTheAccessTokenGoesToTheEndpointOnly(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AccessToken = true })
	b, p := r.in("/app")
	if !strings.Contains(p.body, "Authorization: Bearer ") || strings.Contains(p.body, "claim access_token") {
		t.Errorf("got %s", p.body)
	}
	p = b.asks("GET", r.server.URL+"/api", nil, "Authorization", "Bearer mine")
	if strings.Contains(p.body, "mine") || !strings.Contains(p.body, "Authorization: Bearer ") {
		t.Errorf("the client's own goes on: %s", p.body)
	}
	x := parsed(t, "GET / HTTP/1.1\nAuthorization: Bearer mine\n")
	(teller{r.site}).Request(x)
	if x.Request.Has(http7.Authorization) {
		t.Error("without a session the client's own goes on")
	}
}

func TestALoginMayTakeTenMinutesAndNoMore(t *testing.T) {
	r := newRig(t, nil)
	b := r.browser()
	form := b.opens("/app")
	r.later(9 * time.Minute)
	if p := b.signsIn(form); p.status != 200 {
		t.Errorf("after nine minutes: %d %q", p.status, r.faults())
	}
	b = r.browser()
	form = b.opens("/app")
	r.later(11 * time.Minute)
	if p := b.signsIn(form); p.status != 400 || !strings.Contains(p.body, "oidc_stale_login") {
		t.Errorf("after eleven minutes: %d %s", p.status, p.body)
	}
}
