package oidc_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7/policy/oidc"
	"weir/http7/policy/policytest"
	"weir/internal/gateway"
)

// weir runs the whole of Weir on a config with {issuer} and {app}, and returns where it listens, and what ends it
// and returns its logs.
func weir(t *testing.T, config string) (base string, end func() string) {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s user=%s cookie=%s", r.URL, r.Header.Get("X-User"), r.Header.Get("Cookie"))
	}))
	t.Cleanup(app.Close)
	issuer, client := oidc.Provider(t)
	dir := t.TempDir()
	text := strings.NewReplacer("{issuer}", issuer, "{app}", strings.TrimPrefix(app.URL, "http://"), "{dir}", dir).Replace(config)
	path := filepath.Join(dir, "weir.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := &policytest.Log{}
	g := gateway.New(gateway.Options{Stdout: logs, Stderr: logs})
	if err := g.Open(path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		g.Run(ctx)
	}()
	end = sync.OnceValue(func() string {
		stop()
		g.Cut()
		<-ended
		return logs.String()
	})
	t.Cleanup(func() { end() })
	base = "http://" + g.Addr("web").String()
	client(base)
	return base, end
}

const oidcTable = `oidc = { issuer = "{issuer}", client_id = "weir", client_secret = "a secret that the provider has given to Weir", scopes = ["offline_access"], secure = false, forward = { X-User = "sub" } }
`

// visitor is a browser.
type visitor struct {
	t *testing.T
	*http.Client
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t, &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: 20 * time.Second}}
	t.Cleanup(v.CloseIdleConnections)
	return v
}

func (v *visitor) get(to string, fields ...string) (int, string, *url.URL) {
	v.t.Helper()
	q, err := http.NewRequest("GET", to, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	return v.do(q)
}

func (v *visitor) do(q *http.Request) (int, string, *url.URL) {
	v.t.Helper()
	a, err := v.Do(q)
	if err != nil {
		v.t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return a.StatusCode, string(body), a.Request.URL
}

// signsIn navigates to a page and fills in the form that it ends at.
func (v *visitor) signsIn(to string) (int, string, *url.URL) {
	v.t.Helper()
	status, body, at := v.get(to, "Accept", "text/html")
	if !strings.Contains(body, "who are you?") {
		v.t.Fatalf("%s ends at %s with %d %s", to, at, status, body)
	}
	form := url.Values{"username": {"ann"}, "password": {"opensesame"}, "authRequestID": {at.Query().Get("authRequestID")}}
	q, err := http.NewRequest("POST", at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(q)
}

func TestPeopleSignInThroughTheWholeOfWeir(t *testing.T) {
	for _, c := range []struct{ what, config string }{
		{"on a route", `
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
upstream = "app"
policies = ["site"]
[[routes]]
match.path = "/open/*"
upstream = "app"
[policies.site]
` + oidcTable},
		{"on a listener", `
[listeners.web]
address = "127.0.0.1:0"
policies = ["site"]
[[routes]]
match.path = ["/app/*", "/"]
upstream = "app"
[[routes]]
match.path = "/open/*"
upstream = "app"
without = ["site"]
[policies.site]
require_identity = "any"
` + oidcTable},
	} {
		t.Run(c.what, func(t *testing.T) {
			base, end := weir(t, "admin.address = \"off\"\nstate_dir = \"{dir}\"\n[access_log]\npath = \"-\"\n"+c.config+"[upstreams.app]\nendpoints = [\"{app}\"]\n")
			v := newVisitor(t)
			if status, body, _ := v.get(base + "/open/x"); status != 200 || !strings.HasPrefix(body, "/open/x user= ") {
				t.Errorf("without the policy: %d %s", status, body)
			}
			if status, body, _ := v.get(base + "/app/data"); status != 401 || !strings.Contains(body, "identity_required") {
				t.Errorf("a script: %d %s", status, body)
			}
			status, body, at := v.signsIn(base + "/app/page?x=1")
			if status != 200 || body != "/app/page?x=1 user=ann-1 cookie=" || at.String() != base+"/app/page?x=1" {
				t.Fatalf("ended at %s with %d %s\n%s", at, status, body, end())
			}
			if status, body, _ := v.get(base+"/app/data", "X-User", "root", "Cookie", "theme=dark"); status != 200 || body != "/app/data user=ann-1 cookie=theme=dark" {
				t.Errorf("with a session: %d %s", status, body)
			}
			if status, body, at := v.get(base+"/oauth2/logout", "Accept", "text/html"); !strings.Contains(body, "who are you?") {
				t.Errorf("leaving ends at %s with %d %s", at, status, body)
			}
			if status, _, _ := v.get(base + "/app/data"); status != 401 {
				t.Errorf("after leaving: %d", status)
			}
			text := end()
			for _, want := range []string{`"consumer":"ann-1"`, `"target":"/oauth2/callback?***"`, `"fault":"oidc_login"`} {
				if !strings.Contains(text, want) {
					t.Errorf("the log lacks %s: %s", want, text)
				}
			}
			for _, secret := range []string{oidc.ClientSecret, "code=", "state="} {
				if strings.Contains(text, secret) {
					t.Errorf("the log tells %s: %s", secret, text)
				}
			}
		})
	}
}

func TestWhereNoIdentityIsRequiredNobodyIsSentAway(t *testing.T) {
	base, _ := weir(t, `
admin.address = "off"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
upstream = "app"
policies = ["site"]
[policies.site]
require_identity = "none"
`+oidcTable+"[upstreams.app]\nendpoints = [\"{app}\"]\n")
	if status, body, _ := newVisitor(t).get(base+"/page", "Accept", "text/html"); status != 200 || body != "/page user= cookie=" {
		t.Errorf("got %d %s", status, body)
	}
}
