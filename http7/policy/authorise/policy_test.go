package authorise

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

func TestTheFirstRuleThatAppliesDecides(t *testing.T) {
	s := steps(t,
		Rule{Paths: []string{"/public/*"}, Require: "true"},
		Rule{Paths: []string{"/orders/{id}", "/orders"}, Methods: []string{"GET", "HEAD"}, Require: "scope:orders.read"},
		Rule{Paths: []string{"/orders/*"}, Require: "scope:orders.admin"},
		Rule{Methods: []string{"GET"}, Require: "group:admins"},
	)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/public", ""}, {"DELETE", "/public/a/b", ""}, {"GET", "/publica", "rule 4"},
		{"GET", "/orders/7", ""}, {"HEAD", "/orders", ""}, {"GET", "/orders/7/lines", "rule 3"}, {"get", "/orders/7", "rule 3"},
		{"DELETE", "/orders/7", "rule 3"}, {"GET", "/orders/", "rule 3"}, {"GET", "/", "rule 4"}, {"POST", "/", "no rule"},
		{"OPTIONS", "*", "no rule"},
	} {
		x := asked(func(x *http7.Exchange) { x.Method, x.Path = []byte(c.method), []byte(c.path) })
		v := s[0].Request.Request(x)
		if (v.Fault != nil) != (c.want != "") || c.want != "" && !strings.HasPrefix(x.Cause.Error(), c.want) {
			t.Errorf("%s %s: %v because of %v, want %q", c.method, c.path, v.Fault, x.Cause, c.want)
		}
	}
}

func TestPathsTakeWhatThoseOfRoutesDo(t *testing.T) {
	for _, c := range []struct {
		pattern, taken, left string
	}{
		{"/", "/", "* /a"},
		{"/*", "/ /a /a/b *", ""},
		{"/a", "/a", "/ /a/ /a/b /ab /A"},
		{"/a/", "/a/", "/a /a/b"},
		{"/a/*", "/a /a/ /a/b /a/b/c", "/ab /b/a"},
		{"/a/{x}", "/a/b /a/%2A", "/a /a/ /a/b/c /a/b/"},
		{"/{x}/b/*", "/a/b /a/b/c", "/b /a/c //b"},
		{"/a b/ü", "/a%20b/%C3%BC", "/a"},
		{"/a/%7Eb", "/a/~b", "/a/%7Eb"},
	} {
		p, err := newPattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range strings.Fields(c.taken) {
			if !p.takes([]byte(path)) {
				t.Errorf("%s does not take %s", c.pattern, path)
			}
		}
		for _, path := range strings.Fields(c.left) {
			if p.takes([]byte(path)) {
				t.Errorf("%s takes %s", c.pattern, path)
			}
		}
	}
}

// request is one of testkit, which nobody has identified.
const request = "GET /orders HTTP/1.1\nHost: h\n\n"

func TestARefusalSaysNothingOfTheRules(t *testing.T) {
	r := testkit.Policy(t, steps(t, Rule{Require: "scope:orders.read"}), request, "")
	want := `{"title":"Forbidden","status":403,"detail":"This request is not allowed.","fault":"not_authorised"}` + "\n"
	if r.Status != 403 || r.Body != want || strings.Contains(r.Answer, "WWW-Authenticate") {
		t.Errorf("got %d %s%s", r.Status, r.Answer, r.Body)
	}
}

// RFC 6750 §3.1.
func TestATokenThatLacksAScopeIsToldWhich(t *testing.T) {
	plain := `Bearer error="insufficient_scope", scope="a b"`
	for _, c := range []struct{ scheme, require, want string }{
		{"jwt", "scope:b && scope:a", plain},
		{"introspect", "scope:a && (scope:b || scope:a)", plain},
		{"jwt", "scope:a && !scope:orders.read", `Bearer error="insufficient_scope", scope="a"`},
		{"jwt", "group:a", ""},
		{"jwt", `claims["plan"] == "none"`, ""},
		{"jwt", `scope:'a"b'`, ""},
		{"api_key", "scope:b && scope:a", ""},
	} {
		x := asked(func(x *http7.Exchange) { x.Scheme = c.scheme })
		v := steps(t, Rule{Require: c.require})[0].Request.Request(x)
		if v.Fault == nil || v.Fault.Name != "not_authorised" || v.Fault.Status != 403 {
			t.Fatalf("%s: %v", c.require, v.Fault)
		}
		if got := strings.TrimSuffix(strings.TrimPrefix(v.Fault.Extra, "WWW-Authenticate: "), "\r\n"); got != c.want {
			t.Errorf("%s with %s is told %q, want %q", c.require, c.scheme, got, c.want)
		}
	}
}

func TestTheLogLearnsWhichRule(t *testing.T) {
	s := steps(t, Rule{Methods: []string{"PUT"}, Require: "true"}, Rule{Require: "scope:a && group:b"})
	x := asked(nil)
	if s[0].Request.Request(x); x.Cause == nil || x.Cause.Error() != "rule 2 of authorise is not met: scope:a && group:b" {
		t.Errorf("got %v", x.Cause)
	}
}

