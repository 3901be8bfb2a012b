package oidc

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

func TestLeavingEndsTheSessionHereAndAtTheProvider(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	stolen := b.cookies()["__Host-weir_oidc"]
	p := b.opens("/oauth2/logout")
	if want := []string{"/end_session", "/", "/authorize", "/login/username"}; !slices.Equal(b.path, want) || !strings.Contains(p.body, "who are you?") {
		t.Errorf("the way is %q, want %q; ended at %s", b.path, want, p.url)
	}
	for _, name := range cookieNames(b) {
		if !strings.Contains(name, "_login") {
			t.Errorf("the browser keeps %q", name)
		}
	}
	thief := r.browser()
	thief.sets("__Host-weir_oidc", stolen)
	thief.known(false, "the cookie of a session that was ended")
	if r.event("logout") != 1 {
		t.Errorf("%d are counted", r.event("logout"))
	}
	r.in("/app") // somebody new
}

// TestTheEndOfASessionHoldsForItsRefreshedCookies: one that was copied before a refresh is over too, and the other way round.
func TestTheEndOfASessionHoldsForItsRefreshedCookies(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	before := b.cookies()["__Host-weir_oidc"]
	r.later(6 * 60e9)
	b.known(true, "refreshed")
	b.opens("/oauth2/logout")
	thief := r.browser()
	thief.sets("__Host-weir_oidc", before)
	thief.known(false, "the cookie from before the refresh")
}

// TestTheEndOfASessionOutlivesEveryReload: what is changed in the config must not bring back who has left.
func TestTheEndOfASessionOutlivesEveryReload(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"nothing":   nil,
		"a claim":   func(c *Config) { c.Claims = []string{"plan"} },
		"a timeout": func(c *Config) { c.Timeout = conf.Dur(4 * time.Second) },
		"the key": func(c *Config) {
			c.CookieKey = []conf.Secret{conf.SecretText("another-key-of-cookies"), conf.SecretText(clientSecret)}
		},
		"a field": func(c *Config) { c.Forward = map[string]string{"X-User": "email"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			b, _ := r.in("/app")
			stolen := b.cookies()["__Host-weir_oidc"]
			b.opens("/oauth2/logout")
			r.reload(change)
			thief := r.browser()
			thief.sets("__Host-weir_oidc", stolen)
			thief.known(false, "after a reload that changes "+name)
		})
	}
}

func TestTheProviderIsToldWhoLeavesAndWhereTo(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AfterLogout = "https://www.example.com/bye" })
	b, _ := r.in("/app")
	b.stops = "/end_session"
	p := b.asks("POST", r.server.URL+"/oauth2/logout", nil)
	q := p.url.Query()
	if p.status != 303 || q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != "https://www.example.com/bye" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("sent to %s with %d", p.url, p.status)
	}
	if p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", p.header.Get("Cache-Control"))
	}
}

// TestWithoutASessionNobodyIsSentToTheProvider: another site's link could else make anybody leave there.
func TestWithoutASessionNobodyIsSentToTheProvider(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AfterLogout = "/bye"; c.Redirect = false })
	b := r.browser()
	p := b.opens("/oauth2/logout")
	if !slices.Equal(b.path, []string{"/bye"}) || p.status != 401 || r.idp.calls() != 0 {
		t.Errorf("the way is %q, %d calls", b.path, r.idp.calls())
	}
}

func TestALinkOfAnotherSiteEndsNothing(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	b.asks("GET", r.server.URL+"/oauth2/logout", nil, "Accept", "text/html", "Sec-Fetch-Site", "cross-site")
	b.known(true, "after a link of another site")
	b.asks("GET", r.server.URL+"/oauth2/logout", nil, "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
	b.known(false, "after its own")
}

func TestLeavingWorksWhileTheProviderIsDown(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Redirect = false })
	b, _ := r.in2()
	r.idp.breaks(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	r.site.kept.finder.found.Store(nil)
	b.opens("/oauth2/logout")
	if !slices.Equal(b.path, []string{"/"}) {
		t.Errorf("the way is %q", b.path)
	}
	b.known(false, "afterwards")
}

