package cache

import (
	"bytes"
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

const (
	methodGet  = "GET"
	methodHead = "HEAD"
	byMethod   = "method"
)

// Request implements [http7.Policy].
func (p *policy) Request(x *http7.Exchange) http7.Verdict {
	if x.Dry {
		return p.rehearse(x)
	}
	v := p.begin(x)
	if why := passesBy(x); why != "" {
		return p.bypass(x, v, why)
	}
	v.key = p.key.appendKey(v.key, x, p.observe)
	return p.look(x, v)
}

// passesBy says why x is not looked up at all; "" for what is.
func passesBy(x *http7.Exchange) string {
	switch {
	case string(x.Method) != methodGet && string(x.Method) != methodHead:
		return byMethod
	case x.Body.Present():
		return "body"
	case x.Upgrade != nil:
		return "upgrade"
	case http7.GRPCType(&x.Request) != nil || x.GRPCWeb != nil:
		return "grpc"
	case rule.ForOrigin(&x.Request):
		return "condition"
	}
	return ""
}

// bypass lets x pass. A method that is not safe has its effect when it is answered.
func (p *policy) bypass(x *http7.Exchange, v *visit, why string) http7.Verdict {
	v.role, v.status.Detail, x.Cached = bypasses, why, cachedBypass
	v.status.Forward = rule.FwdBypass
	if why == byMethod {
		v.role, v.status.Forward, v.status.Detail = changes, rule.FwdMethod, ""
	}
	return http7.Continue
}

// look answers x from the store, makes it wait for another's answer, or sends it on.
func (p *policy) look(x *http7.Exchange, v *visit) http7.Verdict {
	p.recall(x, v)
	if v.role == bypasses { // what selects the variant is too long
		return p.bypass(x, v, "vary")
	}
	if v.object == nil {
		return p.missed(x, v)
	}
	d := rule.Serve(&v.facts, &v.asks, v.now.UnixNano())
	switch {
	case d == rule.Apart:
		v.hold(nil)
		return p.bypass(x, v, "credentials")
	case p.observe:
		return p.watch(x, v, d)
	case d == rule.Use && !v.until.IsZero():
		return p.collapse(x, v)
	case d == rule.Use:
		return p.hit(x, v, cachedHit, "")
	case d == rule.UseStale:
		return p.hit(x, v, cachedStale, "max-stale")
	case d == rule.UseAndRenew:
		p.renewBehind(x, v)
		return p.hit(x, v, cachedStale, "stale-while-revalidate")
	}
	return p.stale(x, v)
}

// recall makes what the store has for x v's object, if there is anything. It reads the clock anew: x.Arrival is that of the
// head's first byte, and by a slow head, or a wait on the way here, ages would be told too young (RFC 9111 §4.2.3).
func (p *policy) recall(x *http7.Exchange, v *visit) {
	v.role, v.now = looks, time.Now()
	v.mark = p.shared.store.Mark() // before the store is asked: of what is found, no purge since may be missed
	v.hold(p.find(x, v))
	if v.object != nil && v.object.Stale() {
		v.facts.Expire(v.now.UnixNano())
	}
}

// find returns the stored answer that x selects, held; nil if there is none.
func (p *policy) find(x *http7.Exchange, v *visit) *store.Object {
	s := p.shared.store
	v.variant, v.status.Forward = v.variant[:0], rule.FwdURIMiss
	o := s.Get(v.key)
	if o == nil {
		return nil
	}
	names, nonce, ok := rule.Head(o.Head()).Index()
	if !ok {
		return o
	}
	v.status.Forward = rule.FwdVaryMiss
	v.variant, ok = rule.AppendVariant(append(v.variant, v.key...), names, nonce&^countMask, &x.Request)
	o.Release()
	if !ok {
		v.variant, v.role = v.variant[:0], bypasses
		return nil
	}
	return s.Get(v.variant)
}

// missed is the way of a request that nothing stored can answer.
func (p *policy) missed(x *http7.Exchange, v *visit) http7.Verdict {
	switch {
	case p.observe:
		return p.watch(x, v, rule.Validate)
	case v.asks.OnlyIfCached:
		return p.gatewayTimeout(x, v)
	case string(x.Method) == methodHead:
		return p.askHead(x, v)
	case v.asks.NoStore:
		return p.bypass(x, v, "no-store")
	case p.beyond(&x.Request): // a part of what is too large to be stored
		return p.pass(x, v, tooLarge)
	case v.asks.Credentials && p.shared.fills.isMarked(v.marking(), v.now):
		return p.pass(x, v, "")
	case v.authorized: // its answer is hardly for others
		return p.fetch(x, v)
	case v.demanding():
		return p.demand(x, v)
	}
	return p.take(x, v)
}

// beyond reports whether a Range begins behind what may be stored.
func (p *policy) beyond(h *http7.Header) bool {
	if !h.HasAny(ranges) {
		return false
	}
	first, ok := bytes.CutPrefix(h.Get(http7.Range), []byte("bytes="))
	n := int64(0)
	for _, c := range first {
		if c < '0' || c > '9' || n > p.rules.MaxObject {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return ok && n >= p.rules.MaxObject
}

var ranges = http7.Names(http7.Range)

// stale is the way of a request whose stored answer must be validated.
func (p *policy) stale(x *http7.Exchange, v *visit) http7.Verdict {
	v.status.Forward = rule.FwdStale
	if v.facts.TTL(v.now.UnixNano()) > 0 {
		v.status.Forward = rule.FwdRequest
	}
	switch {
	case v.asks.OnlyIfCached:
		return p.gatewayTimeout(x, v)
	case string(x.Method) == methodHead:
		return p.askHead(x, v)
	case v.asks.NoStore:
		v.hold(nil)
		return p.bypass(x, v, "no-store")
	case v.authorized, v.facts.Has(rule.NoCache), v.facts.Lifetime() <= 0:
		return p.fetch(x, v) // the endpoint's word holds for this request alone
	case v.demanding():
		return p.demand(x, v)
	case !v.until.IsZero() && v.facts.Born != v.seen: // what x has waited for was stale when it came: the next would be too
		return p.fetch(x, v)
	}
	return p.take(x, v)
}

// maxTurns bounds how often an exchange looks again because what it waited for was not for it.
const maxTurns = 8

// patient reports whether v may wait, or still may.
func (p *policy) patient(v *visit) bool {
	return p.wait > 0 && v.turns < maxTurns && (v.until.IsZero() || v.now.Before(v.until))
}

// take leads the fill of v's key, joins it, or goes alone.
func (p *policy) take(x *http7.Exchange, v *visit) http7.Verdict {
	v.waker = x.Waker()
	t, o := p.shared.fills.join(v.place(), v, x, p.patient(v))
	switch t {
	case leads:
		v.role = leading
		if p.overtaken(x, v) {
			p.leave(v, again)
			return p.look(x, v)
		}
		return p.send(x, v)
	case waits:
		return p.park(v)
	case reads:
		v.hold(o)
		return p.collapse(x, v)
	case fetches:
		if v.until.IsZero() {
			return p.fetch(x, v)
		}
	}
	return p.pass(x, v, "")
}

// overtaken reports whether another's fill has ended between v's look at the store and its turn to lead.
func (p *policy) overtaken(x *http7.Exchange, v *visit) bool {
	if v.turns++; v.turns > maxTurns {
		return false
	}
	why, at := v.status.Forward, len(v.variant)
	o := p.find(x, v)
	if v.role == bypasses {
		return true
	}
	if o == nil && at == len(v.variant) && v.role != bypasses {
		v.status.Forward = why
		return false
	}
	if o != nil {
		o.Release()
	}
	if o == v.object && v.role != bypasses { // its values may be too long for an index that has come
		v.status.Forward = why
		return false
	}
	return true
}

// park makes v's exchange wait until the fill says more.
func (p *policy) park(v *visit) http7.Verdict {
	if v.until.IsZero() {
		v.until, v.waited = v.now.Add(p.wait), v.status.Forward
		if v.object != nil {
			v.seen = v.facts.Born
		}
	}
	p.shared.counts.waiting.Add(1)
	v.role = waiting
	return http7.WaitUntil(v.until)
}

// unpark ends a wait before its end.
func (p *policy) unpark(v *visit) {
	if v.fill != nil {
		v.fill.part(v, false)
	}
	p.shared.counts.waiting.Add(-1)
	v.role = passing
}

// Resume implements [http7.Resumer].
func (p *policy) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	v, _ := x.Kept(p).(*visit)
	if v == nil || v.role != waiting {
		return http7.Continue
	}
	f := v.fill
	w := f.heard(v, why == http7.Expired)
	if w == nothing {
		return http7.WaitUntil(v.until)
	}
	p.shared.counts.waiting.Add(-1)
	switch v.turns++; w {
	case again:
		defer f.pass()
		return p.look(x, v)
	case instead:
		return p.standInToo(x, v, "")
	case given:
		return p.receive(x, v)
	}
	if why == http7.Expired { // for who waits, an endpoint that says nothing for so long has failed
		p.shared.counts.late.Add(1)
		return p.standInToo(x, v, "collapsed-wait")
	}
	return p.pass(x, v, "collapsed-wait")
}

// collapse answers x from an object that another's request has brought, or brings just now.
func (p *policy) collapse(x *http7.Exchange, v *visit) http7.Verdict {
	if v.facts.Has(rule.Configured) && v.asks.Credentials {
		v.hold(nil)
		return p.bypass(x, v, "credentials")
	}
	if v.facts.Has(rule.NoCache) || v.facts.TTL(v.now.UnixNano()) <= 0 { // not for more than one (RFC 9111 §4)
		v.hold(nil)
		return p.pass(x, v, "")
	}
	v.status.Collapsed = true
	if v.waited != rule.NotForwarded {
		v.status.Forward = v.waited
	}
	return p.hit(x, v, cachedCollapsed, "")
}

// gatewayTimeout answers a client that wants nothing but what is stored (RFC 9111 §5.2.1.7).
func (p *policy) gatewayTimeout(x *http7.Exchange, v *visit) http7.Verdict {
	v.hold(nil)
	v.role, x.Cached = denied, cachedBypass
	v.status = rule.Status{Forward: rule.Withheld, Detail: "only-if-cached"}
	return http7.Refuse(notCached)
}

var notCached = &http7.Fault{
	Side: http7.Client, Kind: http7.Refused, Name: "only_if_cached", Status: 504, GRPC: 14, ProxyStatus: "http_request_denied",
	Title: "Gateway Timeout", Detail: "Nothing that is stored answers the request, and it asks for nothing else.",
}

// askHead sends HEAD on. What comes may say something about what is stored, so nothing that is not keyed goes out with it.
func (p *policy) askHead(x *http7.Exchange, v *visit) http7.Verdict {
	v.role = asksHead
	p.strip(x)
	x.Outgoing.Skip |= http7.Names(http7.Range, http7.IfRange)
	return p.forward(x, v)
}

// fetch sends x to an endpoint alone; what comes is stored.
func (p *policy) fetch(x *http7.Exchange, v *visit) http7.Verdict {
	v.role = fetching
	return p.send(x, v)
}

// pass sends x to an endpoint alone and as it is; nothing of it is stored.
func (p *policy) pass(x *http7.Exchange, v *visit, detail string) http7.Verdict {
	v.hold(nil)
	v.role, v.status.Detail = passing, detail
	return p.forward(x, v)
}

// forward sends x on as it is.
func (p *policy) forward(x *http7.Exchange, v *visit) http7.Verdict {
	if x.Cached = cachedUncacheable; !v.until.IsZero() {
		x.Cached = cachedBypass
	}
	return http7.Continue
}

// send sends x on for an answer that is stored: whole, unless what is stored still holds, and unaffected by what is
// not in the key.
func (p *policy) send(x *http7.Exchange, v *visit) http7.Verdict {
	if x.Cached = cachedMiss; !x.Dry {
		p.shared.sight(v.key)
	}
	p.strip(x)
	x.Outgoing.Skip |= conditional
	x.Outgoing.Lines = nil
	if v.object != nil && v.facts.Validator() {
		v.renews = true
		x.Outgoing.Lines = v.head.AppendConditions(x.Room(maxConditions))
	}
	return http7.Continue
}

// conditional are the fields of the client that its answer from the store is made by.
var conditional = http7.Names(http7.IfMatch, http7.IfNoneMatch, http7.IfModifiedSince, http7.IfUnmodifiedSince, http7.IfRange, http7.Range)

// maxConditions is room for most validators.
const maxConditions = 256

// The words of x.Cached.
const (
	cachedHit         = "hit"
	cachedStale       = "stale"
	cachedErrorStale  = "error-stale"
	cachedRevalidated = "revalidated"
	cachedCollapsed   = "collapsed"
	cachedMiss        = "miss"
	cachedUncacheable = "uncacheable"
	cachedBypass      = "bypass"
)