func TestModesOfRules(t *testing.T) {
	read, write := Rule{Methods: []string{"GET"}, Require: "group:none"}, Rule{Require: "true"}
	mode := func(r Rule, m conf.Mode) Rule { r.Mode = m; return r }
	for _, c := range []struct {
		what  string
		rules []Rule
		want  string // of each step, its mode and whether it refuses a GET
	}{
		{"enforced", []Rule{read, write}, "0 true"},
		{"off", []Rule{mode(read, conf.ModeOff), write}, "0 false"},
		{"all off", []Rule{mode(read, conf.ModeOff)}, ""},
		{"none", nil, ""},
		{"one observed", []Rule{mode(read, conf.Observe), write}, "1 true 0 false"},
		{"all observed", []Rule{mode(read, conf.Observe), mode(write, conf.Observe)}, "1 true"},
		{"one enforced", []Rule{read, mode(write, conf.Observe)}, "1 true 0 true"},
	} {
		var got []string
		for _, s := range steps(t, c.rules...) {
			if s.Stage != http7.Authorise || s.Name != "edge.authorise" || s.Bundle != "edge" {
				t.Errorf("%s: the step is %+v", c.what, s)
			}
			refused := s.Request.Request(asked(nil)).Fault != nil
			got = append(got, map[http7.Mode]string{http7.Enforce: "0", http7.Observe: "1"}[s.Mode], map[bool]string{true: "true", false: "false"}[refused])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

// Observed, a list judges as it does enforced: the hall makes remarks of the refusals.
func TestObservedItJudgesAlike(t *testing.T) {
	rules := []Rule{{Methods: []string{"GET"}, Require: "scope:orders.read"}, {Paths: []string{"/orders/*"}, Require: `claims["plan"] == "gold" && group:admins`}}
	enforced := steps(t, rules...)[0].Request
	for i := range rules {
		rules[i].Mode = conf.Observe
	}
	observed, refused := steps(t, rules...)[0].Request, 0
	for i := range 60 {
		change := func(x *http7.Exchange) {
			x.Method, x.Path = []byte([]string{"GET", "PUT", "POST"}[i%3]), []byte([]string{"/orders", "/"}[i%2])
			if i%5 == 0 {
				x.Groups, x.Scopes = append(x.Groups, "admins"), nil
			}
		}
		a, b := enforced.Request(asked(change)), observed.Request(asked(change))
		if (a.Fault == nil) != (b.Fault == nil) || a.Fault != nil && *a.Fault != *b.Fault {
			t.Fatalf("%d: %v and %v", i, a, b)
		}
		if a.Fault != nil {
			refused++
		}
	}
	if refused != 40 {
		t.Errorf("%d of 60 are refused, want 40", refused)
	}
}

func TestWhatALogDoesNotTellIsNotJudged(t *testing.T) {
	for _, c := range []struct{ require, known, missed, verdict string }{
		{"scope:a", "", "scopes", "go"},
		{"scope:a", "scopes", "", "refused"},
		{"group:a || country:FR", "country", "groups", "go"},
		{"consumer:other", "", "", "refused"},
		{`path == "/" && client_in("10.0.0.0/8")`, "", "", "refused"},
		{`headers["X-Tenant"] == claims["plan"]`, "", "header:x-tenant claim:plan", "go"},
		{`headers["X-Tenant"] == claims["plan"]`, "header:x-tenant claim:plan", "", "refused"},
		{`"a" in claim_values["role"]`, "", "claim:role", "go"},
	} {
		x := asked(nil)
		x.Recorded = &http7.Recorded{Fields: map[string]bool{}}
		for _, known := range strings.Fields(c.known) {
			x.Recorded.Fields[known] = true
		}
		s := steps(t, Rule{Require: c.require})[0]
		verdict := "go"
		if s.Request.Request(x).Fault != nil {
			verdict = "refused"
		}
		if missed := strings.Join(x.Recorded.Missed, " "); verdict != c.verdict || missed != c.missed {
			t.Errorf("%s with %q: %s, missed %q, want %s and %q", c.require, c.known, verdict, missed, c.verdict, c.missed)
		}
	}
}

func TestAStepSaysWhatItReads(t *testing.T) {
	s := steps(t, Rule{Require: `scope:a || group:b && headers["X-A"] == claims.b`}, Rule{Require: "scope:b && country:DE"}, Rule{Require: "true"})[0]
	if got, want := strings.Join(s.Reads, " "), "claim:b country groups header:x-a scopes"; got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
}

func TestWhatACheckRefusesDoesNotCompile(t *testing.T) {
	for want, r := range map[string]Rule{"edge.authorise: rule 1: nothing is required": {}, `edge.authorise: rule 1: "a" does not begin with /`: {Paths: []string{"a"}, Require: "true"}} {
		if _, err := Compile(&Config{r}, "edge", nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
