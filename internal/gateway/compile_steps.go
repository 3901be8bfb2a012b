package gateway

import (
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/policy/compress"
	"weir/http7/policy/cors"
	"weir/http7/policy/headers"
	"weir/http7/policy/requestid"
	"weir/http7/serve"
	"weir/internal/config"
)

// bundle is a named bundle of policies, or what is left of it for one place.
type bundle struct {
	name  string
	steps []http7.Step
}

// compileBundles compiles every bundle once; listeners and routes share the steps.
func (k *compiler) compileBundles() {
	for _, name := range k.cfg.PolicyNames() {
		p := k.cfg.Policies[name]
		for _, section := range sections(name, p) {
			steps, err := section.compile()
			if err != nil {
				k.at(p.Path).AddError(section.key, err)
			}
			for i := range steps {
				steps[i].Bundle = name
			}
			k.bundles[name] = append(k.bundles[name], steps...)
		}
	}
}

// section is one policy of a bundle.
type section struct {
	key     string
	compile func() ([]http7.Step, error)
}

// sections lists the policies of a bundle; a new policy is a line here and a field of config.Policy.
// Within a stage requests pass them in this order and answers in the reverse: what is compressed is what
// the others have left.
func sections(bundle string, p *config.Policy) []section {
	var list []section
	if p.Compress != nil {
		list = append(list, section{"compress", func() ([]http7.Step, error) { return compress.Compile(p.Compress, bundle) }})
	}
	if p.RequestID != nil {
		list = append(list, section{"request_id", func() ([]http7.Step, error) { return requestid.Compile(p.RequestID, bundle) }})
	}
	list = append(list, section{"headers", func() ([]http7.Step, error) { return headers.Compile(&p.Headers, bundle) }})
	if p.CORS != nil {
		list = append(list, section{"cors", func() ([]http7.Step, error) { return cors.Compile(p.CORS, bundle) }})
	}
	return list
}

// named returns the bundles of the given names, in that order.
func (k *compiler) named(names []string) []bundle {
	list := make([]bundle, len(names))
	for i, name := range names {
		list[i] = bundle{name, k.bundles[name]}
	}
	return list
}

// parts are what the routes of one listener have in common.
type parts struct {
	config *config.Listener
	early  []http7.Step // run before the match, for all requests
	late   []bundle     // are merged into each route
	merged map[string][]http7.Step
}

func (k *compiler) listenerParts(l *config.Listener) *parts {
	p := &parts{config: l, merged: map[string][]http7.Step{}}
	for _, b := range k.named(l.Policies) {
		rest := bundle{name: b.name}
		for _, s := range b.steps {
			if s.Stage <= http7.Identify {
				p.early = append(p.early, s)
			} else {
				rest.steps = append(rest.steps, s)
			}
		}
		p.late = append(p.late, rest)
	}
	sortByStage(p.early)
	return p
}

// steps returns the steps of a route in the order of requests. Routes with the same policies and no
// steps of their own share them.
func (k *compiler) steps(id int, r *config.Route, l *parts) []http7.Step {
	key := strings.Join(r.Policies, "\x00") + "\x00\x00" + strings.Join(r.Without, "\x00")
	steps, known := l.merged[key]
	if !known {
		steps = merge(l.late, k.named(r.Policies), r.Without)
		l.merged[key] = steps
	}
	own := k.actions[id].steps
	if len(own) == 0 && r.Mirror == nil {
		return steps
	}
	all := make([]http7.Step, 0, len(steps)+len(own)+1)
	all = append(append(all, steps...), own...)
	if r.Mirror != nil {
		all = append(all, k.mirror(r, forwardedWays[l.config.Forwarded]))
	}
	sortByStage(all)
	return all
}

// merge returns a route's steps in the order of requests: by stage and, within one, those of the
// listener first. Bundles of the listener that are named in without are left out.
func merge(listener, route []bundle, without []string) []http7.Step {
	var steps []http7.Step
	for _, b := range listener {
		if !slices.Contains(without, b.name) {
			steps = append(steps, b.steps...)
		}
	}
	for _, b := range route {
		steps = append(steps, b.steps...)
	}
	sortByStage(steps)
	return steps
}

func sortByStage(steps []http7.Step) {
	slices.SortStableFunc(steps, func(a, b http7.Step) int { return int(a.Stage) - int(b.Stage) })
}

// readsOf returns the selectors that the conditions and steps of a site read, each once and sorted: what
// its access log writes, so that plan can decide again.
func readsOf(s *serve.Site) []string {
	all := append(slices.Clone(s.Table.Reads()), textsOf(s)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// textsOf returns the selectors whose text the steps and actions of a site read.
func textsOf(s *serve.Site) (all []string) {
	done := map[*http7.Step]bool{} // routes share steps
	add := func(steps []http7.Step) {
		if len(steps) == 0 || done[&steps[0]] {
			return
		}
		done[&steps[0]] = true
		for i := range steps {
			all = append(all, steps[i].Reads...)
		}
	}
	add(s.Early)
	add(s.Late)
	for _, p := range s.Plans {
		if p == nil {
			continue
		}
		add(p.Route.Steps)
		if r, ok := p.Local.(interface{ Reads() []string }); ok {
			all = append(all, r.Reads()...)
		}
	}
	return all
}
