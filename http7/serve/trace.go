package serve

import (
	"strings"

	"weir/http7"
)

// trace is what the steps of a dry run have said, in order.
type trace struct {
	said []said
	// remarks is how many of x's verdicts are accounted for.
	remarks int
}

// said is what one step has said.
type said struct {
	step   *http7.Step
	last   http7.Verdict
	status int    // of an answer or a refusal
	waited bool   // it was granted a wait
	why    string // its remarks
}

// note notes what s says; a step that is resumed says more.
func (t *trace) note(x *exchange, s *http7.Step, v http7.Verdict) {
	one := t.of(s)
	if one == nil {
		t.said = append(t.said, said{step: s})
		one = &t.said[len(t.said)-1]
	}
	one.last = v
	switch {
	case v.Act == http7.Wait:
		one.waited = true
	case v.Act == http7.Reply && v.Fault != nil:
		one.status = v.Fault.Status
	case v.Act == http7.Reply && x.Answer != nil:
		one.status = x.Answer.Status
	}
	for _, remark := range x.Verdicts[t.remarks:] {
		_, what, _ := strings.Cut(remark, ":")
		one.add(what)
	}
	t.remarks = len(x.Verdicts)
	if v.Act == http7.Reply && v.Fault != nil && x.Cause != nil && !strings.Contains(one.why, x.Cause.Error()) {
		one.add(x.Cause.Error()) // what the audit log has for its reason
	}
}

func (s *said) add(what string) {
	if s.why != "" {
		s.why += "; "
	}
	s.why += what
}

// of returns what s has said, nil if nothing.
func (t *trace) of(s *http7.Step) *said {
	for i := range t.said {
		if t.said[i].step == s {
			return &t.said[i]
		}
	}
	return nil
}
