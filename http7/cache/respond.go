package cache

import (
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
)

// Response implements [http7.ResponsePolicy].
func (p *policy) Response(x *http7.Exchange) http7.Verdict {
	v, _ := x.Kept(p).(*visit)
	if v == nil || x.Answer == nil || v.ended {
		return http7.Continue
	}
	switch v.role {
	case answered:
		return http7.Continue
	case leading, fetching:
		return p.fetched(x, v)
	case waiting: // in vain: its time is up, or it was refused
		return p.failed(x, v)
	case changes:
		p.changed(x, v)
	case asksHead:
		if p.failing(x) && p.standIn(x, v) {
			return http7.Continue
		}
		p.freshen(x, v)
	case passing:
		p.passed(x, v)
	case watched:
		p.watchAnswer(x, v)
	}
	if !p.observe {
		p.tell(x, v)
	}
	return http7.Continue
}

// fetched decides what becomes of an answer that was fetched to be stored.
func (p *policy) fetched(x *http7.Exchange, v *visit) http7.Verdict {
	a := x.Answer
	v.status.Code = a.Status
	switch {
	case x.Fault != nil:
		return p.failed(x, v)
	case a.Local: // a step behind has answered
		p.leave(v, alone)
		v.status.Code = 0
		return p.through(x, v, "")
	case a.Status == 304 && v.renews:
		return p.renewed(x, v)
	case rule.IsError(a.Status) && p.standIn(x, v):
		return http7.Continue
	}
	verdict := rule.Judge(p.caseOf(x, v), &p.rules)
	if !verdict.Store {
		return p.unstored(x, v, verdict.Why, verdict.Personal)
	}
	return p.keep(x, v, &verdict)
}

// failing reports whether x's answer is an error of the origin, or in place of one.
func (p *policy) failing(x *http7.Exchange) bool {
	if x.Fault != nil {
		return x.Fault.Side == http7.Upstream
	}
	return !x.Answer.Local && rule.IsError(x.Answer.Status)
}

// caseOf is what an answer is judged by.
func (p *policy) caseOf(x *http7.Exchange, v *visit) *rule.Case {
	return &rule.Case{
		Method: x.Method, Request: &x.Request, Status: x.Answer.Status, Answer: &x.Answer.Header, Length: x.Answer.Length,
		Asked: v.now.UnixNano(), Got: time.Now().UnixNano(), Who: p.key.whoOf(x),
	}
}

// through lets an answer pass that is not stored.
func (p *policy) through(x *http7.Exchange, v *visit, why string) http7.Verdict {
	x.Cached = cachedUncacheable
	v.status.Detail = why
	p.tell(x, v)
	return http7.Continue
}

// leave ends the fill that v leads, if it leads one.
func (p *policy) leave(v *visit, w word) {
	if v.fill != nil {
		v.fill.over(v, w)
	}
}

// unstored lets an answer pass that may not be stored. For a while those who ask for the same don't wait for each other:
// only those with credentials if this one has them, for what it gets says nothing about others.
func (p *policy) unstored(x *http7.Exchange, v *visit, why string, personal bool) http7.Verdict {
	c, f := p.shared, v.fill
	span := spanOf(why)
	if v.object != nil && !personal && !v.asks.Credentials && !rule.IsError(x.Answer.Status) {
		c.store.Drop(v.object) // the endpoint says something else now (RFC 9111 §4.3.3)
	}
	v.hold(nil)
	switch {
	case rule.IsError(x.Answer.Status):
		if f != nil {
			f.fail(v)
		}
	case f == nil || personal || v.asks.Credentials:
		if c.fills.mark(v.marking(), span); f != nil {
			f.personal(v)
		}
	default:
		f.passed(v, span)
	}
	c.counts.fills[fillPassed].Add(1)
	p.heed(x, v)
	return p.through(x, v, why)
}

// spanOf is for how long answers are taken for ones that are not stored, after one that was not for this reason.
func spanOf(why string) time.Duration {
	if why == tooLarge {
		return markLarge
	}
	return markFor
}

// tooLarge is the reason not to store what is larger than max_object.
const tooLarge = "too-large"

