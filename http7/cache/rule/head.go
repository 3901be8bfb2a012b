package rule

import (
	"encoding/binary"
	"time"

	"weir/http7"
)

// Head is a stored answer's head: facts, an index, and field lines as HTTP/1 writes them. It is opaque bytes to the
// store, never changes, and is read where it lies.
//
//	0 kind · 1 index length (u8, lines) · 2 status u16 · 4 flags u16 · 6 ETag's line u8, 7 0
//	8 born · 16 fresh until · 24 last modified · 32 date (i64 each)
//	40 while-revalidate, 44 if-error (u32, seconds) · 48 the index that [http7.Header.AddStored] reads · the lines
type Head []byte

// Kind is what a stored head is.
type Kind uint8

// The kinds.
const (
	// NoKind is a head that this package has not written.
	NoKind Kind = iota
	// AnswerHead is an answer's.
	AnswerHead
	// IndexHead says by which fields of the request the answers of a key vary; see [AppendIndex].
	IndexHead
)

const (
	factsSize = 48
	maxLines  = 254
	noLine    = 255
	maxHead   = 64 << 10 // more is not stored
)

// The marks of a line.
const (
	notIn304 = 1 << iota // describes the content, so that a 304 doesn't have it (RFC 9110 §15.4.5)
	notIn206             // is true of the whole content alone (RFC 9530 §2)
)

// Kind says what h is.
func (h Head) Kind() Kind {
	if len(h) < 1 || Kind(h[0]) > IndexHead || h[0] == byte(AnswerHead) && len(h) < factsSize {
		return NoKind
	}
	return Kind(h[0])
}

// AppendHead appends the stored form of an answer: its facts, and its fields but for those that are never stored (RFC
// 9111 §3.1), those that v leaves out, and Age. A Date is added where there is no valid one (RFC 9110 §6.6.1). false: too
// many or too long lines.
func AppendHead(dst []byte, v *Verdict, answer *http7.Header) ([]byte, bool) {
	keep := newKeeper(answer, v)
	begin, n := len(dst), 0
	dst = append(dst, make([]byte, factsSize)...)
	tag := noLine
	for i := range answer.Len() {
		if !keep.line(i) {
			continue
		}
		id := answer.IDAt(i)
		if id == http7.ETag {
			tag = n
		}
		name, value := answer.At(i)
		dst = http7.AppendStoredLine(dst, id, len(name), len(value), marksOf(id, name))
		n++
	}
	var date []byte
	if !keep.date {
		date = AppendDate(nil, v.Facts.Date)
		dst = http7.AppendStoredLine(dst, http7.Date, len("Date"), len(date), 0)
		n++
	}
	if n > maxLines {
		return dst[:begin], false
	}
	writeFacts(dst[begin:], &v.Facts, n, tag)
	for i := range answer.Len() {
		if keep.line(i) {
			dst = appendLine(dst, answer, i)
		}
	}
	if date != nil {
		dst = append(append(append(dst, "Date: "...), date...), "\r\n"...)
	}
	return dst, len(dst)-begin <= maxHead
}

func writeFacts(b []byte, f *Facts, lines, tag int) {
	b[0], b[1] = byte(AnswerHead), byte(lines)
	binary.LittleEndian.PutUint16(b[2:], uint16(f.Status))
	binary.LittleEndian.PutUint16(b[4:], uint16(f.Flags))
	b[6] = byte(tag)
	binary.LittleEndian.PutUint64(b[8:], uint64(f.Born))
	binary.LittleEndian.PutUint64(b[16:], uint64(f.FreshUntil))
	binary.LittleEndian.PutUint64(b[24:], uint64(f.LastModified))
	binary.LittleEndian.PutUint64(b[32:], uint64(f.Date))
	binary.LittleEndian.PutUint32(b[40:], uint32(toSeconds(f.WhileRevalidate)))
	binary.LittleEndian.PutUint32(b[44:], uint32(toSeconds(f.IfError)))
}

func appendLine(dst []byte, h *http7.Header, i int) []byte {
	name, value := h.At(i)
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}

// Facts reads the facts; false: h is no answer's head.
func (h Head) Facts(f *Facts) bool {
	if len(h) < factsSize || h[0] != byte(AnswerHead) {
		return false
	}
	*f = Facts{
		Status:          int(binary.LittleEndian.Uint16(h[2:])),
		Flags:           Flags(binary.LittleEndian.Uint16(h[4:])),
		Born:            int64(binary.LittleEndian.Uint64(h[8:])),
		FreshUntil:      int64(binary.LittleEndian.Uint64(h[16:])),
		LastModified:    h.lastModified(),
		Date:            int64(binary.LittleEndian.Uint64(h[32:])),
		WhileRevalidate: time.Duration(binary.LittleEndian.Uint32(h[40:])) * time.Second,
		IfError:         time.Duration(binary.LittleEndian.Uint32(h[44:])) * time.Second,
	}
	return true
}

func (h Head) lastModified() int64 { return int64(binary.LittleEndian.Uint64(h[24:])) }

// Fill makes dst the stored fields, as views into h, which must stay until dst is reset. h is an answer's head.
func (h Head) Fill(dst *http7.Header) { h.fill(dst, 0) }

// Fill304 makes dst the fields of a 304 (RFC 9110 §15.4.5): those that don't describe the content.
func (h Head) Fill304(dst *http7.Header) { h.fill(dst, notIn304) }

// Fill206 makes dst the fields of a 206 (RFC 9110 §15.3.7), still without Content-Range.
func (h Head) Fill206(dst *http7.Header) { h.fill(dst, notIn206) }

func (h Head) fill(dst *http7.Header, without byte) {
	lines := h.lines()
	dst.Reset(h)
	dst.AddStored(h[factsSize:lines], lines, without)
}

// lines is where the field lines begin.
func (h Head) lines() int { return factsSize + int(h[1])*http7.StoredLineSize }

// ETag returns the ETag field's value if it is a valid entity tag, nil otherwise.
func (h Head) ETag() []byte {
	if Flags(binary.LittleEndian.Uint16(h[4:]))&Tagged == 0 || h[6] == noLine {
		return nil
	}
	at := h.lines()
	e := h[factsSize:at]
	for range h[6] {
		_, _, _, _, end, _ := http7.StoredLine(e)
		at += end
		e = e[http7.StoredLineSize:]
	}
	_, _, val, valEnd, _, _ := http7.StoredLine(e)
	return h[at+val : at+valEnd]
}
