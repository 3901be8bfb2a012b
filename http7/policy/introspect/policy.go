// Package introspect is the policy that establishes who sends a request by asking the authorisation server about its token
// (RFC 7662). What was answered is remembered for a while, and requests with the same token share a call.
//
// gateway compiles it; the hall runs its steps.
package introspect

import (
	"time"

	"weir/http7"
	"weir/http7/credential"
)

// checker is the compiled form of a Config. It never changes.
type checker struct {
	name     string
	place    *credential.Place
	server   *server
	faults   *faults
	forward  *credential.Forward
	maxToken int
	timeout  time.Duration
	open     bool
	// Remarks.
	unknown, unjudged string
}

const scheme = "introspect"

// Request implements [http7.Policy].
func (p *checker) Request(x *http7.Exchange) http7.Verdict {
	token, count := p.place.Find(x)
	switch {
	case count == 0:
		return http7.Continue
	case count > 1:
		return http7.Refuse(p.faults.ambiguous)
	case len(token) > p.maxToken || !credential.IsToken(token):
		return http7.Refuse(p.faults.malformed)
	}
	a := p.server.remembered(token, time.Now())
	if a == nil {
		if x.Dry {
			x.Verdicts = append(x.Verdicts, p.unknown)
			return http7.Continue
		}
		var err error
		if a, err = p.ask(x, token); err != nil {
			return p.fail(x, err)
		}
	}
	if f := p.faultOf(a); f != nil {
		return http7.Refuse(f)
	}
	x.Establish(http7.Identity{Scheme: scheme, Consumer: a.consumer, Groups: a.groups, Scopes: a.scopes})
	x.Claims = append(x.Claims, a.claims...)
	x.Keep(p, a)
	return http7.Continue
}

func (p *checker) ask(x *http7.Exchange, token []byte) (*answer, error) {
	ctx, done := x.Block(p.timeout)
	defer done()
	return p.server.ask(ctx, token)
}

// fail answers for a server that has not: as configured.
func (p *checker) fail(x *http7.Exchange, err error) http7.Verdict {
	if p.open {
		x.Verdicts = append(x.Verdicts, p.unjudged)
		return http7.Continue
	}
	x.Cause = err
	return http7.Refuse(p.faults.unavailable)
}

func (p *checker) faultOf(a *answer) *http7.Fault {
	switch a.fault {
	case notActive:
		return p.faults.inactive
	case wrongIssuer:
		return p.faults.issuer
	case wrongAudience:
		return p.faults.audience
	case wrongClaims:
		return p.faults.claims
	}
	return nil
}

// rewriter takes the token out of what goes to the endpoint, and tells it what the server said.
type rewriter struct {
	*checker
	strips bool
}

// Request implements [http7.Policy].
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	if r.strips {
		r.place.Strip(x)
	}
	if r.forward == nil {
		return http7.Continue
	}
	var told credential.Told
	if a, is := x.Kept(r.checker).(*answer); is {
		told = a.told
	}
	r.forward.Write(&x.Request, told)
	return http7.Continue
}

// Trailer implements [http7.TrailerPolicy].
func (r *rewriter) Trailer(x *http7.Exchange, trailer *http7.Header) {
	r.place.StripTrailer(x, trailer)
}
