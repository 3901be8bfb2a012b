package headers

import (
	"fmt"
	"strings"

	"weir/http7"
	"weir/http7/template"
)

type operation uint8

const (
	remove operation = iota
	set
	add
)

var operationNames = [...]string{"remove", "set", "add"}

// edit is one change of one field. It never changes.
type edit struct {
	op   operation
	name http7.Name
	// value is fixed, unless text makes one of each exchange.
	value  []byte
	text   *template.Template
	remark string // what observe mode leaves in the log
	// reads are the selectors that a remark depends on.
	reads []string
}

// refused are the fields that Weir itself writes; see config.go.
var refused = http7.HopByHop | http7.Names(http7.ContentLength, http7.Host, http7.Expect)

func newEdit(op operation, field, value, step string) (edit, error) {
	name, ok := http7.NewName(field)
	switch {
	case !ok:
		return edit{}, fmt.Errorf("%s: %q is not a field name", step, field)
	case refused.Has(name.ID()):
		return edit{}, fmt.Errorf("%s: the field %q is not edited by a policy", step, field)
	case !http7.IsFieldValue([]byte(value)):
		return edit{}, fmt.Errorf("%s: %q is not a field value", step, value)
	}
	text, err := template.Compile(value)
	if err != nil {
		return edit{}, fmt.Errorf("%s: %s: %w", step, field, err)
	}
	e := edit{op: op, name: name, remark: step + ":would " + operationNames[op] + " " + field}
	if op != add {
		e.reads = []string{"header:" + strings.ToLower(field)}
	}
	if text.Constant() {
		e.value = text.Append(nil, nil)
	} else {
		e.text, e.reads = text, append(e.reads, text.Reads()...)
	}
	return e, nil
}

// mostText is the longest value with variables, besides a path and a query, for which nothing is allocated.
const mostText = 512

// room returns where the values of edits with variables are made, nil if there are none. A [http7.Header]
// copies what it is given, so that one place serves them all.
func room(x *http7.Exchange, edits []edit) []byte {
	for i := range edits {
		if edits[i].text != nil {
			return x.Room(mostText + len(x.Target))
		}
	}
	return nil
}

// make returns the edit's value for x, in room if it is no fixed one, and whether anything is left of it.
func (e *edit) make(x *http7.Exchange, room []byte) (value []byte, ok bool) {
	if e.text == nil {
		return e.value, true
	}
	value = e.text.Append(room[:0], x)
	return value, len(value) > 0
}

func (e *edit) apply(x *http7.Exchange, h *http7.Header, room []byte) {
	value, ok := e.make(x, room)
	switch {
	case e.op == remove || e.op == set && !ok:
		h.Del(e.name)
	case e.op == set:
		h.Set(e.name, value)
	case ok:
		h.Add(e.name, value)
	}
}

// changes reports whether the edit would change h as it is.
func (e *edit) changes(x *http7.Exchange, h *http7.Header, room []byte) bool {
	value, ok := e.make(x, room)
	first := h.Find(e.name, 0)
	switch {
	case e.op == remove || e.op == set && !ok:
		return first >= 0
	case e.op == set:
		return first < 0 || string(h.Value(first)) != string(value) || h.Find(e.name, first+1) >= 0
	}
	return ok
}
