package explain

import "encoding/json"

// MarshalJSON writes the report with empty lists where there is nothing to list, so that a reader never meets null.
func (r Report) MarshalJSON() ([]byte, error) {
	type bare Report // without this method
	r.Candidates, r.Policies = listed(r.Candidates), listed(r.Policies)
	if r.Split != nil {
		s := *r.Split
		s.Sides = listed(s.Sides)
		r.Split = &s
	}
	r.Upstreams = append([]Upstream(nil), r.Upstreams...) // the caller's stay as they are
	for i := range r.Upstreams {
		u := &r.Upstreams[i]
		u.Endpoints = listed(u.Endpoints)
		if u.Request != nil {
			o := *u.Request
			o.Fields = listed(o.Fields)
			u.Request = &o
		}
	}
	return json.Marshal(bare(r))
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
