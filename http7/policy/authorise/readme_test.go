package authorise_test

import (
	"testing"

	"weir/http7"
	"weir/http7/policy/authorise"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

// asks is a request with its identity, and whether it is allowed.
type asks struct {
	method, path, tenant, role, group, scope string
	want                                     bool
}

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct {
		bundle string
		asks   []asks
	}{
		{"partners", []asks{
			{method: "GET", scope: "orders.read", want: true}, {method: "GET", scope: "orders.write", group: "partners"},
			{method: "PUT", scope: "orders.write", group: "partners", want: true}, {method: "PUT", scope: "orders.write"},
		}},
		{"tenants", []asks{
			{method: "GET", path: "/docs/a", want: true}, {method: "GET", path: "/tenants/a/b", tenant: "a", want: true}, {method: "GET", path: "/tenants/b/b", tenant: "a"},
			{method: "GET", path: "/tenants//b"}, {method: "GET", path: "/tenants/ab/", tenant: "a"}, {method: "GET", path: "/", tenant: "a"},
		}},
		{"trial", []asks{{method: "DELETE", role: "viewer", want: true}, {method: "GET", want: true}}},
	}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}, "no policy finds out who a client is") {
		steps, err := authorise.Compile(&c.Policies[wants[i].bundle].Authorise, wants[i].bundle, nil)
		if err != nil {
			t.Fatal(err)
		}
		enforced := steps[len(steps)-1]
		for _, a := range wants[i].asks {
			x := a.exchange()
			if v := enforced.Request.Request(x); (v.Fault == nil) != a.want {
				t.Errorf("example %d: %+v: %v because of %v", i+1, a, v.Fault, x.Cause)
			}
		}
		if wants[i].bundle == "trial" && steps[0].Request.Request(wants[i].asks[0].exchange()).Fault == nil {
			t.Error("the trial would let a viewer delete")
		}
	}
}

func (a *asks) exchange() *http7.Exchange {
	x := &http7.Exchange{Method: []byte(a.method), Path: []byte(a.path)}
	x.Establish(http7.Identity{Scheme: "jwt", Groups: []string{a.group}, Scopes: []string{a.scope}})
	for name, value := range map[string]string{"tenant": a.tenant, "role": a.role} {
		if value != "" {
			x.Claims = append(x.Claims, http7.Claim{Name: name, Value: []byte(value)})
		}
	}
	return x
}