// failed is the end of an exchange whose endpoint has not answered, or with an error. A stored answer stands in for it
// where that is allowed.
func (p *policy) failed(x *http7.Exchange, v *visit) http7.Verdict {
	if v.role == waiting { // it is no business of the fill's
		p.unpark(v)
	}
	if x.Fault.Side == http7.Upstream && p.standIn(x, v) {
		return http7.Continue
	}
	if v.role == leading && v.fill != nil {
		v.fill.fail(v)
	}
	if v.status.Code = 0; x.Fault.Side == http7.Upstream && !v.counted {
		p.shared.counts.fills[fillFailed].Add(1)
	}
	v.hold(nil)
	x.Cached = cachedUncacheable
	p.tell(x, v)
	return http7.Continue
}

// standIn answers x from what is stored, and those who wait with it, because their origin has failed (RFC 5861 §4).
func (p *policy) standIn(x *http7.Exchange, v *visit) bool {
	now := time.Now()
	if v.object == nil || v.object.Purged() || !rule.OnError(&v.facts, &v.asks, now.UnixNano()) {
		return false
	}
	v.status.Code = x.Answer.Status
	if v.now = now; x.Fault != nil {
		v.status.Code = 0
	}
	p.leave(v, instead)
	if !v.counted {
		p.shared.counts.fills[fillFailed].Add(1)
	}
	if v.away {
		return true
	}
	p.giveStale(x, v)
	x.Fault = nil
	return true
}

// giveStale answers x from v's object, which is whole and stale.
func (p *policy) giveStale(x *http7.Exchange, v *visit) {
	v.answer(x)
	v.role, x.Cached = answered, cachedErrorStale
	now := v.now.UnixNano()
	v.status.Detail, v.status.HasTTL, v.status.TTL = "stale-if-error", true, v.facts.TTL(now)
	rule.SetAge(&x.Answer.Header, &v.facts, now)
	p.tell(x, v)
}

// standInToo answers x, which has waited for a fetch in vain, from what is stored if it may; if not, x goes by itself, and
// detail says why.
func (p *policy) standInToo(x *http7.Exchange, v *visit, detail string) http7.Verdict {
	why := v.status.Forward
	p.recall(x, v)
	if v.object == nil || !rule.OnError(&v.facts, &v.asks, v.now.UnixNano()) {
		v.status.Forward = why
		return p.pass(x, v, detail)
	}
	v.status.Forward = rule.NotForwarded
	p.giveStale(x, v)
	return http7.Answered()
}

// passed looks at an answer that is not stored because another was not. If it could be, the next one is; if not, nobody waits
// for a while longer.
func (p *policy) passed(x *http7.Exchange, v *visit) {
	if x.Fault != nil || x.Answer.Local {
		return
	}
	if why := p.whyPassed(x, v); why != "" {
		if v.status.Detail == "" {
			v.status.Detail = why
		}
		return
	}
	verdict := rule.Judge(p.caseOf(x, v), &p.rules)
	switch {
	case !verdict.Store:
		if v.status.Detail == "" {
			v.status.Detail = verdict.Why
		}
		if !verdict.Personal && !rule.IsError(x.Answer.Status) {
			p.shared.fills.mark(v.marking(), spanOf(verdict.Why))
		}
	case verdict.Facts.Lifetime() > 0:
		if _, why := p.varies(x, verdict.Vary); why == "" {
			p.shared.fills.unmark(v.marking())
			p.shared.fills.unmark(v.place())
		}
	}
}

// whyPassed is why an answer is not stored that need not be judged; "" for others.
func (p *policy) whyPassed(x *http7.Exchange, v *visit) string {
	part := x.Answer.Status == 206 || x.Answer.Status == 304
	switch {
	case !part && x.Answer.Length >= 0:
		return ""
	case p.shared.fills.isLarge(v.place(), v.now): // as it has turned out at its end
		return tooLarge
	case part:
		return "status"
	}
	return ""
}

// tell adds what the cache has done to x's answer (RFC 9211), and keeps its tags from the client.
func (p *policy) tell(x *http7.Exchange, v *visit) {
	h := &x.Answer.Header
	if p.rules.Tags.String() != "" {
		h.Del(p.rules.Tags)
	}
	if v.status.Code == x.Answer.Status {
		v.status.Code = 0
	}
	v.text = v.status.Append(v.text[:0], cacheName)
	h.Add(cacheStatus, v.text)
}

// cacheName is Weir's in Cache-Status.
const cacheName = "weir"

var cacheStatus = http7.Known(http7.CacheStatus)
