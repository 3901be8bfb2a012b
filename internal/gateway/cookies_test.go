package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const peopleElsewhere = `
[listeners.web]
address = "127.0.0.1:0"
policies = "front"
[[routes]]
name = "app"
match = { hosts = "app.example", path = "/app/*" }
upstream = "u"
policies = "people"
[[routes]]
name = "same host"
match = { hosts = "app.example", path = "/static/*" }
upstream = "u"
[[routes]]
name = "any host"
match.path = "/any/*"
upstream = "u"
[[routes]]
name = "below"
match = { hosts = "*.example", path = "/below/*" }
upstream = "u"
policies = "others"
[[routes]]
name = "other host"
match = { hosts = "other.example", path = "/static/*" }
upstream = "u"
[[routes]]
name = "same cookie"
match = { hosts = "app.example", path = "/passes/*" }
upstream = "u"
policies = "passing"
[[routes]]
name = "opted out"
match = { hosts = "front.example", path = "/out/*" }
upstream = "u"
without = "front"
[[routes]]
name = "front"
match = { hosts = "front.example", path = "/in/*" }
upstream = "u"
[policies.front]
{front}
[policies.people]
require_identity = "none"
oidc = { issuer = "https://id.example", client_id = "weir", client_secret = "a secret of this test", redirect = false{people} }
[policies.passing]
require_identity = "none"
oidc = { issuer = "https://id.example", client_id = "weir", client_secret = "a secret of this test", redirect = false, pass = true }
[policies.others]
headers.request = { set = { X-Below = "1" } }
[upstreams.u]
endpoints = "{endpoint}"
`

// Browsers send the sealed cookie of a session to every route of a host: an endpoint behind a route without the policy got it,
// and could have shown it again as its own.
func TestAnEndpointBehindAnotherRouteOfAHostGetsNoSession(t *testing.T) {
	const all = "__Host-weir_oidc=2abc; a=b; __Host-weir_oidc_1=def; __Host-weir_oidc_login0=ghi; __Host-weir_oidcs=k"
	const kept = "a=b; __Host-weir_oidcs=k"
	config := func(front, people string) string {
		return strings.NewReplacer("{front}", front, "{people}", people, "{endpoint}", shown(t)).Replace(peopleElsewhere)
	}
	r := start(t, config("", ""))
	for _, c := range []struct {
		host, path, want string
	}{
		{"app.example", "/app/a", kept},
		{"app.example", "/static/a", kept},
		{"app.example", "/any/a", kept},
		{"www.example", "/any/a", kept}, // the route is of all hosts
		{"www.example", "/below/a", kept},
		{"other.example", "/static/a", all},
		{"app.example", "/passes/a", all},
		{"front.example", "/in/a", all},
	} {
		if got := r.cookiesAt(c.host, c.path, all); got != c.want {
			t.Errorf("%s%s: the endpoint gets %q, want %q", c.host, c.path, got, c.want)
		}
	}
	r.reload(config(`oidc = { issuer = "https://id.example", client_id = "weir", client_secret = "a secret of this test", cookie = "front" }`, ""))
	for _, path := range []string{"/in/a", "/out/a"} {
		if got := r.cookiesAt("front.example", path, "__Host-front=1abc; a=b"); got != "a=b" {
			t.Errorf("the listener's policy, %s: the endpoint gets %q", path, got)
		}
	}
	for _, people := range []string{", pass = true", `, mode = "observe"`, `, mode = "off"`} {
		r.reload(config("", people))
		if got := r.cookiesAt("app.example", "/static/a", all); got != all {
			t.Errorf("with%s the endpoint gets %q", people, got)
		}
	}
}

// cookiesAt returns the cookies that an endpoint is sent.
func (r *rig) cookiesAt(host, path, cookies string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.url("web", path), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Cookie", cookies)
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		r.t.Fatalf("%s%s: %d %v %s", host, path, res.StatusCode, err, body)
	}
	for line := range strings.SplitSeq(string(body), "\n") {
		if got, ok := strings.CutPrefix(line, "Cookie="); ok {
			return got
		}
	}
	return ""
}

func TestHostsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string // lists with blanks; "" is any
		want bool
	}{
		{"", "a.example", true},
		{"a.example", "", true},
		{"a.example", "a.example", true},
		{"a.example", "b.example", false},
		{"a.example", "b.example a.example", true},
		{"*.example", "a.example", true},
		{"a.example", "*.example", true},
		{"*.example", "example", false},
		{"example", "*.example", false},
		{"*.example", "a.b.example", true},
		{"*.a.example", "*.example", true},
		{"*.example", "*.example", true},
		{"*.a.example", "*.b.example", false},
		{"*.a.example", "a.example", false},
		{"*.a.example", "xa.example", false},
		{"[::1]", "[::1]", true},
		{"localhost", "*.localhost", false},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			h := newHosts()
			h.add(strings.Fields(pair[0]))
			if got := h.meets(strings.Fields(pair[1])); got != c.want {
				t.Errorf("%q meets %q: %v, want %v", pair[0], pair[1], got, c.want)
			}
		}
	}
}

// Routes with the same policies share their steps, also where these keep cookies from endpoints.
func TestRoutesThatKeepTheSameCookiesShareTheirSteps(t *testing.T) {
	c, report := compile(t, strings.NewReplacer("{front}", "", "{people}", "", "{endpoint}", "192.0.2.1:80").Replace(peopleElsewhere))
	if c == nil {
		t.Fatal(report)
	}
	steps := map[string][]string{}
	for _, p := range c.sites["web"].Plans {
		for i := range p.Route.Steps {
			steps[p.Route.Name] = append(steps[p.Route.Name], p.Route.Steps[i].Name)
		}
	}
	for route, want := range map[string]string{"same host": "people.oidc.elsewhere", "below": "people.oidc.elsewhere others.headers.request", "other host": "", "front": ""} {
		if got := strings.Join(steps[route], " "); got != want {
			t.Errorf("%s has %q, want %q", route, got, want)
		}
	}
	same, any := c.sites["web"].Plans[1].Route.Steps, c.sites["web"].Plans[2].Route.Steps
	if &same[0] != &any[0] {
		t.Error("two routes have steps of their own")
	}
}
