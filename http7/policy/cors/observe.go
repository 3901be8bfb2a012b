package cors

import (
	"bytes"

	"weir/http7"
)

// remarks are what observe mode leaves in the log, made at compile time.
type remarks struct{ yes, no string }

func (r *remarks) leave(x *http7.Exchange, allowed bool) {
	if allowed {
		x.Verdicts = append(x.Verdicts, r.yes)
	} else {
		x.Verdicts = append(x.Verdicts, r.no)
	}
}

// preflightObserver records what an answerer would do. The preflight goes on as the OPTIONS that it is.
type preflightObserver struct {
	*policy
	remarks
}

// Request implements [http7.Policy] for [http7.Step.Preflight].
func (o *preflightObserver) Request(x *http7.Exchange) http7.Verdict {
	if o.all || !x.Lacks(readsOrigin) {
		o.leave(x, o.allows(x) != nil)
	}
	return http7.Continue
}

// requestObserver records what a teller would do for the requests of other sites.
type requestObserver struct {
	*policy
	remarks
}

// Request implements [http7.Policy].
func (o *requestObserver) Request(x *http7.Exchange) http7.Verdict {
	if x.Preflight != nil || x.Lacks(readsOrigin) {
		return http7.Continue
	}
	if sent, ok := originOf(x); ok && !isSite(x, sent) {
		o.leave(x, o.allows(x) != nil)
	}
	return http7.Continue
}

// isSite reports whether origin is the site that x asks: browsers send one with every POST.
func isSite(x *http7.Exchange, origin []byte) bool {
	scheme := "http://"
	if x.Secure {
		scheme = "https://"
	}
	host, ok := bytes.CutPrefix(origin, []byte(scheme))
	return ok && http7.EqualFold(host, x.Authority)
}
