package authorise

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

// identities is who asks in the tables below.
var identities = map[string]func(x *http7.Exchange){
	"nobody": func(x *http7.Exchange) { x.Scheme, x.Consumer, x.Groups, x.Scopes, x.Claims = "", "", nil, nil, nil },
	"reader": func(x *http7.Exchange) { x.Consumer, x.Groups, x.Scopes = "reader", nil, []string{"orders.read"} },
	"writer": func(x *http7.Exchange) {
		x.Consumer, x.Groups, x.Scopes = "writer", []string{"staff"}, []string{"orders.read", "orders.write"}
	},
	"partner": func(x *http7.Exchange) {
		x.Consumer, x.Groups, x.Scopes = "partner", []string{"partners"}, []string{"orders.write"}
	},
}

// The manual's first example, and one with exceptions: who may do what.
func TestWhoMayDoWhat(t *testing.T) {
	partners := []Rule{{Methods: []string{"GET", "HEAD"}, Require: "scope:orders.read"}, {Require: "scope:orders.write && group:partners"}}
	shop := []Rule{
		{Paths: []string{"/health"}, Require: "true"},
		{Paths: []string{"/admin/*"}, Methods: []string{"DELETE"}, Require: "false"},
		{Paths: []string{"/admin/*"}, Require: "group:staff"},
		{Paths: []string{"/me/{part}"}, Require: `path endsWith "/" + consumer && consumer != ""`},
	}
	for _, c := range []struct {
		rules   []Rule
		request string
		may     string // in this order: nobody, reader, writer, partner
	}{
		{partners, "GET /orders", "reader writer"},
		{partners, "HEAD /orders", "reader writer"},
		{partners, "POST /orders", "partner"},
		{partners, "OPTIONS *", "partner"},
		{shop, "GET /health", "nobody reader writer partner"},
		{shop, "DELETE /health", "nobody reader writer partner"},
		{shop, "GET /health/", ""},
		{shop, "GET /admin", "writer"},
		{shop, "GET /admin/users/7", "writer"},
		{shop, "DELETE /admin/users/7", ""},
		{shop, "GET /administrators", ""},
		{shop, "GET /me/reader", "reader"},
		{shop, "GET /me/", ""},
		{shop, "GET /me/partner", "partner"},
		{shop, "GET /me/partner/x", ""},
	} {
		s := steps(t, c.rules...)[0]
		var may []string
		for _, who := range []string{"nobody", "reader", "writer", "partner"} {
			x := asked(identities[who])
			method, path, _ := strings.Cut(c.request, " ")
			x.Method, x.Path = []byte(method), []byte(path)
			v := s.Request.Request(x)
			if v.Fault == nil {
				may = append(may, who)
			}
			if (v.Fault != nil) != (x.Cause != nil) || v.Fault != nil && (v.Fault.Status != 403 || v.Act != http7.Reply) {
				t.Errorf("%s by %s: %+v because of %v", c.request, who, v, x.Cause)
			}
		}
		if got := strings.Join(may, " "); got != c.may {
			t.Errorf("%s may %q, want %q", c.request, got, c.may)
		}
	}
}

// The order of rules is what decides, not how narrow they are.
func TestTheOrderOfRulesDecides(t *testing.T) {
	wide, narrow := Rule{Paths: []string{"/*"}, Require: "false"}, Rule{Paths: []string{"/orders/7"}, Require: "true"}
	for _, c := range []struct {
		rules []Rule
		may   bool
	}{{[]Rule{wide, narrow}, false}, {[]Rule{narrow, wide}, true}, {[]Rule{narrow}, true}, {[]Rule{wide}, false}} {
		if v := steps(t, c.rules...)[0].Request.Request(asked(nil)); (v.Fault == nil) != c.may {
			t.Errorf("%v: %v, want it allowed: %v", c.rules, v.Fault, c.may)
		}
	}
}

func TestManyRulesAreJudgedInOrder(t *testing.T) {
	var rules []Rule
	for i := range 200 {
		rules = append(rules, Rule{Paths: []string{fmt.Sprintf("/r%d/*", i)}, Require: fmt.Sprintf("group:g%d", i)})
	}
	s := steps(t, rules...)[0]
	for i := range 200 {
		for _, group := range []string{fmt.Sprintf("g%d", i), fmt.Sprintf("g%d", i+1)} {
			x := asked(func(x *http7.Exchange) { x.Path, x.Groups = fmt.Appendf(nil, "/r%d/a", i), []string{group} })
			if v, want := s.Request.Request(x), group == fmt.Sprintf("g%d", i); (v.Fault == nil) != want {
				t.Fatalf("rule %d for %s: %v", i, group, v.Fault)
			}
		}
	}
}
