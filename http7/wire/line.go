package wire

import "weir/http7"

// line reads one field line, however it trickles in: each byte is looked at once.
type line struct {
	at    int   // where the line begins
	pos   int   // the first byte not looked at
	colon int   // where the name ends; 0 until that is seen
	marks uint8 // classes of the name's bytes
}

// begin makes l ready for the line at at.
func (l *line) begin(at int) { *l = line{at: at, pos: at} }

// scan looks at the bytes of b that are new. end is where the line ends, CRLF included, and 0 as
// long as it isn't whole.
func (l *line) scan(b []byte) (end int, f *http7.Fault) {
	i := l.pos
	if l.colon == 0 {
		marks := l.marks
		for i < len(b) && class[b[i]]&tokenByte != 0 {
			marks |= class[b[i]]
			i++
		}
		l.pos, l.marks = i, marks
		if i == len(b) {
			return 0, nil
		}
		if b[i] != ':' || i == l.at {
			return 0, l.badName(b[i])
		}
		l.colon = i
		i++
	}
	i = valueEnd(b, i)
	l.pos = i
	return lineEnd(b, i, http7.BadField)
}

// badName says what is wrong with a name that c cannot follow.
func (l *line) badName(c byte) *http7.Fault {
	switch {
	case c == '\n':
		return http7.BadLineEnding
	case l.pos == l.at && isOWS(c):
		return http7.ObsFold
	}
	return http7.BadField
}

// lineEnd reads the CRLF that must stand at b[i]: end is behind it, 0 if it isn't whole. other is
// the fault of any byte that is not part of a line ending.
func lineEnd(b []byte, i int, other *http7.Fault) (end int, f *http7.Fault) {
	switch {
	case i == len(b):
		return 0, nil
	case b[i] == '\n':
		return 0, http7.BadLineEnding
	case b[i] != '\r':
		return 0, other
	case i+1 == len(b):
		return 0, nil
	case b[i+1] != '\n':
		return 0, http7.BadLineEnding
	}
	return i + 2, nil
}

// value returns where the value of a whole line lies, without the space around it.
func (l *line) value(b []byte) (from, to int) {
	from, to = l.colon+1, l.pos
	for from < to && isOWS(b[from]) {
		from++
	}
	for from < to && isOWS(b[to-1]) {
		to--
	}
	return from, to
}
