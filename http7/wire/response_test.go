package wire

import (
	"strings"
	"testing"

	"weir/http7"
)

const ok = "HTTP/1.1 200 OK\r\n"

var statusLines = []sample{
	{"the smallest", ok + end, `200 "OK" close|`},
	{"an empty reason", "HTTP/1.1 404 \r\nContent-Length: 0\r\n" + end, `404 "" len:0 keep|Content-Length: 0`},
	{"a long reason", "HTTP/1.1 500 It\tis \xe9 (x)\r\nContent-Length: 0\r\n" + end, `500 "It\tis \xe9 (x)" len:0 keep|Content-Length: 0`},
	{"a status of no name", "HTTP/1.1 599 ?\r\nContent-Length: 1\r\n" + end, `599 "?" len:1 keep|Content-Length: 1`},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n" + end, `200 "OK" len:1 1.0|Content-Length: 1`},
	{"HTTP/1.0 that stays", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n" + end, `200 "OK" len:1 1.0 keep|Content-Length: 1`},
	{"HTTP/1.0 that can't stay", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + end, `200 "OK" close 1.0|`},
	{"no reason and no space", "HTTP/1.1 200\r\n" + end, "!upstream_bad_status_line"},
	{"two spaces", "HTTP/1.1  200 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a tab", "HTTP/1.1\t200 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a status of four digits", "HTTP/1.1 2000 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a status of letters", "HTTP/1.1 2xx OK\r\n" + end, "!upstream_bad_status_line"},
	{"a status below 100", "HTTP/1.1 099 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a status above 599", "HTTP/1.1 600 OK\r\n" + end, "!upstream_bad_status_line"},
	{"a signed status", "HTTP/1.1 +20 OK\r\n" + end, "!upstream_bad_status_line"},
	{"HTTP/2.0", "HTTP/2.0 200 OK\r\n" + end, "!upstream_bad_status_line"},
	{"HTTP/1.2", "HTTP/1.2 200 OK\r\n" + end, "!upstream_bad_status_line"},
	{"HTTP/2 frames", "\x00\x00\x12\x04\x00\x00\x00\x00\x00", "!upstream_bad_status_line"},
	{"an empty line before", "\r\n" + ok + end, "!upstream_bad_status_line"},
	{"a body without a head", "<html>", "!upstream_bad_status_line"},
	{"a NUL in the reason", "HTTP/1.1 200 O\x00K\r\n" + end, "!upstream_bad_status_line"},
	{"a bare LF", "HTTP/1.1 200 OK\n\n", "!upstream_bad_status_line"},
	{"a bare CR", "HTTP/1.1 200 OK\rX: y\r\n" + end, "!upstream_bad_status_line"},
	{"a bare LF behind no reason", "HTTP/1.1 200 \n\n", "!upstream_bad_status_line"},
	{"half a status line", "HTTP/1.1 20", ""},
	{"half a head", ok + "X: y\r\n", ""},
}

var answerFields = []sample{
	{"cookies stay two lines", ok + "Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n" + end, `200 "OK" len:0 keep|Set-Cookie: a;set-cookie: b;Content-Length: 0`},
	{"underscores stay", ok + "X_Y: a\r\nContent-Length: 0\r\n" + end, `200 "OK" len:0 keep|X_Y: a;Content-Length: 0`},
	{"Host and Expect mean nothing", ok + "Host: a b\r\nHost: c\r\nExpect: x\r\nContent-Length: 0\r\n" + end, `200 "OK" len:0 keep|Host: a b;Host: c;Expect: x;Content-Length: 0`},
	{"fields of the hop", ok + "Keep-Alive: timeout=5\r\nTrailer: X\r\nConnection: x, close\r\nX: 1\r\nContent-Length: 0\r\n" + end, `200 "OK" len:0|Content-Length: 0`},
	{"a folded line", ok + "X: a\r\n b\r\n" + end, "!upstream_bad_field"},
	{"a space before the colon", ok + "X : a\r\n" + end, "!upstream_bad_field"},
	{"no name", ok + ": a\r\n" + end, "!upstream_bad_field"},
	{"a NUL", ok + "X: a\x00\r\n" + end, "!upstream_bad_field"},
	{"a bare LF", ok + "X: a\nY: b\r\n" + end, "!upstream_bad_field"},
	{"a bare CR", ok + "X: a\rY: b\r\n" + end, "!upstream_bad_field"},
	{"a bare LF for an empty line", ok + "\n@", "!upstream_bad_field"},
	{"a bad Connection", ok + "Connection: a b\r\n" + end, "!upstream_bad_field"},
}

var answerFrames = []sample{
	{"a length", ok + "Content-Length: 5\r\n" + end, `200 "OK" len:5 keep|Content-Length: 5`},
	{"chunked", ok + "Transfer-Encoding: chunked\r\n" + end, `200 "OK" chunked keep|`},
	{"chunked until the end", ok + "Transfer-Encoding: chunked\r\nConnection: close\r\n" + end, `200 "OK" chunked|`},
	{"both", ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + end, "!upstream_bad_framing"},
	{"equal lengths", ok + "Content-Length: 5\r\nContent-Length: 5\r\n" + end, "!upstream_bad_framing"},
	{"unequal lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n" + end, "!upstream_bad_framing"},
	{"a list of lengths", ok + "Content-Length: 5, 5\r\n" + end, "!upstream_bad_framing"},
	{"a bad length", ok + "Content-Length: -1\r\n" + end, "!upstream_bad_framing"},
	{"gzip alone", ok + "Transfer-Encoding: gzip\r\n" + end, "!upstream_bad_framing"},
	{"gzip and chunked", ok + "Transfer-Encoding: gzip, chunked\r\n" + end, "!upstream_bad_framing"},
	{"chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + end, "!upstream_bad_framing"},
	{"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" + end, "!upstream_bad_framing"},
	{"204", "HTTP/1.1 204 No Content\r\n" + end, `204 "No Content" none keep|`},
	{"204 with an empty body", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n" + end, `204 "No Content" none keep|Content-Length: 0`},
	{"204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" + end, "!upstream_bad_framing"},
	{"204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n" + end, "!upstream_bad_framing"},
	{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" + end, `304 "Not Modified" none keep|Content-Length: 5`},
	{"304 with chunks", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n" + end, `304 "Not Modified" none keep|`},
	{"304 with both", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n" + end, "!upstream_bad_framing"},
	{"205 is framed", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n" + end, `205 "Reset" len:0 keep|Content-Length: 0`},
	{"100", "HTTP/1.1 100 Continue\r\n" + end, `100 "Continue" none keep|`},
	{"101", "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n" + end, `101 "Go" none keep|`},
	{"103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" + end, `103 "Early Hints" none keep|Link: </a>`},
	{"103 with a body", "HTTP/1.1 103 Early Hints\r\nContent-Length: 1\r\n" + end, "!upstream_bad_framing"},
	{"103 with chunks", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n" + end, "!upstream_bad_framing"},
}

var headAnswers = []sample{
	{"HEAD with a length", ok + "Content-Length: 5\r\n" + end, `200 "OK" none keep|Content-Length: 5`},
	{"HEAD with chunks", ok + "Transfer-Encoding: chunked\r\n" + end, `200 "OK" none keep|`},
	{"HEAD with nothing", ok + end, `200 "OK" none keep|`},
	{"HEAD with both", ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + end, "!upstream_bad_framing"},
}

var connectAnswers = []sample{
	{"a tunnel has no body", ok + "Content-Length: 5\r\n" + end, `200 "OK" none keep|Content-Length: 5`},
	{"a refused tunnel has one", "HTTP/1.1 403 No\r\nContent-Length: 5\r\n" + end, `403 "No" len:5 keep|Content-Length: 5`},
}

func TestAnswerHeads(t *testing.T) {
	for method, tables := range map[string][][]sample{
		"GET":     {statusLines, answerFields, answerFrames},
		"HEAD":    {headAnswers},
		"CONNECT": {connectAnswers},
	} {
		for _, table := range tables {
			for _, s := range table {
				everyCut(t, s, func() feeder { return responses(&lim, method) })
			}
		}
	}
}

func TestAnswerLimits(t *testing.T) {
	lim := &Limits{HeadBytes: 40, Fields: 2}
	for _, s := range []sample{
		{"exactly full", ok + "X: " + strings.Repeat("x", 16) + "\r\n" + end, `200 "OK" close|X: ` + strings.Repeat("x", 16)},
		{"one byte more", ok + "X: " + strings.Repeat("x", 17) + "\r\n" + end, "!upstream_head_too_large"},
		{"an endless reason", "HTTP/1.1 200 " + strings.Repeat("x", 60), "!upstream_head_too_large"},
		{"one field more", ok + "X:\r\nY:\r\nZ:\r\n" + end, "!upstream_head_too_large"},
	} {
		everyCut(t, s, func() feeder { return responses(lim, "GET") })
	}
}

func TestInterimHeadsComeBeforeTheFinalOne(t *testing.T) {
	in := []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	var p ResponseParser
	var r Response
	var h http7.Header
	for _, want := range []int{100, 103, 200} {
		p.Reset()
		n, f := p.Parse(in, &lim, []byte("GET"), &r, &h)
		if f != nil || r.Status != want {
			t.Fatalf("got %d and %v, want %d", r.Status, f, want)
		}
		in = in[n:]
	}
	if string(in) != "hi" {
		t.Fatalf("%q is left, want the body", in)
	}
}
