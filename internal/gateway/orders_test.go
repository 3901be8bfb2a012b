package gateway

import (
	"errors"
	"strings"
	"testing"

	"weir/internal/admin"
)

// turns is a config of two endpoints that take turns.
func turns(one, two string) string {
	return "[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"u\"\n[upstreams.u]\nbalance = \"round_robin\"\nendpoints = [\"" + one + "\", \"" + two + "\"]\n"
}

func (r *rig) assign(endpoint string, d admin.Duty) admin.Standing {
	r.t.Helper()
	st, err := r.g.Assign(admin.Order{Upstream: "u", Endpoint: endpoint}, d)
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

// all expects that the next answers come from name alone.
func (r *rig) all(name string) {
	r.t.Helper()
	until(r.t, "all answers come from "+name, func() bool {
		for range 6 {
			if _, body := r.get("web", "/"); body != name {
				return false
			}
		}
		return true
	})
}

func TestAnOrderTakesAnEndpointOutAndIn(t *testing.T) {
	one, two := endpoint(t, "one"), endpoint(t, "two")
	r := start(t, turns(one, two))
	for _, c := range []struct {
		order   admin.Duty
		state   string
		changed bool
	}{
		{admin.Drain, "draining", true},
		{admin.Drain, "draining", false},
		{admin.Maintenance, "maintenance", true},
		{admin.Drain, "draining", true},
	} {
		st := r.assign(one, c.order)
		if st.Changed != c.changed || st.Endpoints[0].State != c.state || st.Endpoints[0].Operator != c.state || st.Endpoints[0].Address != one {
			t.Errorf("%s: %+v, want %s, changed %v", c.order, st, c.state, c.changed)
		}
	}
	r.all("two")
	r.assign(two, admin.Maintenance)
	r.all("one") // a draining one serves when no other is fit
	r.assign(one, admin.Maintenance)
	until(t, "nobody serves", func() bool { status, _ := r.get("web", "/"); return status == 503 })
	for _, e := range []string{one, two} {
		if st := r.assign(e, admin.Undrain); !st.Changed || st.Endpoints[0].State != "ready" || st.Endpoints[0].Operator != "" || st.Endpoints[0].Why != "" {
			t.Errorf("undrain: %+v", st)
		}
	}
	until(t, "both serve", func() bool {
		seen := map[string]bool{}
		for range 6 {
			_, body := r.get("web", "/")
			seen[body] = true
		}
		return seen["one"] && seen["two"]
	})
	for _, want := range []string{"order: drain", "order: maintenance", "order: undrain"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %q", want)
		}
	}
}

func TestAnOrderSurvivesReloads(t *testing.T) {
	one, two := endpoint(t, "one"), endpoint(t, "two")
	r := start(t, turns(one, two))
	r.assign(one, admin.Maintenance)
	r.reload(turns(two, one) + "retry.attempts = 1\n")
	r.all("two")
	r.reload(turns(two, endpoint(t, "three")))
	r.reload(turns(one, two))
	r.all("two") // also after one without the endpoint
	if m := r.members("u"); m[one] != "maintenance" || m[two] == "maintenance" {
		t.Errorf("an endpoint that is back: %v", m)
	}
	other := strings.ReplaceAll(turns(one, two), "\"u\"", "\"v\"")
	r.reload(strings.ReplaceAll(other, "upstreams.u", "upstreams.v"))
	r.reload(turns(one, two))
	if m := r.members("u"); m[one] == "maintenance" {
		t.Errorf("an upstream that was gone has its order still: %v", m)
	}
	if !strings.Contains(r.log.String(), "order ended: its upstream is gone") {
		t.Error("the log does not say that the order ended")
	}
}

func TestAProbeDoesNotUndoAnOrder(t *testing.T) {
	one, two := endpoint(t, "one"), endpoint(t, "two")
	r := start(t, turns(one, two)+"health = { tcp = {}, interval = \"10ms\", rise = 1 }\n")
	r.assign(one, admin.Drain)
	until(t, "it was probed", func() bool {
		for _, report := range r.g.monitor.Report() {
			if report.Endpoint.Address() == one && report.Succeeded > 3 {
				return true
			}
		}
		return false
	})
	if st, err := r.g.Standing(admin.Order{Upstream: "u", Endpoint: one}); err != nil || st.Endpoints[0].State != "draining" || st.Changed {
		t.Errorf("after probes: %+v, %v", st, err)
	}
	if text := r.metrics(); !strings.Contains(text, `weir_endpoint_probes_total{upstream="u",endpoint="`+one+`",result="failed"} 0`) {
		t.Error("the probes are not counted")
	}
}

func TestWhatIsUnknownIsSaidWithWhatThereIs(t *testing.T) {
	r := start(t, turns("127.0.0.1:1", "[::1]:1"))
	for _, c := range []struct{ upstream, endpoint, want string }{
		{"nope", "a", `there is no upstream "nope"; there is "u"`},
		{"u", "127.0.0.1:2", `there is no endpoint "127.0.0.1:2" in upstream u`},
		{"u", "\x00", `there is no endpoint "\x00" in upstream u`},
	} {
		_, err := r.g.Standing(admin.Order{Upstream: c.upstream, Endpoint: c.endpoint})
		var unknown *admin.UnknownError
		if !errors.As(err, &unknown) || !strings.HasPrefix(unknown.Text, c.want) {
			t.Errorf("%q %q: %v, want %s", c.upstream, c.endpoint, err, c.want)
		}
	}
	// Another spelling of an address is the address.
	if _, err := r.g.Standing(admin.Order{Upstream: "u", Endpoint: "[0:0:0:0:0:0:0:1]:1"}); err != nil {
		t.Error(err)
	}
}

func TestADrainSaysWhatIsInFlight(t *testing.T) {
	r := start(t, "[listeners.raw]\n"+any0+"kind = \"tcp\"\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+echo(t)+"\"\n")
	s := r.session("raw")
	s.echoes("hello")
	address := r.upstream("u").Endpoints[0].Address
	if st := r.assign(address, admin.Drain); st.InFlight != 1 || st.Endpoints[0].InFlight != 1 {
		t.Errorf("with a session: %+v", st)
	}
	s.echoes("it goes on")
	_ = s.Close()
	until(t, "nothing is in flight", func() bool {
		st, err := r.g.Standing(admin.Order{Upstream: "u", Endpoint: address})
		return err == nil && st.InFlight == 0
	})
}
