package http7

import (
	"iter"
)

// Header is the flat, ordered list of fields of one message head or trailer section.
//
// Fields that came off the wire are views into the head's block, so that they leave again byte for
// byte, in their order and spelling; edits live in an arena of the Header's own. A Header belongs
// to one goroutine at a time. The zero value is an empty Header.
type Header struct {
	raw   []byte
	arena []byte
	f     []field
	// seen has the bit of every known name that was ever added: a cheap "not there".
	seen IDSet
}

// field locates one field line: bytes [at,end) of its base, with the name first and the value
// inside. end covers the CRLF, so that neighbours leave in one copy.
type field struct {
	at, val, end uint32
	nameLen      uint16
	id           ID
	edited       bool // base is the arena
	valLen       uint32
}

// Reset empties h and binds it to the block that the next head is parsed from.
func (h *Header) Reset(block []byte) {
	h.raw, h.arena, h.f, h.seen = block, h.arena[:0], h.f[:0], 0
}

// Rebase tells h that the bytes of its block have moved to another block at the same offsets.
func (h *Header) Rebase(block []byte) { h.raw = block }

// Drop empties h and forgets its block and arena.
func (h *Header) Drop() { *h = Header{f: h.f[:0]} }

// AddLine appends the field whose line is block[at:end], CRLF included, with the name in its first
// nameLen bytes and the value at block[val:val+valLen]. Only a parser calls it.
func (h *Header) AddLine(at, nameLen, val, valLen, end int) ID {
	id := LookupID(h.raw[at : at+nameLen])
	h.f = append(h.f, field{
		at: uint32(at), val: uint32(val), end: uint32(end),
		nameLen: uint16(nameLen), valLen: uint32(valLen), id: id,
	})
	h.seen |= 1 << id
	return id
}

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.f) }

// At returns the name, as spelt, and the value of field i.
func (h *Header) At(i int) (name, value []byte) {
	f := &h.f[i]
	b := h.base(f)
	return b[f.at : f.at+uint32(f.nameLen)], b[f.val : f.val+f.valLen]
}

// IDAt returns the ID of field i.
func (h *Header) IDAt(i int) ID { return h.f[i].id }

// Value returns the value of field i.
func (h *Header) Value(i int) []byte {
	f := &h.f[i]
	b := h.base(f)
	return b[f.val : f.val+f.valLen]
}

func (h *Header) base(f *field) []byte {
	if f.edited {
		return h.arena
	}
	return h.raw
}

// Has reports whether a field of that known name is there.
func (h *Header) Has(id ID) bool { return h.index(id, 0) >= 0 }

// HasAny reports whether there is a field of a known name of set, or was one since Reset. It looks at no field.
func (h *Header) HasAny(set IDSet) bool { return h.seen&set != 0 }

// Get returns the value of the first field of a known name, nil if there is none.
func (h *Header) Get(id ID) []byte {
	if i := h.index(id, 0); i >= 0 {
		return h.Value(i)
	}
	return nil
}

// index finds the next field of a known name from i on, -1 if there is none.
func (h *Header) index(id ID, i int) int {
	if !h.seen.Has(id) {
		return -1
	}
	for ; i < len(h.f); i++ {
		if h.f[i].id == id {
			return i
		}
	}
	return -1
}

// Find returns the index of the next field named n at or after from, -1 if there is none.
func (h *Header) Find(n Name, from int) int {
	if n.id != Unlisted {
		return h.index(n.id, from)
	}
	for i := from; i < len(h.f); i++ {
		f := &h.f[i]
		if int(f.nameLen) == len(n.text) && f.id == Unlisted {
			if equalFold(h.base(f)[f.at:f.at+uint32(f.nameLen)], n.text) {
				return i
			}
		}
	}
	return -1
}

// First returns the value of the first field named n and whether there is one.
func (h *Header) First(n Name) ([]byte, bool) {
	if i := h.Find(n, 0); i >= 0 {
		return h.Value(i), true
	}
	return nil, false
}

