package cache

import (
	"weir/http7"
	"weir/http7/cache/rule"
)

// hit answers x from v's object. detail is for Cache-Status.
func (p *policy) hit(x *http7.Exchange, v *visit, cached, detail string) http7.Verdict {
	if !v.answer(x) { // it has grown too large, and its beginning is gone
		v.status.Collapsed = false
		return p.pass(x, v, "")
	}
	v.role, x.Cached = answered, cached
	v.status.Detail = detail
	now := v.now.UnixNano()
	if !v.status.Collapsed {
		v.status.Forward, v.status.HasTTL, v.status.TTL = rule.NotForwarded, true, v.facts.TTL(now)
	}
	rule.SetAge(&x.Answer.Header, &v.facts, now)
	p.tell(x, v)
	return http7.Answered()
}

// answer makes what v's object holds the answer of x, as x's conditions and Range ask for (RFC 9110 §13.2.2). false: it can't
// be read any more.
func (v *visit) answer(x *http7.Exchange) bool {
	length, get := v.object.Length(), string(x.Method) == methodGet
	switch rule.Evaluate(&v.ranges, v.head, &v.facts, get, &x.Request, length, v.now.UnixNano()) {
	case rule.Unchanged:
		v.head.Fill304(&x.LocalAnswer(304).Header)
		return true
	case rule.Unsatisfiable:
		v.text = rule.AppendUnsatisfied(v.text[:0], length)
		x.LocalAnswer(416).Header.Add(contentRange, v.text)
		return true
	case rule.Partial:
		return v.partial(x, length)
	}
	if get && !v.start(0, -1) {
		return false
	}
	a := x.LocalAnswer(v.facts.Status)
	v.head.Fill(&a.Header)
	if a.Length = length; get {
		a.Source, v.body.tail = v, &a.Trailer
		if v.object.Trailer() != nil {
			a.Length = -1 // so that there is a place for them
		}
	}
	return true
}

var contentRange = http7.Known(http7.ContentRange)

// partial answers with parts of the body (RFC 9110 §15.3.7).
func (v *visit) partial(x *http7.Exchange, length int64) bool {
	spans := v.ranges.Spans()
	if len(spans) > 1 {
		return v.multipart(x, length)
	}
	s := spans[0]
	if !v.start(s.From, s.Len()) {
		return false
	}
	a := x.LocalAnswer(206)
	v.head.Fill206(&a.Header)
	v.text = rule.AppendContentRange(v.text[:0], s, length)
	a.Header.Add(contentRange, v.text)
	a.Length, a.Source = s.Len(), v
	return true
}
