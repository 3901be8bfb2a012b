package peers

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
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
	args    func(conf string) []string
}

// rivals are the peers that are compared where they are installed.
func rivals() []peer {
	return []peer{
		{"nginx", "nginx", "nginx.conf", []string{"-v"}, func(conf string) []string { return []string{"-c", conf} }},
		{"haproxy", "haproxy", "haproxy.cfg", []string{"-v"}, func(conf string) []string { return []string{"-db", "-f", conf} }},
	}
}

func weirPeer(name, program string) peer {
	return peer{name, program, "weir.toml", []string{"version"}, func(conf string) []string { return []string{"run", "-c", conf} }}
}

// line returns the peers that can run here, Weir first, and the names of those that are not installed.
func line(o *Options) (found []peer, missing []string, err error) {
	all := rivals()
	for _, name := range o.Only {
		if !slices.ContainsFunc(all, func(p peer) bool { return p.name == name }) {
			return nil, nil, fmt.Errorf("%w: unknown peer %q; there are nginx, haproxy", ErrUsage, name)
		}
	}
	if o.Weir != "" {
		all = append([]peer{weirPeer(o.WeirName, o.Weir)}, all...)
	}
	for i, p := range all {
		isWeir := i == 0 && o.Weir != ""
		if o.Only != nil && !isWeir && !slices.Contains(o.Only, p.name) {
			continue
		}
		path, ok := lookup(p.program)
		if !ok {
			if isWeir {
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
	out, err := exec.Command(p.program, p.version...).CombinedOutput()
	text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || text == "" {
		return p.name + ", version unknown"
	}
	return strings.TrimPrefix(text, "nginx version: ")
}

// ports are what a config template may name.
type ports struct {
	Port   int // where the proxy listens
	Admin  int // where Weir's admin API listens
	Origin int // where the endpoint listens
	Most   int // connections that the proxy must be able to hold, those to the endpoint included
	Dir    string
}

// configure writes the peer's config into dir and returns its path.
func (p *peer) configure(at ports) (string, error) {
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
