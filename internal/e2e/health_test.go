//go:build linux

package e2e

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"weir/internal/certs"
)

// patient is an HTTP endpoint that can fall ill: what it then answers, and where.
type patient struct {
	addr     string
	ill      atomic.Bool
	illAt    string      // a path; "": everywhere
	unfit    atomic.Bool // for probes alone
	requests atomic.Int64
}

func newPatient(t *testing.T, illAt string) *patient {
	t.Helper()
	p := &patient{illAt: illAt}
	ln := listen(t)
	p.addr = endpointOf(ln)
	s := &http.Server{Handler: p}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ln) }) // ends by Close
	t.Cleanup(func() { _ = s.Close(); serving.Wait() })
	return p
}

// ServeHTTP implements http.Handler.
func (p *patient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		p.requests.Add(1)
	}
	if p.unfit.Load() && r.URL.Path == "/healthz" || p.ill.Load() && (p.illAt == "" || p.illAt == r.URL.Path) {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// asks sends n requests in turn over one connection and returns how many were answered 200.
func asks(w *wire, path string, n int) (ok int) {
	for range n {
		if status, _ := w.get(path); status == 200 {
			ok++
		}
	}
	return ok
}

// An endpoint that answers nothing but 500 has less than 1 % of the traffic soon after, with no probe
// to tell.
func TestAnEndpointThatFailsLosesItsTraffic(t *testing.T) {
	t.Parallel()
	var all []*patient
	vars := []string{}
	for _, name := range []string{"a", "b", "c", "d"} {
		p := newPatient(t, "")
		all = append(all, p)
		vars = append(vars, name, p.addr)
	}
	c := start(t, upstreamOnly+"endpoints = [\"{a}\", \"{b}\", \"{c}\", \"{d}\"]\nbalance = \"random\"\noutliers.base_ejection = \"1m\"\n", vars...)
	w := dial(t, c.at(8080))
	asks(w, "/", 200)
	all[0].ill.Store(true)
	// The view follows the ejection within a tenth of a second.
	eventually(t, "it has no more", func() bool { return asks(w, "/", 100) == 100 })
	before := all[0].requests.Load()
	if ok := asks(w, "/", 1000); ok < 991 || all[0].requests.Load()-before > 9 {
		t.Errorf("of 1000 requests %d went well and %d went to the endpoint that fails", ok, all[0].requests.Load()-before)
	}
	c.logged(1, "ejected for 1m0s: ", "errors in a row on a route that the others serve", all[0].addr)
}

// A route that fails on every endpoint costs no endpoint the others' traffic.
func TestARouteThatFailsEverywhereEjectsNobody(t *testing.T) {
	t.Parallel()
	a, b, third := newPatient(t, "/bad"), newPatient(t, "/bad"), newPatient(t, "/bad")
	c := start(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[[routes]]
name = "bad"
match.path = "/bad"
upstream = "api"
[upstreams.api]
endpoints = ["{a}", "{b}", "{c}"]
balance = "random"
`, "a", a.addr, "b", b.addr, "c", third.addr)
	w := dial(t, c.at(8080))
	for round := range 100 {
		if round == 10 {
			a.ill.Store(true)
			b.ill.Store(true)
			third.ill.Store(true)
		}
		if ok := asks(w, "/", 5); ok != 5 {
			t.Fatalf("round %d: %d of 5 requests on the good route", round, ok)
		}
		if ok := asks(w, "/bad", 5); (ok == 0) != (round >= 10) {
			t.Fatalf("round %d: %d of 5 requests on the bad route", round, ok)
		}
	}
	if n := c.metrics().sum("weir_upstream_ejections_total", `upstream="api"`); n != 0 {
		t.Errorf("%v ejections\n%s", n, c.stderr.String())
	}
}

// A probe that has seen an endpoint fail and recover ends its ejection long before its time.
func TestAPassingProbeEndsAnEjection(t *testing.T) {
	t.Parallel()
	a, b, third := newPatient(t, "/"), newPatient(t, ""), newPatient(t, "")
	c := start(t, upstreamOnly+`endpoints = ["{a}", "{b}", "{c}"]
balance = "random"
outliers.base_ejection = "250s"
health = { http = { path = "/healthz" }, interval = "100ms" }
`, "a", a.addr, "b", b.addr, "c", third.addr)
	w := dial(t, c.at(8080))
	eventually(t, "all are ready", func() bool {
		s := c.endpointStates("api")
		return s[a.addr] == "ready" && s[b.addr] == "ready" && s[third.addr] == "ready"
	})
	asks(w, "/", 100)
	a.ill.Store(true)
	eventually(t, "it is ejected", func() bool {
		asks(w, "/", 10)
		return len(c.stderr.lines("ejected for 4m10s", a.addr)) == 1
	})
	a.unfit.Store(true) // not before: an endpoint that is down is asked nothing that could eject it
	eventually(t, "and down", func() bool { return c.endpointStates("api")[a.addr] == "down" })
	a.ill.Store(false)
	a.unfit.Store(false)
	eventually(t, "it serves again", func() bool { return c.endpointStates("api")[a.addr] == "ready" })
	c.logged(1, "no longer ejected: it passes its probes again", a.addr)
}

// The two probes that speak more than HTTP/1.1 in plain text, at endpoints that do too.
func TestProbesByGRPCAndOverTLS(t *testing.T) {
	t.Parallel()
	ln := listen(t)
	state, server := health.NewServer(), grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	state.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) }) // ends with Stop
	t.Cleanup(func() { server.Stop(); serving.Wait() })

	pair, err := certs.SelfSigned("orders.internal")
	if err != nil {
		t.Fatal(err)
	}
	secure := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{pair}})
	p := &patient{illAt: ""}
	s := &http.Server{Handler: p}
	serving.Go(func() { _ = s.Serve(secure) }) // ends with Close
	t.Cleanup(func() { _ = s.Close() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}

	c := start(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "grpc"
[upstreams.grpc]
endpoints = "{grpc}"
health = { grpc = { service = "shop.Orders" }, interval = "50ms", fall = 1 }
[upstreams.tls]
endpoints = "{tls}"
health = { http = { path = "/healthz" }, tls = { ca = "{ca}", server_name = "orders.internal" }, interval = "50ms", fall = 1 }
`, "grpc", endpointOf(ln), "tls", endpointOf(secure), "ca", ca)
	is := func(upstream, address, want string) {
		t.Helper()
		eventually(t, upstream+" is "+want, func() bool { return c.endpointStates(upstream)[address] == want })
	}
	is("grpc", endpointOf(ln), "ready")
	is("tls", endpointOf(secure), "ready")
	state.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	p.ill.Store(true)
	is("grpc", endpointOf(ln), "down")
	is("tls", endpointOf(secure), "down")
	c.logged(1, "down: the endpoint says NOT_SERVING (1 of 1 probes failed)")
	state.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	p.ill.Store(false)
	is("grpc", endpointOf(ln), "ready")
	is("tls", endpointOf(secure), "ready")
}
