package apikey

import "weir/http7"

// told is a field in which the endpoint is told something of the holder of the key.
type told struct {
	field http7.Name
	what  string
}

// rewriter acts on what goes to the endpoint. It never changes.
type rewriter struct {
	of   *policyOf
	pass bool
	told []told
}

// Request implements [http7.Policy].
func (r *rewriter) Request(x *http7.Exchange) http7.Verdict {
	if !r.pass {
		r.of.place.Strip(x)
	}
	if len(r.told) == 0 {
		return http7.Continue
	}
	h, _ := x.Kept(r.of).(*holder)
	if h == nil { // what clients write there has gone before (Step.Sets), and another policy may have told who it is
		return http7.Continue
	}
	for i := range r.told {
		t := &r.told[i]
		if !h.tell(x, t) {
			x.Request.Del(t.field)
		}
	}
	return http7.Continue
}

// Trailer implements [http7.TrailerPolicy].
func (r *rewriter) Trailer(x *http7.Exchange, trailer *http7.Header) {
	r.of.place.StripTrailer(x, trailer)
}

// tell sets t's field and reports whether there is anything to tell.
func (h *holder) tell(x *http7.Exchange, t *told) bool {
	var value []byte
	switch t.what {
	case "consumer":
		value = append(x.Room(len(h.identity.Consumer)), h.identity.Consumer...)
	case "groups":
		value = h.groups
	case "scopes":
		value = h.scopes
	default:
		value = h.claim(t.what)
	}
	if len(value) == 0 {
		return false
	}
	x.Request.Set(t.field, value)
	return true
}

func (h *holder) claim(name string) []byte {
	for i := range h.claims {
		if h.claims[i].Name == name {
			return h.claims[i].Value
		}
	}
	return nil
}
