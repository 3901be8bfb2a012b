package cache

import (
	"strings"

	"weir/http7"
	"weir/http7/cache/rule"
)

// heed answers x by the conditions and the Range that its fetch has left out, from the answer that came and is not stored:
// with 304, or with the part of it that a single range asks for. Of several ranges the client gets the whole (RFC 9110
// §14.2).
func (p *policy) heed(x *http7.Exchange, v *visit) {
	if v.away {
		return
	}
	c := p.caseOf(x, v)
	if rule.PassedNotModified(c) {
		came := &x.Answer.Header // its block stays until the answer leaves
		h := &x.LocalAnswer(304).Header
		for name, value := range came.All() {
			if id := http7.LookupID(name); !http7.HopByHop.Has(id) && id != http7.AcceptRanges && !describesContent(name) {
				h.AddRaw(name, value)
			}
		}
		return
	}
	if s, ok := rule.PassedPart(&v.ranges, c); ok {
		v.cutOut(x, s, c.Length)
	}
}

// cutOut makes x's answer the part s of the one that came, whose body is length bytes long.
func (v *visit) cutOut(x *http7.Exchange, s rule.Span, length int64) {
	came := x.Backstage.TakeAnswer(x)
	if came == nil {
		return
	}
	a := x.LocalAnswer(206)
	for name, value := range came.Header.All() {
		if id := http7.LookupID(name); id != http7.ContentLength && id != http7.ContentRange {
			a.Header.AddRaw(name, value)
		}
	}
	v.text = rule.AppendContentRange(v.text[:0], s, length)
	a.Header.Add(contentRange, v.text)
	a.Length, a.Source = s.Len(), &cutting{poured: poured{a: came}, skip: s.From, left: s.Len()}
}

// cutting is the Source of a part of an answer. What is behind it is not waited for.
type cutting struct {
	poured
	skip, left int64
}

// Next implements [http7.Source].
func (s *cutting) Next() ([]byte, http7.State, *http7.Fault) {
	for s.left > 0 {
		chunk, state, f := s.poured.Next()
		switch state {
		case http7.End:
			return nil, http7.Failure, http7.UpstreamCut
		case http7.Parked, http7.Failure:
			return nil, state, f
		}
		n := min(s.skip, int64(len(chunk)))
		s.skip -= n
		if chunk = chunk[n:]; len(chunk) > 0 {
			chunk = chunk[:min(s.left, int64(len(chunk)))]
			s.left -= int64(len(chunk))
			return chunk, http7.Chunk, nil
		}
	}
	return nil, http7.End, nil
}

// describesContent reports whether a field is about the content, which a 304 does not have (RFC 9110 §15.4.5).
func describesContent(name []byte) bool {
	const prefix = "content-"
	return len(name) > len(prefix) && http7.EqualFold(name[:len(prefix)], prefix) && !strings.EqualFold(string(name), "Content-Location")
}
