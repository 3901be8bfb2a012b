package serve

import (
	"strings"
	"sync/atomic"

	"weir/http7"
)

// verdict is a policy that always says the same.
type verdict struct{ v http7.Verdict }

func (p verdict) Request(*http7.Exchange) http7.Verdict { return p.v }

// scripted is a policy made of functions; it counts its calls.
type scripted struct {
	request func(x *http7.Exchange) http7.Verdict
	resume  func(x *http7.Exchange, why http7.Event) http7.Verdict
	end     func(x *http7.Exchange, word uint64)
	answer  func(x *http7.Exchange) http7.Verdict

	requests, resumes, ends, answers atomic.Int64
}

func (p *scripted) Request(x *http7.Exchange) http7.Verdict {
	p.requests.Add(1)
	if p.request == nil {
		return http7.Continue
	}
	return p.request(x)
}

func (p *scripted) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	p.resumes.Add(1)
	return p.resume(x, why)
}

func (p *scripted) End(x *http7.Exchange, word uint64) {
	p.ends.Add(1)
	if p.end != nil {
		p.end(x, word)
	}
}

func (p *scripted) Response(x *http7.Exchange) http7.Verdict {
	p.answers.Add(1)
	if p.answer == nil {
		return http7.Continue
	}
	return p.answer(x)
}

// step is p as a step of a route.
func (p *scripted) step(name string) http7.Step {
	return http7.Step{Name: name, Bundle: strings.Split(name, ".")[0], Request: p, Response: p, End: p}
}
