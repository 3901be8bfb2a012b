// Package headers is the policy that sets, adds and removes header fields of requests on their way
// to the endpoint and of answers on their way to the client.
//
// gateway compiles it; the hall runs its steps. It never sees a body; of trailers it removes what a request's
// header may not say.
package headers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the steps of c for the bundle name: one at stage rewrite for requests, one at
// stage present for answers, none for a section that is absent, off or empty. It refuses the names
// and values that Check reports, should they come here unchecked.
func Compile(c *Config, name string) ([]http7.Step, error) {
	var steps []http7.Step
	for _, s := range []struct {
		of    *SectionConfig
		name  string
		stage http7.Stage
	}{
		{c.Request, name + ".headers.request", http7.Rewrite},
		{c.Response, name + ".headers.response", http7.Present},
	} {
		if s.of == nil || s.of.Mode == conf.ModeOff {
			continue
		}
		edits, err := compileEdits(s.of, s.name)
		if err != nil {
			return nil, err
		}
		if len(edits) > 0 {
			steps = append(steps, step(s.name, s.stage, s.of.Mode, edits))
		}
	}
	return steps, nil
}

func step(name string, stage http7.Stage, mode conf.Mode, edits []edit) http7.Step {
	s := http7.Step{Name: name, Stage: stage}
	p := policy{edits}
	if mode == conf.Observe {
		s.Mode = http7.Observe
		if stage == http7.Rewrite {
			s.Request, s.Reads = requestObserver{p}, p.reads()
		} else {
			s.Response = responseObserver{p}
		}
		return s
	}
	if stage == http7.Rewrite {
		s.Request, s.Trailer, s.Edits = requestEditor{p}, requestEditor{p}, p.outcome()
		s.Constants = p.constants()
	} else {
		s.Response = responseEditor{p}
	}
	return s
}

// compileEdits orders the edits of one section: removals, then sets, then additions, each by name.
func compileEdits(s *SectionConfig, name string) (edits []edit, err error) {
	note := func(op operation, field, value string) {
		e, bad := newEdit(op, field, value, name)
		if bad != nil && err == nil {
			err = bad
		}
		edits = append(edits, e)
	}
	for _, field := range s.Remove {
		note(remove, field, "")
	}
	for _, field := range slices.Sorted(maps.Keys(s.Set)) {
		note(set, field, s.Set[field])
	}
	for _, field := range slices.Sorted(maps.Keys(s.Add)) {
		for _, value := range s.Add[field] {
			note(add, field, value)
		}
	}
	return edits, err
}

// policy is the compiled form of one section. It never changes.
type policy struct{ edits []edit }

func (p policy) apply(x *http7.Exchange, h *http7.Header) {
	room := room(x, p.edits)
	for i := range p.edits {
		p.edits[i].apply(x, h, room)
	}
}

func (p policy) observe(x *http7.Exchange, h *http7.Header) {
	room := room(x, p.edits)
	for i := range p.edits {
		if e := &p.edits[i]; !lacks(x, e.reads) && e.changes(x, h, room) {
			x.Verdicts = append(x.Verdicts, e.remark)
		}
	}
}

// reads returns what the remarks depend on, each selector once.
func (p policy) reads() (all []string) {
	for i := range p.edits {
		for _, r := range p.edits[i].reads {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// outcome returns the fields whose values at the endpoint are not the client's, or not only, in the order of the edits.
// One to which the same is added for everybody differs only as the client's do.
func (p policy) outcome() (all []http7.Edit) {
	for i := range p.edits {
		e := &p.edits[i]
		name := strings.ToLower(e.name.String())
		at := slices.IndexFunc(all, func(known http7.Edit) bool { return known.Name == name })
		switch fixed := e.text == nil; {
		case e.op == add && fixed:
		case at < 0:
			all = append(all, http7.Edit{Name: name, Fixed: fixed})
		case e.op == add:
			all[at].Fixed = false
		default:
			all[at].Fixed = fixed
		}
	}
	return all
}

// constants writes the edits that are the same for everybody.
func (p policy) constants() string {
	var b strings.Builder
	for i := range p.edits {
		if e := &p.edits[i]; e.text == nil {
			fmt.Fprintf(&b, "%s %s: %s\n", operationNames[e.op], strings.ToLower(e.name.String()), e.value)
		}
	}
	return b.String()
}

// lacks asks for every one of the selectors, so that each that is missing is noted.
func lacks(x *http7.Exchange, selectors []string) (any bool) {
	for _, s := range selectors {
		any = x.Lacks(s) || any
	}
	return any
}

type requestEditor struct{ policy }

// Request implements [http7.Policy].
func (p requestEditor) Request(x *http7.Exchange) http7.Verdict {
	p.apply(x, &x.Request)
	return http7.Continue
}

// Trailer implements [http7.TrailerPolicy]: what the client may not say of a field before the body, it may
// not say behind it.
func (p requestEditor) Trailer(x *http7.Exchange, trailer *http7.Header) {
	if trailer != &x.Trailer {
		return
	}
	for i := range p.edits {
		if p.edits[i].op != add {
			trailer.Del(p.edits[i].name)
		}
	}
}

type responseEditor struct{ policy }

// Response implements [http7.ResponsePolicy].
func (p responseEditor) Response(x *http7.Exchange) http7.Verdict {
	p.apply(x, &x.Answer.Header)
	return http7.Continue
}

type requestObserver struct{ policy }

// Request implements [http7.Policy].
func (p requestObserver) Request(x *http7.Exchange) http7.Verdict {
	p.observe(x, &x.Request)
	return http7.Continue
}

type responseObserver struct{ policy }

// Response implements [http7.ResponsePolicy].
func (p responseObserver) Response(x *http7.Exchange) http7.Verdict {
	p.observe(x, &x.Answer.Header)
	return http7.Continue
}
