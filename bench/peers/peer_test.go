package peers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func scenario(t *testing.T, name string) *Scenario {
	t.Helper()
	for _, s := range Scenarios() {
		if s.Name == name {
			return &s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return nil
}

func TestNginxRelaysWhereItsModuleIs(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "ngx_stream_module.so")
	if err := os.WriteFile(module, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		said, lack, module string
	}{
		"a module":      {"--modules-path=" + dir + " --with-stream=dynamic", "", module},
		"compiled in":   {"--modules-path=" + dir + " --with-stream", "", ""},
		"not there":     {"--modules-path=/nowhere --with-stream=dynamic", "its stream module is not installed", ""},
		"not built":     {"--with-threads", "its stream module is not installed", ""},
		"says nothing":  {"", "its stream module is not installed", ""},
		"is no program": {"exit", "its stream module is not installed", ""},
	} {
		script := "echo 'configure arguments: " + c.said + "' >&2"
		if c.said == "exit" {
			script = "exit 1"
		}
		p := rivals()[0]
		p.program = program(t, "nginx", script)
		at := setup{Relay: true}
		if got := p.lack(scenario(t, "l4-small"), &at); got != c.lack || at.Module != c.module {
			t.Errorf("%s: %q with module %q; want %q, %q", what, got, at.Module, c.lack, c.module)
		}
		plain := setup{}
		if got := p.lack(scenario(t, "small"), &plain); got != "" || plain.Module != "" {
			t.Errorf("%s: HTTP lacks %q, module %q", what, got, plain.Module)
		}
	}
}

func TestWeirsOwnCheckSaysWhatHasNotLanded(t *testing.T) {
	for what, c := range map[string]struct{ script, want string }{
		"a good config":         {"exit 0", ""},
		"an unknown key":        {`echo 'w.toml:3:1: policies.stored.cache: there is no key "cache" in policies.stored'; exit 1`, "not landed yet (there is no key policies.stored.cache)"},
		"an unknown key, fine":  {`echo 'there is no key "cache" in policies.stored'; exit 0`, ""},
		"another problem":       {`echo 'w.toml:3:1: listeners.bench.address: "x" is not an address'; exit 1`, ""},
		"it is no Weir at all":  {"exit 127", ""},
		"it asks for the check": {`test "$1" = check && grep -q '^\[listeners.bench\]' "$2" && exit 0; echo 'there is no key "a" in b'; exit 1`, ""},
	} {
		p := weirPeer("weir", program(t, "weir", c.script))
		if got := p.lack(scenario(t, "cache"), &setup{Cache: true, Dir: t.TempDir()}); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	p := weirPeer("weir", program(t, "weir", "exit 1"))
	if got := p.lack(scenario(t, "small"), &setup{Dir: "/nowhere"}); got != "" {
		t.Errorf("without a folder, which starting it will say: %q", got)
	}
}

func TestPeersLackWhatTheyCannotDo(t *testing.T) {
	want := map[string][]string{
		"nginx":   nil,
		"haproxy": nil,
		"varnish": {"shaped-small", "shaped-headers", "tls", "h2", "handshake", "l4-small", "l4-bulk", "scale-routes"},
		"caddy":   {"shaped-small", "shaped-headers", "cache", "cache-many", "l4-small", "l4-bulk", "scale-routes"},
	}
	for _, p := range rivals() {
		var got []string
		for _, s := range Scenarios() {
			if at := (setup{}); p.lack(&s, &at) != "" {
				got = append(got, s.Name)
			}
		}
		if !slices.Equal(got, want[p.name]) {
			t.Errorf("%s lacks %v, want %v", p.name, got, want[p.name])
		}
	}
}

func TestConfigsSayWhatTheStageNeeds(t *testing.T) {
	for _, c := range []struct {
		peer   string
		at     setup
		holds  []string
		absent []string
	}{
		{"weir", setup{}, []string{`path = "/*"`, "idle = 256", "max_connections = 1200"}, []string{"tls", "kind", "cache", "balance"}},
		{"weir", setup{Relay: true}, []string{`kind = "tcp"`, `upstream = "origin"`}, []string{"[[routes]]", "connections = {"}},
		{"weir", setup{TLS: true}, []string{"/dir/cert.pem", "/dir/key.pem", `min_version = "1.3"`}, []string{"kind"}},
		{"weir", setup{Cache: true}, []string{"[policies.stored.cache]", `policies = ["stored"]`}, []string{"tls"}},
		{"weir", setup{Routes: 2}, []string{`path = "/r00000/*"`, `path = "/r00001/*"`}, []string{`path = "/*"`, "r00002"}},
		{"weir", setup{Shaped: true}, []string{`policies = "shape"`, "[policies.shape]", `remove = "X-Internal"`}, nil},
		{"nginx", setup{Shaped: true}, []string{"proxy_set_header X-Edge weir;", "proxy_hide_header X-Powered-By;"}, nil},
		{"haproxy", setup{Shaped: true}, []string{"set-header X-Edge weir", "http-response del-header X-Powered-By"}, nil},
		{"weir", setup{Origins: []int{7, 8}}, []string{`["127.0.0.1:7", "127.0.0.1:8"]`, `balance = "round_robin"`}, nil},
		{"nginx", setup{}, []string{"worker_processes 1;", "keepalive 256;", "access_log off;", "proxy_request_buffering off;"}, []string{"ssl", "stream {", "proxy_cache", "load_module"}},
		{"nginx", setup{Relay: true, Module: "/m/s.so"}, []string{"load_module /m/s.so;", "stream {", "proxy_pass origin;"}, []string{"http {"}},
		{"nginx", setup{TLS: true}, []string{"ssl_protocols TLSv1.3;", "TLS_AES_128_GCM_SHA256", "/dir/cert.pem", "ssl_session_tickets off;"}, nil},
		{"nginx", setup{Cache: true}, []string{"proxy_cache_path /dir/store ", "open_file_cache max=", "proxy_cache bench;"}, []string{"ssl"}},
		{"nginx", setup{Cache: true, Memory: "/dev/shm/peers"}, []string{"proxy_cache_path /dev/shm/peers/"}, []string{"/dir/store"}},
		{"nginx", setup{Routes: 2}, []string{"location /r00000/ {", "location /r00001/ {"}, []string{"location / {"}},
		{"haproxy", setup{}, []string{"nbthread 1", "mode http", "http-reuse always", "pool-purge-delay 1h"}, []string{"ssl crt", "splice", "cache"}},
		{"haproxy", setup{Relay: true}, []string{"mode tcp", "option splice-auto"}, []string{"mode http", "http-request", "pool-purge-delay"}},
		{"haproxy", setup{TLS: true}, []string{"ssl crt /dir/both.pem", "ssl-min-ver TLSv1.3", "TLS_AES_128_GCM_SHA256"}, nil},
		{"haproxy", setup{Cache: true}, []string{"cache store", "backlog 4096\n    http-request cache-use store\n    http-response cache-store store\n"}, nil},
		{"haproxy", setup{Routes: 2}, []string{"map_beg(/dir/routes.map)"}, []string{"default_backend"}},
		{"haproxy", setup{Origins: []int{7, 8}}, []string{"server origin0 127.0.0.1:7", "server origin1 127.0.0.1:8", "balance roundrobin"}, nil},
		{"varnish", setup{}, []string{"return (pass);", "X-Forwarded-Proto", "X-Forwarded-Host"}, nil},
		{"varnish", setup{Cache: true}, []string{"round_robin()", "return (hash);", "bereq.backend = origin.backend();"}, []string{"return (pass);", "req.backend_hint"}},
		{"varnish", setup{Origins: []int{7, 8}}, []string{"add_backend(origin0)", "add_backend(origin1)", `.port = "8"`}, nil},
		{"caddy", setup{}, []string{"http://:41001", "auto_https off", "protocols h1", "keepalive_idle_conns_per_host 256"}, []string{"https://", "tls "}},
		{"caddy", setup{TLS: true}, []string{"https://:41001", "tls /dir/cert.pem /dir/key.pem", "protocols tls1.3"}, nil},
		{"caddy", setup{Origins: []int{7, 8}}, []string{"reverse_proxy  127.0.0.1:7 127.0.0.1:8 {", "lb_policy round_robin"}, nil},
	} {
		all := append(rivals(), weirPeer("weir", "weir"))
		p := all[slices.IndexFunc(all, func(p peer) bool { return p.name == c.peer })]
		dir := t.TempDir()
		c.at.Dir, c.at.Port, c.at.Admin, c.at.Most, c.at.Keep = dir, 41001, 41002, 1200, 256
		if c.at.Origins == nil {
			c.at.Origins = []int{41003}
		}
		path, err := p.configure(c.at)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Comments may say anything.
		var said strings.Builder
		for l := range strings.Lines(strings.ReplaceAll(string(text), dir, "/dir")) {
			if !strings.HasPrefix(strings.TrimSpace(l), "#") {
				said.WriteString(l)
			}
		}
		for _, want := range c.holds {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%s, %+v: no %q in\n%s", c.peer, c.at, want, said.String())
			}
		}
		for _, not := range c.absent {
			if strings.Contains(said.String(), not) {
				t.Errorf("%s, %+v: %q is in\n%s", c.peer, c.at, not, said.String())
			}
		}
	}
}

func TestVarnishIsStartedWithinItsFolder(t *testing.T) {
	args := varnishArgs("/c.vcl", setup{Port: 81, Dir: "/dir"})
	for _, pair := range [][2]string{{"-f", "/c.vcl"}, {"-a", "127.0.0.1:81"}, {"-n", "/dir/varnish"}, {"-T", "none"}, {"-p", "timeout_idle=3600"}} {
		found := false
		for i := range args[:len(args)-1] {
			found = found || (args[i] == pair[0] && args[i+1] == pair[1])
		}
		if !found {
			t.Errorf("no %v in %q", pair, args)
		}
	}
}
