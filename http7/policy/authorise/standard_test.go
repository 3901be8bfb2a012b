package authorise

import (
	"net/netip"
	"testing"

	"weir/http7"
)

// What RFC 9110, RFC 4291 and the manual say that a request is, and what a requirement says of it.
func TestRequirementsReadRequestsAsTheStandardsHaveThem(t *testing.T) {
	for _, c := range []struct {
		what, require string
		change        func(x *http7.Exchange)
		want          bool
	}{
		{"methods are told apart by case (RFC 9110 §9.1)", `method == "get"`, nil, false},
		{"names of fields are not (§5.1)", `headers["X-TENANT"] == "acme"`, nil, true},
		{"values are", `headers["X-Tenant"] == "ACME"`, nil, false},
		{"several fields are one list (§5.3)", `"b" in split(headers["X-Two"], ", ")`, nil, true},
		{"an empty field is one that is there, and says nothing", `headers["X-Empty"] == ""`, func(x *http7.Exchange) { x.Request.AddRaw([]byte("X-Empty"), nil) }, true},
		{"hosts are not told apart by case (RFC 9110 §4.2.3)", `host == "api.example.com:8443"`, func(x *http7.Exchange) { x.Authority = []byte("Api.EXAMPLE.com:8443") }, true},
		{"paths are (§4.2.3)", `path == "/Orders/7"`, nil, false},
		{"a query is what stands behind the mark", `query == "page=2"`, nil, true},
		{"no query", `query == ""`, func(x *http7.Exchange) { x.Query = nil }, true},
		{"an address in its block", `client_in("10.1.2.0/24")`, nil, true},
		{"the block behind it", `client_in("10.1.3.0/24")`, nil, false},
		{"the last address of a block", `client_in("10.1.2.0/24")`, at("10.1.2.255"), true},
		{"all of IPv4", `client_in("0.0.0.0/0")`, nil, true},
		{"all of IPv6 has none of IPv4", `client_in("::/0")`, nil, false},
		{"all of IPv4 has none of IPv6", `client_in("0.0.0.0/0")`, at("2001:db8::1"), false},
		{"an address of IPv6", `client_in("2001:db8::/32")`, at("2001:db8:ffff::1"), true},
		{"another spelling of a block (RFC 4291 §2.2)", `client_in("2001:0DB8:0::/32")`, at("2001:db8::1"), true},
		{"an address as it is written (RFC 5952)", `client == "2001:db8::1"`, at("2001:0db8:0000::0001"), true},
		{"one of several blocks", `client_in("192.0.2.0/24", "2001:db8::/32", "10.1.2.3")`, nil, true},
		{"a country that is not known", `country == "DE"`, func(x *http7.Exchange) { x.Country = "" }, false},
		{"scopes are told apart by case (RFC 6749 §3.3)", `scope:Orders.Read`, nil, false},
		{"a scope is a word, not its beginning", `scope:orders`, nil, false},
		{"a group of no identity", `group:staff`, func(x *http7.Exchange) { *x = *nobody() }, false},
		{"names of claims are told apart by case (RFC 7519 §10.1.1)", `claims["Plan"] == "gold"`, nil, false},
		{"a claim with two values is none of them", `claims["role"] == "editor" || claims["role"] == "admin"`, nil, false},
		{"all values of a claim", `all(claim_values["role"], # in ["editor", "admin"])`, nil, true},
		{"all of no values", `all(claim_values["none"], # == "x")`, nil, true},
		{"any of no values", `any(claim_values["none"], true)`, nil, false},
		{"numbers are compared as numbers", `int(claims["level"]) > 10`, nil, false},
		{"texts as texts", `claims["level"] > "10"`, nil, true},
		{"a regular expression finds, unless it is tied", `path matches "[0-9]"`, nil, true},
		{"one that is tied", `path matches "^[0-9]$"`, nil, false},
		{"its dot takes no line end", `headers["X-Line"] matches "^a.b$"`, func(x *http7.Exchange) { x.Request.AddRaw([]byte("X-Line"), []byte("a\nb")) }, false},
		{"its end is the text's end, not a line's", `headers["X-Line"] matches "^a$"`, func(x *http7.Exchange) { x.Request.AddRaw([]byte("X-Line"), []byte("a\n")) }, false},
		{"not binds closer than and", `not scope:x and scope:orders.read`, nil, true},
		{"and binds closer than or", `scope:orders.read or scope:x and scope:y`, nil, true},
		{"parentheses bind closest", `(scope:orders.read or scope:x) and scope:y`, nil, false},
		{"comparisons bind closer than and", `path == "/orders/7" && method != "PUT"`, nil, true},
		{"what decides ends the rest: no error is made", `identified || int(claims["plan"]) > 1`, nil, true},
		{"and so with and", `scope:x && int(claims["plan"]) > 1`, nil, false},
	} {
		x := asked(c.change)
		if got, err := requires(t, c.require).holds(x); got != c.want || err != nil {
			t.Errorf("%s: %s: %v, %v, want %v", c.what, c.require, got, err, c.want)
		}
	}
}

func at(address string) func(*http7.Exchange) {
	return func(x *http7.Exchange) { x.Client = netip.MustParseAddr(address) }
}

// What one request cannot be asked is refused, never allowed, and the next is judged afresh.
func TestWhatFailsForARequestIsRefusedWhateverItWouldHaveAllowed(t *testing.T) {
	for _, text := range []string{
		`int(claims["plan"]) > 1`, `!(int(claims["plan"]) > 1)`, `int(claims["plan"]) > 1 || identified`, `int(headers["X-None"]) == 0 || identified`,
		`int("99999999999999999999") > 0`, `any(groups, int(#) > 0)`,
	} {
		s := steps(t, Rule{Require: text})[0]
		if v := s.Request.Request(asked(nil)); v.Fault != Refused {
			t.Errorf("%s: %v", text, v.Fault)
		}
	}
	s := steps(t, Rule{Require: `int(headers["X-Level"]) > 3`})[0]
	for _, c := range []struct {
		level string
		want  bool
	}{{"4", true}, {"x", false}, {"5", true}, {"", false}, {"3", false}, {"4.5", false}, {" 4", false}, {"1e9", false}} {
		x := asked(func(x *http7.Exchange) { x.Request.AddRaw([]byte("X-Level"), []byte(c.level)) })
		if v := s.Request.Request(x); (v.Fault == nil) != c.want {
			t.Errorf("level %q: %v", c.level, v.Fault)
		}
	}
}
