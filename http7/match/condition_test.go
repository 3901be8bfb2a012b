package match

import (
	"net/netip"
	"strings"
	"testing"

	"weir/http7"
)

// when writes a condition as the config does: "*" present, "!" absent, "~" a regular expression.
func when(on http7.Subject, name, text string) http7.Condition {
	c := http7.Condition{On: on, Name: name, Value: text}
	switch {
	case text == "*":
		c.Test, c.Value = http7.Exists, ""
	case text == "!":
		c.Test, c.Value = http7.Missing, ""
	case strings.HasPrefix(text, "~"):
		c.Test, c.Value = http7.Matches, text[1:]
	}
	return c
}

// holds asks a route with nothing but this condition.
func holds(t *testing.T, c http7.Condition, x *http7.Exchange) bool {
	t.Helper()
	if err := CheckCondition(c); err != nil {
		t.Errorf("%+v: %v", c, err)
	}
	return found(t, x, with("/*", c)) != "none"
}

func TestHeadersAreMatched(t *testing.T) {
	for _, c := range []struct {
		want   string
		values []string
		holds  bool
	}{
		{"acme", nil, false},
		{"acme", []string{"acme"}, true},
		{"acme", []string{"Acme"}, false},
		{"acme", []string{"acme2"}, false},
		{"acme", []string{"acme", "acme"}, true},
		{"acme", []string{"acme", "other"}, false},
		{"acme", []string{"other", "acme"}, false},
		{"acme", []string{"acme, acme"}, false},
		{"", []string{""}, true},
		{"", nil, false},
		{"*", nil, false},
		{"*", []string{""}, true},
		{"*", []string{"a", "b"}, true},
		{"!", nil, true},
		{"!", []string{""}, false},
		{"!", []string{"a"}, false},
		{"~^a", []string{"ab"}, true},
		{"~b", []string{"ab"}, true},
		{"~^b", []string{"ab"}, false},
		{"~a", []string{"a", "xa"}, true},
		{"~a", []string{"a", "x"}, false},
		{"~.*", nil, false},
	} {
		x := ask("GET", "h", "/")
		for _, v := range c.values {
			x.Request.AddRaw([]byte("x-TENANT"), []byte(v))
		}
		if got := holds(t, when(http7.OnHeader, "X-Tenant", c.want), x); got != c.holds {
			t.Errorf("X-Tenant %q of %q: %v, want %v", c.want, c.values, got, c.holds)
		}
	}
}

func TestParametersOfTheQueryAreMatched(t *testing.T) {
	for _, c := range []struct {
		name, want, query string
		holds             bool
	}{
		{"version", "2", "", false},
		{"version", "2", "version=2", true},
		{"version", "2", "a=1&version=2&b", true},
		{"version", "2", "version=%32", true},
		{"version", "2", "%76ersion=2", true},
		{"version", "2", "Version=2", false},
		{"version", "2", "version=2&version=2", true},
		{"version", "2", "version=2&version=3", false},
		{"version", "2", "version=2&%76ersion=3", false},
		{"version", "2", "version=2;version=3", false},
		{"a b", "c d", "a+b=c%20d", true},
		{"a", "%", "a=%", true},
		{"a", "%zz", "a=%zz", true},
		{"a", "", "a", true},
		{"a", "", "a=", true},
		{"a", "*", "a", true},
		{"a", "!", "b=a", true},
		{"a", "!", "a", false},
		{"a", "~^x y$", "a=x+y", true},
		{"a", "~^x y$", "a=x%20y&a=z", false},
		{"a", "~^\\d+$", "a=12", true},
		{"a", "~^\\d+$", "a=1%32", true},
		{"a", "~^\\d+$", "a=1%61", false},
		{"", "1", "=1", true},
	} {
		x := ask("GET", "h", "/")
		x.Query = []byte(c.query)
		if got := holds(t, when(http7.OnQuery, c.name, c.want), x); got != c.holds {
			t.Errorf("%q=%q of ?%s: %v, want %v", c.name, c.want, c.query, got, c.holds)
		}
	}
}

func TestCookiesAreMatched(t *testing.T) {
	for _, c := range []struct {
		want   string
		fields []string
		holds  bool
	}{
		{"b", nil, false},
		{"b", []string{"cohort=b"}, true},
		{"b", []string{"a=1; cohort=b"}, true},
		{"b", []string{"a=1", "cohort=b"}, true},
		{"b", []string{"cohort=b; cohort=a"}, false},
		{"b", []string{"Cohort=b"}, false},
		{"*", []string{"cohort="}, true},
		{"!", []string{"xcohort=1"}, true},
		{"!", []string{"cohort=1"}, false},
		{"~^[ab]$", []string{"cohort=a"}, true},
	} {
		x := ask("GET", "h", "/")
		for _, v := range c.fields {
			x.Request.AddRaw([]byte("Cookie"), []byte(v))
		}
		if got := holds(t, when(http7.OnCookie, "cohort", c.want), x); got != c.holds {
			t.Errorf("cohort %q of %q: %v, want %v", c.want, c.fields, got, c.holds)
		}
	}
}

