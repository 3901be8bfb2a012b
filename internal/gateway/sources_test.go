package gateway

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/admin"
)

// listed writes a file of endpoints, as one that generates it would: beside it first.
func listed(t *testing.T, path string, endpoints ...string) {
	t.Helper()
	text := `endpoints = ["` + strings.Join(endpoints, `", "`) + "\"]\n"
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// found is a config whose upstream's endpoints are in a file; more belongs to the upstream.
func found(path, more string) string {
	return "[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"u\"\n[upstreams.u]\nbalance = \"round_robin\"\ndiscover.file = \"" + path + "\"\n" + more + "\n"
}

// members returns the addresses of an upstream's endpoints with their states.
func (r *rig) members(upstream string) map[string]string {
	out := map[string]string{}
	for _, e := range r.upstream(upstream).Endpoints {
		out[e.Address] = e.State
	}
	return out
}

func (r *rig) upstream(name string) admin.UpstreamStatus {
	r.t.Helper()
	s := r.g.Status()
	i := slices.IndexFunc(s.Upstreams, func(u admin.UpstreamStatus) bool { return u.Name == name })
	if i < 0 {
		r.t.Fatalf("no upstream %s in %+v", name, s)
	}
	return s.Upstreams[i]
}

func TestEndpointsComeAndGoWithTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.toml")
	one, two := endpoint(t, "one"), endpoint(t, "two")
	listed(t, path, one)
	r := start(t, found(path, "health.tcp = {}\nhealth.interval = \"20ms\""))
	r.says("web", "/", "one") // the first answer was waited for
	listed(t, path, one, two)
	until(t, "both are found and probed", func() bool {
		m := r.members("u")
		return m[one] == "ready" && m[two] == "ready"
	})
	listed(t, path, two)
	until(t, "the first is gone", func() bool { return len(r.members("u")) == 1 })
	for range 5 {
		r.says("web", "/", "two")
	}
	if n := len(r.g.registry.Endpoints()); n != 1 {
		t.Errorf("%d endpoints are held", n)
	}
}

func TestAReloadKeepsASourceAndWhatItFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.toml")
	one, two := endpoint(t, "one"), endpoint(t, "two")
	listed(t, path, one, two)
	r := start(t, found(path, ""))
	before := r.g.current.Load().upstreams["u"].source
	if _, err := r.g.Assign(admin.Order{Upstream: "u", Endpoint: one}, admin.Drain); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // it can't be found anew
		t.Fatal(err)
	}
	until(t, "the source notices", func() bool { return r.upstream("u").Source.Why != "" })
	r.reload(found(path, "timeouts.connect = \"2s\""))
	if now := r.g.current.Load().upstreams["u"].source; now != before {
		t.Error("the reload began a new source")
	}
	if m := r.members("u"); m[one] != "draining" || m[two] != "ready" {
		t.Errorf("after the reload the endpoints are %v", m)
	}
	r.says("web", "/", "two")
	if s := r.metrics(); !strings.Contains(s, `weir_upstream_source_up{upstream="u"} 0`) {
		t.Error("the metrics don't say that the source fails")
	}
	// It goes on for the new snapshot.
	listed(t, path, one)
	until(t, "the file is read again", func() bool { return len(r.members("u")) == 1 && r.upstream("u").Source.Why == "" })
}

func TestAnotherSourceTakesOverAndTheOldOneEnds(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.toml"), filepath.Join(dir, "b.toml")
	one, two := endpoint(t, "one"), endpoint(t, "two")
	listed(t, a, one)
	listed(t, b, two)
	r := start(t, found(a, ""))
	r.says("web", "/", "one")
	old := r.g.current.Load().upstreams["u"].source
	r.reload(found(b, ""))
	r.says("web", "/", "two") // at once: the first answer was waited for
	if len(old.holders) != 0 {
		t.Errorf("the old source still has %d holders", len(old.holders))
	}
	r.reload("[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"" + one + "\"\n")
	r.says("web", "/", "one")
	if r.upstream("u").Source != nil {
		t.Error("endpoints that are written down have a source")
	}
}

func TestARefusedReloadLeavesTheSourceAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "u.toml")
	one, two := endpoint(t, "one"), endpoint(t, "two")
	listed(t, path, one)
	r := start(t, found(path, ""))
	source := r.g.current.Load().upstreams["u"].source
	taken := echo(t)
	r.write(found(path, "") + "[listeners.more]\naddress = \"" + taken + "\"\n[upstreams.v]\ndiscover.file = \"" + path + ".none\"\n")
	if v := r.g.Reload(); v.OK {
		t.Fatal("a taken address was bound")
	}
	if n := len(source.holders); n != 1 {
		t.Errorf("the source has %d holders, want the snapshot that serves", n)
	}
	listed(t, path, two)
	until(t, "the source goes on", func() bool { _, ok := r.members("u")[two]; return ok })
	r.says("web", "/", "two")
}

// An upstream whose name never resolves is empty and says so; the others are served.
func TestANameThatDoesNotResolveKeepsNobodyFromServing(t *testing.T) {
	begin := time.Now()
	r := start(t, "[listeners.web]\n"+any0+`
[[routes]]
match.path = "/lost"
upstream = "lost"
[[routes]]
match.path = "/*"
upstream = "well"
[upstreams.lost]
discover = { dns = "lost.example:80", resolver = "127.0.0.1:1" }
[upstreams.well]
endpoints = "`+endpoint(t, "well")+"\"\n")
	if took := time.Since(begin); took > firstPatience+5*time.Second {
		t.Errorf("the start took %v", took)
	}
	r.says("web", "/", "well")
	if status, body := r.get("web", "/lost"); status != 503 {
		t.Errorf("the lost upstream answers %d %s", status, body)
	}
	until(t, "the status says why", func() bool {
		u := r.upstream("lost")
		return len(u.Endpoints) == 0 && u.Source.About == "dns lost.example:80" && u.Source.Why != "" && u.Source.Changed.IsZero()
	})
	if !strings.Contains(r.log.String(), "upstream lost has no endpoint") {
		t.Errorf("the log does not say so:\n%s", r.log)
	}
}

func TestAHostNameStandsForItsAddresses(t *testing.T) {
	_, port, _ := strings.Cut(endpoint(t, "here"), ":")
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"localhost:"+port+"\"\n")
	r.says("web", "/", "here")
	u := r.upstream("u")
	i := slices.IndexFunc(u.Endpoints, func(e admin.EndpointStatus) bool { return e.Address == "127.0.0.1:"+port })
	if i < 0 || u.Endpoints[i].Name != "localhost:"+port {
		t.Fatalf("the endpoints are %+v", u.Endpoints)
	}
	st, err := r.g.Assign(admin.Order{Upstream: "u", Endpoint: "localhost:" + port}, admin.Drain)
	if err != nil || len(st.Endpoints) != len(u.Endpoints) || st.Endpoints[0].State != "draining" {
		t.Errorf("an order for the name: %+v, %v", st, err)
	}
}

// Sources that come and go with reloads, or are begun by refused ones, leave no goroutine behind.
func TestSourcesOfManyReloadsEnd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "u.toml")
	listed(t, path, endpoint(t, "one"))
	r := start(t, found(path, ""))
	taken := echo(t)
	other := filepath.Join(dir, "v.toml")
	listed(t, other, endpoint(t, "two"))
	before := runtime.NumGoroutine()
	for range 10 {
		r.reload(found(other, ""))
		r.write(found(path, "[listeners.more]\naddress = \""+taken+"\""))
		if v := r.g.Reload(); v.OK {
			t.Fatal("a taken address was bound")
		}
		r.reload(found(path, ""))
	}
	until(t, "the goroutines of 20 sources have ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}
