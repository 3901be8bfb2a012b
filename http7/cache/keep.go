package cache

import (
	"bytes"
	"math/rand/v2"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// keep stores the answer that x has, and answers x from what is stored, as it grows.
func (p *policy) keep(x *http7.Exchange, v *visit, verdict *rule.Verdict) http7.Verdict {
	key, tags, why := p.prepare(x, v, verdict)
	if why != "" {
		return p.refused(x, v, why)
	}
	c := p.shared
	if !c.beginMoving() {
		return p.refused(x, v, "busy")
	}
	a := x.Backstage.TakeAnswer(x)
	if a == nil {
		c.endMoving()
		return p.refused(x, v, "attached")
	}
	m := &mover{c: c, a: a, key: string(key), most: min(p.rules.MaxObject, c.Most()), begun: v.now}
	how := m.gather()
	if how == broken { // nothing has left yet
		return p.lost(x, v, m)
	}
	if !m.draft(key, v.mark, tags, v.buf, how) {
		return p.pour(x, v, m)
	}
	v.hold(m.o)
	m.o.Hold()
	v.status.Stored = true
	own := verdict.AppendWithheld(nil, &a.Header)
	if how == complete {
		m.end(how)
		p.share(v, key)
		p.give(x, v, own)
		return http7.Continue
	}
	p.give(x, v, own) // before more of it comes: what grows too large keeps nothing that nobody reads
	p.open(v, m)
	go m.run()
	return http7.Continue
}

// prepare makes the stored head of x's answer, in v.buf, its key and its tags. why says why it can't be stored.
func (p *policy) prepare(x *http7.Exchange, v *visit, verdict *rule.Verdict) (key []byte, tags []uint64, why string) {
	names, why := p.varies(x, verdict.Vary)
	if why != "" {
		return nil, nil, why
	}
	var ok bool
	if v.buf, ok = rule.AppendHead(v.buf[:0], verdict, &x.Answer.Header); !ok {
		return nil, nil, "head"
	}
	if key = v.key; len(names) > 0 {
		if key, ok = p.index(x, v, names); !ok {
			return nil, nil, "vary"
		}
	}
	return key, p.tagsIn(v.key, &x.Answer.Header), ""
}

// tagsIn returns what stands for the tags in the head of an answer, which have been judged, and for its URL.
func (p *policy) tagsIn(key []byte, h *http7.Header) []uint64 {
	tags := []uint64{tagOf(urlOf(key))}
	if p.rules.Tags.String() == "" || h.Find(p.rules.Tags, 0) < 0 {
		return tags
	}
	texts, _ := rule.AppendTags(nil, h, p.rules.Tags)
	for _, t := range texts {
		tags = append(tags, store.TagHash(t))
	}
	return tags
}

// refused lets an answer pass that can't be stored just now.
func (p *policy) refused(x *http7.Exchange, v *visit, why string) http7.Verdict {
	p.leave(v, alone)
	v.hold(nil)
	p.shared.counts.fills[fillRefused].Add(1)
	p.heed(x, v)
	return p.through(x, v, why)
}

// lost is the end of an answer that broke off before any of it was seen by anybody.
func (p *policy) lost(x *http7.Exchange, v *visit, m *mover) http7.Verdict {
	m.end(broken)
	v.counted = true
	if v.away {
		x.LocalAnswer(502)
		x.Fault = m.fault
	} else {
		http7.FaultAnswer(x, m.fault)
	}
	return p.failed(x, v)
}

// pour gives x the answer that it has fetched as it is: it is too large after all, or there is no room.
func (p *policy) pour(x *http7.Exchange, v *visit, m *mover) http7.Verdict {
	why := "no-room"
	switch f := v.fill; {
	case !m.large():
		p.leave(v, alone)
	case f != nil:
		f.passed(v, markLarge)
		fallthrough
	default:
		why = tooLarge
	}
	m.refuse()
	v.hold(nil)
	a := x.LocalAnswer(m.a.Status)
	for name, value := range m.a.Header.All() {
		a.Header.AddRaw(name, value)
	}
	a.Length, a.Reason = m.a.Length, append(x.Room(len(m.a.Reason)), m.a.Reason...)
	a.Source = &poured{first: m.first, a: m.a, to: &a.Trailer}
	return p.through(x, v, why)
}

// give answers x, which has fetched it, from v's object. own are field lines for it alone.
func (p *policy) give(x *http7.Exchange, v *visit, own []byte) {
	x.Cached = cachedMiss
	if v.away || !v.answer(x) {
		x.LocalAnswer(204)
		return
	}
	addLines(&x.Answer.Header, own)
	if v.facts.Has(rule.Aged) {
		rule.SetAge(&x.Answer.Header, &v.facts, v.now.UnixNano())
	}
	v.role = answered
	p.tell(x, v)
}

// open lets others read along: those who wait for v, and who comes.
func (p *policy) open(v *visit, m *mover) {
	switch f := v.fill; {
	case f == nil:
	case m.large():
		f.passed(v, markLarge)
	case f.demanded && f.key == m.key:
		m.f = f.handOpen(v, m.o)
	case f.key == m.key:
		f.open(v, m.o)
		m.f = f
	default: // it has turned out to vary, or to do so otherwise
		m.f = p.shared.fills.begin([]byte(m.key), m.o)
		f.over(v, again)
	}
}

// countMask is the part of a stored nonce in which the variants of its index are counted.
const countMask = 1<<8 - 1

// maxVariants bounds the variants of a key. One more, and all of them are forgotten.
const maxVariants = 64

// index makes sure that the names by which x's answers vary are stored in place of the answer, and returns the key
// of x's variant. false: no such key can be made.
func (p *policy) index(x *http7.Exchange, v *visit, names rule.Vary) (key []byte, ok bool) {
	s := p.shared.store
	had := s.Get(v.key)
	var nonce uint64
	if had != nil {
		if known, n, ok := rule.Head(had.Head()).Index(); ok && bytes.Equal(known, names) {
			nonce = n
		}
		had.Release()
	}
	fresh := nonce == 0
	if fresh {
		nonce = rand.Uint64() &^ countMask
	}
	v.variant, ok = rule.AppendVariant(append(v.variant[:0], v.key...), names, nonce&^countMask, &x.Request)
	switch {
	case !ok:
		return nil, false
	case !fresh && p.stored(v.variant):
		return v.variant, true
	case nonce&countMask >= maxVariants:
		nonce = rand.Uint64() &^ countMask
		v.variant, _ = rule.AppendVariant(append(v.variant[:0], v.key...), names, nonce, &x.Request)
	}
	head := rule.AppendIndex(nil, names, nonce+1)
	o := s.Draft(v.key, v.mark, nil, head, 0, 0)
	if o == nil {
		return nil, false
	}
	defer o.Release()
	return v.variant, o.Finish(nil)
}

// stored reports whether there is an object with this key.
func (p *policy) stored(key []byte) bool {
	o := p.shared.store.Get(key)
	if o == nil {
		return false
	}
	o.Release()
	return true
}
