package gateway

import (
	"slices"

	"weir/http7"
	"weir/http7/policy/headers"
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

// sections lists the policies of a bundle; a new policy is a line here and a field of
// config.Policy.
func sections(bundle string, p *config.Policy) []section {
	return []section{
		{"headers", func() ([]http7.Step, error) { return headers.Compile(&p.Headers, bundle) }},
	}
}

// named returns the bundles of the given names, in that order.
func (k *compiler) named(names []string) []bundle {
	list := make([]bundle, len(names))
	for i, name := range names {
		list[i] = bundle{name, k.bundles[name]}
	}
	return list
}

// listenerSteps splits a listener's policies: early ones run before the match, for all requests;
// late ones are merged into each route.
func (k *compiler) listenerSteps(l *config.Listener) (early []http7.Step, late []bundle) {
	for _, b := range k.named(l.Policies) {
		rest := bundle{name: b.name}
		for _, s := range b.steps {
			if s.Stage <= http7.Identify {
				early = append(early, s)
			} else {
				rest.steps = append(rest.steps, s)
			}
		}
		late = append(late, rest)
	}
	sortByStage(early)
	return early, late
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
