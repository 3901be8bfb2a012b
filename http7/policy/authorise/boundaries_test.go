package authorise

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"weir/http7"
)

// said writes a plain requirement as the manual has it, fully in parentheses.
func said(p plain) string {
	word := map[op]string{hasScope: "scope", hasGroup: "group", isConsumer: "consumer", isCountry: "country"}
	switch p.op {
	case isTrue:
		return "true"
	case isFalse:
		return "false"
	case isIdentified:
		return "identified"
	case not:
		return "!(" + said(p.kids[0]) + ")"
	case all, either:
		sign := map[op]string{all: " && ", either: " || "}[p.op]
		var parts []string
		for _, k := range p.kids {
			parts = append(parts, "("+said(k)+")")
		}
		return strings.Join(parts, sign)
	}
	return word[p.op] + `:"` + p.name + `"`
}

// What is read of a requirement, written again, is judged alike: nothing binds otherwise than it was read.
func TestPlainRequirementsThatAreWrittenAgainMeanTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		text := drawnPlain(random, 4)
		p, ok := parsePlain(text)
		if !ok {
			t.Fatalf("%s is not plain", text)
		}
		again, ok := parsePlain(said(p))
		if !ok {
			t.Fatalf("%s is not plain", said(p))
		}
		for range 10 {
			if x := drawnExchange(random); p.holds(x) != again.holds(x) {
				t.Fatalf("%s and %s differ", text, said(p))
			}
		}
	}
}

func TestTermsEndWhereTheirNamesDo(t *testing.T) {
	for text, want := range map[string]string{
		"scope:a":                   "a",
		"scope:a)":                  "a",
		"scope:a b":                 "a",
		"scope:a&&b":                "a",
		"scope:a|b":                 "a",
		"scope:a!b":                 "a",
		"scope:a,b":                 "a",
		"scope:a(b":                 "a",
		"scope:urn:x:y/z?":          "urn:x:y/z",
		"group:a@b.example+c=d%e*$": "a@b.example+c=d%e*$",
		"group:#1":                  "#1",
		`group:"a)b"`:               "a)b",
		`group:'a"b'`:               `a"b`,
		`group:"a\"`:                `a\`, // a backslash has no meaning
		`group:""`:                  "",
		`group:"open`:               "",
		"group:":                    "",
		"group: a":                  "",
		"groups:a":                  "",
		"Scope:a":                   "",
		"scope:ä":                   "",
	} {
		got, ok := termAt(text)
		if got.name != want || ok != (want != "") {
			t.Errorf("%s: the name is %q, %v, want %q", text, got.name, ok, want)
		}
		if ok && !strings.Contains(text[:got.length], want) {
			t.Errorf("%s: the term is %q", text, text[:got.length])
		}
	}
}

func TestDepthAndLengthAreBounded(t *testing.T) {
	for what, c := range map[string]struct {
		text  string
		plain bool
	}{
		"as deep as may be": {strings.Repeat("!", mostDepth-1) + "true", true},
		"deeper":            {strings.Repeat("!", mostDepth) + "true", false},
		"parentheses":       {strings.Repeat("(", mostDepth+1) + "true" + strings.Repeat(")", mostDepth+1), false},
		"wide":              {"true" + strings.Repeat(" && true", 400), true},
	} {
		if _, ok := parsePlain(c.text); ok != c.plain {
			t.Errorf("%s: plain is %v, want %v", what, ok, c.plain)
		}
	}
	if _, err := newRequirement(strings.Repeat("a", mostText+1)); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("a long text: %v", err)
	}
	if _, err := newRequirement("true" + strings.Repeat(" ", mostText-4)); err != nil {
		t.Errorf("the longest text: %v", err)
	}
}

// Scopes that a "!" stands before would not help, and what no header can have is not told.
func TestScopesThatWouldHelp(t *testing.T) {
	for text, want := range map[string]string{
		"scope:b || scope:a":                      "a b",
		"scope:a && scope:a":                      "a",
		"!scope:a":                                "",
		"!(scope:a || scope:b) && scope:c":        "c",
		"group:a && (scope:b || !scope:c)":        "b",
		"true":                                    "",
		`scope:'a"b' || scope:c`:                  "",
		`scope:'a\b'`:                             "",
		`scope:"ä"`:                               "",
		`scope:a && path == "/"`:                  "",
		"scope:https://example.com/auth:read":     "https://example.com/auth:read",
		"identified && (scope:z || scope:" + "y)": "y z",
	} {
		r := requires(t, text)
		if got := r.scopes(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// An exchange that goes back to its pool leaves nothing in an expression's.
func TestWhatWasJudgedIsForgotten(t *testing.T) {
	e := requires(t, `claims["plan"] == headers["X-Plan"] && claims["plan"] != ""`)
	for i := range 200 {
		x, plan := nobody(), []byte("secret-"+strconv.Itoa(i))
		x.Claims = []http7.Claim{{Name: "plan", Value: plan}}
		x.Request.AddRaw([]byte("X-Plan"), plan)
		if ok, err := e.holds(x); !ok || err != nil {
			t.Fatalf("%d: %v, %v", i, ok, err)
		}
		if ok, err := e.holds(nobody()); ok || err != nil {
			t.Fatalf("%d: nobody is somebody: %v, %v", i, ok, err)
		}
		r := e.expr.runs.Get().(*run)
		for name, value := range r.values {
			if value != nil {
				t.Fatalf("%s is still %q", name, value)
			}
		}
		e.expr.runs.Put(r)
	}
}
