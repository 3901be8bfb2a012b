package content

import "bytes"

// Values are what a body holds at the places of Paths. The zero value is empty. They belong to one
// goroutine, are reused, and refer to the body until the next Read or Drop.
type Values struct {
	found  []found
	heads  []int32 // by number: the last one found, counted from 1; 0 is none
	text   []byte  // what does not stand in the body as it is
	active []*step // those that lead on from the values that are open
	every  int     // values found of which each one counts
}

// found is one value; before is the one found before it at the same path, as heads count, and nth
// how many there are with it.
type found struct {
	text     []byte
	before   int32
	nth      int32
	compound bool
}

// Value is one of the values of a path.
type Value struct{ f *found }

// Valid reports whether there is a value.
func (v Value) Valid() bool { return v.f != nil }

// Compound reports whether v is an object, a list, or an element that holds more than plain text.
func (v Value) Compound() bool { return v.f.compound }

// Text returns a plain value: a string's characters, a number as it is written, "true", "false" or
// "null"; the text of an element without white space around it, the value of an attribute.
func (v Value) Text() []byte { return v.f.text }

// First returns a value of the path with that number. Equal ones near each other are one value.
func (v *Values) First(number int) Value { return v.at(v.heads[number]) }

// After returns another value of the same path.
func (v *Values) After(w Value) Value { return v.at(w.f.before) }

func (v *Values) at(i int32) Value {
	if i == 0 {
		return Value{}
	}
	return Value{&v.found[i-1]}
}

// Drop forgets the body, and blocks that have grown large.
func (v *Values) Drop() {
	clear(v.found)
	v.found, v.text = v.found[:0], v.text[:0]
	if cap(v.found) > mostFound {
		v.found = nil
	}
	if cap(v.text) > mostText {
		v.text = nil
	}
}

// What is kept for the next body.
const (
	mostFound = 1 << 10
	mostText  = 64 << 10
)

func (v *Values) reset(paths int) {
	v.Drop()
	clear(v.heads)
	for len(v.heads) < paths {
		v.heads = append(v.heads, 0)
	}
	v.active, v.every = v.active[:0], 0
}

// Read reads a body of that kind and keeps what stands at the places of p in v. It reports whether the
// body is whole and well-formed, not nested deeper than [MostDepth], and has no more than [MostValues].
// Its time grows with the body and with the paths that lead through the same place, its memory with the
// paths and, where each value counts, up to MostValues. For JSON it allocates nothing in steady state.
func (p *Paths) Read(kind Kind, body []byte, v *Values) (ok bool) {
	v.reset(len(p.numbers))
	switch kind {
	case JSON:
		ok = readJSON(&p.json, body, v)
	case XML:
		ok = readXML(&p.xml, body, v)
	}
	return ok && v.every <= MostValues
}

// MostValues is how many different values a body may have where each one counts.
const MostValues = 4096

// span is a run of active steps.
type span struct{ from, to int }

func (v *Values) root(s *step) span {
	v.active = append(v.active[:0], s)
	return span{0, 1}
}

// enter makes the steps active that lead from those of s to name.
func (v *Values) enter(s span, name []byte) span {
	from := len(v.active)
	for i := s.from; i < s.to; i++ {
		if next := v.active[i].below[string(name)]; next != nil {
			v.active = append(v.active, next)
		}
		if next := v.active[i].any; next != nil {
			v.active = append(v.active, next)
		}
	}
	return span{from, len(v.active)}
}

// leave ends what enter began.
func (v *Values) leave(s span) { v.active = v.active[:s.from] }

// wanted reports whether a path ends at s.
func (v *Values) wanted(s span) bool {
	for i := s.from; i < s.to; i++ {
		if len(v.active[i].ends) > 0 {
			return true
		}
	}
	return false
}

// keep notes a value for the paths that end at s, and reports whether any needs it.
func (v *Values) keep(s span, text []byte, compound bool) (kept bool) {
	for i := s.from; i < s.to; i++ {
		for _, e := range v.active[i].ends {
			if v.isNew(e, text, compound) {
				last := v.heads[e.number]
				nth := int32(1)
				if last > 0 {
					nth += v.found[last-1].nth
				}
				v.found = append(v.found, found{text, last, nth, compound})
				v.heads[e.number] = int32(len(v.found))
				kept = true
			}
		}
	}
	return kept
}

// fewValues is how many values of a path are kept if not each one counts, and how many of the last ones a
// new one is compared with.
const fewValues = 8

// isNew reports whether a value says anything that those before it did not: conditions ask whether there
// is one and whether all fit, and two that differ are never both equal to a text.
func (v *Values) isNew(e end, text []byte, compound bool) bool {
	last := v.First(e.number)
	if last.Valid() && last.f.nth >= fewValues && !e.every {
		return false
	}
	for n, w := 0, last; w.Valid() && n < fewValues; n, w = n+1, v.After(w) {
		if w.f.compound == compound && bytes.Equal(w.f.text, text) {
			return false
		}
	}
	if e.every {
		v.every++
	}
	return v.every <= MostValues
}
