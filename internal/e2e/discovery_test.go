//go:build linux

package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everything has every part of balancing on at once; the endpoints come from a file.
const everything = `
zone = "eu-1a"
state_dir = "{dir}/state"
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "all"
upstream = "api"
timeout = "10s"
retry.attempts = {attempts}
[upstreams.api]
discover.file = "{dir}/api.toml"
max_in_flight = "adaptive"
queue = { size = 100, timeout = "5s" }
slow_start = "1s"
breaker = {}
sticky.cookie = "weir"
hedge = {}
health = { http = { path = "/healthz" }, interval = "50ms" }
`

// list writes the file of endpoints of a child.
func (c *child) list(endpoints ...string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "api.toml")
	if err := os.WriteFile(path+".new", []byte(`endpoints = [`+strings.Join(endpoints, ", ")+"]\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		c.t.Fatal(err)
	}
}

// has waits until the upstream's endpoints are these, all ready.
func (c *child) has(addresses ...string) {
	c.t.Helper()
	slices.Sort(addresses)
	eventually(c.t, "the endpoints are "+strings.Join(addresses, " and "), func() bool {
		states := c.endpointStates("api")
		for _, s := range states {
			if s != "ready" {
				return false
			}
		}
		return slices.Equal(slices.Sorted(maps.Keys(states)), addresses)
	})
}

// Endpoints come and go under load while configs are reloaded, with everything on; nobody notices.
func TestDiscoveryAndReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	one, two, third := newOrigin(t, "one"), newOrigin(t, "two"), newOrigin(t, "three")
	quoted := func(o *origin) string { return `"` + o.addr + `"` }
	c := prepare(t, strings.ReplaceAll(everything, "{attempts}", "2"))
	c.list(quoted(one), `{ address = "`+two.addr+`", weight = 2, zone = "eu-1a" }`)
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	c.has(one.addr, two.addr)
	load := newLoad(t)
	load.gets(4, c.at(8080), "/")
	load.gets(1, c.at(8080), "/drip?n=20&ms=10")
	load.await(t, 100)
	for i, step := range []struct{ list, has []string }{
		{[]string{quoted(one), quoted(two), quoted(third)}, []string{one.addr, two.addr, third.addr}},
		{[]string{quoted(third)}, []string{third.addr}},
		{[]string{quoted(third), quoted(one)}, []string{third.addr, one.addr}},
	} {
		c.list(step.list...)
		c.write(strings.ReplaceAll(everything, "{attempts}", string(rune('1'+i))))
		c.mustReload()
		c.has(step.has...)
		load.await(t, 100)
	}
	load.stop()
	load.clean(t)
	if m := c.metrics(); m.value(`weir_upstream_source_up{upstream="api"}`) != 1 || m.value("weir_panics_total") != 0 {
		t.Errorf("source up %v, %v panics", m.value(`weir_upstream_source_up{upstream="api"}`), m.value("weir_panics_total"))
	}
	if n := c.metrics().series("weir_endpoint_state", two.addr); len(n) > 0 {
		t.Errorf("the endpoint that is gone still has %q", n)
	}
}

// A file that turns wrong, and one that goes, leave what was found last in place, across reloads too.
func TestAFileThatTurnsWrongLeavesTheLastGoodAnswer(t *testing.T) {
	t.Parallel()
	one := newOrigin(t, "one")
	c := prepare(t, strings.ReplaceAll(everything, "{attempts}", "2"))
	c.list(`"` + one.addr + `"`)
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	for _, trouble := range []func(){
		func() { c.list(`"nonsense"`) },
		func() { c.list() },
		func() { _ = os.Remove(filepath.Join(c.dir, "api.toml")) }, // it is there
	} {
		trouble()
		eventually(t, "the metrics show it", func() bool { return c.metrics().value(`weir_upstream_source_up{upstream="api"}`) == 0 })
		c.mustReload()
		if status, body := get(t, c.at(8080), "/"); status != 200 || body != "one" {
			t.Errorf("answered %d %q", status, body)
		}
		if _, out, _ := command(t, "status", "-c", c.file); !has(out, "from file ", "failing for ") {
			t.Errorf("the status is\n%s", out)
		}
		c.list(`"` + one.addr + `"`)
		eventually(t, "it is found again", func() bool { return c.metrics().value(`weir_upstream_source_up{upstream="api"}`) == 1 })
	}
}

// A start whose only endpoints can't be found serves all the same, and serves them once they can be.
func TestAStartWithoutAnyEndpoint(t *testing.T) {
	t.Parallel()
	one := newOrigin(t, "one")
	c := start(t, strings.ReplaceAll(everything, "{attempts}", "2"))
	w := dial(t, c.at(8080))
	refused(t, w, "/", 503, "destination_unavailable")
	c.logged(1, `"level":"WARN"`, "upstream api has no endpoint")
	if _, out, _ := command(t, "status", "-c", c.file); !has(out, "no endpoint; every use is refused") {
		t.Errorf("the status is\n%s", out)
	}
	c.list(`"` + one.addr + `"`)
	eventually(t, "it is served", func() bool { status, _ := w.get("/"); return status == 200 })
}
