// Package translate is the policy that lets browsers call gRPC: gRPC-Web on the client's side, gRPC's own protocol
// on the endpoint's (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md).
//
// gateway compiles it; the hall runs its step and drives its filters.
package translate

import (
	"fmt"
	"sync"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage rewrite, since the translation is between Weir and
// the endpoint; none for a section that is off. It refuses what Check reports, should it come here unchecked.
func Compile(c *Config, bundle string) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".translate"
	if c.Request != grpcWeb {
		return nil, fmt.Errorf("%s: %q is not a translation", name, c.Request)
	}
	s := http7.Step{Name: name, Bundle: bundle, Stage: http7.Rewrite}
	if c.Mode == conf.Observe {
		s.Mode, s.Reads = http7.Observe, []string{readsType}
		s.Request = observer(name + ":would translate gRPC-Web")
		return []http7.Step{s}, nil
	}
	p := new(policy)
	p.calls.New = func() any { return new(call) }
	s.Request, s.Response, s.End = p, p, p // no Edits: calls are POSTs
	return []http7.Step{s}, nil
}

// readsType is what the remark of observe mode depends on.
const readsType = "header:content-type"

// policy is the compiled form of one section.
type policy struct {
	calls sync.Pool // of *call
}

// call is what one call needs. The request's half may be used by another goroutine than the answer's.
type call struct {
	decoder decoder
	encoder encoder
}

// Request implements [http7.Policy].
func (p *policy) Request(x *http7.Exchange) http7.Verdict {
	k, ok := kindOf(x)
	if !ok {
		return http7.Continue
	}
	answer := k.answer(&x.Request)
	x.GRPCWeb = answer.media(x)
	k.dress(x)
	if x.Dry {
		return http7.Continue
	}
	c := p.calls.Get().(*call)
	c.decoder.reset(k.text)
	c.encoder.reset(answer.text)
	x.Body.Filters = append(x.Body.Filters, &c.decoder)
	x.Keep(p, c)
	return http7.Continue
}

// Response implements [http7.ResponsePolicy]. What is no answer of gRPC, and what is one to no such call, stays as
// it is: clients know what to make of an HTTP status.
func (p *policy) Response(x *http7.Exchange) http7.Verdict {
	c, _ := x.Kept(p).(*call)
	a := x.Answer
	suffix, ok := grpcSuffix(a.Header.Get(http7.ContentType))
	if c == nil || !ok {
		return http7.Continue
	}
	answer := kind{text: c.encoder.text, suffix: suffix}
	a.Header.Set(contentType, answer.media(x))
	if a.Length == 0 { // trailers only: they are the head (PROTOCOL-WEB.md, "Trailers-only responses")
		return http7.Continue
	}
	c.encoder.trailer = &a.Trailer
	a.Filters = append(a.Filters, &c.encoder)
	return http7.Continue
}

// End implements [http7.Ender].
func (p *policy) End(x *http7.Exchange, _ uint64) {
	c, ok := x.Kept(p).(*call)
	if !ok {
		return
	}
	x.Keep(p, nil)
	c.encoder.trailer = nil
	p.calls.Put(c)
}

// observer is what stands among the verdicts of a call that would be translated.
type observer string

// Request implements [http7.Policy].
func (o observer) Request(x *http7.Exchange) http7.Verdict {
	if x.Lacks(readsType) {
		return http7.Continue
	}
	if _, ok := kindOf(x); ok {
		x.Verdicts = append(x.Verdicts, string(o))
	}
	return http7.Continue
}
