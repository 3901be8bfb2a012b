// Package headers is the policy that sets, adds and removes header fields of requests on their way
// to the endpoint and of answers on their way to the client.
//
// gateway compiles it; the hall runs its steps. It never sees a body or a trailer.
package headers

import (
	"fmt"
	"maps"
	"slices"

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
			s.Request = requestObserver{p}
		} else {
			s.Response = responseObserver{p}
		}
		return s
	}
	if stage == http7.Rewrite {
		s.Request = requestEditor{p}
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

func (p policy) apply(h *http7.Header) {
	for i := range p.edits {
		p.edits[i].apply(h)
	}
}

func (p policy) observe(x *http7.Exchange, h *http7.Header) {
	for i := range p.edits {
		if e := &p.edits[i]; e.changes(h) {
			x.Verdicts = append(x.Verdicts, e.remark)
		}
	}
}

type requestEditor struct{ policy }

// Request implements [http7.Policy].
func (p requestEditor) Request(x *http7.Exchange) http7.Verdict {
	p.apply(&x.Request)
	return http7.Continue
}

type responseEditor struct{ policy }

// Response implements [http7.ResponsePolicy].
func (p responseEditor) Response(x *http7.Exchange) http7.Verdict {
	p.apply(&x.Answer.Header)
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

type operation uint8

const (
	remove operation = iota
	set
	add
)

var operationNames = [...]string{"remove", "set", "add"}

// edit is one change of one field.
type edit struct {
	op     operation
	name   http7.Name
	value  []byte
	remark string // what observe mode leaves in the log
}

// refused are the fields that Weir itself writes; see config.go.
var refused = http7.HopByHop | http7.Names(http7.ContentLength, http7.Host, http7.Expect)

func newEdit(op operation, field, value, step string) (edit, error) {
	name, ok := http7.NewName(field)
	switch {
	case !ok:
		return edit{}, fmt.Errorf("%s: %q is not a field name", step, field)
	case refused.Has(name.ID()):
		return edit{}, fmt.Errorf("%s: the field %q is not edited by a policy", step, field)
	case !http7.IsFieldValue([]byte(value)):
		return edit{}, fmt.Errorf("%s: %q is not a field value", step, value)
	}
	remark := step + ":would " + operationNames[op] + " " + field
	return edit{op, name, []byte(value), remark}, nil
}

func (e *edit) apply(h *http7.Header) {
	switch e.op {
	case remove:
		h.Del(e.name)
	case set:
		h.Set(e.name, e.value)
	case add:
		h.Add(e.name, e.value)
	}
}

// changes reports whether the edit would change h as it is.
func (e *edit) changes(h *http7.Header) bool {
	first := h.Find(e.name, 0)
	switch e.op {
	case remove:
		return first >= 0
	case set:
		return first < 0 || string(h.Value(first)) != string(e.value) || h.Find(e.name, first+1) >= 0
	}
	return true
}
