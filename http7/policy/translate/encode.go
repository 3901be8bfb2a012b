package translate

import (
	"encoding/base64"
	"encoding/binary"

	"weir/http7"
)

// encoder is the filter of an answer's body: the endpoint's frames, then one more with the trailers, all in base64
// if the client takes text.
type encoder struct {
	frames  frames
	text    bool
	trailer *http7.Header // the answer's, complete with the last call
	last    []byte        // the frame of the trailers, once ended
	sent    int           // of last
	ended   bool
	rest    [3]byte // of text: what is not enough for a group
	n       int     // of rest
}

// mostLast is the largest frame of trailers whose memory is kept for another call.
const mostLast = 16 << 10

func (e *encoder) reset(text bool) {
	last := e.last[:0]
	if cap(last) > mostLast {
		last = nil
	}
	*e = encoder{text: text, last: last}
}

// Changes implements [http7.Filter].
func (e *encoder) Changes() bool { return true }

// Write implements [http7.Filter]. It needs room for four bytes.
func (e *encoder) Write(dst, chunk []byte, how http7.How) (out []byte, taken int, done bool, fault *http7.Fault) {
	if len(chunk) > 0 && !e.text {
		out, taken = chunk, len(chunk)
	} else if out, taken = e.encode(dst, chunk); taken < len(chunk) {
		how = http7.More // for now
	}
	if !e.frames.follow(chunk[:taken]) {
		return out, taken, false, http7.BadAnswerFrame
	}
	switch {
	case how == http7.More:
		return out, taken, taken == len(chunk), nil
	case how == http7.Flush && e.text:
		out, done = e.pad(out)
		return out, taken, done, nil
	case how == http7.Flush:
		return out, taken, true, nil
	case len(chunk) > 0 && !e.text: // the trailers have no place behind it
		return out, taken, false, nil
	}
	out, done, fault = e.end(out)
	return out, taken, done, fault
}

// end appends the frame of the trailers, as far as there is room.
func (e *encoder) end(dst []byte) (out []byte, done bool, fault *http7.Fault) {
	if !e.ended {
		if !e.frames.whole() {
			return dst, false, http7.BadAnswerFrame
		}
		e.ended = true
		e.last = appendTrailers(e.last[:0], e.trailer)
		e.trailer.Reset(nil) // they have left
	}
	left := e.last[e.sent:]
	n := 0
	if e.text {
		dst, n = e.encode(dst, left)
	} else {
		n = min(len(left), cap(dst)-len(dst))
		dst = append(dst, left[:n]...)
	}
	if e.sent += n; n < len(left) {
		return dst, false, nil
	}
	if e.text {
		dst, done = e.pad(dst)
		return dst, done, nil
	}
	return dst, true, nil
}

// appendTrailers appends the frame of the trailers: lines as in HTTP/1, their names in lower case. Without any
// there is none: the client sees that its status is missing.
func appendTrailers(dst []byte, h *http7.Header) []byte {
	if h.Len() == 0 {
		return dst
	}
	at := len(dst)
	dst = append(dst, trailers, 0, 0, 0, 0)
	for i := range h.Len() {
		name, value := h.At(i)
		for _, c := range name {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
		}
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, "\r\n"...)
	}
	binary.BigEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-5))
	return dst
}

// encode appends the groups of what was left over and chunk while there is room, and keeps what is not enough for
// one (RFC 4648 §4).
func (e *encoder) encode(dst, chunk []byte) (out []byte, taken int) {
	if len(chunk) == 0 {
		return dst, 0
	}
	if e.n > 0 {
		taken = copy(e.rest[e.n:], chunk)
		if e.n+taken < len(e.rest) {
			e.n += taken
			return dst, taken
		}
		if cap(dst)-len(dst) < 4 {
			return dst, 0
		}
		dst = base64.StdEncoding.AppendEncode(dst, e.rest[:])
		e.n = 0
	}
	whole := min((len(chunk)-taken)/3, (cap(dst)-len(dst))/4) * 3
	dst = base64.StdEncoding.AppendEncode(dst, chunk[taken:taken+whole])
	if taken += whole; len(chunk)-taken < 3 {
		e.n = copy(e.rest[:], chunk[taken:])
		taken = len(chunk)
	}
	return dst, taken
}

// pad appends what was left over, padded: the next piece is coded by itself.
func (e *encoder) pad(dst []byte) (out []byte, done bool) {
	if e.n == 0 {
		return dst, true
	}
	if cap(dst)-len(dst) < 4 {
		return dst, false
	}
	dst = base64.StdEncoding.AppendEncode(dst, e.rest[:e.n])
	e.n = 0
	return dst, true
}
