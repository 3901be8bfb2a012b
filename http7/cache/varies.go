package cache

import (
	"weir/http7"
	"weir/http7/cache/rule"
)

// What a field in Vary says about who gets an answer.
type selecting uint8

const (
	selects selecting = iota // the client's value chooses
	alike                    // every request of the key goes out with the same
	unknown                  // what goes out is not known when a request is looked up
)

// Fields that go out otherwise than they came in: what the engine says of the client, and of the URL.
var (
	ofClient = http7.Names(http7.Forwarded, http7.XForwardedFor, http7.XRealIP, http7.XRequestID, http7.TraceParent, http7.XTimeoutMs)
	ofURL    = http7.Names(http7.Host, http7.XForwardedHost)
	ofScheme = http7.Names(http7.XForwardedProto, http7.XForwardedPort)
)

// varies returns the names of a Vary that choose a variant. why says why an answer that varies so can't be stored.
func (p *policy) varies(x *http7.Exchange, names rule.Vary) (chosen rule.Vary, why string) {
	if len(names) == 0 {
		return nil, ""
	}
	chosen = names.Without(nil, func(name []byte) bool {
		how := p.selecting(x, name)
		if how == unknown {
			why = "vary-rewritten"
		}
		return how != selects
	})
	return chosen, why
}

func (p *policy) selecting(x *http7.Exchange, name []byte) selecting {
	if how := rewritten(x.Route, name); how != selects {
		return how
	}
	switch id := http7.LookupID(name); {
	case p.key.has(name):
		return selects
	case ofURL.Has(id) && p.key.host, ofScheme.Has(id), id == http7.Unlisted && misleads(name):
		return alike
	case id == http7.XForwardedHost, ofClient.Has(id):
		return unknown
	}
	return selects
}

// rewritten says what the steps of a route's stage rewrite make of a field.
func rewritten(r *http7.Route, name []byte) (how selecting) {
	if r == nil {
		return selects
	}
	for i := range r.Steps {
		if r.Steps[i].Stage != http7.Rewrite {
			continue
		}
		for _, e := range r.Steps[i].Edits {
			switch {
			case !http7.EqualFold(name, e.Name):
			case !e.Fixed:
				return unknown
			default:
				how = alike
			}
		}
	}
	return how
}
