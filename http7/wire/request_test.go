package wire

import (
	"strings"
	"testing"

	"weir/http7"
)

const (
	get  = "GET / HTTP/1.1\r\nHost: a\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\n"
	old  = "GET / HTTP/1.0\r\n"
	end  = "\r\n@"
)

var requestLines = []sample{
	{"the smallest", get + end, "GET a / none keep|Host: a"},
	{"a query", "GET /x/y?a=b&c HTTP/1.1\r\nHost: a\r\n" + end, "GET a /x/y?a=b&c none keep|Host: a"},
	{"an empty query", "GET /? HTTP/1.1\r\nHost: a\r\n" + end, "GET a /? none keep|Host: a"},
	{"a query in the query", "GET /?a?b HTTP/1.1\r\nHost: a\r\n" + end, "GET a /?a?b none keep|Host: a"},
	{"one empty line before", "\r\n" + get + end, "GET a / none keep|Host: a"},
	{"two empty lines before", "\r\n\r\n" + get + end, "GET a / none keep|Host: a"},
	{"three empty lines before", "\r\n\r\n\r\n" + get + end, "!bad_request_line"},
	{"a bare LF before", "\n" + get + end, "!bad_line_ending"},
	{"a bare CR before", "\r" + get + end, "!bad_line_ending"},
	{"a space before", " " + get + end, "!bad_request_line"},
	{"any token is a method", "M-SEARCH~ / HTTP/1.1\r\nHost: a\r\n" + end, "M-SEARCH~ a / none keep|Host: a"},
	{"a method keeps its case", "get / HTTP/1.1\r\nHost: a\r\n" + end, "get a / none keep|Host: a"},
	{"a method that is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a colon in the method", "GET: / HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a NUL in the method", "G\x00T / HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a byte of 8 bits in the method", "G\xc9T / HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01", "!bad_request_line"},
	{"no method", " / HTTP/1.1\r\n" + end, "!bad_request_line"},
	{"a method alone", "GET\r\n" + end, "!bad_request_line"},
	{"a method alone and a bare LF", "GET\n", "!bad_line_ending"},
	{"HTTP/0.9", "GET /\r\n", "!bad_request_line"},
	{"HTTP/0.9 with a bare LF", "GET /\n", "!bad_line_ending"},
	{"two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a tab before the target", "GET\t/ HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a tab behind the target", "GET /\tHTTP/1.1\r\nHost: a\r\n" + end, "!bad_target"},
	{"a space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a version in small letters", "GET / http/1.1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"a version of two digits before the point", "GET / HTTP/11.1\r\n" + end, "!bad_request_line"},
	{"a short version", "GET / HTTP/1\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"another protocol", "GET / ICAP/1.0\r\nHost: a\r\n" + end, "!bad_request_line"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n" + end, "!http_version"},
	{"HTTP/0.9 spelt out", "GET / HTTP/0.9\r\nHost: a\r\n" + end, "!http_version"},
	{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n" + end, "!http_version"},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!http_version"},
	{"a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n" + end, "!bad_line_ending"},
	{"a bare CR behind the request line", "GET / HTTP/1.1\rHost: a\r\n" + end, "!bad_line_ending"},
	{"two CRs behind the request line", "GET / HTTP/1.1\r\r\nHost: a\r\n" + end, "!bad_line_ending"},
	{"HTTP/1.0 without Host", old + end, "GET  / none 1.0|"},
	{"HTTP/1.0 with Host", old + "Host: a\r\n" + end, "GET a / none 1.0|Host: a"},
	{"HTTP/1.0 that stays", old + "Connection: Keep-Alive\r\n" + end, "GET  / none 1.0 keep|"},
	{"a head that ends early", "GET / HTTP/1.1\r\nHost: a\r\n\r", ""},
	{"a head without its empty line", get, ""},
	{"nothing", "", ""},
	{"a CR alone", "\r", ""},
}

var requestFields = []sample{
	{"spelling, order and repeats survive", get + "x-B: 1\r\nX-a:2\r\nx-B:\t 3 \t\r\n" + end, "GET a / none keep|Host: a;x-B: 1;X-a:2;x-B:\t 3 \t"},
	{"an empty value", get + "X:\r\nY: \r\n" + end, "GET a / none keep|Host: a;X:;Y: "},
	{"a tab in a value", get + "X: a\tb\r\n" + end, "GET a / none keep|Host: a;X: a\tb"},
	{"many tabs in a value", get + "X: \t\t\t\t\t\t\t\t\t\t\t\t\tb\r\n" + end, "GET a / none keep|Host: a;X: \t\t\t\t\t\t\t\t\t\t\t\t\tb"},
	{"obs-text in a value", get + "X: \xff\x80é\r\n" + end, "GET a / none keep|Host: a;X: \xff\x80é"},
	{"a colon in a value", get + "X: a:b\r\n" + end, "GET a / none keep|Host: a;X: a:b"},
	{"a cookie's two lines stay two", get + "Cookie: a=1\r\nCookie: b=2\r\n" + end, "GET a / none keep|Host: a;Cookie: a=1;Cookie: b=2"},
	{"a folded line", get + "X: a\r\n b\r\n" + end, "!obs_fold"},
	{"a line folded with a tab", get + "X: a\r\n\tb\r\n" + end, "!obs_fold"},
	{"a fold of spaces alone", get + "X: a\r\n \r\n" + end, "!obs_fold"},
	{"a space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n" + end, "!bad_field"},
	{"a space before the colon", get + "X : a\r\n" + end, "!bad_field"},
	{"a tab before the colon", get + "X\t: a\r\n" + end, "!bad_field"},
	{"no name", get + ": a\r\n" + end, "!bad_field"},
	{"no colon", get + "X\r\n" + end, "!bad_field"},
	{"no colon and a bare LF", get + "X\n", "!bad_line_ending"},
	{"a bare LF for an empty line", get + "\n@", "!bad_line_ending"},
	{"a bare CR for an empty line", get + "\r@", "!bad_line_ending"},
	{"a slash in a name", get + "X/Y: a\r\n" + end, "!bad_field"},
	{"a bracket in a name", get + "X[0]: a\r\n" + end, "!bad_field"},
	{"a byte of 8 bits in a name", get + "X\xe9: a\r\n" + end, "!bad_field"},
	{"a NUL in a name", get + "X\x00: a\r\n" + end, "!bad_field"},
	{"a NUL in a value", get + "X: a\x00b\r\n" + end, "!bad_field"},
	{"a NUL at the end of a value", get + "X: abcdefghijklm\x00\r\n" + end, "!bad_field"},
	{"an escape in a value", get + "X: \x1b[0m\r\n" + end, "!bad_field"},
	{"DEL in a value", get + "X: a\x7f\r\n" + end, "!bad_field"},
	{"a vertical tab in a value", get + "X: a\v\r\n" + end, "!bad_field"},
	{"a bare CR in a value", get + "X: a\rb\r\n" + end, "!bad_line_ending"},
	{"a bare CR before CRLF", get + "X: a\r\r\n" + end, "!bad_line_ending"},
	{"a bare LF behind a value", get + "X: a\nY: b\r\n" + end, "!bad_line_ending"},
	{"a bare LF behind an empty value", get + "X:\n" + end, "!bad_line_ending"},
	{"names with underscores are dropped", get + "X_Y: a\r\nContent_Length: 5\r\n_: b\r\nX-Y: c\r\n" + end, "GET a / none keep|Host: a;X-Y: c"},
	{"an underscore excuses nothing", get + "X_Y: a\x00\r\n" + end, "!bad_field"},
	{"Expect without a body", get + "Expect: 100-continue\r\n" + end, "GET a / none keep|Host: a;Expect: 100-continue"},
	{"Expect with a body", post + "Content-Length: 3\r\nExpect: 100-Continue\r\n" + end, "POST a / len:3 keep continue|Host: a;Content-Length: 3;Expect: 100-Continue"},
	{"Expect with an empty body", post + "Content-Length: 0\r\nExpect: 100-continue\r\n" + end, "POST a / len:0 keep|Host: a;Content-Length: 0;Expect: 100-continue"},
	{"Expect in HTTP/1.0", old + "Content-Length: 3\r\nExpect: 100-continue\r\n" + end, "GET  / len:3 1.0|Content-Length: 3;Expect: 100-continue"},
	{"another Expect", get + "Expect: 200-ok\r\n" + end, "!expectation"},
	{"more Expect", get + "Expect: 100-continue, x\r\n" + end, "!expectation"},
	{"an empty Expect", get + "Expect:\r\n" + end, "!expectation"},
}

var requestHops = []sample{
	{"close", get + "Connection: close\r\n" + end, "GET a / none|Host: a"},
	{"close in capitals", get + "CONNECTION: CLOSE\r\n" + end, "GET a / none|Host: a"},
	{"close wins", get + "Connection: keep-alive\r\nConnection: close\r\n" + end, "GET a / none|Host: a"},
	{"closed is not close", get + "Connection: closed\r\n" + end, "GET a / none keep|Host: a"},
	{"keep-alive, close in HTTP/1.0", old + "Connection: keep-alive, close\r\n" + end, "GET  / none 1.0|"},
	{"fields of the hop", get + "Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\nTrailer: X\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\nX: y\r\n" + end, "GET a / none keep|Host: a;X: y"},
	{"a nominated field", get + "X: 1\r\nConnection: x\r\nY: 2\r\n" + end, "GET a / none keep|Host: a;Y: 2"},
	{"nominated before it comes", get + "Connection: X\r\nx: 1\r\nY: 2\r\nX: 3\r\n" + end, "GET a / none keep|Host: a;Y: 2"},
	{"nominated by two lines", get + "Connection: X, keep-alive\r\nX: 1\r\nY: 2\r\nZZ: 3\r\nconnection:zz,\ty\r\n" + end, "GET a / none keep|Host: a"},
	{"nominated known names", get + "Cookie: a\r\nAuthorization: b\r\nConnection: cookie, AUTHORIZATION\r\nVia: c\r\n" + end, "GET a / none keep|Host: a;Via: c"},
	{"a prefix is not nominated", get + "X-Foo: 1\r\nConnection: X, X-Fo, X-Fooo\r\n" + end, "GET a / none keep|Host: a;X-Foo: 1"},
	{"Host can't be nominated", get + "Connection: host\r\n" + end, "GET a / none keep|Host: a"},
	{"framing can't be nominated", post + "Connection: content-length\r\nContent-Length: 5\r\n" + end, "POST a / len:5 keep|Host: a;Content-Length: 5"},
	{"the coding can't be nominated", post + "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n" + end, "POST a / chunked keep|Host: a"},
	{"empty elements", get + "Connection: , ,close,, \r\n" + end, "GET a / none|Host: a"},
	{"an empty Connection", get + "Connection:\r\n" + end, "GET a / none keep|Host: a"},
	{"a bad Connection", get + "Connection: a b\r\n" + end, "!bad_connection"},
	{"a quoted Connection", get + "Connection: \"close\"\r\n" + end, "!bad_connection"},
	{"a Connection with parameters", get + "Connection: close;q=1\r\n" + end, "!bad_connection"},
	{"TE: trailers", get + "TE: trailers\r\n" + end, "GET a / none keep trailers|Host: a"},
	{"TE: trailers among others", get + "TE: gzip;q=0.5 , Trailers\r\n" + end, "GET a / none keep trailers|Host: a"},
	{"Upgrade", get + "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" + end, "GET a / none keep upgrade=websocket|Host: a"},
	{"Upgrade that Connection doesn't name", get + "Upgrade: websocket\r\n" + end, "GET a / none keep|Host: a"},
	{"Connection names Upgrade without one", get + "Connection: Upgrade\r\n" + end, "GET a / none keep|Host: a"},
	{"Upgrade in HTTP/1.0", old + "Upgrade: websocket\r\nConnection: Upgrade\r\n" + end, "GET  / none 1.0|"},
}

var requestFrames = []sample{
	{"a length", post + "Content-Length: 5\r\n" + end, "POST a / len:5 keep|Host: a;Content-Length: 5"},
	{"a length with zeros", post + "content-length: 0005\r\n" + end, "POST a / len:5 keep|Host: a;content-length: 0005"},
	{"the largest length", post + "Content-Length: 9223372036854775807\r\n" + end, "POST a / len:9223372036854775807 keep|Host: a;Content-Length: 9223372036854775807"},
	{"a length over int64", post + "Content-Length: 9223372036854775808\r\n" + end, "!bad_content_length"},
	{"a length over uint64", post + "Content-Length: 18446744073709551617\r\n" + end, "!bad_content_length"},
	{"a length with a plus", post + "Content-Length: +5\r\n" + end, "!bad_content_length"},
	{"a length with a minus", post + "Content-Length: -5\r\n" + end, "!bad_content_length"},
	{"a length in hexadecimal", post + "Content-Length: 0x5\r\n" + end, "!bad_content_length"},
	{"a length with a unit", post + "Content-Length: 5 b\r\n" + end, "!bad_content_length"},
	{"a length with a point", post + "Content-Length: 5.0\r\n" + end, "!bad_content_length"},
	{"a length in parts", post + "Content-Length: 1_0\r\n" + end, "!bad_content_length"},
	{"a list of equal lengths", post + "Content-Length: 5,5\r\n" + end, "!bad_content_length"},
	{"no length", post + "Content-Length:\r\n" + end, "!bad_content_length"},
	{"equal lengths", post + "Content-Length: 5\r\nContent-Length: 5\r\n" + end, "!bad_framing"},
	{"unequal lengths", post + "Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n" + end, "!bad_framing"},
	{"chunked", post + "Transfer-Encoding: chunked\r\n" + end, "POST a / chunked keep|Host: a"},
	{"chunked in capitals", post + "TRANSFER-ENCODING: CHUNKED\r\nX: y\r\n" + end, "POST a / chunked keep|Host: a;X: y"},
	{"length, then coding", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + end, "!bad_framing"},
	{"coding, then length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + end, "!bad_framing"},
	{"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n" + end, "!bad_framing"},
	{"chunked on two lines", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + end, "!bad_framing"},
	{"chunked before another", post + "Transfer-Encoding: chunked, gzip\r\n" + end, "!bad_framing"},
	{"chunked, then identity on a line", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + end, "!bad_framing"},
	{"another before chunked", post + "Transfer-Encoding: gzip, chunked\r\n" + end, "!unknown_transfer_coding"},
	{"another before chunked, two lines", post + "Transfer-Encoding: gzip;q=1\r\nTransfer-Encoding: chunked\r\n" + end, "!unknown_transfer_coding"},
	{"another alone", post + "Transfer-Encoding: gzip\r\n" + end, "!bad_framing"},
	{"identity", post + "Transfer-Encoding: identity\r\n" + end, "!bad_framing"},
	{"nearly chunked", post + "Transfer-Encoding: xchunked\r\n" + end, "!bad_framing"},
	{"chunked in quotes", post + "Transfer-Encoding: \"chunked\"\r\n" + end, "!bad_framing"},
	{"chunked with a parameter", post + "Transfer-Encoding: chunked;a=b\r\n" + end, "!bad_framing"},
	{"chunked behind a vertical tab", post + "Transfer-Encoding: \vchunked\r\n" + end, "!bad_field"},
	{"chunked behind a hole", post + "Transfer-Encoding: , chunked\r\n" + end, "!bad_framing"},
	{"chunked before a hole", post + "Transfer-Encoding: chunked,\r\n" + end, "!bad_framing"},
	{"an empty coding", post + "Transfer-Encoding:\r\n" + end, "!bad_framing"},
	{"a coding in HTTP/1.0", old + "Transfer-Encoding: chunked\r\n" + end, "!bad_framing"},
	{"a coding with a space before the colon", post + "Transfer-Encoding : chunked\r\n" + end, "!bad_field"},
	{"a GET with a body", get + "Content-Length: 5\r\n" + end, "GET a / len:5 keep|Host: a;Content-Length: 5"},
}

func TestRequestHeads(t *testing.T) {
	for _, table := range [][]sample{requestLines, requestFields, requestHops, requestFrames, requestTargets, requestHosts} {
		for _, s := range table {
			everyCut(t, s, func() feeder { return requests(&lim) })
		}
	}
}

func TestRequestLimits(t *testing.T) {
	lim := &Limits{HeadBytes: 64, Fields: 3, TargetBytes: 20}
	field := func(n int) string { return "X: " + strings.Repeat("x", n-5) + "\r\n" }
	for _, s := range []sample{
		{"exactly full", get + field(64-25-2) + end, "GET a / none keep|Host: a;" + strings.TrimSpace(field(37))},
		{"empty lines don't count", "\r\n\r\n" + get + field(64-25-2) + end, "GET a / none keep|Host: a;" + strings.TrimSpace(field(37))},
		{"one byte more", get + field(64-25-1) + end, "!head_too_large"},
		{"an endless value", get + "X: " + strings.Repeat("x", 100), "!head_too_large"},
		{"an endless name", get + strings.Repeat("x", 100), "!head_too_large"},
		{"an endless method", strings.Repeat("x", 100), "!head_too_large"},
		{"a bad byte behind the limit", get + "X: " + strings.Repeat("x", 60) + "\x00", "!head_too_large"},
		{"a bad byte before the limit", get + "X: " + strings.Repeat("x", 20) + "\x00" + strings.Repeat("x", 60), "!bad_field"},
		{"as many fields as may be", get + "X: 1\r\nY: 2\r\n" + end, "GET a / none keep|Host: a;X: 1;Y: 2"},
		{"one field more", get + "X:\r\nY:\r\nZ:\r\n" + end, "!head_too_large"},
		{"dropped fields count", get + "X_:\r\nY_:\r\nTE:\r\n" + end, "!head_too_large"},
		{"as many nominations as may be", get + "Connection: x,y,z,close\r\n" + end, "GET a / none|Host: a"},
		{"one nomination more", get + "Connection: x,y,z,x\r\n" + end, "!head_too_large"},
		{"a target as long as may be", "GET /" + strings.Repeat("x", 19) + " HTTP/1.1\r\nHost: a\r\n" + end, "GET a /" + strings.Repeat("x", 19) + " none keep|Host: a"},
		{"a target too long", "GET /" + strings.Repeat("x", 20) + " HTTP/1.1\r\nHost: a\r\n" + end, "!target_too_long"},
		{"a target too long by a query", "GET /?" + strings.Repeat("x", 19) + " HTTP/1.1\r\nHost: a\r\n" + end, "!target_too_long"},
		{"a target too long by an escape", "GET /" + strings.Repeat("x", 18) + "%41 HTTP/1.1\r\nHost: a\r\n" + end, "!target_too_long"},
		{"a target that ends in half an escape", "GET /" + strings.Repeat("x", 17) + "%4 HTTP/1.1\r\nHost: a\r\n" + end, "!bad_target"},
		{"an absolute target too long", "GET http://a/" + strings.Repeat("x", 20) + " HTTP/1.1\r\nHost: a\r\n" + end, "!target_too_long"},
	} {
		everyCut(t, s, func() feeder { return requests(lim) })
	}
	s := sample{"a target longer than the head may be", "GET /" + strings.Repeat("x", 99), "!target_too_long"}
	everyCut(t, s, func() feeder { return requests(&Limits{HeadBytes: 50, Fields: 3, TargetBytes: 1000}) })
	s = sample{"a name longer than a Header can hold", get + strings.Repeat("x", 65536) + ": y\r\n" + end, "!head_too_large"}
	if got := feed(requests(&Limits{HeadBytes: 1 << 20, Fields: 3, TargetBytes: 1000}), s.in); got != s.want {
		t.Errorf("%s: got %s, want %s", s.what, got, s.want)
	}
}

func TestRefusedRequestLeavesItsLineForTheLog(t *testing.T) {
	for _, c := range []struct{ in, method, target string }{
		{"GE(", "", ""},
		{"GET /\x00", "GET", ""},
		{"GET /a HTTP/2.5\r\n", "GET", "/a"},
		{"GET /a HTTP/1.1\r\nX\r\n", "GET", "/a"},
		{"GET /a HTTP/1.1\r\n\r\n", "GET", "/a"},
	} {
		var p RequestParser
		var r Request
		var h http7.Header
		if _, f := p.Parse([]byte(c.in), &lim, &r, &h); f == nil || string(r.Method) != c.method || string(r.Target) != c.target {
			t.Errorf("%q: got %q %q and fault %v, want %q %q and a fault", c.in, r.Method, r.Target, f, c.method, c.target)
		}
	}
}

// A parser serves one head after the other: nothing of the first may show in the second.
func TestResetForgetsTheLastRequest(t *testing.T) {
	first := post + "Connection: close, x, upgrade, cookie\r\nTE: trailers\r\nUpgrade: u\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nX: 1\r\n" + end
	second := "GET /b HTTP/1.1\r\nHost: b\r\nX: 2\r\nCookie: c\r\n" + end
	var p RequestParser
	var r Request
	var h http7.Header
	if _, f := p.Parse([]byte(first), &lim, &r, &h); f != nil {
		t.Fatal(f)
	}
	p.Reset()
	if _, f := p.Parse([]byte(second), &lim, &r, &h); f != nil {
		t.Fatal(f)
	}
	if got, want := showRequest(&r, &h), "GET b /b none keep|Host: b;X: 2;Cookie: c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPipelinedHeadsAreReadOneByOne(t *testing.T) {
	in := []byte("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
	var p RequestParser
	var r Request
	var h http7.Header
	for _, want := range []string{"/1", "/2", "/3"} {
		p.Reset()
		n, f := p.Parse(in, &lim, &r, &h)
		if f != nil || string(r.Path) != want {
			t.Fatalf("got %s and %v, want %s", r.Path, f, want)
		}
		in = in[n:]
	}
	if len(in) > 0 {
		t.Fatalf("%q is left", in)
	}
}
