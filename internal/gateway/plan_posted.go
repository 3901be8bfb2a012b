package gateway

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/admin"
	"weir/internal/config"
)

// posted compiles a config that came by the admin API, as if it lay beside the one that serves; nil and its problems if
// it is not good. Its problems and the plan tell what stands in it, to whoever may ask: so of files and of the
// environment it gets only what the config that serves has named. The error is that of ctx, which stops the work.
func (g *Gateway) posted(ctx context.Context, q admin.PlanQuestion) (next *Compiled, list []admin.Problem, err error) {
	defer func() {
		if v := recover(); v != nil {
			end, is := v.(outOfTime)
			if !is {
				panic(v)
			}
			next, list, err = nil, nil, end.error
		}
	}()
	dir := filepath.Dir(g.path)
	o := loadOptions(g.options.Handlers)
	o.Pause = pauseUntil(ctx, g.gentle().pause)
	missed := map[string]bool{}
	g.current.Load().uses.limit(&o, missed)
	cfg, report := config.Parse(filepath.Join(dir, filepath.Base(q.Name)), []byte(q.Config), o)
	if cfg != nil {
		next = compileWith(cfg, report, g.options.Handlers, live{pause: o.Pause, serving: g.current.Load().Compiled})
	}
	list = problems(report)
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
	return next, list, nil
}

// outOfTime is what a pause panics with: nothing else leaves a load or a compilation before its end.
type outOfTime struct{ error }

// pauseUntil returns a pause behind which the work goes on only while ctx does.
func pauseUntil(ctx context.Context, pause func()) func() {
	return func() {
		if err := ctx.Err(); err != nil {
			panic(outOfTime{err})
		}
		pause()
	}
}
