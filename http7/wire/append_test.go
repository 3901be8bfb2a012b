package wire

import (
	"strings"
	"testing"

	"weir/http7"
)

func TestStartLines(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{string(AppendRequestLine(nil, []byte("GET"), []byte("/a?b"))), "GET /a?b HTTP/1.1\r\n"},
		{string(AppendStatusLine(nil, 200, nil)), "HTTP/1.1 200 OK\r\n"},
		{string(AppendStatusLine(nil, 200, []byte("Fine"))), "HTTP/1.1 200 Fine\r\n"},
		{string(AppendStatusLine(nil, 599, nil)), "HTTP/1.1 599 \r\n"},
		{string(AppendStatusLine(nil, 299, nil)), "HTTP/1.1 299 \r\n"},
		{string(AppendStatusLine([]byte("x"), 431, nil)), "xHTTP/1.1 431 Request Header Fields Too Large\r\n"},
		{Reason(-1), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestChunksOut(t *testing.T) {
	trailer := new(http7.Header)
	trailer.AddRaw([]byte("X"), []byte("y"))
	for _, c := range []struct{ got, want string }{
		{string(AppendChunk(nil, []byte("hello"))), "5\r\nhello\r\n"},
		{string(AppendChunk(nil, nil)), ""},
		{string(AppendChunkHead(nil, 0)), ""},
		{string(AppendChunkHead(nil, 15)), "f\r\n"},
		{string(AppendChunkHead(nil, 16)), "10\r\n"},
		{string(AppendChunkHead(nil, 32<<10)), "8000\r\n"},
		{string(AppendChunkHead(nil, 1<<62)), "4000000000000000\r\n"},
		{string(AppendLastChunk(nil, nil)), "0\r\n\r\n"},
		{string(AppendLastChunk(nil, trailer)), "0\r\nX: y\r\n\r\n"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestChunksGoOutAndComeIn(t *testing.T) {
	trailer := new(http7.Header)
	trailer.AddRaw([]byte("X"), []byte("y"))
	var out []byte
	for n := 1; n < 5000; n = n*2 + 1 {
		out = AppendChunk(out, []byte(strings.Repeat("x", n)))
	}
	out = AppendLastChunk(out, trailer)
	body := strings.Repeat("x", 1+3+7+15+31+63+127+255+511+1023+2047+4095)
	want := showBody([]byte(body), trailer, len(out))
	if got := readBody(Frame{Kind: Chunked}, http7.Client, string(out)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
