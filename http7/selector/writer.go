package selector

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// writer takes values byte by byte or whole, and keeps them or hashes them.
type writer struct {
	keeps  bool
	bare   bool // hosts count without port and final dot
	kept   []byte
	digest xxhash.Digest
	chunk  [64]byte // bytes on their way to the digest
	filled int

	length int // of the value under way
	values int // of the part under way
	total  int // bytes in the values of the part under way
}

// whole writes one value.
func (w *writer) whole(b []byte) {
	if w.keeps {
		w.kept = append(w.kept, b...)
	} else {
		w.flush()
		_, _ = w.digest.Write(b) // never fails
	}
	w.length += len(b)
	w.endValue()
}

// text writes one value that is absent when empty.
func (w *writer) text(s string) {
	if s == "" {
		return
	}
	if w.keeps {
		w.kept = append(w.kept, s...)
		w.length += len(s)
	} else {
		for i := range len(s) {
			w.byte(s[i])
		}
	}
	w.endValue()
}

// byte writes one byte of the value under way.
func (w *writer) byte(c byte) {
	w.length++
	w.put(c)
}

func (w *writer) put(c byte) {
	if w.keeps {
		w.kept = append(w.kept, c)
		return
	}
	if w.filled == len(w.chunk) {
		w.flush()
	}
	w.chunk[w.filled] = c
	w.filled++
}

func (w *writer) flush() {
	if w.filled > 0 {
		_, _ = w.digest.Write(w.chunk[:w.filled]) // never fails
		w.filled = 0
	}
}

// endValue writes the length of the value that has ended. Lengths and counts come behind what they
// count, so that it is written in one pass; read from the end, it has one reading.
func (w *writer) endValue() {
	w.number(w.length)
	w.total += w.length
	w.length = 0
	w.values++
}

// endPart writes how many values the part has.
func (w *writer) endPart() { w.number(w.values) }

func (w *writer) number(n int) {
	if w.keeps {
		w.kept = binary.LittleEndian.AppendUint32(w.kept, uint32(n))
		return
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(n))
	for _, c := range b {
		w.put(c)
	}
}

func (w *writer) sum() uint64 {
	w.flush()
	return w.digest.Sum64()
}
