package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func TestWhatAProviderSaysOfItselfIsTakenForADay(t *testing.T) {
	r := newRig(t, nil)
	find := func() *provider {
		t.Helper()
		p, err := r.site.kept.finder.find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const description = "/.well-known/openid-configuration"
	first := find()
	r.later(23 * time.Hour)
	if find() != first || r.idp.count(description) != 1 {
		t.Errorf("%d calls within a day", r.idp.count(description))
	}
	r.idp.breaks(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true })
	r.later(2 * time.Hour)
	for range 3 {
		if find() != first {
			t.Error("what was known is lost while the provider is down")
		}
	}
	if n := r.idp.count(description); n != 2 {
		t.Errorf("%d calls while it is down, want one more than before", n)
	}
	r.idp.breaks(nil)
	r.later(pause)
	if find() == first || r.idp.count(description) != 3 {
		t.Error("it is not read again")
	}
}

func TestManyBrowsersAtOnceAskOnce(t *testing.T) {
	r := newRig(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { // ends with its call
			if _, err := r.site.kept.finder.find(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.idp.calls(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestABrowserThatLeavesMakesNobodyWait: its end is no failure of the provider's.
func TestABrowserThatLeavesMakesNobodyWait(t *testing.T) {
	r := newRig(t, nil)
	asked := make(chan struct{})
	r.idp.breaks(func(_ http.ResponseWriter, q *http.Request) bool {
		close(asked)
		<-q.Context().Done()
		return true
	})
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { // ends with its call
		_, err := r.site.kept.finder.find(ctx)
		done <- err
	}()
	<-asked
	leave()
	if err := <-done; err == nil {
		t.Error("somebody who left has found it")
	}
	r.idp.breaks(nil)
	if _, err := r.site.kept.finder.find(t.Context()); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestErrorsAreCleanedForTheLog(t *testing.T) {
	const secret = "code=4711"
	said := func(status int, code string) error {
		return &oauth2.RetrieveError{Response: &http.Response{StatusCode: status}, Body: []byte(secret), ErrorCode: code, ErrorDescription: secret}
	}
	for _, c := range []struct {
		err   error
		want  string
		empty bool // nobody answered
	}{
		{said(400, "invalid_grant"), "the provider answered 400 invalid_grant", false},
		{said(400, secret), "the provider answered 400", false},
		{said(502, ""), "the provider answered 502", true},
		{said(429, ""), "the provider answered 429", true},
		{fmt.Errorf("a: %w", context.DeadlineExceeded), "the provider can't be asked: no answer in time", true},
		{&url.Error{Op: "Get", URL: "https://id/?" + secret, Err: errors.New("connection refused")}, "the provider can't be asked: connection refused", true},
		{errors.New("503 Service Unavailable: " + secret), "the provider answered 503", true},
		{errors.New("404 Not Found: " + secret), "the provider answered 404", false},
		{errors.New("oauth2: cannot parse json: " + secret), "the provider can't be asked: its answer makes no sense", true},
		{errors.New("failed to verify signature: fetching keys oidc: get keys failed: 500 " + secret), "the provider can't be asked: its keys can't be read", true},
		{errors.New("oidc: token is expired (Token Expiry: 2020)"), "oidc: token is expired (Token Expiry: 2020)", false},
		{errors.New("oidc: " + strings.Repeat("x", 300)), "the provider's answer makes no sense", false},
		{errors.New("something with " + secret), "the provider's answer makes no sense", false},
	} {
		got := cleaned(c.err)
		if strings.TrimSpace(got.Error()) != c.want || unreachable(got) != c.empty {
			t.Errorf("%v: got %q, unreachable %v", c.err, got, unreachable(got))
		}
	}
}

func TestHowTheClientProvesItselfIsWhatTheProviderTakes(t *testing.T) {
	for _, c := range []struct {
		secret  bool
		methods string
		want    oauth2.AuthStyle
	}{
		{true, `[]`, oauth2.AuthStyleInHeader},
		{true, `["client_secret_post"]`, oauth2.AuthStyleInParams},
		{true, `["client_secret_post","client_secret_basic"]`, oauth2.AuthStyleInHeader},
		{false, `["client_secret_basic","none"]`, oauth2.AuthStyleInParams},
	} {
		r := newRig(t, nil)
		u := r.idp.server.URL
		r.idp.breaks(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q,"end_session_endpoint":"javascript:x","token_endpoint_auth_methods_supported":%s}`,
				u, u+"/a", u+"/t", u+"/k", c.methods)
			return true
		})
		r.site.kept.finder.secret = c.secret
		p, err := r.site.kept.finder.find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.endpoint.AuthStyle != c.want || p.logout != "" {
			t.Errorf("%v %s: got %v, logout at %q", c.secret, c.methods, p.endpoint.AuthStyle, p.logout)
		}
	}
}
