package gateway

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/admin"
	"weir/internal/conf"
	"weir/lb"
)

// fleet is a config with n endpoints of an upstream that nobody uses.
func fleet(n int) string {
	var b strings.Builder
	b.WriteString(answers("127.0.0.1:0", "x") + "[upstreams.fleet]\nmax_in_flight = \"adaptive\"\nendpoints = [")
	for i := range n {
		fmt.Fprintf(&b, "\"127.%d.%d.1:80\",", 1+i/250, 1+i%250)
	}
	b.WriteString("]\n")
	return b.String()
}

// The bounds are wide: a scrape takes some 30 ms, a status and a reload less than half a second.
func TestTenThousandEndpointsCanBeScrapedShownAndReloaded(t *testing.T) {
	r := start(t, fleet(10_000))
	within := func(what string, limit time.Duration, do func()) {
		begin := time.Now()
		do()
		if took := time.Since(begin); took > limit {
			t.Errorf("%s takes %v", what, took)
		} else {
			t.Logf("%s takes %v", what, took)
		}
	}
	within("a scrape", 5*time.Second, func() {
		if n := strings.Count(r.metrics(), "\nweir_endpoint_state{"); n != 60_000 {
			t.Errorf("%d series of states, want 6 for each endpoint", n)
		}
	})
	within("a status", 5*time.Second, func() {
		if n := len(r.upstream("fleet").Endpoints); n != 10_000 {
			t.Errorf("%d endpoints", n)
		}
	})
	within("an order", 5*time.Second, func() {
		if _, err := r.g.Assign(admin.Order{Upstream: "fleet", Endpoint: "127.1.1.1:80"}, admin.Drain); err != nil {
			t.Error(err)
		}
	})
	within("a reload", 20*time.Second, func() { r.reload(fleet(10_000)) })
}

func BenchmarkScrapeOfTenThousandEndpoints(b *testing.B) {
	r := start(b, fleet(10_000))
	var w bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		r.g.metrics(&w)
	}
}

// A counter that goes down looks like a restart, and the whole of it counts again.
func TestTheSumOfPicksNeverGoesDown(t *testing.T) {
	var gone []*lb.Endpoint
	r := lb.NewRegistry(func(e *lb.Endpoint) { gone = append(gone, e) })
	cfg := lb.Default()
	cfg.Discovered = true
	u, err := r.Adopt("u", cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := conf.ParseAddress("127.0.0.1:1")
	u.Update([]lb.Place{{Address: a, Weight: 1}})
	var d departed
	use := func() {
		lease, why := u.Pick(lb.Key{}, lb.Tried{})
		if !lease.Ok() {
			t.Fatal(why)
		}
		lease.Done(lb.Outcome{})
	}
	e := u.View().Members()[0].Endpoint
	for range 3 {
		use()
	}
	if n := d.sum("u", e.Picked()); n != 3 {
		t.Errorf("%d picks, want 3", n)
	}
	r.Retire(u)
	if len(gone) != 1 {
		t.Fatalf("%d endpoints are gone", len(gone))
	}
	d.add(gone[0])
	for _, c := range []struct{ live, want uint64 }{{0, 3}, {2, 5}, {1, 5}, {4, 7}} { // the 1 is a view that lags behind
		if n := d.sum("u", c.live); n != c.want {
			t.Errorf("with %d of those that live the sum is %d, want %d", c.live, n, c.want)
		}
	}
	d.keep(func(string) bool { return false })
	if n := d.sum("u", 0); n != 0 {
		t.Errorf("an upstream that came anew begins with %d", n)
	}
}
