package bench

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readAnswer reads one answer as a connection would bring it.
func readAnswer(src io.Reader, method string) (a answer, spare string, err error) {
	var r answerReader
	r.begin(method, false)
	spare, err = r.from(src)
	return r.got, spare, err
}

// from feeds a what src brings, a read at a time, until the answer is complete.
func (a *answerReader) from(src io.Reader) (spare string, err error) {
	block := make([]byte, readBlock)
	for {
		n, err := src.Read(block)
		if n > 0 {
			if spare, done, err := a.feed(block[:n]); done || err != nil {
				return string(spare), err
			}
		}
		if err != nil {
			return "", a.end()
		}
	}
}

var answerCases = []struct {
	name   string
	bytes  string
	method string
	status int
	keep   bool
	err    error
}{
	{"fixed length is read to its end", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "GET", 200, true, nil},
	{"an empty reason phrase is fine", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "GET", 200, true, nil},
	{"chunks with an extension and a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n", "GET", 200, true, nil},
	{"no framing lasts until the close", "HTTP/1.1 200 OK\r\n\r\nabc", "GET", 200, false, nil},
	{"Connection: close ends the connection", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", "GET", 200, false, nil},
	{"Connection: keep-alive changes nothing in HTTP/1.1", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", "GET", 200, true, nil},
	{"HTTP/1.0 does not keep", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, false, nil},
	{"HTTP/1.0 keeps when it says so", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", "GET", 200, true, nil},
	{"HEAD has a length and no body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", 200, true, nil},
	{"HEAD has chunks and no body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200, true, nil},
	{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, true, nil},
	{"304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "GET", 304, true, nil},
	{"103 goes before the answer", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200, true, nil},
	{"a tunnel is no connection for another request", "HTTP/1.1 200 OK\r\n\r\n", "CONNECT", 200, false, nil},
	{"a reason in another alphabet", "HTTP/1.1 404 Nicht gefunden \xe4\r\nContent-Length: 0\r\n\r\n", "GET", 404, true, nil},
	{"a status of 599", "HTTP/1.1 599 Whatever\r\nContent-Length: 0\r\n\r\n", "POST", 599, true, nil},

	{"nothing at all is the end of the connection", "", "GET", 0, false, io.EOF},
	{"an end within the head", "HTTP/1.1 200 OK\r\nConte", "GET", 0, false, ErrShort},
	{"an end behind 103", "HTTP/1.1 103 Early Hints\r\n\r\n", "GET", 0, false, ErrShort},
	{"an end within a fixed body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "GET", 0, false, ErrShort},
	{"an end at a chunk boundary", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "GET", 0, false, ErrShort},
	{"an end before the last line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "GET", 0, false, ErrShort},
	{"no space behind the status", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a length given twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\na", "GET", 0, false, ErrMalformed},
	{"unequal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a length with chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"another transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"chunks in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", "GET", 0, false, ErrMalformed},
	{"a chunk that runs over", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "GET", 0, false, ErrMalformed},
	{"a chunk line ended by LF alone", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n", "GET", 0, false, ErrMalformed},
	{"a trailer without a colon", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a head ended by LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "GET", 0, false, ErrMalformed},
	{"a space before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"another version", "HTTP/2.0 200 OK\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a version in small letters", "http/1.1 200 OK\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"another protocol", "220 mail.example.com ESMTP\r\n", "GET", 0, false, ErrMalformed},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"a status beyond 599", "HTTP/1.1 600 OK\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"an unasked 101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET", 0, false, ErrMalformed},
	{"an endless head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", maxHead), "GET", 0, false, ErrMalformed},
	{"endless fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1001), "GET", 0, false, ErrMalformed},
	{"an endless chunk line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 12<<10), "GET", 0, false, ErrMalformed},
}

func TestAnswersAreReadStrictly(t *testing.T) {
	for _, c := range answerCases {
		t.Run(c.name, func(t *testing.T) {
			for way, src := range map[string]io.Reader{
				"whole":        strings.NewReader(c.bytes),
				"in halves":    iotest.HalfReader(strings.NewReader(c.bytes)),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.bytes)),
			} {
				got, spare, err := readAnswer(src, c.method)
				if !errors.Is(err, c.err) || spare != "" {
					t.Errorf("%s: %v, %q behind it; want %v", way, err, spare, c.err)
				}
				if c.err == nil && (got.status != c.status || got.keep != c.keep || got.bytes != int64(len(c.bytes))) {
					t.Errorf("%s: got %+v; want %d, keep %v and %d bytes", way, got, c.status, c.keep, len(c.bytes))
				}
			}
		})
	}
}

func TestABadAnswerIsShown(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ bytes, want string }{
		{"220 mail\r\n", `malformed answer: no status line of HTTP/1.0 or 1.1: "220 mail\r\n"`},
		{"HTTP/1.1 200 OK\r\nA b\r\n", `malformed answer: a header field that is not valid: "HTTP/1.1 200 OK\r\nA b\r\n"`},
		{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", `malformed answer: an ambiguous length (Content-Length, Transfer-Encoding): "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"`},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", `malformed answer: a chunk that is not valid: "zz\r\n"`},
		{"HTTP/1.1 101 Up\r\n\r\n", `malformed answer: a 101 that nobody asked for: "HTTP/1.1 101 Up\r\n\r\n"`},
		{long, `malformed answer: no status line of HTTP/1.0 or 1.1: "` + long[:quoted] + `"`},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", maxHead), `malformed answer: a head of more than 65536 bytes or 1000 fields: "HTTP/1.1 200 OK\r\nA: ` + long[:quoted-20] + `"`},
	} {
		_, _, err := readAnswer(strings.NewReader(c.bytes), "GET")
		if err == nil || err.Error() != c.want || KindOf(err) != Malformed {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestAnswersThatFollowEachOtherAreToldApart(t *testing.T) {
	one := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
	two := "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
	var a answerReader
	rest := one + two + one
	for _, want := range []int{200, 201, 200} {
		a.begin("GET", false)
		spare, done, err := a.feed([]byte(rest))
		if err != nil || !done || a.got.status != want {
			t.Fatalf("got %d, done %v, %v; want %d", a.got.status, done, err, want)
		}
		rest = string(spare)
	}
	if rest != "" {
		t.Errorf("%q is left over", rest)
	}
}

func TestBytesBehindAnAnswerAreSpare(t *testing.T) {
	for _, c := range []struct{ bytes, spare string }{
		{"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200", "HTTP/1.1 200"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "b"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n", "\r\n"},
	} {
		if _, spare, err := readAnswer(strings.NewReader(c.bytes), "GET"); err != nil || spare != c.spare {
			t.Errorf("%q: %q is spare, %v; want %q", c.bytes, spare, err, c.spare)
		}
	}
}

func TestABodyIsKeptWhereItIsWantedAndNoLongerThanItMay(t *testing.T) {
	long := strings.Repeat("0123456789", MaxExpectedBody/10+7)
	for _, c := range []struct {
		bytes string
		want  bool
		body  string
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, "abc"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\nT: u\r\n\r\n", true, "abc"},
		{"HTTP/1.1 200 OK\r\n\r\nuntil the close", true, "until the close"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, ""},
		{"HTTP/1.1 200 OK\r\n\r\n" + long, true, long[:MaxExpectedBody]},
	} {
		var a answerReader
		for range 2 { // the second must not have the first one's
			a.begin("GET", c.want)
			if _, err := a.from(iotest.HalfReader(strings.NewReader(c.bytes))); err != nil || string(a.got.body) != c.body {
				t.Errorf("%.60q: a body of %d bytes, %v; want %d", c.bytes, len(a.got.body), err, len(c.body))
			}
		}
	}
}

func TestReadingAnAnswerAllocatesNothing(t *testing.T) {
	for what, text := range map[string]string{
		"length":         "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 3\r\n\r\nabc",
		"chunks":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"an interim one": "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	} {
		var a answerReader
		start, rest := []byte(text[:20]), []byte(text[20:])
		read := func() {
			a.begin("GET", true)
			// In two pieces, so that the head has to be kept.
			if _, done, err := a.feed(start); done || err != nil {
				t.Fatal(what, done, err)
			}
			if _, done, err := a.feed(rest); !done || err != nil {
				t.Fatal(what, done, err)
			}
		}
		if n := testing.AllocsPerRun(1000, read); n != 0 {
			t.Errorf("%s: an answer costs %v allocations", what, n)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	text := []byte("HTTP/1.1 200 OK\r\nServer: weir\r\nDate: Sat, 21 Nov 2026 05:36:36 GMT\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc")
	var a answerReader
	b.ReportAllocs()
	for b.Loop() {
		a.begin("GET", false)
		if _, done, err := a.feed(text); !done || err != nil {
			b.Fatal(done, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, c := range answerCases {
		if len(c.bytes) < 200 {
			f.Add([]byte(c.bytes), c.method == "HEAD")
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		whole, _, errWhole := readAnswer(bytes.NewReader(wire), method)
		bits, _, errBits := readAnswer(iotest.OneByteReader(bytes.NewReader(wire)), method)
		if (errWhole == nil) != (errBits == nil) || errWhole == nil && (whole.status != bits.status || whole.bytes != bits.bytes || whole.keep != bits.keep) {
			t.Fatalf("whole: %+v, %v; byte by byte: %+v, %v", whole, errWhole, bits, errBits)
		}
		if errWhole == nil && (whole.bytes > int64(len(wire)) || whole.status < 200 || whole.status > 599) {
			t.Fatalf("read %+v out of %d bytes", whole, len(wire))
		}
	})
}
