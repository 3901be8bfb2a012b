package authorise

import (
	"net/netip"
	"testing"

	"weir/http7"
)

// asked is the exchange that most tests judge, changed by change.
func asked(change func(*http7.Exchange)) *http7.Exchange {
	x := &http7.Exchange{
		Conn: &http7.Conn{Listener: "web"}, Route: &http7.Route{Name: "orders"}, Method: []byte("GET"), Path: []byte("/orders/7"),
		Query: []byte("page=2"), Authority: []byte("API.example.com:8443"), Client: netip.MustParseAddr("10.1.2.3"), Secure: true, Country: "DE",
	}
	x.Establish(http7.Identity{Scheme: "jwt", Consumer: "shop", Groups: []string{"staff", "partners"}, Scopes: []string{"orders.read", "orders.write"}})
	x.Claims = append(x.Claims,
		http7.Claim{Name: "plan", Value: []byte("gold")}, http7.Claim{Name: "tenant", Value: []byte("acme")}, http7.Claim{Name: "level", Value: []byte("7")},
		http7.Claim{Name: "role", Value: []byte("editor")}, http7.Claim{Name: "role", Value: []byte("admin")})
	for _, line := range [][2]string{{"X-Tenant", "acme"}, {"X-Two", "a"}, {"x-two", "b"}} {
		x.Request.AddRaw([]byte(line[0]), []byte(line[1]))
	}
	if change != nil {
		change(x)
	}
	return x
}

// nobody is asked without an identity.
func nobody() *http7.Exchange {
	return &http7.Exchange{Method: []byte("GET"), Path: []byte("/orders/7")}
}

// steps is Compile of rules that are right.
func steps(t testing.TB, rules ...Rule) []http7.Step {
	t.Helper()
	c := Config(rules)
	s, err := Compile(&c, "edge", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// requires compiles a requirement that is right.
func requires(t testing.TB, text string) *requirement {
	t.Helper()
	r, err := newRequirement(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &r
}
