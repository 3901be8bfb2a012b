package http7

import "strings"

// IdentityFields are the request fields in which endpoints are told who a request comes from. What clients write there is
// removed, trailers included: a client must not say who it is. Names with "_" and fields that Connection names never come
// so far. It never changes.
type IdentityFields struct{ names []Name }

// NewIdentityFields compiles names; nil if there is none. A name that is no field name is passed over.
func NewIdentityFields(names []string) *IdentityFields {
	f := &IdentityFields{}
	seen := map[string]bool{}
	for _, text := range names {
		n, ok := NewName(text)
		if lower := strings.ToLower(text); ok && !seen[lower] {
			seen[lower] = true
			f.names = append(f.names, n)
		}
	}
	if len(f.names) == 0 {
		return nil
	}
	return f
}

// Strip removes the fields from h. It allocates nothing.
func (f *IdentityFields) Strip(h *Header) {
	for i := range f.names {
		h.Del(f.names[i])
	}
}
