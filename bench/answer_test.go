package bench

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var answerCases = []struct {
	name  string
	bytes string
	head  bool // the request was HEAD
	want  answer
	err   error
}{
	{"fixed length is read to its end", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, answer{200, 41, true}, nil},
	{"an empty reason phrase is fine", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", false, answer{200, 36, true}, nil},
	{"equal lengths given twice are one", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na", false, answer{200, 58, true}, nil},
	{"chunks with an extension and a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n", false, answer{200, 70, true}, nil},
	{"no framing lasts until the close", "HTTP/1.1 200 OK\r\n\r\nabc", false, answer{200, 22, false}, nil},
	{"Connection: close ends the connection", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", false, answer{200, 60, false}, nil},
	{"HTTP/1.0 does not keep", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, answer{200, 38, false}, nil},
	{"HTTP/1.0 keeps when it says so", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false, answer{200, 62, true}, nil},
	{"HEAD has a length and no body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, answer{200, 38, true}, nil},
	{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", false, answer{204, 27, true}, nil},
	{"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false, answer{304, 48, true}, nil},
	{"103 goes before the answer", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, answer{200, 75, true}, nil},

	{"nothing at all is the end of the connection", "", false, answer{}, io.EOF},
	{"an end within the head", "HTTP/1.1 200 OK\r\nConte", false, answer{}, ErrShort},
	{"an end within a fixed body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", false, answer{}, ErrShort},
	{"an end at a chunk boundary", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, answer{}, ErrShort},
	{"an end before the last line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", false, answer{}, ErrShort},
	{"unequal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false, answer{}, ErrMalformed},
	{"a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", false, answer{}, ErrMalformed},
	{"a length with chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false, answer{}, ErrMalformed},
	{"another transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, answer{}, ErrMalformed},
	{"a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", false, answer{}, ErrMalformed},
	{"a chunk that runs over", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", false, answer{}, ErrMalformed},
	{"a chunk line ended by LF alone", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n", false, answer{}, ErrMalformed},
	{"a trailer without a colon", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", false, answer{}, ErrMalformed},
	{"a space before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", false, answer{}, ErrMalformed},
	{"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n", false, answer{}, ErrMalformed},
	{"another version", "HTTP/2.0 200 OK\r\n\r\n", false, answer{}, ErrMalformed},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", false, answer{}, ErrMalformed},
	{"a status beyond 599", "HTTP/1.1 600 OK\r\n\r\n", false, answer{}, ErrMalformed},
	{"an unasked 101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", false, answer{}, ErrMalformed},
	{"an endless head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", maxHead), false, answer{}, ErrMalformed},
	{"an endless chunk line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 3*maxChunkLine), false, answer{}, ErrMalformed},
}

func TestAnswersAreReadStrictly(t *testing.T) {
	for _, c := range answerCases {
		t.Run(c.name, func(t *testing.T) {
			for way, src := range map[string]io.Reader{
				"whole":        strings.NewReader(c.bytes),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.bytes)),
			} {
				got, err := newAnswerReader(src).next(c.head)
				if !errors.Is(err, c.err) || got != c.want {
					t.Errorf("%s: got %+v, %v; want %+v, %v", way, got, err, c.want, c.err)
				}
			}
		})
	}
}

func TestAnswersThatFollowEachOtherAreToldApart(t *testing.T) {
	one := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
	two := "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
	a := newAnswerReader(strings.NewReader(one + two + one))
	for _, want := range []int{200, 201, 200} {
		got, err := a.next(false)
		if err != nil || got.status != want {
			t.Fatalf("got %d, %v; want %d", got.status, err, want)
		}
	}
	if a.spare() {
		t.Error("bytes are left over")
	}
}

func TestBytesBehindAnAnswerAreSpare(t *testing.T) {
	a := newAnswerReader(strings.NewReader("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200"))
	if _, err := a.next(false); err != nil || !a.spare() {
		t.Fatalf("err %v, spare %v; want none and true", err, a.spare())
	}
}

func TestReadingAnAnswerAllocatesNothing(t *testing.T) {
	src := &endless{text: []byte("HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 3\r\n\r\nabc")}
	a := newAnswerReader(src)
	if n := testing.AllocsPerRun(1000, func() { readOne(t, a) }); n != 0 {
		t.Fatalf("an answer costs %v allocations", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	a := newAnswerReader(&endless{text: []byte("HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 3\r\n\r\nabc")})
	b.ReportAllocs()
	for b.Loop() {
		readOne(b, a)
	}
}

func readOne(tb testing.TB, a *answerReader) {
	if got, err := a.next(false); err != nil || got.status != 200 {
		tb.Fatalf("got %+v, %v", got, err)
	}
}

// endless repeats a text, one whole copy a read.
type endless struct{ text []byte }

func (e *endless) Read(p []byte) (int, error) { return copy(p, e.text), nil }

func FuzzAnswer(f *testing.F) {
	for _, c := range answerCases {
		if len(c.bytes) < 200 {
			f.Add([]byte(c.bytes), c.head)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, head bool) {
		whole, errWhole := newAnswerReader(bytes.NewReader(wire)).next(head)
		bits, errBits := newAnswerReader(iotest.OneByteReader(bytes.NewReader(wire))).next(head)
		if whole != bits || (errWhole == nil) != (errBits == nil) {
			t.Fatalf("whole: %+v, %v; byte by byte: %+v, %v", whole, errWhole, bits, errBits)
		}
		if errWhole == nil && (whole.bytes > int64(len(wire)) || whole.status < 200 || whole.status > 599) {
			t.Fatalf("read %+v out of %d bytes", whole, len(wire))
		}
	})
}
