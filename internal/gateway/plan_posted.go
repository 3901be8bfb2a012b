package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/admin"
	"weir/internal/config"
)

// posted compiles a config that came by the admin API, as if it lay beside the one that serves; nil and its problems if
// it is not good. Its problems and the plan tell what stands in it, to whoever may ask: so of further files and of the
// environment it gets only what the file that serves uses, as it is now. The error names a file that it does not.
func (g *Gateway) posted(q admin.PlanQuestion) (*Compiled, []admin.Problem, error) {
	dir := filepath.Dir(g.path)
	name := filepath.Join(dir, filepath.Base(q.Name))
	o := loadOptions(g.options.Handlers)
	_, now := config.Load(g.path, o)
	o.Env = mentionedIn(now.Files())
	cfg, report := config.Parse(name, []byte(q.Config), o)
	for _, f := range report.Files() {
		if f != name && !slices.Contains(now.Files(), f) {
			return nil, nil, fmt.Errorf("a config that is sent here may include only what the one that serves does; %s is not among that", f)
		}
	}
	var next *Compiled
	if cfg != nil {
		next = Compile(cfg, report, g.options.Handlers)
	}
	list := problems(report)
	for i := range list {
		list[i].Where = strings.TrimPrefix(list[i].Where, dir+string(filepath.Separator))
	}
	if next != nil {
		next.File = q.Name
	}
	return next, list, nil
}

// mentionedIn looks up variables of the environment whose names stand in one of the files.
func mentionedIn(files []string) func(string) (string, bool) {
	var texts []string
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil { // one that has gone since mentions nothing
			texts = append(texts, string(text))
		}
	}
	return func(name string) (string, bool) {
		for _, text := range texts {
			if strings.Contains(text, name) {
				return os.LookupEnv(name)
			}
		}
		return "", false
	}
}
