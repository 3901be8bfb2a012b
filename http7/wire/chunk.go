package wire

import (
	"math"

	"weir/http7"
)

// chunkState is the part of the chunked coding that comes next (RFC 9112 §7.1). No whitespace is
// accepted around the parts of a chunk's first line.
type chunkState uint8

const (
	size      chunkState = iota // a digit of the size, or what may follow the size
	sizeLF                      // LF of the first line
	extName                     // first byte of an extension's name
	extInName                   // more of it, or what may follow
	extValue                    // first byte of an extension's value
	extToken                    // more of a token, or what may follow
	extQuoted                   // inside a quoted string
	extEscape                   // behind a backslash
	extEnd                      // what may follow a quoted string
	data                        // the chunk's bytes
	dataCR                      // CR behind them
	dataLF                      // its LF
	trailers                    // a line of the trailer section, or its first byte
	lastLF                      // LF of the empty line
)

// Bounds of chunk extensions. All extensions together may be larger than the body by sumExtension
// only; each chunk earns a little and what it carries twice over.
const (
	maxExtension = 4 << 10
	sumExtension = 16 << 10
	earned       = 16
)

// chunkLine is the state of the chunked coding.
type chunkLine struct {
	state  chunkState
	digits uint8 // of the size
	ext    int   // bytes of this chunk's extensions
	excess int64 // bytes of extensions that nothing earned
}

// chunked is Next for the chunked coding.
func (fr *Framer) chunked(b []byte) (chunk []byte, n int, s http7.State, f *http7.Fault) {
	for i := 0; i < len(b); {
		switch fr.chunk.state {
		case data:
			chunk = fr.data(b[i:])
			if fr.left == 0 {
				fr.chunk.state = dataCR
			}
			return chunk, i + len(chunk), http7.Chunk, nil
		case trailers, lastLF:
			n, s, f = fr.trailers(b[i:])
			return nil, i + n, s, f
		case size:
			i = fr.size(b, i)
		}
		if i == len(b) {
			break
		}
		if !fr.frameByte(b[i]) {
			n, s, f = fr.fail(http7.BadChunk, http7.BadAnswerChunk)
			return nil, n, s, f
		}
		i++
	}
	return nil, len(b), http7.Parked, nil
}

// size takes the digits of a chunk's size, at most 16 and no more than fits an int64; a digit that
// is too much is left in place.
func (fr *Framer) size(b []byte, i int) int {
	for ; i < len(b); i++ {
		v := hexValue(b[i])
		if v < 0 || fr.chunk.digits == 16 || fr.left > math.MaxInt64>>4 {
			break
		}
		fr.left = fr.left<<4 | int64(v)
		fr.chunk.digits++
	}
	return i
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// frameByte takes one byte of the coding and reports whether it was right.
func (fr *Framer) frameByte(c byte) bool {
	l := &fr.chunk
	switch l.state {
	case size:
		return l.digits > 0 && l.next(c)
	case sizeLF:
		return c == '\n' && fr.begin()
	case dataCR:
		l.state = dataLF
		return c == '\r'
	case dataLF:
		*l = chunkLine{state: size, excess: l.excess}
		return c == '\n'
	}
	return l.extension(c)
}

// next takes the byte that ends the size or an extension.
func (l *chunkLine) next(c byte) bool {
	switch c {
	case '\r':
		l.state = sizeLF
	case ';':
		l.state = extName
		l.ext++
	default:
		return false
	}
	return l.ext <= maxExtension
}

// begin starts the chunk whose first line is whole.
func (fr *Framer) begin() bool {
	l := &fr.chunk
	l.excess = max(0, l.excess+int64(l.ext)-earned-2*min(fr.left, sumExtension))
	if l.state = data; fr.left == 0 {
		l.state = trailers
	}
	return l.excess <= sumExtension
}

// extension takes one byte of a chunk extension: ";" token [ "=" ( token / quoted-string ) ].
func (l *chunkLine) extension(c byte) bool {
	if l.ext++; l.ext > maxExtension {
		return false
	}
	token := class[c]&tokenByte != 0
	switch l.state {
	case extName, extValue:
		if l.state == extValue && c == '"' {
			l.state = extQuoted
			return true
		}
		l.state++ // extInName, extToken
		return token
	case extInName:
		if c == '=' {
			l.state = extValue
			return true
		}
		return token || l.next(c)
	case extToken:
		return token || l.next(c)
	case extQuoted:
		return l.quoted(c)
	case extEscape:
		l.state = extQuoted
		return isText(c)
	}
	return l.next(c)
}

// quoted takes one byte of a quoted string (RFC 9110 §5.6.4).
func (l *chunkLine) quoted(c byte) bool {
	switch c {
	case '"':
		l.state = extEnd
	case '\\':
		l.state = extEscape
	}
	return isText(c)
}

// isText reports whether c is no control byte, or a tab.
func isText(c byte) bool { return c >= 0x20 && c != 0x7f || c == '\t' }
