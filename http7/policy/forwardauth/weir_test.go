package forwardauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/gateway"
)

// judge lets requests with the token "good" in, and sends all others to sign in.
func judge(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "Bearer good" {
		w.Header().Set("X-User", "ann")
		w.Header().Set("Authorization", "Bearer inside")
		return
	}
	w.Header().Set("Location", "https://id.example.com/?to="+r.Header.Get("X-Forwarded-Uri"))
	w.Header().Set("X-Inside", "secret")
	w.WriteHeader(http.StatusFound)
	_, _ = io.WriteString(w, "sign in first")
}

// weir runs the whole of Weir on a config with {service} and {app}, and returns where it listens.
func weir(t *testing.T, config string) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s user=%s authorization=%s", r.Method, r.URL, r.Header.Get("X-User"), r.Header.Get("Authorization"))
	}))
	t.Cleanup(app.Close)
	service := httptest.NewServer(http.HandlerFunc(judge))
	t.Cleanup(service.Close)
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	// The password of bob is correct-horse.
	if err := os.WriteFile(users, []byte("bob:$6$abcdefgh$Y8X4fK8dzckng/fIjIaMbhSI.0pb8jFFSN/J/PpH0DRCfCv16PIDicIrPVJ7EyzvvLxpGoKT/B4/my3gDKmFj0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, "keys")
	// The key of shop is weir_of-the-shop.
	if err := os.WriteFile(keys, []byte("[[keys]]\nhash = \"sha256:94cd73de9488f86a9682142f81445682c2c59477831c76da9eb9c122efa0dd36\"\nconsumer = \"shop\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("{users}", users, "{keys}", keys, "{service}", service.URL, "{app}", strings.TrimPrefix(app.URL, "http://"), "{dir}", dir).Replace(config)
	path := filepath.Join(dir, "weir.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := gateway.New(gateway.Options{Stdout: io.Discard, Stderr: io.Discard})
	if err := g.Open(path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		g.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		g.Cut()
		<-ended
	})
	return "http://" + g.Addr("web").String()
}

// TestTheWholeOfWeirAsks: on a listener the answer of the service takes effect behind the match, and other policies see it.
func TestTheWholeOfWeirAsks(t *testing.T) {
	base := weir(t, `
admin.address = "off"
state_dir = "{dir}"
[listeners.web]
address = "127.0.0.1:0"
policies = ["edge"]
[[routes]]
match.path = ["/app/*"]
upstream = "app"
[[routes]]
match.path = "/open/*"
upstream = "app"
without = ["edge"]
[policies.edge]
forward_auth = { url = "{service}", copy = ["X-User"], consumer = "X-User", cache = "1m" }
headers.response = { set = { X-Edge = "weir" }, remove = ["X-Inside"] }
[upstreams.app]
endpoints = ["{app}"]
`)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	for _, c := range []struct{ what, method, path, token, want string }{
		{"a credential that is good", "POST", "/app/a?b=c", "Bearer good", "200 weir  POST /app/a?b=c user=ann authorization="},
		{"once more, from memory", "POST", "/app/a?b=c", "Bearer good", "200 weir  POST /app/a?b=c user=ann authorization="},
		{"one that is not", "GET", "/app/a", "Bearer bad", "302 weir https://id.example.com/?to=/app/a sign in first"},
		{"none", "GET", "/app/a", "", "302 weir https://id.example.com/?to=/app/a sign in first"},
		{"nowhere", "GET", "/none", "", "302 weir https://id.example.com/?to=/none sign in first"},
		{"a route without the policy, where the endpoint still hears of nobody", "GET", "/open/a", "Bearer bad", "200   GET /open/a user= authorization=Bearer bad"},
	} {
		q, err := http.NewRequest(c.method, base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X-User", "root")
		if c.token != "" {
			q.Header.Set("Authorization", c.token)
		}
		a, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		got := fmt.Sprintf("%d %s %s %s", a.StatusCode, a.Header.Get("X-Edge"), a.Header.Get("Location"), body)
		if got != c.want || a.Header.Get("X-Inside") != "" {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

// Each section deleted what it tells when it had found nobody, and so what another of its bundle, which had, had told
// before. What clients write there goes at the door.
func TestSectionsThatTellTheSameFieldLeaveItToTheOneThatKnows(t *testing.T) {
	base := weir(t, `
admin.address = "off"
state_dir = "{dir}"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match.path = "/ways/*"
upstream = "app"
policies = "ways"
[[routes]]
match.path = "/asked/*"
upstream = "app"
policies = "asked"
[[routes]]
match.path = "/open/*"
upstream = "app"
[policies.ways]
api_key = { keys_file = "{keys}", forward = { X-User = "consumer" } }
basic = { users_file = "{users}", forward = { X-User = "consumer" } }
jwt = { secret = "0123456789abcdef0123456789abcdef", algorithms = "HS256", audience = "a", forward = { X-User = "sub" } }
introspect = { url = "{service}", client_id = "weir", client_secret = "s3cret", header = "X-Token", forward = { X-User = "sub" } }
client_cert = { forward = { X-User = "subject.cn" } }
oidc = { issuer = "{service}", client_id = "weir", client_secret = "0123456789abcdef", redirect = false, forward = { X-User = "sub" } }
[policies.asked]
basic = { users_file = "{users}", forward = { X-User = "consumer" } }
forward_auth = { url = "{service}", copy = ["X-User"] }
[upstreams.app]
endpoints = ["{app}"]
`)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	for _, c := range []struct{ path, name, value, want string }{
		{"/ways/a", "X-Api-Key", "weir_of-the-shop", "200 GET /ways/a user=shop authorization="},
		{"/ways/a", "Authorization", "Basic Ym9iOmNvcnJlY3QtaG9yc2U=", "200 GET /ways/a user=bob authorization="},
		{"/asked/a", "Authorization", "Basic Ym9iOmNvcnJlY3QtaG9yc2U=", "200 GET /asked/a user=bob authorization="},
		{"/asked/a", "Authorization", "Bearer good", "200 GET /asked/a user=ann authorization="},
		{"/open/a", "X-Api-Key", "weir_of-the-shop", "200 GET /open/a user= authorization="},
	} {
		q, err := http.NewRequest("GET", base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("X-User", "root")
		q.Header.Set(c.name, c.value)
		a, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if got := fmt.Sprintf("%d %s", a.StatusCode, body); got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.path, c.name, got, c.want)
		}
	}
}

// TestACopiedCredentialIsReadBeforeItIsReplaced: the endpoint gets the service's Authorization and never the client's, and the
// service, and the other policies of the listener, get the client's.
func TestACopiedCredentialIsReadBeforeItIsReplaced(t *testing.T) {
	base := weir(t, `
admin.address = "off"
state_dir = "{dir}"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match.path = "/app/*"
upstream = "app"
policies = "asked"
[[routes]]
match.path = "/either/*"
upstream = "app"
policies = "either"
[[routes]]
match.path = "/open/*"
upstream = "app"
[policies.asked]
forward_auth = { url = "{service}", copy = ["X-User", "Authorization"] }
[policies.either]
basic = { users_file = "{users}", pass = true }
forward_auth = { url = "{service}", copy = ["X-User", "Authorization"] }
[upstreams.app]
endpoints = ["{app}"]
`)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	for _, c := range []struct{ path, token, want string }{
		{"/app/a", "Bearer good", "200 GET /app/a user=ann authorization=Bearer inside"},
		{"/app/a", "Bearer bad", "302 sign in first"},
		{"/either/a", "Basic Ym9iOmNvcnJlY3QtaG9yc2U=", "200 GET /either/a user= authorization="},
		{"/open/a", "Bearer others", "200 GET /open/a user= authorization=Bearer others"},
	} {
		q, err := http.NewRequest("GET", base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", c.token)
		q.Header.Set("X-User", "root")
		a, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if got := fmt.Sprintf("%d %s", a.StatusCode, body); got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.path, c.token, got, c.want)
		}
	}
}
