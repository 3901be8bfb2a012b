package cors

import (
	"bytes"

	"weir/http7"
)

// observer records what an enforcer would do. The remarks are made at compile time.
type observer struct {
	*policy
	answers, refuses, allows, withholds string
}

// Request remarks on a preflight, which goes on as the OPTIONS that it is.
func (o *observer) Request(x *http7.Exchange) http7.Verdict {
	if !o.all && x.Lacks(readsOrigin) {
		return http7.Continue
	}
	remark := o.refuses
	if _, ok := o.policy.allows(x); ok {
		remark = o.answers
	}
	x.Verdicts = append(x.Verdicts, remark)
	return http7.Continue
}

// Response remarks on a request of another site.
func (o *observer) Response(x *http7.Exchange) http7.Verdict {
	if sent, ok := originOf(x); x.Preflight != nil || !ok || isSite(x, sent) {
		return http7.Continue
	}
	remark := o.withholds
	if _, ok := o.policy.allows(x); ok {
		remark = o.allows
	}
	x.Verdicts = append(x.Verdicts, remark)
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
