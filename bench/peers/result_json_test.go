package peers

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// object decodes JSON into its keys.
func object(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// keys are the names of an object's members, in order.
func keys(o any) []string { return slices.Sorted(maps.Keys(o.(map[string]any))) }

func TestTheJSONHasTheseMembers(t *testing.T) {
	r := reviewed()
	r.Blocks[0].Rows[0].Note = "a note"
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	o := object(t, text)
	block := func(i int) map[string]any { return o["scenarios"].([]any)[i].(map[string]any) }
	row := block(0)["rows"].([]any)[0]
	for what, c := range map[string]struct {
		is   any
		want string
	}{
		"the result": {o, "configs connections cut_short idle invalid load_core machine missing proxy_core round_ns scenarios subject versions warmup_ns when"},
		"a machine":  {o["machine"], "cores cpu go kernel memory_bytes system"},
		"a scenario": {block(0), "about connections rounds rows scenario unit"},
		"wrk's":      {block(1), "about connections generator rounds rows scenario unit"},
		"a point":    {block(4), "about axis connections point rounds rows scenario unit"},
		"a row":      {row, "note proxy samples"},
		"a sample": {row.(map[string]any)["samples"].([]any)[0], "answers_per_upstream_connection cpu_per_request_ns endpoint_answers failed load_busy p50_ns p99_ns " +
			"proxy_busy requests requests_per_second rss_bytes upstream_connections upstream_connects"},
		"an idle row": {o["idle"].([]any)[0], "connections lost proxy requests_each rss_after_bytes rss_before_bytes wait_ns"},
	} {
		if got := strings.Join(keys(c.is), " "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", what, got, c.want)
		}
	}
}

func TestTheJSONReadsBackAsItWas(t *testing.T) {
	was := reviewed()
	text, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var before, after strings.Builder
	if err := was.Markdown(&before); err != nil {
		t.Fatal(err)
	}
	if err := r.Markdown(&after); err != nil || before.String() != after.String() {
		t.Errorf("%v; the page of what was read back differs:\n%s", err, after.String())
	}
}

func TestThePageAndTheConfigsSayTheSame(t *testing.T) {
	// The page's settings are prose: each claim has its line in a config.
	p := &page{result: &Result{}}
	p.settings()
	configs := map[string]string{}
	for _, at := range []setup{{}, {TLS: true}, {Cache: true}, {Relay: true}} {
		at.Port, at.Origins, at.Keep, at.Dir = 1, []int{2}, leastKeep, t.TempDir()
		for _, peer := range append(rivals(), weirPeer("weir", "weir")) {
			path, err := peer.configure(at)
			if err != nil {
				t.Fatal(err)
			}
			configs[peer.name] += read(t, path) + strings.Join(peer.args(path, at), " ")
		}
	}
	for _, c := range []struct {
		claim string
		lines map[string]string
	}{
		{"one: nginx `worker_processes 1`, HAProxy `nbthread 1`", map[string]string{"nginx": "worker_processes 1;", "haproxy": "nbthread 1", "varnish": "thread_pools=1"}},
		{"kept alive for an hour", map[string]string{"nginx": "keepalive_timeout 1h;", "haproxy": "timeout http-keep-alive 1h", "varnish": "backend_idle_timeout=3600", "caddy": "keepalive 1h", "weir": `keep_alive = "1h"`}},
		{"at least 256 idle connections", map[string]string{"nginx": "keepalive 256;", "caddy": "keepalive_idle_conns_per_host 256", "weir": "idle = 256"}},
		{"no limit of requests", map[string]string{"nginx": "keepalive_requests 1000000000;"}},
		{"connect 1 s, answer 30 s", map[string]string{"nginx": "proxy_connect_timeout 1s;", "haproxy": "timeout connect 1s", "varnish": ".connect_timeout = 1s; .first_byte_timeout = 30s", "caddy": "dial_timeout 1s"}},
		{"X-Forwarded-For, -Proto, -Host by all", map[string]string{"nginx": "X-Forwarded-Host", "haproxy": "X-Forwarded-Host", "varnish": "X-Forwarded-Host"}},
		{"`proxy_request_buffering off`, no temporary files", map[string]string{"nginx": "proxy_max_temp_file_size 0;"}},
		{"1.3, AES-128-GCM", map[string]string{"nginx": "TLS_AES_128_GCM_SHA256", "haproxy": "TLS_AES_128_GCM_SHA256", "caddy": "protocols tls1.3", "weir": `min_version = "1.3"`}},
		{"64 MiB in memory (nginx: files on tmpfs that stay open), filled by the first request", map[string]string{"nginx": "max_size=64m", "haproxy": "total-max-size 64", "varnish": "default,64m"}},
		{"HAProxy with `splice-auto`", map[string]string{"haproxy": "option splice-auto"}},
		{"access log | off", map[string]string{"nginx": "access_log off;"}},
	} {
		if !strings.Contains(p.String(), c.claim) {
			t.Errorf("the page does not say %q", c.claim)
		}
		for name, line := range c.lines {
			if !strings.Contains(configs[name], line) {
				t.Errorf("%q: %s has no %q", c.claim, name, line)
			}
		}
	}
	if strings.Contains(configs["weir"], "access_log") || strings.Contains(configs["haproxy"], "\n    log ") {
		t.Error("a log is on")
	}
}

func TestDefaultsAreInTheManual(t *testing.T) {
	var o Options
	o.fill()
	manual := read(t, "README.md")
	for _, s := range Scenarios() {
		if !strings.Contains(manual, "| `"+s.Name+"` |") {
			t.Errorf("the manual does not explain %s", s.Name)
		}
	}
	for _, want := range []string{"64 keep-alive connections", "3 to 7 of 1 s each after 0.2 s", "10,000 connections after 5 requests each and 10 s",
		"at least 100 answers", "1, 100, 10,000 routes", "2, 10, 100, 1,000 endpoints", "64, 1,000, 10,000 connections", "16 at a time", "8 streams"} {
		if !strings.Contains(manual, want) {
			t.Errorf("the manual does not say %q", want)
		}
	}
	if o.Connections != 64 || o.Round != time.Second || o.Warmup != 200*time.Millisecond || o.IdleRequests != 5 || o.IdleWait != 10*time.Second {
		t.Errorf("the defaults are others: %+v", o)
	}
	for _, s := range Scenarios() {
		if s.Kind != Idle && (s.Rounds < 3 || s.Rounds > 7) {
			t.Errorf("%s has %d rounds", s.Name, s.Rounds)
		}
	}
}
