package authorise

import (
	"errors"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

func TestPlainRequirements(t *testing.T) {
	for text, want := range map[string]bool{
		"scope:orders.read":                    true,
		"scope:orders":                         false,
		"scope:ORDERS.READ":                    false,
		"group:partners":                       true,
		"group:orders.read":                    false,
		"consumer:shop":                        true,
		"consumer:shops":                       false,
		"country:DE":                           true,
		"country:FR":                           false,
		"identified":                           true,
		"true":                                 true,
		"false":                                false,
		`scope:"orders.read"`:                  true,
		`scope:'orders read'`:                  false,
		"!scope:orders.read":                   false,
		"!!scope:orders.read":                  true,
		"not group:admins":                     true,
		"scope:orders.write && group:partners": true,
		"scope:orders.write&&group:admins":     false,
		"scope:x || group:partners":            true,
		"scope:x or scope:y":                   false,
		"scope:x && scope:y || true":           true, // && binds closer
		"scope:x && (scope:y || true)":         false,
		"true || scope:x && false":             true,
		"!scope:x && !(group:y || group:z)":    true,
		"scope:orders.read and not (group:a or group:b)": true,
		" \t(((scope:orders.read)))\n":                   true,
	} {
		r := requires(t, text)
		if r.expr != nil {
			t.Errorf("%s takes the engine", text)
		}
		if got, err := r.holds(asked(nil)); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestNobodyMeetsLittle(t *testing.T) {
	for text, want := range map[string]bool{
		"scope:a": false, "group:a": false, "consumer:a": false, "country:DE": false, "identified": false, "!identified": true, "!scope:a": true, "true": true,
		`claims["plan"] == ""`: true, `"a" in scopes`: false, `headers["X"] == ""`: true, `client == ""`: true, `client_in("0.0.0.0/0", "::/0")`: false,
		`len(groups) == 0`: true, `consumer == "" && scheme == "" && route == "" && listener == "" && country == "" && !secure`: true, `host == ""`: true,
	} {
		if got, err := requires(t, text).holds(nobody()); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestExpressions(t *testing.T) {
	for text, want := range map[string]bool{
		`method == "GET" && path == "/orders/7"`:                 true,
		`query == "page=2"`:                                      true,
		`host == "api.example.com:8443"`:                         true,
		`host startsWith "api." && !(host endsWith ".org")`:      true,
		`client == "10.1.2.3"`:                                   true,
		`client_in("192.0.2.0/24", "10.0.0.0/8")`:                true,
		`client_in("10.1.2.4")`:                                  false,
		`country in ["DE", "FR"]`:                                true,
		`country not in ["DE", "FR"]`:                            false,
		`route == "orders" && listener == "web" && secure`:       true,
		`identified && scheme == "jwt" && consumer == "shop"`:    true,
		`claims["plan"] == "gold"`:                               true,
		`claims.plan == "gold"`:                                  true,
		`claims["Plan"] == "gold"`:                               false,
		`claims["role"] == "admin"`:                              false, // there are two
		`claims["role"] == ""`:                                   true,
		`"admin" in claim_values["role"]`:                        true,
		`"viewer" in claim_values["role"]`:                       false,
		`len(claim_values["none"]) == 0`:                         true,
		`int(claims["level"]) >= 7`:                              true,
		`int(claims["level"]) - 3 + 1 == 5`:                      true,
		`headers["X-Tenant"] == claims["tenant"]`:                true,
		`headers["x-tenant"] == "acme"`:                          true,
		`headers["X-Two"] == "a, b"`:                             true,
		`headers["X-None"] == ""`:                                true,
		`path startsWith "/tenants/" + claims["tenant"] + "/"`:   false,
		`path matches "^/orders/[0-9]+$"`:                        true,
		`path contains "order"`:                                  true,
		`any(groups, # startsWith "part")`:                       true,
		`all(scopes, # startsWith "orders.")`:                    true,
		`none(groups, # == "admins")`:                            true,
		`one(groups, # == "staff")`:                              true,
		`"partners" in groups && scope:orders.read`:              true,
		`scope("orders.read") and group('partners')`:             true,
		`consumer:shop && country:DE && path != "/"`:             true,
		`consumer == "scope:orders.read"`:                        false, // a text
		`lower("ÄB") == "äb" && group:partners`:                  true,
		`"b" in split(headers["X-Two"], ", ")`:                   true,
		`trim(" a ") == "a" && upper("a") == "A"`:                true,
		`!(scope:orders.read) || path == '/orders/7'`:            true,
		"path == `/orders/7` && scope:orders.write":              true,
		`path == "/a\"scope:b" || scope:"orders.read" || 1 == 2`: true,
	} {
		r := requires(t, text)
		if r.expr == nil {
			t.Errorf("%s is taken as plain", text)
			continue
		}
		for range 2 { // the second run has the first one's machine
			if got, err := r.holds(asked(nil)); got != want || err != nil {
				t.Errorf("%s: %v, %v, want %v", text, got, err, want)
			}
		}
	}
}

func TestWhatIsNoRequirement(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          "nothing is required",
		" \n":                                       "nothing is required",
		strings.Repeat("true||", 700) + "true":      "longer than 4096 bytes",
		"scope:":                                    `wrong at ":": unexpected token Operator(":")`,
		"scope:a &&":                                `wrong at "&": unexpected token EOF`,
		"scope:a group:b":                           `wrong at "group:b": unexpected token`,
		"(scope:a":                                  "wrong at its end: unexpected token EOF",
		`group:"a`:                                  `wrong at ":\"a": unexpected token`,
		`scop:a || true`:                            `wrong at`,
		"path":                                      "no condition: expected bool, but got string",
		"len(groups)":                               "no condition: expected bool, but got int",
		`scope:a && path == 1`:                      `wrong at "== 1": invalid operation: == (mismatched types string and int)`,
		`claims["plan"] == 1`:                       "mismatched types string and int",
		`pth == "/" || scope:a`:                     `wrong at "pth == \"/\" || scope:a": there is no "pth"; did you mean "path"?`,
		`claim["plan"] == "gold"`:                   "parts are only of headers, claims and claim_values",
		`claims[path] == "gold"`:                    `claims takes a name in quotes`,
		`claims == ""`:                              `there is no "claims"`,
		`headers["a b"] == ""`:                      `"a b" is not a field name`,
		`headers["A"].b == ""`:                      "parts are only of",
		`groups[0] == "a"`:                          "parts are only of",
		`client_in("10.0.0.1/8")`:                   "behind the first 8 bits",
		`client_in()`:                               "client_in takes blocks",
		`client_in(path)`:                           "client_in takes texts in quotes",
		`scope(path)`:                               "scope takes texts in quotes",
		`scope("a", "b")`:                           "scope is no function here",
		`path.lower() == ""`:                        "parts are only of headers",
		`exec("rm") == ""`:                          "exec is no function here; there are client_in, len",
		`now() == now()`:                            "now is no function here",
		`repeat("a", 1000000) == ""`:                "repeat is no function here",
		`len(map(groups, #)) == 1`:                  "map is no function here",
		`len(filter(groups, # == "a")) == 1`:        "filter is no function here",
		`len(1..9999999) == 1`:                      "the operator .. is not there",
		`2 ** 9 == 1`:                               "the operator ** is not there",
		`(path ?? "a") == "a"`:                      "the operator ?? is not there",
		`let a = path + path; a == ""`:              "there is no",
		`true ? false : path == ""`:                 "this form is not there",
		`{"a": 1} == {"a": 1}`:                      "this form is not there",
		`path[1:2] == ""`:                           "this form is not there",
		`path == nil`:                               "this form is not there",
		`any(groups, any(scopes, # == "a"))`:        "a loop in a loop costs too much",
		`path matches "["`:                          "missing closing ]",
		`path matches path`:                         "matches takes a regular expression in quotes",
		`path matches "(a{1000}){2}"`:               "",
		`path matches "((a{90}){90}){9}"`:           "invalid repeat count",
		`path matches "[a-z]{900}[0-9]{900}x{900}"`: "too large",
		strings.Repeat("!", 40) + "scope:a":         "",
		strings.Repeat("path == '/' || ", 100) + "true": "exceeds maximum allowed nodes",
	} {
		_, err := newRequirement(text)
		var bad *conf.BadValue
		if want == "" {
			want = " "
		}
		if err == nil && want != " " || err != nil && (!errors.As(err, &bad) || !strings.Contains(bad.Text+" ", want) || bad.Hint == "") {
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
}

// An error of the engine quotes the request, so that it must go nowhere.
func TestWhatCannotBeEvaluatedIsRefusedWithoutItsValues(t *testing.T) {
	s := steps(t, Rule{Require: `int(claims["plan"]) > 3`})
	x := asked(nil)
	v := s[0].Request.Request(x)
	if want := `rule 1 of authorise can't be evaluated for this request: int(claims["plan"]) > 3`; v.Fault != Refused || x.Cause.Error() != want {
		t.Errorf("got %v because of %v, want %q", v.Fault, x.Cause, want)
	}
	if len(x.Verdicts) > 0 || len(x.Problem.Detail)+len(x.Problem.Members) > 0 {
		t.Errorf("it is told as %q, %q", x.Verdicts, x.Problem)
	}
	x.Claims = append(x.Claims[:0], http7.Claim{Name: "plan", Value: []byte("4")})
	if v := s[0].Request.Request(x); v.Fault != nil {
		t.Errorf("the next is refused: %v", v.Fault)
	}
}
