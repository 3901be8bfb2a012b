package credential

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Forward are the request fields in which endpoints are told claims. It never changes.
type Forward struct {
	names  []http7.Name
	claims []string
}

// CheckForward notes what is wrong with a table of field names to claims at the key "forward".
func CheckForward(p *conf.Problems, table map[string]string) {
	at := p.In("forward")
	for _, field := range slices.Sorted(maps.Keys(table)) {
		name, ok := http7.NewName(field)
		switch {
		case !ok:
			at.AddKey(field, strconv.Quote(field)+" is not a field name", "a name has letters, digits and hyphens")
		case name.ID() != http7.Unlisted:
			at.AddKey(field, strconv.Quote(field)+" has another meaning", `write a field for this alone, such as "X-User"`)
		case table[field] == "":
			at.Add(field, "the claim is missing", `write its name, such as "sub"`)
		}
	}
}

// NewForward compiles a table of field names to claims; nil if it is empty.
func NewForward(table map[string]string) (*Forward, error) {
	if len(table) == 0 {
		return nil, nil
	}
	f := &Forward{}
	for _, field := range slices.Sorted(maps.Keys(table)) {
		name, ok := http7.NewName(field)
		if !ok {
			return nil, fmt.Errorf("%q is not a field name", field)
		}
		f.names, f.claims = append(f.names, name), append(f.claims, table[field])
	}
	return f, nil
}

// Sets returns the names of the fields. f may be nil.
func (f *Forward) Sets() (names []string) {
	if f == nil {
		return nil
	}
	for _, n := range f.names {
		names = append(names, n.String())
	}
	return names
}

// Edits returns the fields as edits. f may be nil.
func (f *Forward) Edits() (edits []http7.Edit) {
	for _, n := range f.Sets() {
		edits = append(edits, http7.Edit{Name: strings.ToLower(n)})
	}
	return edits
}

// Told is what endpoints are told of one identity: a value for each field, nil where the claim is absent.
type Told [][]byte

// ErrUntellable is a claim that can't stand in a field without being read as something else.
var ErrUntellable = errors.New("a claim to forward can't stand in a field")

// Tell makes the values of c: a list's elements behind one another with commas. f may be nil. It fails on a value that is
// no field value, such as one with a line end, and on an element of a list that has a comma.
func (f *Forward) Tell(c *Claims) (Told, error) {
	if f == nil {
		return nil, nil
	}
	told := make(Told, len(f.names))
	for i, claim := range f.claims {
		for j := range c.All {
			if c.All[j].Name != claim {
				continue
			}
			value := c.All[j].Value
			many := c.kinds[j]&listed != 0
			if !http7.IsFieldValue(value) || many && (len(value) == 0 || bytes.IndexByte(value, ',') >= 0) {
				return nil, ErrUntellable
			}
			if told[i] != nil {
				told[i] = append(told[i], ',')
			}
			told[i] = append(told[i], value...)
		}
	}
	return told, nil
}

// Write sets the fields as told; those of absent claims are removed. told is nil of nobody: then they stay, since what clients
// write there has gone before (Step.Sets), and another policy may have told who it is.
func (f *Forward) Write(h *http7.Header, told Told) {
	if told == nil {
		return
	}
	for i := range f.names {
		if told[i] == nil {
			h.Del(f.names[i])
			continue
		}
		h.Set(f.names[i], told[i])
	}
}
