package gateway

import (
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/cache"
	"weir/http7/policy/compress"
	"weir/http7/policy/cors"
	"weir/http7/policy/headers"
	"weir/http7/policy/requestid"
	"weir/http7/policy/translate"
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
		var all []http7.Step
		for _, section := range k.guards(name, p) {
			all = append(all, k.guard(name, p, section)...)
		}
		for _, section := range k.sections(name, p) {
			steps, err := section.compile()
			if err != nil {
				k.at(p.Path).AddError(section.key, err)
			}
			all = append(all, steps...)
		}
		for i := range all {
			all[i].Bundle = name
		}
		k.bundles[name] = require(name, p.RequireIdentity, all)
	}
}

// section is one policy of a bundle.
type section struct {
	key     string
	compile func() ([]http7.Step, error)
	config  any // of guards
}

// sections lists the policies of a bundle that shape what passes; a new policy is a line here and a field of
// config.Policy. Those that say what passes are [compiler.guards].
// Within a stage requests pass them in this order and answers in the reverse: what is compressed is what
// the others have left.
func (k *compiler) sections(bundle string, p *config.Policy) []section {
	var list []section
	if p.Compress != nil {
		list = append(list, section{key: "compress", compile: func() ([]http7.Step, error) { return compress.Compile(p.Compress, bundle) }})
	}
	if p.RequestID != nil {
		list = append(list, section{key: "request_id", compile: func() ([]http7.Step, error) { return requestid.Compile(p.RequestID, bundle) }})
	}
	if p.Cache != nil {
		list = append(list, section{key: "cache", compile: func() ([]http7.Step, error) { return cache.Compile(p.Cache, bundle, k.cache) }})
	}
	if p.Translate != nil {
		list = append(list, section{key: "translate", compile: func() ([]http7.Step, error) { return translate.Compile(p.Translate, bundle) }})
	}
	list = append(list, section{key: "headers", compile: func() ([]http7.Step, error) { return headers.Compile(&p.Headers, bundle) }})
	if p.CORS != nil {
		list = append(list, section{key: "cors", compile: func() ([]http7.Step, error) { return cors.Compile(p.CORS, bundle) }})
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
	merged map[string]merged
	// identity are the fields that tell endpoints who somebody is; nil: there are none.
	identity *http7.IdentityFields
	// sessions are the cookies that routes keep from their endpoints; nil: there are none.
	sessions *sessions
}

// merged is what routes of a listener with the same policies have in common.
type merged struct {
	steps []http7.Step
	// unidentified is [http7.Route.Unidentified].
	unidentified *http7.Fault
}

func (k *compiler) listenerParts(name string, l *config.Listener) *parts {
	p := &parts{config: l, merged: map[string]merged{}, identity: k.identityOf(name, l), sessions: k.sessionsOf(name, l)}
	for _, b := range k.named(l.Policies) {
		rest := bundle{name: b.name}
		for _, s := range b.steps {
			switch {
			case s.Required && k.cfg.Policies[b.name].RequireIdentity == "":
				// Who a client is is found out here; whether he must say so, each route says.
			case s.Stage <= http7.Identify && !s.Required:
				p.early = append(p.early, s)
			default:
				rest.steps = append(rest.steps, s)
			}
		}
		p.late = append(p.late, rest)
	}
	sortByStage(p.early)
	return p
}

// steps returns the steps of a route in the order of requests, and its Unidentified. Routes with the same policies and no
// steps of their own share them. What is stored are the answers of endpoints: a route that answers by itself has no cache.
func (k *compiler) steps(id int, r *config.Route, l *parts) ([]http7.Step, *http7.Fault) {
	key := strings.Join(r.Policies, "\x00") + "\x00\x00" + strings.Join(r.Without, "\x00")
	if !r.Forwards() {
		key += "\x00\x00"
	}
	foreign := l.sessions.foreign(id, r)
	key += "\x00\x00" + strings.Join(foreign, "\x00")
	m, known := l.merged[key]
	if !known {
		steps := merge(l.late, k.named(r.Policies), r.Without)
		if !r.Forwards() {
			steps = withoutCache(steps)
		}
		steps = append(l.sessions.keep(foreign), steps...)
		sortByStage(steps)
		m = merged{steps, l.unidentified(steps, r.Without)}
		l.merged[key] = m
	}
	own := k.actions[id].steps
	if len(own) == 0 && r.Mirror == nil {
		return m.steps, m.unidentified
	}
	all := make([]http7.Step, 0, len(m.steps)+len(own)+1)
	all = append(append(all, m.steps...), own...)
	if r.Mirror != nil {
		all = append(all, k.mirror(r, forwardedWays[l.config.Forwarded]))
	}
	sortByStage(all)
	return all, m.unidentified
}

// unidentified returns the Unidentified of a route with these steps: of what is enforced, or else of what observes, so that
// observing says what enforcing would.
func (p *parts) unidentified(steps []http7.Step, without []string) *http7.Fault {
	all := slices.DeleteFunc(slices.Clone(p.early), func(s http7.Step) bool { return slices.Contains(without, s.Bundle) })
	all = append(all, steps...)
	if f := unidentified(all, http7.Enforce); f != nil {
		return f
	}
	return unidentified(all, http7.Observe)
}

// merge returns a route's steps in the order of requests: by stage and, within one, those of the
// listener first. Bundles of the listener that are named in without are left out; one that both have is there once, lest
// it count each request twice: of the route's only that somebody must be identified, which the listener may have left open.
func merge(listener, route []bundle, without []string) []http7.Step {
	var steps []http7.Step
	taken := map[string]bool{}
	for _, b := range listener {
		if !slices.Contains(without, b.name) {
			steps, taken[b.name] = append(steps, b.steps...), true
		}
	}
	for _, b := range route {
		for _, s := range b.steps {
			if !taken[b.name] || s.Required && !slices.ContainsFunc(steps, func(o http7.Step) bool { return o.Name == s.Name }) {
				steps = append(steps, s)
			}
		}
	}
	sortByStage(steps)
	return steps
}

// withoutCache drops the steps of stage cache.
func withoutCache(steps []http7.Step) []http7.Step {
	return slices.DeleteFunc(steps, func(s http7.Step) bool { return s.Stage == http7.Cache })
}

func sortByStage(steps []http7.Step) {
	slices.SortStableFunc(steps, func(a, b http7.Step) int { return int(a.Stage) - int(b.Stage) })
}

// readsOf returns the selectors that the conditions and steps of a site read, each once and sorted: what
// its access log writes, so that plan can decide again. What only templates say of TLS it does not write.
func readsOf(s *serve.Site) []string {
	all := append(slices.Clone(s.Table.Reads()), textsOf(s)...)
	all = slices.DeleteFunc(all, func(selector string) bool { return strings.HasPrefix(selector, "tls.") })
	slices.Sort(all)
	return slices.Compact(all)
}

// textsOf returns the selectors whose text the steps and actions of a site read.
func textsOf(s *serve.Site) (all []string) {
	eachStep(s, func(step *http7.Step) { all = append(all, step.Reads...) })
	for _, p := range s.Plans {
		if p == nil {
			continue
		}
		if r, ok := p.Local.(interface{ Reads() []string }); ok {
			all = append(all, r.Reads()...)
		}
	}
	return all
}

// hiddenFields returns the fields in which credentials of a site's requests stand, each once.
func hiddenFields(s *serve.Site) (all []string) {
	eachStep(s, func(step *http7.Step) { all = append(all, step.HidesFields...) })
	slices.Sort(all)
	return slices.Compact(all)
}

// eachStep calls do with the steps of a site.
func eachStep(s *serve.Site, do func(*http7.Step)) {
	done := map[*http7.Step]bool{} // routes share steps
	add := func(steps []http7.Step) {
		if len(steps) == 0 || done[&steps[0]] {
			return
		}
		done[&steps[0]] = true
		for i := range steps {
			do(&steps[i])
		}
	}
	add(s.Early)
	add(s.Late)
	for _, p := range s.Plans {
		if p != nil {
			add(p.Route.Steps)
		}
	}
}
