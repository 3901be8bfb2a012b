package oidc

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// whoami asks as a script of the page does.
func (b *browser) whoami() page { return b.asks("GET", b.r.server.URL+"/me", nil) }

// known demands that the browser is, or is not, somebody.
func (b *browser) known(want bool, when string) {
	b.r.t.Helper()
	p := b.whoami()
	if is := p.status == 200 && strings.Contains(p.body, "consumer ann-1\n"); is != want {
		b.r.t.Errorf("%s: known %v, want %v: %d %s (%q)", when, is, want, p.status, p.body, b.r.faults())
	}
}

func TestASessionEndsWhenItsTimeIsOver(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Scopes = nil })
	b, _ := r.in("/app")
	r.later(8*time.Hour - 10*time.Second)
	b.known(true, "before its end")
	r.later(10 * time.Second)
	b.known(false, "at its end")
	if p := b.opens("/app"); !strings.Contains(p.body, "who are you?") {
		t.Errorf("it is not sent to sign in: %d %s", p.status, p.body)
	}
}

// A session kept the time that it was given at the login: who shortened session, because somebody's laptop was stolen, waited
// for the old time all the same.
func TestAShorterTimeHoldsForSessionsThatAreThere(t *testing.T) {
	lasting := func(d time.Duration) func(*Config) {
		return func(c *Config) { c.Session = conf.Dur(d) }
	}
	for _, c := range []struct {
		first, then time.Duration
		after       time.Duration // of the login
		known       bool
	}{
		{8 * time.Hour, time.Hour, 59 * time.Minute, true},
		{8 * time.Hour, time.Hour, 61 * time.Minute, false},
		{time.Hour, 8 * time.Hour, 59 * time.Minute, true},
		{time.Hour, 8 * time.Hour, 61 * time.Minute, false},
	} {
		for _, seen := range []bool{true, false} {
			r := newRig(t, lasting(c.first))
			b, _ := r.in("/app")
			if seen { // it is remembered
				b.known(true, "at once")
			}
			r.reload(lasting(c.then))
			r.later(c.after)
			b.known(c.known, fmt.Sprintf("%s made %s, seen %v, after %s", c.first, c.then, seen, c.after))
		}
	}
}

// The cookie of a refresh lasts no longer than what is left of the shorter time.
func TestTheCookieOfARefreshLastsAsLongAsTheSession(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	r.reload(func(c *Config) { c.Session = conf.Dur(time.Hour) })
	r.later(20 * time.Minute)
	set := b.whoami().header.Get("Set-Cookie")
	_, rest, _ := strings.Cut(set, "Max-Age=")
	text, _, _ := strings.Cut(rest, ";")
	if age, err := strconv.Atoi(text); err != nil || age > 40*60 || age < 39*60 {
		t.Errorf("it lasts %q seconds: %s", text, set)
	}
}

// Another config forgot what had been refreshed: a browser that still had the old cookie was signed out, since providers take a
// refresh token once.
func TestARefreshOutlivesAReloadThatChangesThePolicy(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"nothing":   nil,
		"claims":    func(c *Config) { c.Claims = []string{"plan"} },
		"a timeout": func(c *Config) { c.Timeout = conf.Dur(7 * time.Second) },
		"a key": func(c *Config) {
			c.CookieKey = []conf.Secret{conf.SecretText("a new key, of some length"), conf.SecretText(clientSecret)}
		},
	} {
		r := newRig(t, nil)
		b, _ := r.in("/app")
		old := b.cookies()["__Host-weir_oidc"]
		r.later(6 * time.Minute)
		b.known(true, "the refresh")
		calls := r.idp.calls()
		r.reload(change)
		late := r.browser()
		late.sets("__Host-weir_oidc", old)
		late.known(true, what+": the old cookie")
		late.known(true, what+": the cookie that it got")
		if n := r.idp.calls() - calls; n != 0 {
			t.Errorf("%s: the provider is asked %d times again", what, n)
		}
	}
}

// What failed under one config is tried again under the next.
func TestARefreshThatFailedIsTriedAgainUnderAnotherConfig(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	old := b.cookies()["__Host-weir_oidc"]
	r.idp.breaks(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path == "/oauth/token" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
		}
		return q.URL.Path == "/oauth/token"
	})
	r.later(6 * time.Minute)
	b.known(false, "a provider that says no")
	r.idp.breaks(nil)
	late := r.browser()
	late.sets("__Host-weir_oidc", old)
	late.known(false, "the same config")
	r.reload(func(c *Config) { c.Claims = []string{"plan"} })
	late.sets("__Host-weir_oidc", old)
	late.known(true, "another one")
}

