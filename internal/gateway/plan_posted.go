package gateway

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/admin"
	"weir/internal/config"
)

// posted compiles a config that came by the admin API, as if it lay beside the one that serves; nil and its problems if
// it is not good. Its problems and the plan tell what stands in it, to whoever may ask: so of files and of the
// environment it gets only what the config that serves has named.
func (g *Gateway) posted(q admin.PlanQuestion) (*Compiled, []admin.Problem) {
	dir := filepath.Dir(g.path)
	o := loadOptions(g.options.Handlers)
	o.Pause = g.gentle().pause
	missed := map[string]bool{}
	g.current.Load().uses.limit(&o, missed)
	cfg, report := config.Parse(filepath.Join(dir, filepath.Base(q.Name)), []byte(q.Config), o)
	var next *Compiled
	if cfg != nil {
		next = compileWith(cfg, report, g.options.Handlers, live{pause: o.Pause})
	}
	list := problems(report)
	for i := range list {
		list[i].Where = strings.TrimPrefix(list[i].Where, dir+string(filepath.Separator))
	}
	if len(missed) > 0 {
		list = append(list, admin.Problem{
			Text: "a config that is sent here may use only the variables that the one that serves does; not among them: " +
				strings.Join(slices.Sorted(maps.Keys(missed)), ", "),
			Hint: "weir plan OLD NEW, where both files are, has no such limit", Warning: next != nil,
		})
	}
	if next != nil {
		next.File = q.Name
	}
	return next, list
}
