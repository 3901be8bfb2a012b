package http7

import (
	"encoding/binary"
	"slices"
)

// StoredLineSize is the size of an entry of the index by which [Header.AddStored] finds field lines.
const StoredLineSize = 8

// AppendStoredLine appends an entry to such an index: a line's name's ID and length, the length of its value, and marks of
// the caller's. Lines are stored as "Name: value\r\n", in the order of their entries and without gaps.
func AppendStoredLine(index []byte, id ID, nameLen, valLen int, marks byte) []byte {
	index = binary.LittleEndian.AppendUint32(index, uint32(valLen))
	index = binary.LittleEndian.AppendUint16(index, uint16(nameLen))
	return append(index, byte(id), marks)
}

// StoredLine reads the first entry of an index: where in its line the value begins and ends, and where the line does.
func StoredLine(index []byte) (id ID, nameLen, val, valEnd, end int, marks byte) {
	e := binary.LittleEndian.Uint64(index)
	nameLen = int(e >> 32 & 0xffff)
	val = nameLen + len(": ")
	valEnd = val + int(e&0xffffffff)
	return ID(e >> 48), nameLen, val, valEnd, valEnd + len("\r\n"), byte(e >> 56)
}

// AddStored appends the lines that an index lists, the first of which stands at block[at], but those with a mark of
// without. Nothing is parsed or checked: both were made by whoever stored them.
func (h *Header) AddStored(index []byte, at int, without byte) {
	n, seen := len(h.f), h.seen
	f := slices.Grow(h.f, len(index)/StoredLineSize)[:n+len(index)/StoredLineSize]
	for ; len(index) >= StoredLineSize; index = index[StoredLineSize:] {
		e := binary.LittleEndian.Uint64(index)
		name, value, id := uint32(e>>32&0xffff), uint32(e), ID(e>>48)
		val := uint32(at) + name + uint32(len(": "))
		end := val + value + uint32(len("\r\n"))
		if byte(e>>56)&without == 0 {
			p := &f[n]
			p.at, p.val, p.end, p.nameLen, p.id, p.edited, p.valLen = uint32(at), val, end, uint16(name), id, false, value
			seen |= 1 << id
			n++
		}
		at = int(end)
	}
	f = f[:n]
	h.f, h.seen = f, seen
}