// in2 is in where nobody is redirected: the session is that of another config.
func (r *rig) in2() (*browser, page) {
	r.reload(nil)
	b, p := r.in("/app")
	r.reload(func(c *Config) { c.Redirect = false })
	return b, p
}

func TestWithoutALogoutPathTheEndpointServesIt(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Logout = "" })
	b, _ := r.in("/app")
	if p := b.opens("/oauth2/logout"); p.status != 200 || !strings.Contains(p.body, "GET /oauth2/logout\n") {
		t.Errorf("got %d %s", p.status, p.body)
	}
}

func TestOtherMethodsOfThePathsAreTheEndpoints(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	for _, c := range []struct{ method, path string }{{"POST", "/oauth2/callback"}, {"DELETE", "/oauth2/logout"}, {"GET", "/oauth2/callback/"}} {
		if p := b.asks(c.method, r.server.URL+c.path, nil); p.status != 200 || !strings.Contains(p.body, c.method+" "+c.path+"\n") {
			t.Errorf("%s %s: got %d %s", c.method, c.path, p.status, p.body)
		}
	}
}

func TestObserveSendsNobodyAnywhere(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	r.reload(func(c *Config) { c.Mode = conf.Observe })
	calls := r.idp.calls()
	r.later(6 * 60e9) // due, and not refreshed: the browser would not get the new cookie
	p := b.opens("/app")
	if p.status != 200 || !strings.Contains(p.body, "consumer ann-1\n") || !strings.Contains(p.body, "Cookie: ") || strings.Contains(p.body, "X-User") || r.idp.calls() != calls {
		t.Errorf("with a session: %d %s", p.status, p.body)
	}
	r.ways.Require = http7.RequireNone
	r.steps = slices.DeleteFunc(r.steps, func(s http7.Step) bool { return s.Name == "edge.identity" })
	p = r.browser().opens("/app")
	if p.status != 200 || !strings.Contains(p.body, "remark edge.oidc.login:would refuse: oidc_login\n") || len(p.header.Values("Set-Cookie")) != 0 {
		t.Errorf("without one: %d %s", p.status, p.body)
	}
	for _, path := range []string{"/oauth2/callback?state=0a&code=b", "/oauth2/logout"} {
		if p := b.opens(path); p.status != 200 || !strings.Contains(p.body, "GET /oauth2/") {
			t.Errorf("%s: %d %s", path, p.status, p.body)
		}
	}
}

func TestADryRunAsksNobodyAndKeepsNothing(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	calls := r.idp.calls()
	cookie := "Cookie: __Host-weir_oidc=" + b.cookies()["__Host-weir_oidc"] + "\n"
	run := func(text string) *http7.Exchange {
		x := parsed(t, text)
		x.Dry = true
		r.decide(x)
		for _, s := range slices.Backward(r.steps) {
			if s.Response != nil {
				s.Response.Response(x)
			}
		}
		return x
	}
	unknown := []string{"edge.oidc:unknown: would ask " + strings.TrimPrefix(r.idp.server.URL, "http://")}
	if x := run("GET /app HTTP/1.1\nAccept: text/html\n"); x.Fault != r.site.login || x.Answer.Header.Has(http7.SetCookie) || x.Answer.Header.Has(http7.Location) {
		t.Errorf("a navigation: %v", x.Fault)
	}
	if x := run("GET /app HTTP/1.1\n" + cookie); x.Consumer != "ann-1" || x.Verdicts != nil {
		t.Errorf("a session: %q, %q", x.Consumer, x.Verdicts)
	}
	r.later(6 * 60e9)
	if x := run("GET /app HTTP/1.1\n" + cookie); x.Consumer != "ann-1" || !slices.Equal(x.Verdicts, unknown) {
		t.Errorf("one that is due: %q, %q", x.Consumer, x.Verdicts)
	}
	for _, path := range []string{"/oauth2/callback?state=0a", "/oauth2/logout"} {
		if x := run("GET " + path + " HTTP/1.1\n" + cookie); !slices.Contains(x.Verdicts, unknown[0]) || x.Answer.Status != 200 {
			t.Errorf("%s: %q", path, x.Verdicts)
		}
	}
	if r.idp.calls() != calls || r.event("logout") != 0 {
		t.Errorf("%d calls", r.idp.calls()-calls)
	}
}