func TestClaimsAreMatched(t *testing.T) {
	claims := []http7.Claim{{Name: "plan", Value: []byte("gold")}, {Name: "scope", Value: []byte("read")}, {Name: "scope", Value: []byte("write")}}
	for _, c := range []struct {
		name, want string
		holds      bool
	}{
		{"plan", "gold", true}, {"plan", "silver", false}, {"Plan", "gold", false}, {"plan", "*", true}, {"plan", "!", false},
		{"scope", "read", false}, {"scope", "~^(read|write)$", true}, {"none", "!", true}, {"none", "*", false},
	} {
		x := ask("GET", "h", "/")
		x.Claims = claims
		if got := holds(t, when(http7.OnClaim, c.name, c.want), x); got != c.holds {
			t.Errorf("%s %q: %v, want %v", c.name, c.want, got, c.holds)
		}
	}
}

func TestClientsAreMatchedByBlock(t *testing.T) {
	blocks := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::/32")}
	for client, want := range map[string]bool{
		"192.0.2.1": true, "192.0.3.1": false, "::ffff:192.0.2.1": true, "2001:db8::1": true, "2001:db9::1": false, "2001:db8::1%eth0": true, "": false,
	} {
		x := ask("GET", "h", "/")
		if client != "" {
			x.Client = netip.MustParseAddr(client)
		}
		if got := holds(t, http7.Condition{On: http7.OnClient, Test: http7.OneOf, Prefixes: blocks}, x); got != want {
			t.Errorf("%q: %v, want %v", client, got, want)
		}
	}
}

func TestCountriesAndServerNamesAreMatched(t *testing.T) {
	x := ask("GET", "h", "/")
	x.Country = "DE"
	x.Conn = &http7.Conn{SNI: "API.example.com"}
	empty := ask("GET", "h", "/")
	for _, c := range []struct {
		is      http7.Condition
		x       *http7.Exchange
		holding bool
	}{
		{http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: []string{"FR", "DE"}}, x, true},
		{http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: []string{"FR"}}, x, false},
		{http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: []string{"FR"}}, empty, false},
		{when(http7.OnCountry, "", "!"), empty, true},
		{when(http7.OnCountry, "", "!"), x, false},
		{when(http7.OnCountry, "", "~^D"), x, true},
		{when(http7.OnSNI, "", "api.example.com"), x, true},
		{when(http7.OnSNI, "", "Api.Example.com"), x, true},
		{when(http7.OnSNI, "", "b.example.com"), x, false},
		{when(http7.OnSNI, "", "~^api\\."), x, true},
		{when(http7.OnSNI, "", "*"), empty, false},
		{when(http7.OnSNI, "", "!"), empty, true},
		{when(http7.OnSNI, "", "!"), x, false},
	} {
		if got := holds(t, c.is, c.x); got != c.holding {
			t.Errorf("%+v: %v, want %v", c.is, got, c.holding)
		}
	}
}

func TestTheNumberOfConditionsAndThenPriorityDecide(t *testing.T) {
	a, b := when(http7.OnHeader, "X-A", "1"), when(http7.OnQuery, "b", "2")
	x := ask("GET", "h", "/p")
	x.Request.AddRaw([]byte("X-A"), []byte("1"))
	x.Query = []byte("b=2")
	two, one, none, method := with("/p", a, b), with("/p", a), path("/p"), path("/p", "GET")
	first, second := with("/p", a), with("/p", b)
	first.Priority = 1
	for _, c := range []struct {
		what   string
		winner *http7.Route
		others []*http7.Route
	}{
		{"two conditions before one and none", two, []*http7.Route{one, none}},
		{"a method set before conditions", method, []*http7.Route{two}},
		{"a better path before conditions", path("/{x}"), []*http7.Route{with("/*", a, b)}},
		{"priority among as many", first, []*http7.Route{second, none}},
		{"conditions before priority", two, []*http7.Route{first}},
	} {
		all := append([]*http7.Route{c.winner}, c.others...)
		for i, r := range all {
			r.Name = string(rune('a' + i))
		}
		for range all {
			all = append(all[1:], all[0])
			if got := found(t, x, all...); got != "a" {
				t.Errorf("%s: found %s", c.what, got)
			}
		}
	}
}
