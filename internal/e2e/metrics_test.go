//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// twoRoutes has a second route, and an upstream that it alone uses.
const twoRoutes = web + `
[[routes]]
name = "extra"
match = { path = "/extra/*" }
upstream = "more"
[upstreams.more]
endpoints = "{more}"
`

// The families that have series of their own for each route and upstream.
var (
	byRoute    = []string{"weir_http_requests_total", "weir_http_request_duration_seconds_count", "weir_http_response_bytes_total"}
	byUpstream = []string{"weir_upstream_attempts_total", "weir_upstream_duration_seconds_count"}
)

func TestSeriesComeWithFirstUseAndGoWithTheRoute(t *testing.T) {
	t.Parallel()
	c := start(t, twoRoutes, "origin", newOrigin(t, "one").addr, "more", newOrigin(t, "two").addr)
	expect := func(when string, route, upstream float64) {
		t.Helper()
		c.counts(route, "weir_http_requests_total", `route="extra"`, `class="2xx"`)
		c.counts(route, "weir_http_request_duration_seconds_count", `route="extra"`)
		m := c.metrics()
		for _, f := range byRoute {
			if n := m.series(f, `route="extra"`); (len(n) > 0) != (route > 0) {
				t.Errorf("%s: %s has %q", when, f, n)
			}
		}
		for _, f := range byUpstream {
			if n := m.series(f, `upstream="more"`); (len(n) > 0) != (upstream > 0) {
				t.Errorf("%s: %s has %q", when, f, n)
			}
		}
	}
	expect("before the first use", 0, 0)
	for range 3 {
		get(t, c.at(8080), "/extra/")
	}
	expect("after three requests", 3, 3)
	c.mustReload()
	expect("after a reload that changes nothing", 3, 3)

	c.write(web)
	c.mustReload()
	expect("after a reload without the route", 0, 0)
	if left := c.metrics().series("weir_endpoint_state", `upstream="more"`); len(left) > 0 {
		t.Errorf("endpoints that are gone still have %q", left)
	}
	c.write(twoRoutes)
	c.mustReload()
	expect("when the route is back", 0, 0)
}

func TestMetricsOfAListener(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.get("/")
	c.counts(1, "weir_http_requests_total")
	c.counts(1, "weir_http_request_duration_seconds_count")
	m := c.metrics()
	for series, want := range map[string]float64{
		`weir_listener_connections_total{listener="web"}`:                      1,
		`weir_listener_connections_active{listener="web"}`:                     1,
		`weir_listener_accept_pauses_total{listener="web"}`:                    0,
		`weir_http_requests_total{listener="web",route="all",class="2xx"}`:     1,
		`weir_http_response_bytes_total{listener="web",route="all"}`:           3,
		`weir_http_request_duration_seconds_count{listener="web",route="all"}`: 1,
		`weir_upstream_attempts_total{upstream="api",outcome="ok"}`:            1,
		`weir_config_generation`:                                               1,
		`weir_config_reloads_total{result="ok"}`:                               1,
		`weir_panics_total`:                                                    0,
	} {
		if got, there := m[series]; !there || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if len(m.series("weir_build_info")) != 1 || len(m.series("go_goroutines")) != 1 || len(m.series("process_resident_memory_bytes")) != 1 {
		t.Error("weir_build_info, go_ or process_ families are missing")
	}
	w.Close()
	eventually(t, "the connection is gone", func() bool {
		return c.metrics().value(`weir_listener_connections_active{listener="web"}`) == 0
	})
}

// A listener that a reload removes takes its series along.
func TestSeriesOfAListenerGoWithIt(t *testing.T) {
	t.Parallel()
	two := web + "[listeners.more]\naddress = \"{ip}:8081\"\n"
	c := start(t, two, "origin", newOrigin(t, "one").addr)
	get(t, c.at(8081), "/")
	if n := c.metrics().series("weir_listener_connections_total"); len(n) != 2 {
		t.Errorf("two listeners have %q", n)
	}
	c.write(web)
	c.mustReload()
	eventually(t, "its series are gone", func() bool {
		m := c.metrics()
		return !slices.ContainsFunc(m.series("weir_listener_connections_total"), func(s string) bool { return strings.Contains(s, "more") })
	})
	if _, err := connect(c.at(8081)); err == nil {
		t.Error("the listener that is gone still accepts")
	}
}