func TestOfARecordedRequestTheLogSaysWhoItWas(t *testing.T) {
	r := newRig(t, nil)
	fields := map[string]bool{readsMode: true, readsAccept: true}
	x := parsed(t, "GET /app HTTP/1.1\nAccept: text/html\n")
	x.Dry, x.Recorded, x.Consumer = true, &http7.Recorded{Fields: fields}, "ann-1"
	if r.decide(x); x.Fault != nil || !x.Identified() {
		t.Errorf("somebody: %v", x.Fault)
	}
	x = parsed(t, "GET /app HTTP/1.1\nAccept: text/html\n")
	x.Dry, x.Recorded = true, &http7.Recorded{Fields: fields}
	if r.decide(x); x.Fault != r.site.login {
		t.Errorf("nobody: %v", x.Fault)
	}
	x = parsed(t, "GET /app HTTP/1.1\n")
	x.Dry, x.Recorded = true, &http7.Recorded{}
	r.decide(x)
	if !slices.Equal(x.Recorded.Missed, []string{readsMode, readsAccept}) && !slices.Equal(x.Recorded.Missed, []string{readsMode}) {
		t.Errorf("missed %q", x.Recorded.Missed)
	}
}

func TestTheStepsSayWhatTheyDo(t *testing.T) {
	c := configured(&idp{server: newIDP(t).server}, nil)
	steps, err := Compile(c, "edge", nil) // a check: nothing is opened
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.Name+" "+s.Stage.String())
		if s.Bundle != "edge" {
			t.Errorf("%s is of the bundle %q", s.Name, s.Bundle)
		}
	}
	want := []string{"edge.oidc.paths identify", "edge.oidc identify", "edge.oidc.login identify", "edge.oidc.forward rewrite"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !steps[1].Establishes || steps[1].Challenge == "" || !steps[2].Required || steps[2].Establishes || !steps[0].Blocks || !steps[1].Blocks || !steps[2].Blocks {
		t.Errorf("got %+v", steps)
	}
	if !slices.Equal(steps[3].Sets, []string{"X-Groups", "X-User"}) || len(steps[3].Edits) != 3 {
		t.Errorf("got %+v", steps[3])
	}
	c.Mode = conf.ModeOff
	if steps, err := Compile(c, "edge", nil); steps != nil || err != nil {
		t.Errorf("off: %v, %v", steps, err)
	}
}

// TestObservingCountsWhatEnforcingRefuses: the same requests, of browsers with and without sessions, of scripts, and of thieves.
func TestObservingCountsWhatEnforcingRefuses(t *testing.T) {
	r := newRig(t, nil)
	b, _ := r.in("/app")
	cookie := "Cookie: __Host-weir_oidc=" + b.cookies()["__Host-weir_oidc"]
	requests := []string{
		"GET /a HTTP/1.1\nAccept: text/html\n", "GET /a HTTP/1.1\nAccept: text/html\n" + cookie + "\n", "GET /a HTTP/1.1\nAccept: application/json\n",
		"POST /a HTTP/1.1\nAccept: text/html\nContent-Length: 0\n", "GET /a HTTP/1.1\nAccept: text/html\n" + cookie + "x\n", "GET /a HTTP/1.1\n" + cookie + "\n",
	}
	refusals := func(mode conf.Mode) (faults []string) {
		r.reload(func(c *Config) { c.Mode = mode })
		for _, text := range requests {
			x := parsed(t, text)
			for _, s := range r.steps {
				if s.Request == nil || s.Name == "edge.identity" {
					continue
				}
				if v := s.Request.Request(x); v.Fault != nil {
					faults = append(faults, v.Fault.Name)
					break
				}
			}
		}
		return faults
	}
	enforced, observed := refusals(conf.Enforce), refusals(conf.Observe)
	if want := []string{"oidc_login", "oidc_login"}; !slices.Equal(enforced, want) || !slices.Equal(observed, want) {
		t.Errorf("enforcing refuses %q, observing %q, want %q", enforced, observed, want)
	}
}
