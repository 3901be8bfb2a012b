package gateway

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/internal/admin"
	"weir/internal/conf"
	"weir/lb"
)

func TestAnOrderHoldsForWhatComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.toml")
	one, two := endpoint(t, "one"), endpoint(t, "two")
	listed(t, path, one, two)
	r := start(t, found(path, ""))
	r.assign(two, admin.Maintenance)
	gone := func() {
		t.Helper()
		listed(t, path, one)
		until(t, "the endpoint is gone", func() bool { return len(r.members("u")) == 1 })
	}
	back := func(state string) {
		t.Helper()
		listed(t, path, one, two)
		until(t, "the endpoint is back", func() bool { return len(r.members("u")) == 2 })
		if m := r.members("u"); m[two] != state {
			t.Errorf("what came back is %s, want %s", m[two], state)
		}
	}
	gone()
	if o := r.upstream("u").Orders; len(o) != 1 || o[0].Endpoint != two || o[0].Operator != "maintenance" || o[0].Since.IsZero() {
		t.Errorf("the status lists %+v as orders for who is absent", o)
	}
	st, err := r.g.Standing(admin.Order{Upstream: "u", Endpoint: two})
	if err != nil || len(st.Endpoints) != 1 || st.Endpoints[0].State != "absent" || st.Endpoints[0].Operator != "maintenance" {
		t.Errorf("an endpoint that is not present: %+v, %v", st, err)
	}
	back("maintenance")
	r.all("one")
	if o := r.upstream("u").Orders; len(o) != 0 {
		t.Errorf("orders for who is absent, with everybody there: %+v", o)
	}
	gone()
	if st := r.assign(two, admin.Drain); !st.Changed || st.Endpoints[0].Operator != "draining" { // another word, unseen
		t.Errorf("a drain of what is under an order and absent: %+v", st)
	}
	back("draining")
	gone()
	if st := r.assign(two, admin.Undrain); !st.Changed || st.Endpoints[0].State != "absent" || st.Endpoints[0].Operator != "" {
		t.Errorf("an undrain of what is absent: %+v", st)
	}
	if _, err := r.g.Assign(admin.Order{Upstream: "u", Endpoint: two}, admin.Undrain); err == nil {
		t.Error("there is nothing left to undrain, and nobody says so")
	}
	listed(t, path, one, two)
	r.all2("one", "two")
	for what, times := range map[string]int{"the order stays for when it comes back": 3, "an order holds for an endpoint that came": 2} {
		until(t, fmt.Sprintf("the log says %d times: %s", times, what), func() bool { return strings.Count(r.log.String(), what) == times })
	}
}

// all2 expects answers of both soon.
func (r *rig) all2(one, two string) {
	r.t.Helper()
	until(r.t, "both serve", func() bool {
		seen := map[string]bool{}
		for range 6 {
			_, body := r.get("web", "/")
			seen[body] = true
		}
		return seen[one] && seen[two]
	})
}

// TestAWordOnANameIsOneOnAllItsAddresses is the rule without a gateway: words are given to n, a name,
// or to one of its addresses a, b and c, of which some are there.
func TestAWordOnANameIsOneOnAllItsAddresses(t *testing.T) {
	const drain, out, ready = lb.Draining, lb.Maintenance, lb.Ready
	type word struct {
		key   string
		state lb.State
	}
	for _, c := range []struct {
		what  string
		there []string
		words []word
		want  []lb.State // of a, b, c
	}{
		{"nothing", []string{"a"}, nil, []lb.State{ready, ready, ready}},
		{"a drain of an address", []string{"a", "b"}, []word{{"a:1", drain}}, []lb.State{drain, ready, ready}},
		{"a drain of the name", []string{"a", "b"}, []word{{"n:1", drain}}, []lb.State{drain, drain, drain}},
		{"the name after an address", []string{"a", "b"}, []word{{"a:1", out}, {"n:1", drain}}, []lb.State{drain, drain, drain}},
		{"an address after the name", []string{"a", "b"}, []word{{"n:1", drain}, {"a:1", out}}, []lb.State{out, drain, drain}},
		{"all but one", []string{"a", "b"}, []word{{"n:1", drain}, {"b:1", ready}}, []lb.State{drain, ready, drain}},
		{"the name ends an exception", []string{"a", "b"}, []word{{"n:1", drain}, {"b:1", ready}, {"n:1", drain}}, []lb.State{drain, drain, drain}},
		{"an undrain of the name", []string{"a", "b"}, []word{{"n:1", drain}, {"a:1", out}, {"n:1", ready}}, []lb.State{ready, ready, ready}},
	} {
		g := New(Options{})
		members := upstreamOf(t, g, "n:1", c.there...)
		for _, w := range c.words {
			n := &named{upstream: members, key: w.key}
			for _, m := range members.View().Members() {
				if n.means(m.Endpoint) {
					n.members = append(n.members, m)
				}
			}
			g.orders.give(n, w.state)
			if g.orders.give(n, w.state) {
				t.Errorf("%s: the same word again is a change", c.what)
			}
		}
		var got []lb.State
		for _, a := range []string{"a:1", "b:1", "c:1"} {
			state, _ := g.orders.says("u", a, "n:1")
			got = append(got, state)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		if c.want[2] == ready && c.want[0] == ready && len(g.orders.given["u"]) != 0 {
			t.Errorf("%s: kept are %v", c.what, g.orders.given)
		}
		g.end()
	}
}

// upstreamOf returns the upstream u, in which a name has addresses.
func upstreamOf(t *testing.T, g *Gateway, name string, hosts ...string) *lb.Upstream {
	t.Helper()
	u, err := g.registry.Adopt("u", lb.Config{Balance: lb.RoundRobin, Discovered: true})
	if err != nil {
		t.Fatal(err)
	}
	var places []lb.Place
	for _, h := range hosts {
		a, err := conf.ParseAddress(h + ":1")
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, lb.Place{Address: a, Name: name, Weight: 1})
	}
	u.Update(places)
	until(t, "the view has them", func() bool { return len(u.View().Members()) == len(places) })
	return u
}

func TestAnAddressThatADrainedNameGainsIsDrained(t *testing.T) {
	g := New(Options{})
	defer g.end()
	u := upstreamOf(t, g, "n:1", "a")
	g.assign(&named{upstream: u, key: "n:1", members: u.View().Members()}, lb.Draining)
	retired := upstreamOf(t, g, "n:1", "a", "b") // as a reload would
	for _, m := range retired.View().Members() {
		if m.Endpoint.State() != lb.Draining || m.Endpoint.Why() != orderWhy {
			t.Errorf("%s is %s (%s)", m.Endpoint, m.Endpoint.State(), m.Endpoint.Why())
		}
	}
}