// A cookie of a Weir that did not write down when somebody signed in ends when it says so.
func TestASessionOfBeforeEndsWhenItSaysSo(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Session = conf.Dur(time.Minute) })
	for what, after := range map[string]time.Duration{"before its end": 59 * time.Minute, "at its end": time.Hour} {
		old := fmt.Sprintf(`{"i":"x","s":"ann-1","c":{"sub":"ann-1"},"e":%d}`, r.now().Add(time.Hour).Unix())
		b := r.browser()
		b.sets("__Host-weir_oidc", "1"+r.site.seal.close(forSession, []byte(old)))
		r.later(after)
		b.known(after < time.Hour, what)
	}
}

// TestASessionEndsWhateverIsRefreshed: the time of its cookie shrinks with each refresh.
func TestASessionEndsWhateverIsRefreshed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Session = conf.Dur(12 * time.Minute) })
	b, _ := r.in("/app")
	r.later(6 * time.Minute)
	b.known(true, "after a refresh")
	r.later(7 * time.Minute)
	b.known(false, "after its end")
}

func TestAForgedOrDamagedSessionIsNone(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	good := b.cookies()["__Host-weir_oidc"]
	login, _ := r.comesBack()
	var other string
	for name, value := range login.cookies() {
		if strings.Contains(name, "login") {
			other = value
		}
	}
	alien, _ := newSeal([]string{"another key of some length"}, r.idp.server.URL, clientID)
	stranger, _ := newSeal([]string{clientSecret}, r.idp.server.URL, "another client")
	forged := `{"i":"x","s":"root","c":{"sub":"root"},"e":99999999999}`
	for what, value := range map[string]string{
		"nothing":          "1",
		"no count":         good[1:],
		"too many":         "5" + good[1:],
		"more than is":     "2" + good[1:],
		"no text":          "1!!!",
		"cut":              good[:len(good)-1],
		"longer":           good + "A",
		"a changed byte":   good[:40] + map[bool]string{true: "B", false: "A"}[good[40] == 'A'] + good[41:],
		"a login":          "1" + other,
		"plain":            "1" + encoding.EncodeToString([]byte(forged)),
		"another's key":    "1" + alien.close(forSession, []byte(forged)),
		"another client's": "1" + stranger.close(forSession, []byte(forged)),
		"of another use":   "1" + r.site.seal.close(forLogin, []byte(forged)),
		"no JSON":          "1" + r.site.seal.close(forSession, []byte("{")),
		"nobody":           "1" + r.site.seal.close(forSession, []byte(`{"i":"x","c":{},"e":99999999999}`)),
	} {
		b := r.browser()
		b.sets("__Host-weir_oidc", value)
		b.known(false, what)
	}
	b.known(true, "the good one")
}

func TestKeysAreRotated(t *testing.T) {
	key := func(texts ...string) func(*Config) {
		return func(c *Config) {
			for _, text := range texts {
				c.CookieKey = append(c.CookieKey, conf.SecretText(text))
			}
		}
	}
	const old, fresh = "an old key, of some length", "a new key, of some length"
	r := newRig(t, key(old))
	b, _ := r.in("/app")
	r.reload(key(fresh, old))
	b.known(true, "with the old key behind the new one")
	b2, _ := r.in("/app")
	r.reload(key(fresh))
	b.known(false, "without the old key")
	b2.known(true, "with the new key alone")
}

// TestALongSessionHasSeveralCookies, of which each is one that browsers keep; a shorter one later leaves nothing behind.
func TestALongSessionHasSeveralCookies(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Claims = []string{"roles"}; c.Logout = "" })
	var roles []string
	for i := range 300 {
		roles = append(roles, fmt.Sprintf("a-role-with-a-long-name-%d", i))
	}
	r.idp.claims["roles"] = roles
	b, p := r.in("/app")
	if names := cookieNames(b); len(names) < 3 || len(names) > mostChunks {
		t.Errorf("the browser keeps %q", names)
	}
	for name, value := range b.cookies() {
		if len(name)+len(value)+len("; Max-Age=28800; Path=/; Secure; HttpOnly; SameSite=Lax") > 4096 {
			t.Errorf("%s has %d bytes", name, len(value))
		}
	}
	if !strings.Contains(p.body, "claim roles=a-role-with-a-long-name-299\n") || strings.Contains(p.body, "Cookie") {
		t.Errorf("the endpoint gets %s", p.body)
	}
	r.idp.claims["roles"] = roles[:1]
	r.later(6 * time.Minute) // a refresh, with an ID token
	b.known(true, "after it has shrunk")
	if names := cookieNames(b); !slices.Equal(names, []string{"__Host-weir_oidc"}) {
		t.Errorf("the browser keeps %q", names)
	}
	b.known(true, "with the short one")
}

