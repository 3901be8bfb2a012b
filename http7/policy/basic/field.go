package basic

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"weir/http7"
)

var authorization = http7.Known(http7.Authorization)

// finding says what Authorization has for us.
type finding uint8

const (
	absent finding = iota
	one
	several // nobody knows which of them others would read
)

// find returns what stands behind "Basic" in the request's only Authorization field. Of several, one of them with a
// name and password, none is taken.
func find(h *http7.Header) (text []byte, state finding) {
	fields := 0
	for i := h.Find(authorization, 0); i >= 0; i = h.Find(authorization, i+1) {
		fields++
		if rest, ours := cutScheme(h.Value(i)); ours {
			text, state = rest, one
		}
	}
	if state == one && fields > 1 {
		return nil, several
	}
	return text, state
}

// cutScheme cuts "Basic" and the blanks behind it off a value; ours is false if it has another scheme (RFC 9110 §11.4).
func cutScheme(value []byte) (rest []byte, ours bool) {
	const scheme = "Basic"
	if len(value) < len(scheme) || !http7.EqualFold(value[:len(scheme)], scheme) {
		return nil, false
	}
	behind := value[len(scheme):]
	rest = bytes.TrimLeft(behind, " \t")
	return rest, len(behind) == 0 || len(rest) < len(behind)
}

// told is a field in which the endpoint is told something of the user.
type told struct {
	field http7.Name
	what  string
}

// rewriter acts on what goes to the endpoint. It never changes.
type rewriter struct {
	of   *policyOf
	pass bool
	told []told
}

// rewrite returns the step that acts on what goes to the endpoint.
func (p *policyOf) rewrite(c *Config) http7.Step {
	s := http7.Step{Name: p.name + ".forward", Stage: http7.Rewrite}
	r := &rewriter{of: p, pass: c.Pass}
	for _, field := range slices.Sorted(maps.Keys(c.Forward)) {
		name, _ := http7.NewName(field)
		r.told = append(r.told, told{name, c.Forward[field]})
		s.Sets = append(s.Sets, field)
		s.Edits = append(s.Edits, http7.Edit{Name: strings.ToLower(field)})
	}
	if !c.Pass {
		s.Edits = append(s.Edits, http7.Edit{Name: "authorization"})
	}
	p.keeps = len(r.told) > 0
	s.Request = r
	return s
}

// Request implements [http7.Policy].
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	h := &x.Request
	if !r.pass {
		for i := h.Find(authorization, 0); i >= 0; {
			if _, ours := cutScheme(h.Value(i)); ours {
				h.DelAt(i)
			} else {
				i++
			}
			i = h.Find(authorization, i)
		}
	}
	if len(r.told) == 0 {
		return http7.Continue
	}
	of, _ := x.Kept(r.of).(*account)
	if of == nil { // what clients write there has gone before (Step.Sets), and another policy may have told who it is
		return http7.Continue
	}
	for i := range r.told {
		r.tell(x, of, &r.told[i])
	}
	return http7.Continue
}

// tell sets t's field, or removes it if there is nothing to tell.
func (r *rewriter) tell(x *http7.Exchange, of *account, t *told) {
	var value []byte
	if t.what == "consumer" {
		value = append(x.Room(len(of.name)), of.name...)
	} else if m := r.of.groups[of.name]; m != nil {
		value = m.text
	}
	if len(value) == 0 {
		x.Request.Del(t.field)
		return
	}
	x.Request.Set(t.field, value)
}
