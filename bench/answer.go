package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

const (
	firstBlock   = 4 << 10
	maxHead      = 64 << 10
	maxChunkLine = 4 << 10
)

// answer is what the generator keeps of one HTTP answer.
type answer struct {
	status int
	bytes  int64  // of the message as read, head and framing included
	sent   int64  // of the request
	body   []byte // its start, where it is wanted
	keep   bool   // the connection may carry another request
}

// answerReader reads HTTP/1 answers from one connection, strictly (RFC 9112 §6): what a careful client would refuse
// is ErrMalformed, an end before the framing's end is ErrShort, an end before the first byte is io.EOF.
// It allocates only while a head is larger than any before.
type answerReader struct {
	src  io.Reader
	buf  []byte
	r, w int
	read int64 // bytes consumed since the request
}

func newAnswerReader(src io.Reader) *answerReader {
	return &answerReader{src: src, buf: make([]byte, firstBlock)}
}

// next reads one final answer with its body; 1xx answers before it are passed over. noBody is for HEAD.
func (a *answerReader) next(noBody bool) (answer, error) {
	a.read = 0
	for {
		m, err := a.head()
		if err != nil {
			return answer{}, err
		}
		if m.status == 101 {
			return answer{}, fmt.Errorf("%w: an unasked 101", ErrMalformed)
		}
		if m.status < 200 {
			continue
		}
		if noBody || m.status == 204 || m.status == 304 {
			m.length, m.chunked = 0, false
		}
		if err := a.body(&m); err != nil {
			return answer{}, err
		}
		return answer{status: m.status, bytes: a.read, keep: m.keep}, nil
	}
}

// spare reports whether bytes lie ready that no request asked for.
func (a *answerReader) spare() bool { return a.r < a.w }

const untilClose = -1

// framing is what an answer's head says about its end.
type framing struct {
	status  int
	length  int64 // untilClose: no Content-Length was given
	chunked bool
	keep    bool
}

func (a *answerReader) head() (framing, error) {
	searched := a.r
	for {
		from := max(a.r, searched-3)
		if i := bytes.Index(a.buf[from:a.w], []byte("\r\n\r\n")); i >= 0 {
			end := from + i + 2
			m, err := parseHead(a.buf[a.r:end])
			a.read += int64(end + 2 - a.r)
			a.r = end + 2
			return m, err
		}
		searched = a.w
		moved := a.r
		if err := a.fill(maxHead); err != nil {
			return framing{}, a.cut(err)
		}
		searched -= moved - a.r
	}
}

// cut turns an end of the stream within a message into ErrShort.
func (a *answerReader) cut(err error) error {
	if err == io.EOF && (a.read > 0 || a.r < a.w) {
		return ErrShort
	}
	return err
}

// fill reads once more behind what is unread, which may grow to limit bytes.
func (a *answerReader) fill(limit int) error {
	if a.r > 0 {
		a.w = copy(a.buf, a.buf[a.r:a.w])
		a.r = 0
	}
	if a.w == len(a.buf) {
		if a.w >= limit {
			return fmt.Errorf("%w: a head or line of more than %d bytes", ErrMalformed, limit)
		}
		a.buf = append(a.buf, make([]byte, len(a.buf))...)
	}
	n, err := a.src.Read(a.buf[a.w:])
	a.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (a *answerReader) body(m *framing) error {
	switch {
	case m.chunked:
		return a.chunks()
	case m.length == untilClose:
		m.keep = false
		err := a.skip(math.MaxInt64)
		if err == ErrShort {
			return nil
		}
		return err
	}
	return a.skip(m.length)
}

// skip consumes n bytes of body.
func (a *answerReader) skip(n int64) error {
	for {
		have := min(int64(a.w-a.r), n)
		a.r += int(have)
		a.read += have
		if n -= have; n == 0 {
			return nil
		}
		if err := a.fill(len(a.buf)); err != nil {
			return a.cut(err)
		}
	}
}

// chunks consumes a chunked body with its trailers (RFC 9112 §7.1).
func (a *answerReader) chunks() error {
	for {
		line, err := a.line()
		if err != nil {
			return err
		}
		size, ok := chunkSize(line)
		if !ok {
			return fmt.Errorf("%w: chunk size %q", ErrMalformed, line)
		}
		if size == 0 {
			return a.trailers()
		}
		if err := a.skip(size); err != nil {
			return err
		}
		if line, err = a.line(); err != nil {
			return err
		}
		if len(line) != 0 {
			return fmt.Errorf("%w: no line end behind a chunk", ErrMalformed)
		}
	}
}

func (a *answerReader) trailers() error {
	for {
		line, err := a.line()
		if err != nil || len(line) == 0 {
			return err
		}
		if bytes.IndexByte(line, ':') < 1 {
			return fmt.Errorf("%w: trailer %q", ErrMalformed, line)
		}
	}
}

// line returns the next line without its CRLF; it is valid until the next read.
func (a *answerReader) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(a.buf[a.r:a.w], '\n'); i >= 0 {
			line := a.buf[a.r : a.r+i]
			a.r += i + 1
			a.read += int64(i + 1)
			if i == 0 || line[i-1] != '\r' {
				return nil, fmt.Errorf("%w: a line that ends without CR", ErrMalformed)
			}
			return line[:i-1], nil
		}
		if a.w-a.r > maxChunkLine {
			return nil, fmt.Errorf("%w: a chunk line of more than %d bytes", ErrMalformed, maxChunkLine)
		}
		if err := a.fill(maxHead); err != nil {
			return nil, a.cut(err)
		}
	}
}