func TestASessionThatNoCookiesHoldIsRefused(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Claims = []string{"roles"} })
	r.idp.claims["roles"] = strings.Repeat("abcdefghij", 2000)
	b, back := r.comesBack()
	r.refused(b, b.opens(back.RequestURI()), 403, "oidc_failed", "longer than cookies hold")
}

func TestTheIDTokenGoesFirstWhenTheSessionGetsTooLong(t *testing.T) {
	p := newRig(t, nil).site
	s := &session{record: record{ID: "i", Subject: "s", Claims: []byte(`{"sub":"s"}`), End: 1 << 40, IDToken: strings.Repeat("t", 12000)}}
	text, err := p.sealed(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.open([]byte(text)); err != nil || got.IDToken != "" || got.Subject != "s" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCookiesOfOthersPassByteForByte(t *testing.T) {
	j := newJar("s", true)
	for _, c := range []struct {
		what string
		in   []string
		want []string
	}{
		{"none of ours", []string{"a=b;c=d", "e=\"f\""}, []string{"a=b;c=d", "e=\"f\""}},
		{"ours alone", []string{"__Host-s=1x"}, nil},
		{"ours first", []string{"__Host-s=1x; a=b"}, []string{"a=b"}},
		{"ours last", []string{"a=b;  __Host-s=1x"}, []string{"a=b"}},
		{"chunks and logins", []string{"__Host-s_1=x; a=b; __Host-s_login3=y; __Host-s=2z"}, []string{"a=b"}},
		{"several fields", []string{"a=b", "__Host-s=1x", "c=d"}, []string{"a=b; c=d"}},
		{"others that look like ours", []string{"__Host-s_9=1; __Host-sx=2; x__Host-s=3"}, []string{"__Host-s_9=1; __Host-sx=2; x__Host-s=3"}},
		{"odd ones", []string{"a; =b; __Host-s=1; c=d=e; ; \"q\"=1"}, []string{"a; =b; c=d=e; \"q\"=1"}},
		{"blanks", []string{" __Host-s =1 ; a=b"}, []string{"a=b"}},
	} {
		x := &http7.Exchange{}
		for _, line := range c.in {
			x.Request.AddRaw([]byte("Cookie"), []byte(line))
		}
		j.strip(x)
		var got []string
		for value := range x.Request.Each(http7.Known(http7.Cookie)) {
			got = append(got, string(value))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestPassLeavesTheCookies(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Pass = true })
	_, p := r.in("/app")
	if !strings.Contains(p.body, "Cookie: __Host-weir_oidc=1") {
		t.Errorf("got %s", p.body)
	}
}

func TestWithoutSecureTheCookiesTravelOverHTTP(t *testing.T) {
	j := newJar("s", false)
	x := &http7.Exchange{}
	set, err := j.set(x, "text", time.Hour)
	if err != nil || len(set) != 1 || string(set[0]) != "s=1text; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax" {
		t.Errorf("got %q, %v", set, err)
	}
}

func TestADueSessionIsRefreshedOnceForAllOfItsRequests(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	old := b.cookies()["__Host-weir_oidc"]
	before := r.idp.count("/oauth/token")
	r.later(6 * time.Minute)
	var all sync.WaitGroup
	bodies := make(chan string, 20)
	for range cap(bodies) {
		all.Go(func() { // one request; the jar is not used, so that all have the old cookie
			q, _ := http.NewRequest("GET", r.server.URL+"/me", nil)
			q.Header.Set("Cookie", "__Host-weir_oidc="+old)
			a, err := r.server.Client().Do(q)
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			bodies <- fmt.Sprintf("%d %d %s", a.StatusCode, len(a.Header.Values("Set-Cookie")), a.Header.Get("Cache-Control"))
		})
	}
	all.Wait()
	close(bodies)
	for got := range bodies {
		if got != "200 1 no-store" {
			t.Errorf("got %q", got)
		}
	}
	if n := r.idp.count("/oauth/token") - before; n != 1 || r.event("refresh") != 1 {
		t.Errorf("%d calls, %d refreshes", n, r.event("refresh"))
	}
	b.known(true, "with the old cookie")
	if b.cookies()["__Host-weir_oidc"] == old {
		t.Error("the browser keeps the old cookie")
	}
	b.known(true, "with the new one")
	if n := r.idp.count("/oauth/token") - before; n != 1 {
		t.Errorf("%d calls", n)
	}
	r.later(6 * time.Minute)
	b.known(true, "when that is due")
	if n := r.idp.count("/oauth/token") - before; n != 2 {
		t.Errorf("%d calls for two refreshes", n)
	}
}

func TestASessionThatTheProviderHasEndedIsOver(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	if err := r.idp.TerminateSession(t.Context(), ann.ID, clientID); err != nil {
		t.Fatal(err)
	}
	b.known(true, "before it is due: nobody has been asked")
	r.later(6 * time.Minute)
	b.known(false, "when it is due")
	if names := cookieNames(b); len(names) != 0 {
		t.Errorf("the browser keeps %q", names)
	}
	if r.event("refresh_failed") != 1 {
		t.Errorf("%d failures are counted", r.event("refresh_failed"))
	}
}

// TestWhileTheProviderIsDownSessionsGoOnForAWhile, and it is not asked with each request.
func TestWhileTheProviderIsDownSessionsGoOnForAWhile(t *testing.T) {
	for what, answer := range map[string]func(w http.ResponseWriter){
		"down":    func(w http.ResponseWriter) { w.WriteHeader(503) },
		"garbage": func(w http.ResponseWriter) { fmt.Fprint(w, "{") },
		"cut":     func(w http.ResponseWriter) { w.Header().Set("Content-Length", "99"); fmt.Fprint(w, "{") },
	} {
		r := newRig(t, nil)
		b, _ := r.in("/app")
		r.idp.breaks(func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true })
		r.later(6 * time.Minute)
		before := r.idp.calls()
		for range 5 {
			b.known(true, what+", in grace")
		}
		if n := r.idp.calls() - before; n != 1 {
			t.Errorf("%s: %d calls", what, n)
		}
		r.later(again)
		b.known(true, what+", tried again")
		if n := r.idp.calls() - before; n != 2 {
			t.Errorf("%s: %d calls", what, n)
		}
		r.later(5 * time.Minute)
		if p := b.whoami(); p.status != 503 || !strings.Contains(p.body, "oidc_unavailable") {
			t.Errorf("%s, after the grace: %d %s", what, p.status, p.body)
		}
		r.idp.breaks(nil)
		r.later(again)
		b.known(true, what+", when it is back")
	}
}

func TestARefreshAboutSomebodyElseEndsTheSession(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	r.idp.tokens(t, func(string) string {
		now := time.Now().Unix()
		return r.idp.signed(t, "RS256", nil, map[string]any{"iss": r.idp.server.URL, "aud": clientID, "sub": "bob", "exp": now + 3000, "iat": now})
	})
	r.later(6 * time.Minute)
	b.known(false, "after a token for another")
}

func TestARefreshWithoutAnIDTokenKeepsTheClaims(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	r.idp.breaks(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path != "/oauth/token" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer"}`)
		return true
	})
	r.later(6 * time.Minute)
	if p := b.whoami(); !strings.Contains(p.body, "claim email=ann@example.com\n") || !strings.Contains(p.body, "groups [staff admins]\n") {
		t.Errorf("got %d %s", p.status, p.body)
	}
}

func TestWithoutARefreshTokenNothingIsEverDue(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Scopes = []string{"openid"} })
	b, _ := r.in("/app")
	calls := r.idp.calls()
	r.later(7 * time.Hour)
	b.known(true, "much later")
	if r.idp.calls() != calls {
		t.Error("the provider is asked")
	}
}

func TestWhatIsKeptOutlivesAReload(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	kept := r.site.kept
	r.reload(nil)
	if r.site.kept != kept {
		t.Error("an unchanged config keeps nothing")
	}
	b.known(true, "after a reload")
	r.reload(func(c *Config) { c.Claims = []string{"plan"} })
	if r.site.kept == kept {
		t.Error("a changed one keeps what was made by the other")
	}
	b.known(true, "after a change: the cookie is still good")
}
