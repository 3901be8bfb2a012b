package cache

import (
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// renewed answers x from what was stored: the endpoint says that it still holds (RFC 9111 §4.3.4).
func (p *policy) renewed(x *http7.Exchange, v *visit) http7.Verdict {
	c := p.shared
	personal := false
	if v.status.Stored, personal = p.refresh(x, v); !v.status.Stored && !personal {
		// Nobody knows what it says about the stored answer. That goes, but is given to who has asked: the likely cause is a
		// server that takes its own tags for those of another coding.
		c.store.Drop(v.object)
	}
	c.counts.fills[fillRenewed].Add(1)
	if v.status.Stored {
		p.share(v, v.object.Key())
	}
	p.leave(v, again)
	x.Cached = cachedRevalidated
	v.now = time.Now()
	came := &x.Answer.Header // its block stays until the answer leaves
	if v.away || !v.answer(x) {
		x.LocalAnswer(204)
		return http7.Continue
	}
	for value := range came.Each(setCookie) { // for who has asked alone
		x.Answer.Header.Add(setCookie, value)
	}
	if v.status.Stored && v.facts.Has(rule.Aged) { // what the endpoint has just validated has no other age (RFC 9111 §5.1)
		rule.SetAge(&x.Answer.Header, &v.facts, v.now.UnixNano())
	}
	v.role = answered
	p.tell(x, v)
	return http7.Continue
}

var setCookie = http7.Known(http7.SetCookie)

// refresh stores v's object with what x's answer, a 304 or one to HEAD, says of it, and makes that v's. stored is false if it does
// not say that the object may be used further; personal if it says so for x's client alone.
func (p *policy) refresh(x *http7.Exchange, v *visit) (stored, personal bool) {
	c := p.caseOf(x, v)
	if !rule.Confirms(v.head, &v.facts, c.Answer, c.Got) {
		return false, false
	}
	verdict := rule.Merge(v.head, c, &p.rules, &v.merged)
	if !verdict.Store {
		return false, verdict.Personal
	}
	var ok bool
	if v.buf, ok = rule.AppendHead(v.buf[:0], &verdict, &v.merged); !ok {
		return false, false
	}
	o := p.shared.store.Refresh(v.object, v.mark, p.tagsIn(v.key, &v.merged), v.buf)
	if o == nil { // a purge came between, or there is no room; of what x gets that changes nothing
		v.head = rule.Head(v.buf)
		v.head.Facts(&v.facts)
		return false, true
	}
	v.hold(o)
	return true, false
}

// freshen applies what an endpoint says in answer to HEAD to what is stored for GET (RFC 9111 §4.3.5).
func (p *policy) freshen(x *http7.Exchange, v *visit) {
	if x.Fault != nil || x.Answer.Local || x.Answer.Status != 200 || v.object == nil {
		return
	}
	now := time.Now().UnixNano()
	if !rule.SameAsHead(v.head, &v.facts, &x.Answer.Header, v.object.Length(), now) {
		if !v.asks.Credentials { // or it may be about what one client gets
			p.shared.store.Purge(store.Purge{Key: v.place(), Soft: true})
		}
		return
	}
	v.status.Stored, _ = p.refresh(x, v)
}

// renewBehind fetches v's object again without a client, unless somebody does already (RFC 5861 §3). What is fetched for a
// request with Authorization or no-store would be no use: the next one does it.
func (p *policy) renewBehind(x *http7.Exchange, v *visit) {
	if v.authorized || v.asks.NoStore {
		return
	}
	b := visits.Get().(*visit)
	b.course = course{role: leading, away: true, asks: v.asks, authorized: v.authorized, mark: v.mark, now: v.now}
	b.key, b.variant = append(b.key[:0], v.key...), append(b.variant[:0], v.variant...)
	b.status.Forward = rule.FwdStale
	v.object.Hold()
	b.hold(v.object)
	b.facts = v.facts
	if t, _ := p.shared.fills.join(b.place(), b, nil, false); t != leads {
		b.finish()
		return
	}
	cached := x.Cached
	p.send(x, b)
	if x.Backstage == nil || !x.Backstage.Repeat(x, p, b) {
		p.leave(b, again)
		b.finish()
	}
	x.Outgoing, x.Cached = http7.Outgoing{}, cached
}
