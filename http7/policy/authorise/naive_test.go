package authorise

import (
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// naive is the regular expression that says what a path of a rule says.
func naive(text string) *regexp.Regexp {
	body, below := strings.CutSuffix(text, "/*")
	var b strings.Builder
	b.WriteString("^")
	for _, segment := range strings.Split(body, "/")[1:] {
		b.WriteString("/")
		if strings.HasPrefix(segment, "{") {
			b.WriteString("[^/]+")
		} else {
			b.WriteString(regexp.QuoteMeta(segment))
		}
	}
	if below {
		b.WriteString("(/.*)?")
	}
	return regexp.MustCompile(b.String() + "$")
}

func TestPatternsTakeWhatARegularExpressionDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	segments := []string{"a", "b", "ab", "{x}", "{y}", "a.b"}
	parts := []string{"a", "b", "ab", "a.b", "", "axb"}
	taken := 0
	for range 3000 {
		text, path := "", ""
		for range 1 + random.IntN(3) {
			text += "/" + segments[random.IntN(len(segments))]
		}
		if random.IntN(2) == 0 {
			text += "/*"
		}
		for range 1 + random.IntN(4) {
			path += "/" + parts[random.IntN(len(parts))]
		}
		p, err := newPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		want := naive(text).MatchString(path)
		if got := p.takes([]byte(path)); got != want {
			t.Fatalf("%s and %s: %v, want %v", text, path, got, want)
		}
		if want {
			taken++
		}
	}
	if taken < 100 {
		t.Errorf("only %d paths were taken", taken)
	}
}

// A rule that is for a request decides, whatever stands behind it.
func TestListsOfRulesDecideAsTheirFirstRuleThatIsForTheRequest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	methods := []string{"GET", "PUT", "DELETE"}
	paths := []string{"/a", "/a/b", "/b"}
	patterns := []string{"/a", "/a/*", "/b", "/{x}"}
	for range 500 {
		var rules []Rule
		for range 1 + random.IntN(4) {
			r := Rule{Require: []string{"true", "false"}[random.IntN(2)]}
			if random.IntN(2) == 0 {
				r.Methods = methods[:1+random.IntN(2)]
			}
			if random.IntN(2) == 0 {
				r.Paths = []string{patterns[random.IntN(len(patterns))]}
			}
			rules = append(rules, r)
		}
		s := steps(t, rules...)[0]
		for _, method := range methods {
			for _, path := range paths {
				x := nobody()
				x.Method, x.Path = []byte(method), []byte(path)
				i := slices.IndexFunc(rules, func(r Rule) bool {
					return (r.Methods == nil || slices.Contains(r.Methods, method)) && (r.Paths == nil || naive(r.Paths[0]).MatchString(path))
				})
				want := i >= 0 && rules[i].Require == "true"
				if v := s.Request.Request(x); (v.Fault == nil) != want {
					t.Fatalf("%s %s by %+v: %v, want it allowed: %v", method, path, rules, v.Fault, want)
				}
			}
		}
	}
}

func TestWhatVariablesSayOfOddRequests(t *testing.T) {
	for _, c := range []struct {
		require string
		change  func(x *http7.Exchange)
		want    bool
	}{
		{`client == "192.0.2.1"`, func(x *http7.Exchange) { x.Client = netip.MustParseAddr("::ffff:192.0.2.1") }, true},
		{`client_in("192.0.2.0/24")`, func(x *http7.Exchange) { x.Client = netip.MustParseAddr("::ffff:192.0.2.1") }, true},
		{`client_in("192.0.2.0/24")`, func(x *http7.Exchange) { x.Client = netip.MustParseAddr("::192.0.2.1") }, false},
		{`client_in("fe80::/10")`, func(x *http7.Exchange) { x.Client = netip.MustParseAddr("fe80::1%eth0") }, true},
		{`client == "fe80::1"`, func(x *http7.Exchange) { x.Client = netip.MustParseAddr("fe80::1%eth0") }, true},
		{`client_in("0.0.0.0/0", "::/0")`, func(x *http7.Exchange) { x.Client = netip.Addr{} }, false},
		{`method == "get"`, nil, false},
		{`method == "GET\n"`, func(x *http7.Exchange) { x.Method = []byte("GET\n") }, true},
		{`query == ""`, func(x *http7.Exchange) { x.Query = nil }, true},
		{`"" in groups`, nil, false},
		{`"" in groups`, func(x *http7.Exchange) { x.Groups = []string{""} }, true},
		{`scope:orders.read`, func(x *http7.Exchange) { x.Scopes = []string{"orders.read orders.write"} }, false},
		{`group:partners`, func(x *http7.Exchange) { x.Groups = []string{"Partners", " partners", "partners "} }, false},
		{`claims["plan"] == "gold"`, func(x *http7.Exchange) { x.Claims = append(x.Claims, http7.Claim{Name: "plan", Value: []byte("gold")}) }, false},
		{`claims["plan"] != "none"`, func(x *http7.Exchange) { x.Claims = nil }, true}, // as the manual warns
		{`headers["X-Tenant"] == "acme"`, func(x *http7.Exchange) { x.Request.AddRaw([]byte("X-Tenant"), []byte("other")) }, false},
		{`path startsWith "/orders/"`, func(x *http7.Exchange) { x.Path = []byte("*") }, false},
		{`identified`, func(x *http7.Exchange) { *x = http7.Exchange{} }, false},
	} {
		x := asked(c.change)
		if got, err := requires(t, c.require).holds(x); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.require, got, err, c.want)
		}
	}
}

// What the engine has and the manual has not is refused when the config is read.
func TestOnlyWhatTheManualHasIsThere(t *testing.T) {
	for _, text := range []string{
		`repeat("a", 1000000) == ""`, `len(1..1000000) > 0`, `map(groups, upper(#)) == []`, `filter(groups, true) == groups`, `reduce(groups, 1) == 1`,
		`let a = 1; a == 1`, `groups[0] == "a"`, `groups[0:1] == groups`, `claims == nil`, `headers["a" + "b"] == ""`, `claims[method] == ""`, `get(claims, "a") == ""`,
		`now() > date("2026-01-01")`, `toJSON(groups) == ""`, `fromBase64(query) == ""`, `1 + 1`, `"true"`, `2 ** 3 == 8`, `7 % 2 == 1`, `path ? true : false`,
		`any(groups, any(scopes, # == "a"))`, `path matches method`, `client_in(client)`, `client_in("10.0.0.1/8")`, `scope(method)`, `sort(groups) == groups`, `env == nil`, `$env == nil`,
		`path == "a" ?? true`, `groups?.length > 1`, `{"a": 1}.a == 1`,
	} {
		if _, err := newRequirement(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
