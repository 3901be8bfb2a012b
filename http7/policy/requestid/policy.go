// Package requestid is the policy that gives a request its id: a fact for the log and for templates,
// a field for the endpoint and for the client.
//
// gateway compiles it; the hall runs its steps. An id from outside never passes unless it is trusted
// and valid.
package requestid

import (
	"fmt"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the steps of c for the bundle name: one at stage guard that settles the id, one at
// stage present that tells the client, one at stage rewrite that tells the endpoint. Observed it is
// the first alone, off none. It refuses what Check reports, should that come here unchecked.
func Compile(c *Config, name string) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name += ".request_id"
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		return nil, fmt.Errorf("%s: %s", name, problems.List()[0].Text)
	}
	field, _ := http7.NewName(c.Header)
	p := &policy{field: field, trust: c.Trust}
	if c.Mode == conf.Observe {
		o := &observer{policy: p, reads: "header:" + strings.ToLower(c.Header), keeps: name + ":would keep the client's", replaces: name + ":would replace the client's", makes: name + ":would make one"}
		return []http7.Step{{Name: name, Stage: http7.Guard, Mode: http7.Observe, Request: o, Reads: []string{o.reads}}}, nil
	}
	return []http7.Step{
		{Name: name, Stage: http7.Guard, Request: settler{p}},
		{Name: name, Stage: http7.Present, Response: presenter{p}},
		{Name: name, Stage: http7.Rewrite, Request: writer{p}, Trailer: writer{p}, Edits: []http7.Edit{{Name: strings.ToLower(c.Header)}}},
	}, nil
}

// policy is the compiled form of a Config. It never changes.
type policy struct {
	field http7.Name
	trust bool
}

// mostLetters bounds an id from outside: it stands on every line of the log.
const mostLetters = 128

// told returns the id that x came with if it is trusted, and whether x came with any field of the name.
// Of several nobody knows which one others will read.
func (p *policy) told(x *http7.Exchange) (id []byte, any bool) {
	i := x.Request.Find(p.field, 0)
	if i < 0 || !p.trust || x.Request.Find(p.field, i+1) >= 0 || !valid(x.Request.Value(i)) {
		return nil, i >= 0
	}
	return x.Request.Value(i), true
}

// valid reports whether an id is made of 1 to 128 visible ASCII characters.
func valid(id []byte) bool {
	for _, c := range id {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return 0 < len(id) && len(id) <= mostLetters
}

// settler gives x its id.
type settler struct{ *policy }

// Request implements [http7.Policy]. An exchange has one id: what a policy before this one has settled stays.
func (p settler) Request(x *http7.Exchange) http7.Verdict {
	if x.RequestID != nil {
		return http7.Continue
	}
	if id, _ := p.told(x); id != nil {
		// A copy: the log needs it when a tunnel has given the request's head back.
		x.RequestID = append(x.Room(len(id)), id...)
	} else {
		x.RequestID = appendID(x.Room(idLetters), x.Arrival)
	}
	return http7.Continue
}

// presenter tells the client, in place of what an endpoint may have said.
type presenter struct{ *policy }

// Response implements [http7.ResponsePolicy]. Answers from before the guards have no id.
func (p presenter) Response(x *http7.Exchange) http7.Verdict {
	if x.RequestID != nil {
		x.Answer.Header.Set(p.field, x.RequestID)
	}
	return http7.Continue
}

// writer tells the endpoint, in place of what the client has said.
type writer struct{ *policy }

// Request implements [http7.Policy].
func (p writer) Request(x *http7.Exchange) http7.Verdict {
	p.dropLookalikes(&x.Request)
	if x.RequestID == nil {
		x.Request.Del(p.field)
	} else {
		x.Request.Set(p.field, x.RequestID)
	}
	return http7.Continue
}

// Trailer implements [http7.TrailerPolicy]: a client may not say behind the body what it may not say before.
func (p writer) Trailer(x *http7.Exchange, trailer *http7.Header) {
	if trailer == &x.Trailer {
		p.dropLookalikes(trailer)
		trailer.Del(p.field)
	}
}

// dropLookalikes removes the fields that differ from p's in "_" for "-": to a CGI-like endpoint they are the
// same. A listener that is not told otherwise has dropped them already.
func (p *policy) dropLookalikes(h *http7.Header) {
	want := p.field.String()
	for i := h.Len() - 1; i >= 0; i-- {
		if h.IDAt(i) != http7.Unlisted {
			continue
		}
		if name, _ := h.At(i); len(name) == len(want) && lookalike(name, want) {
			h.DelAt(i)
		}
	}
}

// lookalike reports whether two names of one length are the same but for case and "_" for "-", and not the
// same but for case.
func lookalike(name []byte, want string) bool {
	exact := true
	for i, c := range name {
		w := want[i]
		if c == w {
			continue
		}
		dash := (c == '_' || c == '-') && (w == '_' || w == '-')
		if !dash && !http7.EqualFold(name[i:i+1], want[i:i+1]) {
			return false
		}
		exact = exact && !dash
	}
	return !exact
}

// observer records what a settler would do. The remarks are made at compile time.
type observer struct {
	*policy
	reads                  string // what a remark depends on
	keeps, replaces, makes string
}

// Request implements [http7.Policy].
func (o *observer) Request(x *http7.Exchange) http7.Verdict {
	if x.RequestID != nil || x.Lacks(o.reads) {
		return http7.Continue
	}
	remark := o.makes
	if id, any := o.told(x); id != nil {
		remark = o.keeps
	} else if any {
		remark = o.replaces
	}
	x.Verdicts = append(x.Verdicts, remark)
	return http7.Continue
}
