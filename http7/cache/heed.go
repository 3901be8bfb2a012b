package cache

import (
	"strings"

	"weir/http7"
	"weir/http7/cache/rule"
)

// heed answers x with 304 if the conditions that its fetch has left out say so of the answer that came and is not
// stored. A Range that was left out is ignored: the client gets the whole (RFC 9110 §14.2).
func (p *policy) heed(x *http7.Exchange, v *visit) {
	if v.away || !rule.PassedNotModified(p.caseOf(x, v)) {
		return
	}
	came := &x.Answer.Header // its block stays until the answer leaves
	h := &x.LocalAnswer(304).Header
	for name, value := range came.All() {
		if id := http7.LookupID(name); !http7.HopByHop.Has(id) && id != http7.AcceptRanges && !describesContent(name) {
			h.AddRaw(name, value)
		}
	}
}

// describesContent reports whether a field is about the content, which a 304 does not have (RFC 9110 §15.4.5).
func describesContent(name []byte) bool {
	const prefix = "content-"
	return len(name) > len(prefix) && http7.EqualFold(name[:len(prefix)], prefix) && !strings.EqualFold(string(name), "Content-Location")
}