// Each yields the values of all fields named n, in order. h must not be edited meanwhile.
func (h *Header) Each(n Name) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := h.Find(n, 0); i >= 0; i = h.Find(n, i+1) {
			if !yield(h.Value(i)) {
				return
			}
		}
	}
}

// All yields every field in order. h must not be edited meanwhile.
func (h *Header) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := range h.f {
			if !yield(h.At(i)) {
				return
			}
		}
	}
}

// Add appends a field. The caller vouches that value is a field value ([IsFieldValue]).
func (h *Header) Add(n Name, value []byte) {
	h.f = append(h.f, h.write(n, value))
	h.seen |= 1 << n.id
}

// Set gives the first field named n that value, in its place, and removes the others; without one
// it appends. The caller vouches that value is a field value.
func (h *Header) Set(n Name, value []byte) {
	i := h.Find(n, 0)
	if i < 0 {
		h.Add(n, value)
		return
	}
	h.delFrom(n, i+1)
	h.f[i] = h.write(n, value)
}

// Del removes every field named n and reports whether there was one.
func (h *Header) Del(n Name) bool { return h.delFrom(n, 0) }

// DelID removes every field of a known name.
func (h *Header) DelID(id ID) bool {
	return h.seen.Has(id) && h.delFrom(Known(id), 0)
}

// DelAt removes field i.
func (h *Header) DelAt(i int) { h.f = append(h.f[:i], h.f[i+1:]...) }

func (h *Header) delFrom(n Name, from int) bool {
	i := h.Find(n, from)
	if i < 0 {
		return false
	}
	keep := h.f[:i]
	for next := i; i < len(h.f); i++ {
		if i == next {
			next = h.Find(n, i+1)
			continue
		}
		keep = append(keep, h.f[i])
	}
	h.f = keep
	return true
}

// AddRaw appends a field from bytes; it serves engines that fill a Header from another form and
// handlers, and does not check. name and value are copied.
func (h *Header) AddRaw(name, value []byte) {
	at := len(h.arena)
	h.arena = append(h.arena, name...)
	h.finish(at, len(name), LookupID(name), value)
}

func (h *Header) finish(at, nameLen int, id ID, value []byte) {
	h.f = append(h.f, h.line(at, nameLen, id, value))
	h.seen |= 1 << id
}

func (h *Header) write(n Name, value []byte) field {
	at := len(h.arena)
	h.arena = append(h.arena, n.text...)
	return h.line(at, len(n.text), n.id, value)
}

// line completes in the arena the line whose name stands at at.
func (h *Header) line(at, nameLen int, id ID, value []byte) field {
	h.arena = append(h.arena, ": "...)
	val := len(h.arena)
	h.arena = append(h.arena, value...)
	h.arena = append(h.arena, "\r\n"...)
	return field{
		at: uint32(at), val: uint32(val), end: uint32(len(h.arena)),
		nameLen: uint16(nameLen), valLen: uint32(len(value)), id: id, edited: true,
	}
}

// AppendLines appends the field lines to dst as HTTP/1 writes them, except those of a name in
// skip. Lines that came off the wire leave byte for byte, neighbours in one copy.
func (h *Header) AppendLines(dst []byte, skip IDSet) []byte {
	for i := 0; i < len(h.f); {
		f := &h.f[i]
		i++
		if skip.Has(f.id) {
			continue
		}
		end := f.end
		for i < len(h.f) && h.f[i].at == end && h.f[i].edited == f.edited && !skip.Has(h.f[i].id) {
			end = h.f[i].end
			i++
		}
		dst = append(dst, h.base(f)[f.at:end]...)
	}
	return dst
}

// CopyFrom makes h an independent copy of src: nothing of it refers to src's block.
func (h *Header) CopyFrom(src *Header) {
	h.Reset(nil)
	for i := range src.f {
		name, value := src.At(i)
		h.AddRaw(name, value)
	}
}
