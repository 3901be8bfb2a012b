package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errLong marks a line that is too long to be kept; the lines behind it can be read.
var errLong = errors.New("the line is too long")

// lines cuts a stream into lines of a bounded length.
type lines struct {
	in   *bufio.Reader
	long []byte
	most int
}

func newLines(r io.Reader, most int) *lines {
	return &lines{in: bufio.NewReaderSize(r, 64<<10), most: most}
}

// next returns the next line without its end, or io.EOF. A last line needs no end.
func (l *lines) next() (string, error) {
	l.long = l.long[:0]
	cut := false
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.long)+len(part) > l.most {
			cut = true
		} else {
			l.long = append(l.long, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && (len(l.long) > 0 || cut):
		case err != nil:
			return "", err
		}
		if cut {
			return "", fmt.Errorf("%w: more than %d bytes", errLong, l.most)
		}
		return strings.TrimRight(string(l.long), "\r\n"), nil
	}
}

// texts keeps each text once. Texts have numbers; 0 is the empty one.
type texts struct {
	all   []string
	index map[string]uint32 // nil once sealed
	room  *strings.Builder  // the block that further texts are copied to
}

// textBlock is what texts are gathered in, so that each costs no allocation of its own.
const textBlock = 256 << 10

func newTexts() *texts { return &texts{all: []string{""}, index: map[string]uint32{"": 0}} }

// add returns the number of s, which it copies.
func (t *texts) add(s string) uint32 {
	if i, ok := t.index[s]; ok {
		return i
	}
	i := uint32(len(t.all))
	kept := t.copy(s)
	t.all = append(t.all, kept)
	t.index[kept] = i
	return i
}

// copy returns a copy of s that shares a block with others.
func (t *texts) copy(s string) string {
	if len(s) > textBlock/16 {
		return strings.Clone(s)
	}
	if t.room == nil || t.room.Len()+len(s) > textBlock {
		// A Builder that never grows gives views of one block, which stays where it is.
		t.room = &strings.Builder{}
		t.room.Grow(textBlock)
	}
	from := t.room.Len()
	t.room.WriteString(s)
	return t.room.String()[from:]
}

// seal drops what only adding needs.
func (t *texts) seal() { t.index, t.room = nil, nil }
