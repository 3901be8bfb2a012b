package authorise

import (
	"math/rand/v2"
	"strings"
	"testing"

	"weir/http7"
)

// mayLogIn is the refusal of a route that takes credentials.
var mayLogIn = &http7.Fault{Name: "identity_required", Status: 401}

// A client that could mend it by saying who it is was told that it is not allowed (RFC 9110 §15.5.2, §15.5.4).
func TestNobodyIsAskedWhoHeIsWhereThatCouldHelp(t *testing.T) {
	for require, want := range map[string]string{
		"scope:a":                        "identity_required",
		"group:a && country:DE":          "identity_required",
		"group:a && country:FR":          "not_authorised", // whoever he is
		"group:a || country:FR":          "identity_required",
		"!group:a && country:FR":         "not_authorised",
		"!(identified || country:DE)":    "not_authorised",
		"!(!identified && country:DE)":   "identity_required",
		"identified && !identified":      "not_authorised",
		"false":                          "not_authorised",
		"country:FR":                     "not_authorised",
		`client_in("192.0.2.0/24")`:      "not_authorised",
		`method == "PUT" || country:FR`:  "not_authorised",
		`"a" in groups`:                  "identity_required",
		`"a" in scopes`:                  "identity_required",
		`consumer == "a"`:                "identity_required",
		`scheme == "jwt"`:                "identity_required",
		`identified && path != ""`:       "identity_required",
		`claims["plan"] == "gold"`:       "identity_required",
		`"gold" in claim_values["plan"]`: "identity_required",
		`path != "" && scope:a`:          "identity_required",
		`path != "" && consumer:a`:       "identity_required",
		`int(claims["level"]) > 3`:       "identity_required", // can't be evaluated without
		`int(headers["X-Level"]) > 3`:    "not_authorised",
	} {
		x := nobody()
		x.Country, x.Route = "DE", &http7.Route{Unidentified: mayLogIn}
		s := steps(t, Rule{Require: require})[0]
		if v := s.Request.Request(x); v.Fault == nil || v.Fault.Name != want {
			t.Errorf("%s: %v, want %s", require, v.Fault, want)
		} else if x.Cause == nil || !strings.Contains(x.Cause.Error(), require) {
			t.Errorf("%s: the log is told %v", require, x.Cause)
		}
	}
}

func TestItIsForbiddenWhereNoCredentialHelps(t *testing.T) {
	takes, takesNone := &http7.Route{Unidentified: mayLogIn}, &http7.Route{}
	rule := Rule{Methods: []string{"GET"}, Require: "group:admins"}
	for what, c := range map[string]struct {
		x    *http7.Exchange
		rule Rule
	}{
		"somebody who is not in the group":       {asked(func(x *http7.Exchange) { x.Route = takes }), rule},
		"a route that takes no credentials":      {func() *http7.Exchange { x := nobody(); x.Route = takesNone; return x }(), rule},
		"a request that no rule is for":          {func() *http7.Exchange { x := nobody(); x.Route = takes; x.Method = []byte("PUT"); return x }(), rule},
		"a token that lacks a scope":             {asked(func(x *http7.Exchange) { x.Route = takes }), Rule{Require: "scope:a"}},
		"somebody whose request can't be judged": {asked(func(x *http7.Exchange) { x.Route = takes }), Rule{Require: `int(claims["plan"]) > 1`}},
	} {
		if v := steps(t, c.rule)[0].Request.Request(c.x); v.Fault == nil || v.Fault.Status != 403 || v.Fault.Name != "not_authorised" {
			t.Errorf("%s: %v", what, v.Fault)
		}
	}
}

func TestWhoMeetsTheRuleWithoutAnIdentityIsLetIn(t *testing.T) {
	for _, require := range []string{"true", "!identified", "country:DE || scope:a", `consumer == "" && method == "GET"`} {
		x := nobody()
		x.Country, x.Route = "DE", &http7.Route{Unidentified: mayLogIn}
		if v := steps(t, Rule{Require: require})[0].Request.Request(x); v != http7.Continue {
			t.Errorf("%s: %v", require, v.Fault)
		}
	}
}

// drawnOnce writes a plain requirement that has each of its terms once.
func drawnOnce(random *rand.Rand, terms []string) string {
	if len(terms) == 1 {
		return []string{"", "!"}[random.IntN(2)] + terms[0]
	}
	cut := 1 + random.IntN(len(terms)-1)
	left, right := drawnOnce(random, terms[:cut]), drawnOnce(random, terms[cut:])
	return []string{"", "!"}[random.IntN(2)] + "(" + left + []string{" && ", " || "}[random.IntN(2)] + right + ")"
}

// What could help is what helps one of all that could come: every identity is tried.
func TestWhatCouldHelpIsWhatHelpsSomebody(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	asked := map[bool]int{}
	for range 2000 {
		terms := []string{"scope:a", "scope:b", "group:a", "consumer:c", "identified", "country:DE", "country:FR", "true", "false"}
		random.Shuffle(len(terms), func(i, k int) { terms[i], terms[k] = terms[k], terms[i] })
		text := drawnOnce(random, terms[:1+random.IntN(6)])
		helps := false
		for bits := range 16 {
			x := nobody()
			x.Country = "DE"
			id := http7.Identity{}
			for i, name := range []string{"a", "b"} {
				if bits>>i&1 == 1 {
					id.Scopes = append(id.Scopes, name)
				}
			}
			if bits&4 != 0 {
				id.Groups = []string{"a"}
			}
			if bits&8 != 0 {
				id.Consumer = "c"
			}
			x.Establish(id)
			ok, err := requires(t, text).holds(x)
			if err != nil {
				t.Fatal(err)
			}
			helps = helps || ok
		}
		x := nobody()
		x.Country = "DE"
		if got := requires(t, text).mends(x); got != helps {
			t.Fatalf("%s: an identity may help: %v, of all that there are one does: %v", text, got, helps)
		}
		asked[helps]++
	}
	if asked[false] < 200 || asked[true] < 200 {
		t.Errorf("too few of one kind: %v", asked)
	}
}

func TestToldToLogInAllocatesNothing(t *testing.T) {
	s := steps(t, Rule{Require: "scope:a && group:b && !country:FR"})[0]
	x := nobody()
	x.Route = &http7.Route{Unidentified: mayLogIn}
	if n := testing.AllocsPerRun(100, func() { s.Request.Request(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
