package plan

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	maxLine   = 1 << 20 // bytes; a line of the log is some hundreds
	maxForms  = 3       // how many lines that can't be read are shown
	blockSize = 256 << 10
)

// Reader reads an access log record by record, in memory that does not grow with it. Compressed logs are known by their
// first bytes. It is not safe for concurrent use.
type Reader struct {
	in     *bufio.Reader
	long   []byte // a line that does not fit the buffer of in
	record Record

	// Lines is how many have been read, Foreign how many of them are no records; Problems shows the first of those.
	Lines, Foreign int64
	Problems       []string
	// Cut says that the log ends within a line, which does not count.
	Cut bool
}

// NewReader returns a reader of the log in r. The error says that r can't be read.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, blockSize)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the log can't be read: %w", err)
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("the log begins as a gzip file and is none: %w", err)
		}
		in = bufio.NewReaderSize(z, blockSize)
	}
	return &Reader{in: in}, nil
}

// Next returns the next record, valid until the next call, or io.EOF. Lines that are none are counted and passed over.
func (r *Reader) Next() (*Record, error) {
	for {
		text, whole, err := r.line()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 && whole {
			r.Lines++
			continue
		}
		r.record.Line = r.Lines + 1
		bad := errTooLong
		if len(text) <= maxLine {
			bad = r.record.parse(text)
		}
		if bad != nil && !whole {
			r.Cut = true
			return nil, io.EOF
		}
		r.Lines++
		if bad == nil {
			return &r.record, nil
		}
		r.foreign(bad)
	}
}

var errTooLong = fmt.Errorf("longer than %d bytes", maxLine)

func (r *Reader) foreign(bad error) {
	if r.Foreign++; len(r.Problems) < maxForms {
		r.Problems = append(r.Problems, fmt.Sprintf("line %d: %v", r.Lines, bad))
	}
}

// line returns the next line without its end, or what of it is not too long and a byte; whole says that it has an end.
func (r *Reader) line() (text []byte, whole bool, err error) {
	r.long = r.long[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		switch {
		case whole && len(r.long) == 0:
			return part, true, nil
		case len(r.long) <= maxLine:
			r.long = append(r.long, part[:min(len(part), maxLine+1-len(r.long))]...)
		}
		switch {
		case whole:
			return r.long, true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(r.long) == 0:
			return nil, false, io.EOF
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			// The end of a gzip file that is still written comes unexpectedly.
			r.Cut = r.Cut || errors.Is(err, io.ErrUnexpectedEOF)
			if len(r.long) == 0 {
				return nil, false, io.EOF
			}
			return r.long, false, nil
		default:
			return nil, false, fmt.Errorf("the log can't be read behind line %d: %w", r.Lines, err)
		}
	}
}
