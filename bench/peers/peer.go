package peers

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed conf
var confs embed.FS

// ErrUsage is what the refusal of wrong Options wraps.
var ErrUsage = errors.New("bench peers: wrong usage")

// peer is one proxy: how to find it, configure it and start it.
type peer struct {
	name    string
	program string // looked up in PATH, then in the sbin folders; a path is taken as it is
	conf    string // the template under conf/, and the file's name without .tmpl
	version []string
	args    func(conf string, at setup) []string
	lacks   map[string]string // by scenario: why it is left out there
	weir    bool
}

const (
	onlyHTTP = "it speaks HTTP alone"
	noTLS    = "it has no TLS listener"
	noCache  = "it has no cache of its own"
	noTable  = "it has no table of routes: VCL would be a chain of conditions"
	ownPools = "each of its routes keeps connections of its own to the endpoint: connecting would be measured"
)

// rivals are the peers that are compared where they are installed.
func rivals() []peer {
	return []peer{
		{name: "nginx", program: "nginx", conf: "nginx.conf", version: []string{"-v"},
			args: func(conf string, _ setup) []string { return []string{"-c", conf} }},
		{name: "haproxy", program: "haproxy", conf: "haproxy.cfg", version: []string{"-v"},
			args: func(conf string, _ setup) []string { return []string{"-db", "-f", conf} }},
		{name: "varnish", program: "varnishd", conf: "varnish.vcl", version: []string{"-V"}, args: varnishArgs,
			lacks: map[string]string{
				"tls": noTLS, "h2": noTLS, "handshake": noTLS, "l4-small": onlyHTTP, "l4-bulk": onlyHTTP,
				"scale-routes": noTable, "shaped-small": noTable, "shaped-headers": noTable,
			}},
		{name: "caddy", program: "caddy", conf: "Caddyfile", version: []string{"version"},
			args: func(conf string, _ setup) []string {
				return []string{"run", "--config", conf, "--adapter", "caddyfile"}
			},
			lacks: map[string]string{
				"cache": noCache, "cache-many": noCache, "l4-small": onlyHTTP, "l4-bulk": onlyHTTP,
				"scale-routes": ownPools, "shaped-small": ownPools, "shaped-headers": ownPools,
			}},
	}
}

// varnishArgs are the settings that VCL cannot hold: the folder, the addresses, how long connections are kept, and
// threads enough for every request that may be under way (one each).
func varnishArgs(conf string, at setup) []string {
	args := []string{"-F", "-j", "none", "-n", filepath.Join(at.Dir, "varnish"), "-a", fmt.Sprintf("127.0.0.1:%d", at.Port),
		"-f", conf, "-s", "default,64m", "-T", "none"}
	for _, p := range []string{"timeout_idle=3600", "backend_idle_timeout=3600", "listen_depth=4096", "http_gzip_support=off",
		"thread_pools=1", "thread_pool_min=100", "thread_pool_max=5000", "thread_queue_limit=20000"} {
		args = append(args, "-p", p)
	}
	return args
}

func weirPeer(name, program string) peer {
	return peer{name: name, program: program, conf: "weir.toml", version: []string{"version"}, weir: true,
		args: func(conf string, _ setup) []string { return []string{"run", "-c", conf} }}
}

// line returns the peers that can run here, Weir first, and the names of those that are not installed.
func line(o *Options) (found []peer, missing []string, err error) {
	all := rivals()
	if err := o.checkPeers(all); err != nil {
		return nil, nil, err
	}
	if o.Weir != "" {
		all = append([]peer{weirPeer(o.WeirName, o.Weir)}, all...)
	}
	for _, p := range all {
		if o.Only != nil && !p.weir && !slices.Contains(o.Only, p.name) {
			continue
		}
		path, ok := lookup(p.program)
		if !ok {
			if p.weir {
				return nil, nil, fmt.Errorf("bench peers: there is no program %s", p.program)
			}
			missing = append(missing, p.name)
			continue
		}
		p.program = path
		found = append(found, p)
	}
	return found, missing, nil
}

// checkPeers refuses unknown peers, and a Weir that is called like another row of the table.
func (o *Options) checkPeers(all []peer) error {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	for _, name := range o.Only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: unknown peer %q; there are %s", ErrUsage, name, strings.Join(names, ", "))
		}
	}
	if o.Weir != "" && strings.ContainsRune(o.WeirName, '/') {
		return fmt.Errorf("%w: Weir can't be called %q: files are named after it", ErrUsage, o.WeirName)
	}
	taken := o.WeirName == Direct || slices.Contains(names, o.WeirName) && (o.Only == nil || slices.Contains(o.Only, o.WeirName))
	if o.Weir != "" && taken {
		return fmt.Errorf("%w: Weir can't be called %q: another row of the table is", ErrUsage, o.WeirName)
	}
	return nil
}

// lookup finds a program as a shell would, and also where daemons live.
func lookup(program string) (string, bool) {
	if path, err := exec.LookPath(program); err == nil {
		absolute, err := filepath.Abs(path)
		return absolute, err == nil
	}
	if strings.ContainsRune(program, '/') {
		return "", false
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// versionOf asks the program and returns the first line that it says.
func (p *peer) versionOf() string {
	out, err := ask(p.program, p.version...)
	text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || text == "" {
		return p.name + ", version unknown"
	}
	return strings.TrimPrefix(text, "nginx version: ")
}

// askPatience is how long a program may take to say something about itself, or about a config.
const askPatience = 20 * time.Second

// ask runs a program to its end and returns all that it says.
func ask(program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	return exec.CommandContext(ctx, program, args...).CombinedOutput()
}

// configure writes the peer's config into at.Dir and returns its path.
func (p *peer) configure(at setup) (string, error) {
	text, err := confs.ReadFile("conf/" + p.conf + ".tmpl")
	if err != nil {
		return "", err
	}
	t, err := template.New(p.conf).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return "", err
	}
	var filled bytes.Buffer
	if err := t.Execute(&filled, at); err != nil {
		return "", err
	}
	path := filepath.Join(at.Dir, p.name+"-"+p.conf)
	return path, os.WriteFile(path, filled.Bytes(), 0o644)
}

// lack says why p is left out of a scenario; "": it is not. What Weir's own check calls an unknown key has not
// landed yet, and nginx relays TCP by a module that may not be installed.
func (p *peer) lack(s *Scenario, at *setup) string {
	if reason := p.lacks[s.Name]; reason != "" {
		return reason
	}
	switch {
	case p.weir:
		return p.notLanded(*at)
	case p.name == "nginx" && at.Relay:
		out, _ := ask(p.program, "-V") // says nothing where it fails
		module, ok := streamModule(string(out))
		if _, err := os.Stat(module); !ok || (module != "" && err != nil) {
			return "its stream module is not installed"
		}
		at.Module = module
	}
	return ""
}

// notLanded asks a Weir whether it knows every key of its config, and returns the first that it doesn't know.
func (p *peer) notLanded(at setup) string {
	at.Port, at.Admin, at.Origins = 1, 2, []int{3} // checked, not bound
	conf, err := p.configure(at)
	if err != nil {
		return "" // starting it meets that again
	}
	out, err := ask(p.program, "check", conf)
	if err == nil {
		return ""
	}
	key, ok := unknownKey(string(out))
	if !ok {
		return ""
	}
	return fmt.Sprintf("not landed yet (there is no key %s)", key)
}
