package cache

import (
	"weir/http7"
	"weir/http7/cache/rule"
)

// The remarks of observe mode, and of a dry run.
const (
	wouldMiss = ":would miss"
	wouldHit  = ":would hit"
	wouldLag  = ":would hit, stale"
	wouldAsk  = ":would revalidate"
	wouldPass = ":would bypass"
)

// would says what becomes of a request that d was decided for.
func would(d rule.Decision, found bool) string {
	switch {
	case !found:
		return wouldMiss
	case d == rule.Use:
		return wouldHit
	case d == rule.UseStale, d == rule.UseAndRenew:
		return wouldLag
	case d == rule.Apart:
		return wouldPass
	}
	return wouldAsk
}

// watch lets x pass in observe mode, and notes what would become of it. What would be fetched is copied as it passes.
func (p *policy) watch(x *http7.Exchange, v *visit, d rule.Decision) http7.Verdict {
	x.Verdicts = append(x.Verdicts, p.remark(would(d, v.object != nil)))
	v.role = watched
	if d == rule.Use || v.asks.NoStore || string(x.Method) != methodGet {
		v.role = bypasses
	}
	v.hold(nil)
	p.shared.sight(v.key)
	return http7.Continue
}

// remark returns a remark of the policy's; they are made once.
func (p *policy) remark(what string) string {
	for _, r := range p.remarks {
		if r[len(p.name):] == what {
			return r
		}
	}
	return p.name + what
}

// remarksOf are the remarks of a policy of that name.
func remarksOf(name string) (all []string) {
	for _, what := range []string{wouldMiss, wouldHit, wouldLag, wouldAsk, wouldPass} {
		all = append(all, name+what)
	}
	return all
}

// watchAnswer copies an answer into the store on its way to the client.
func (p *policy) watchAnswer(x *http7.Exchange, v *visit) {
	a := x.Answer
	if x.Fault != nil || a.Local {
		return
	}
	verdict := rule.Judge(p.caseOf(x, v), &p.rules)
	if !verdict.Store {
		return
	}
	key, tags, why := p.prepare(x, v, &verdict)
	if why != "" {
		return
	}
	o := p.shared.store.Draft(key, v.mark, tags, v.buf, a.Length, p.rules.MaxObject)
	if o == nil {
		return
	}
	v.copied = copier{o: o, c: p.shared, most: p.rules.MaxObject, begun: v.now}
	a.Filters = append(a.Filters, &v.copied)
}

// rehearse says what would become of x, from memory, and answers it if that is what would: nothing is fetched behind it.
func (p *policy) rehearse(x *http7.Exchange) http7.Verdict {
	if x.Recorded != nil { // the store of now says nothing about then
		return http7.Continue
	}
	if why := passesBy(x); why != "" {
		x.Verdicts = append(x.Verdicts, p.name+wouldPass+": "+why)
		if at := placeOf(x); rule.Invalidates(x.Method, 200) {
			x.Verdicts = append(x.Verdicts, p.name+":if it succeeds, would purge "+string(p.key.appendURL(nil, &at)))
		}
		return http7.Continue
	}
	v := p.begin(x)
	v.key = p.key.appendKey(v.key, x, p.observe)
	x.Verdicts = append(x.Verdicts, p.name+":key "+p.key.shown(x))
	if p.shared.store == nil {
		return http7.Continue
	}
	p.recall(x, v)
	d := rule.Validate
	if v.object != nil {
		d = rule.Serve(&v.facts, &v.asks, v.now.UnixNano())
	}
	x.Verdicts = append(x.Verdicts, p.name+would(d, v.object != nil))
	switch {
	case p.observe:
	case v.object != nil && d == rule.Use:
		return p.hit(x, v, cachedHit, "")
	case v.object != nil && d == rule.UseStale:
		return p.hit(x, v, cachedStale, "max-stale")
	case v.object != nil && d == rule.UseAndRenew:
		return p.hit(x, v, cachedStale, "stale-while-revalidate")
	case string(x.Method) == methodGet && (v.object == nil || d == rule.Validate):
		p.send(x, v) // so that it is shown as it would leave
		x.Cached = ""
	}
	return http7.Continue
}
