package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// readBody runs a framer over pieces and shows what came: `"body" {trailers} +bytes taken`, or a
// fault. Where the bytes end before the body does, the orderly end of the peer follows.
func readBody(f Frame, side http7.Side, pieces ...string) string {
	var fr Framer
	var trailer http7.Header
	var body []byte
	fr.Reset(f, &trailer, side)
	taken := 0
	for _, piece := range pieces {
		b := []byte(piece)
		for {
			chunk, n, s, fault := fr.Next(b)
			body = append(body, chunk...)
			taken += n
			b = b[n:]
			if s == http7.Failure {
				return "!" + fault.Name + leaked(&trailer)
			}
			if s == http7.End {
				return showBody(body, &trailer, taken)
			}
			if s == http7.Parked {
				if len(b) > 0 {
					return fmt.Sprintf("parked before %q", b)
				}
				break
			}
			if len(chunk) == 0 {
				return "an empty chunk"
			}
		}
	}
	if fault := fr.Finish(); fault != nil {
		return "!" + fault.Name
	}
	return showBody(body, &trailer, taken)
}

func showBody(body []byte, trailer *http7.Header, taken int) string {
	return fmt.Sprintf("%q {%s} +%d", body, showFields(trailer), taken)
}

func leaked(trailer *http7.Header) string {
	if trailer.Len() > 0 {
		return " with trailers"
	}
	return ""
}

var chunkedBodies = []sample{
	{"nothing", "0\r\n\r\n", `"" {} +5`},
	{"one chunk", "5\r\nhello\r\n0\r\n\r\n", `"hello" {} +15`},
	{"three chunks", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", `"abcdef" {} +26`},
	{"what follows is not the body's", "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", `"a" {} +11`},
	{"data that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", `"\r\n0\r\n\r\n" {} +17`},
	{"hexadecimal of both cases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", `"01234567890123456789a" {} +36`},
	{"zeros before the size", "0000000000000001\r\na\r\n00\r\n\r\n", `"a" {} +27`},
	{"a size of 17 digits", "00000000000000001\r\na\r\n0\r\n\r\n", "!bad_chunk"},
	{"the largest size", "7fffffffffffffff\r\na", "!request_cut"},
	{"a size over int64", "8000000000000000\r\na", "!bad_chunk"},
	{"a size over uint64", "ffffffffffffffff1\r\na", "!bad_chunk"},
	{"no size", "\r\na\r\n0\r\n\r\n", "!bad_chunk"},
	{"no size but an extension", ";a\r\n\r\n", "!bad_chunk"},
	{"a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a size with a sign", "+5\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a size with a minus", "-1\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a size of other letters", "g\r\n", "!bad_chunk"},
	{"a space before the size", " 5\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a space behind the size", "5 \r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"an underscore in the size", "1_0\r\n", "!bad_chunk"},
	{"a bare LF behind the size", "5\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a bare CR behind the size", "5\rhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"two CRs behind the size", "5\r\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"a bare LF behind the data", "5\r\nhello\n0\r\n\r\n", "!bad_chunk"},
	{"a bare CR behind the data", "5\r\nhello\r0\r\n\r\n", "!bad_chunk"},
	{"more data than said", "5\r\nhello!\r\n0\r\n\r\n", "!bad_chunk"},
	{"less data than said", "6\r\nhello\r\n0\r\n\r\n", "!bad_chunk"},
	{"no CRLF behind the data", "5\r\nhello0\r\n\r\n", "!bad_chunk"},
	{"a bare LF at the end", "0\r\n\n", "!bad_trailer"},
	{"a bare CR at the end", "0\r\n\rX", "!bad_trailer"},
	{"a bare LF behind the last size", "0\n\r\n", "!bad_chunk"},

	{"an extension", "1;a\r\nx\r\n0\r\n\r\n", `"x" {} +13`},
	{"an extension on the last chunk", "1\r\nx\r\n0;a=b\r\n\r\n", `"x" {} +15`},
	{"an extension with a token", "1;a=b\r\nx\r\n0\r\n\r\n", `"x" {} +15`},
	{"an extension with a string", "1;a=\"b;c=\\\"\t\xff\"\r\nx\r\n0\r\n\r\n", `"x" {} +24`},
	{"an empty string", "1;a=\"\"\r\nx\r\n0\r\n\r\n", `"x" {} +16`},
	{"several extensions", "1;a;b=c;d=\"e\";f\r\nx\r\n0\r\n\r\n", `"x" {} +25`},
	{"an extension without a name", "1;\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"an extension of a value alone", "1;=b\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"an extension without its value", "1;a=\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"two semicolons", "1;;a\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a space before an extension", "1 ;a\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a space in an extension", "1; a\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a space around the equals sign", "1;a =b\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a space behind an extension", "1;a \r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a bare LF in an extension", "1;a\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a bare CR in an extension", "1;a\rb\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a NUL in an extension", "1;a\x00\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a CR in a string", "1;a=\"\r\n\"\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"an escaped CR in a string", "1;a=\"\\\r\n\"\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"a string that isn't closed", "1;a=\"b\r\nx\r\n0\r\n\r\n", "!bad_chunk"},
	{"something behind a string", "1;a=\"b\"c\r\nx\r\n0\r\n\r\n", "!bad_chunk"},

	{"a trailer", "0\r\nX-Sum: 1\r\n\r\n", `"" {X-Sum: 1} +15`},
	{"trailers in order", "0\r\nB: 1\r\na:  2 \r\nB: 3\r\n\r\n@", `"" {B: 1;a: 2;B: 3} +25`},
	{"a digest and an ETag", "0\r\nContent-Digest: a\r\nETag: b\r\n\r\n", `"" {Content-Digest: a;ETag: b} +33`},
	{"framing in trailers", "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nX: y\r\n\r\n", `"" {X: y} +70`},
	{"routing and identity in trailers", "0\r\nHost: a\r\nX-Forwarded-For: b\r\nx-forwarded-user: b\r\nX-Real-IP: c\r\nForwarded: d\r\nVia: e\r\n\r\n", `"" {} +91`},
	{"authentication in trailers", "0\r\nAuthorization: a\r\nCookie: b\r\nSet-Cookie: c\r\nProxy-Foo: d\r\nWWW-Authenticate: e\r\n\r\n", `"" {} +84`},
	{"control in trailers", "0\r\nCache-Control: a\r\nExpect: b\r\nIf-Match: c\r\nRange: d\r\nTE: e\r\nAge: f\r\nExpires: g\r\n\r\n", `"" {} +84`},
	{"content in trailers", "0\r\ncontent-type: a\r\nContent-Encoding: b\r\nContent-Foo: c\r\n\r\n", `"" {} +59`},
	{"underscores in trailers", "0\r\nX_User: a\r\n\r\n", `"" {} +16`},
	{"a folded trailer", "0\r\nX: a\r\n b\r\n\r\n", "!bad_trailer"},
	{"a space before a trailer", "0\r\n X: a\r\n\r\n", "!bad_trailer"},
	{"a space before a trailer's colon", "0\r\nX : a\r\n\r\n", "!bad_trailer"},
	{"a trailer without a colon", "0\r\nX\r\n\r\n", "!bad_trailer"},
	{"a NUL in a trailer", "0\r\nA: 1\r\nX: a\x00\r\n\r\n", "!bad_trailer"},
	{"a bare LF in a trailer", "0\r\nX: a\n\r\n", "!bad_trailer"},
	{"a bare CR in a trailer", "0\r\nX: a\rb\r\n\r\n", "!bad_trailer"},
	{"a bad field that would be dropped", "0\r\nHost: a\x00\r\n\r\n", "!bad_trailer"},
}

// cutBody checks that a body reads the same cut anywhere, and byte by byte.
func cutBody(t *testing.T, s sample, f Frame, side http7.Side) {
	t.Helper()
	for c := range len(s.in) + 1 {
		if got := readBody(f, side, s.in[:c], s.in[c:]); got != s.want {
			t.Errorf("%s: %q cut at %d\n got %s\nwant %s", s.what, s.in, c, got, s.want)
			return
		}
	}
	if got := readBody(f, side, strings.Split(s.in, "")...); got != s.want {
		t.Errorf("%s: %q byte by byte\n got %s\nwant %s", s.what, s.in, got, s.want)
	}
}

func TestChunkedBodies(t *testing.T) {
	for _, s := range chunkedBodies {
		cutBody(t, s, Frame{Kind: Chunked}, http7.Client)
	}
}

func TestOtherBodies(t *testing.T) {
	for _, c := range []struct {
		sample
		f Frame
	}{
		{sample{"none", "GET", `"" {} +0`}, Frame{}},
		{sample{"an empty length", "GET", `"" {} +0`}, Frame{Kind: Length}},
		{sample{"a length", "helloGET", `"hello" {} +5`}, Frame{Kind: Length, Length: 5}},
		{sample{"a length that is cut", "hell", "!upstream_cut"}, Frame{Kind: Length, Length: 5}},
		{sample{"until close", "hello", `"hello" {} +5`}, Frame{Kind: UntilClose}},
		{sample{"until close, empty", "", `"" {} +0`}, Frame{Kind: UntilClose}},
	} {
		cutBody(t, c.sample, c.f, http7.Upstream)
	}
}

func TestBodiesOfAnswersHaveFaultsOfTheirOwn(t *testing.T) {
	for _, s := range []sample{
		{"a bad chunk", "x", "!upstream_bad_chunk"},
		{"a bad trailer", "0\r\nX\r\n\r\n", "!upstream_bad_chunk"},
		{"a bad end", "0\r\n\rX", "!upstream_bad_chunk"},
		{"a cut", "5\r\nhell", "!upstream_cut"},
		{"too many trailers", "0\r\n" + strings.Repeat("X:\r\n", 101), "!upstream_head_too_large"},
		{"underscores stay", "0\r\nX_Y: a\r\n\r\n", `"" {X_Y: a} +13`},
	} {
		cutBody(t, s, Frame{Kind: Chunked}, http7.Upstream)
	}
}

func TestTrailerSectionIsBounded(t *testing.T) {
	for _, s := range []sample{
		{"100 fields", "0\r\n" + strings.Repeat("Host:\r\n", 100) + "\r\n", `"" {} +705`},
		{"101 fields", "0\r\n" + strings.Repeat("Host:\r\n", 101) + "\r\n", "!head_too_large"},
		{"as long as may be", "0\r\nHost: " + strings.Repeat("x", 16<<10-8) + "\r\n\r\n", `"" {} +16389`},
		{"one byte more", "0\r\nHost: " + strings.Repeat("x", 16<<10-7) + "\r\n\r\n", "!head_too_large"},
		{"an endless trailer", "0\r\nX: " + strings.Repeat("x", 20<<10), "!head_too_large"},
	} {
		if got := readBody(Frame{Kind: Chunked}, http7.Client, s.in); got != s.want {
			t.Errorf("%s: got %s, want %s", s.what, got, s.want)
		}
		if got := readBody(Frame{Kind: Chunked}, http7.Client, strings.Split(s.in, "")...); got != s.want {
			t.Errorf("%s, byte by byte: got %s, want %s", s.what, got, s.want)
		}
	}
}

func TestEndlessExtensionsAreRefused(t *testing.T) {
	chunk := func(ext, data int) string {
		return fmt.Sprintf("%x;%s\r\n%s\r\n", data, strings.Repeat("e", ext-1), strings.Repeat("d", data))
	}
	for _, c := range []struct {
		what, in string
		fine     bool
	}{
		{"one of nearly 4 KiB", chunk(4000, 1), true},
		{"one of more than 4 KiB", chunk(4200, 1), false},
		{"a string of more than 4 KiB", "1;a=\"" + strings.Repeat("e", 4200) + "\"\r\nd\r\n", false},
		{"three large ones", strings.Repeat(chunk(4000, 1), 3), true},
		{"five large ones", strings.Repeat(chunk(4000, 1), 5), false},
		{"small ones for ever", strings.Repeat(chunk(16, 1), 10000), true},
		{"large ones that are earned", strings.Repeat(chunk(4000, 2000), 100), true},
		{"large ones that are not", strings.Repeat(chunk(100, 8), 1000), false},
	} {
		got := readBody(Frame{Kind: Chunked}, http7.Client, c.in+"0\r\n\r\n")
		if fine := got != "!bad_chunk"; fine != c.fine {
			t.Errorf("%s: accepted is %v, want %v", c.what, fine, c.fine)
		}
	}
}

// A chunked message that was cut must never look whole, wherever the cut is and however the peer
// ended: the proxied wire of other servers takes a cut at a chunk boundary for the end.
func TestChunkedBodyCutAnywhereIsNeverComplete(t *testing.T) {
	for _, s := range chunkedBodies {
		var taken int
		if i := strings.LastIndex(s.want, "+"); i < 0 || s.want[0] == '!' {
			continue
		} else if _, err := fmt.Sscan(s.want[i+1:], &taken); err != nil {
			t.Fatal(err)
		}
		for c := range taken {
			for _, pieces := range [][]string{{s.in[:c]}, strings.Split(s.in[:c], "")} {
				if got := readBody(Frame{Kind: Chunked}, http7.Client, pieces...); got != "!request_cut" {
					t.Errorf("%s: %q cut at %d: got %s, want a cut", s.what, s.in, c, got)
				}
				if got := readBody(Frame{Kind: Chunked}, http7.Upstream, pieces...); got != "!upstream_cut" {
					t.Errorf("%s: %q cut at %d: got %s, want a cut", s.what, s.in, c, got)
				}
			}
		}
	}
}

func TestFramerStaysWhereItEnded(t *testing.T) {
	var fr Framer
	fr.Reset(Frame{Kind: Chunked}, nil, http7.Client)
	if _, n, s, _ := fr.Next([]byte("0\r\nX: y\r\n\r\nrest")); s != http7.End || n != 11 {
		t.Fatalf("got state %d after %d bytes, want the end after 11", s, n)
	}
	if _, n, s, _ := fr.Next([]byte("rest")); s != http7.End || n != 0 || fr.Finish() != nil {
		t.Fatalf("got state %d after %d bytes, want the end again", s, n)
	}
	fr.Reset(Frame{Kind: Chunked}, nil, http7.Client)
	for range 2 {
		if _, _, s, f := fr.Next([]byte("x")); s != http7.Failure || f != http7.BadChunk {
			t.Fatalf("got state %d and %v, want a bad chunk", s, f)
		}
	}
	if f := fr.Finish(); f != http7.BadChunk {
		t.Fatalf("Finish says %v, want the fault that came first", f)
	}
}

func TestRemainingCountsDown(t *testing.T) {
	var fr Framer
	fr.Reset(Frame{Kind: Length, Length: 5}, nil, http7.Client)
	var got []int64
	for _, b := range []string{"", "he", "llo"} {
		fr.Next([]byte(b))
		got = append(got, fr.Remaining())
	}
	if !slices.Equal(got, []int64{5, 3, 0}) {
		t.Fatalf("got %v, want 5 3 0", got)
	}
	for _, k := range []FrameKind{None, Chunked, UntilClose} {
		if fr.Reset(Frame{Kind: k}, nil, http7.Client); fr.Remaining() != -1 {
			t.Fatalf("kind %d: got %d, want -1", k, fr.Remaining())
		}
	}
}

// Connection takes trailer fields away as it takes header fields (RFC 9110 §7.6.1), also after the
// head's block has gone.
func TestNominatedTrailersAreDropped(t *testing.T) {
	head := []byte(post + "Connection: x-user, ETag, y\r\nTransfer-Encoding: chunked\r\n\r\n")
	var p RequestParser
	var r Request
	var h, trailer http7.Header
	if _, f := p.Parse(head, &lim, &r, &h); f != nil {
		t.Fatal(f)
	}
	clear(head)
	var fr Framer
	fr.Reset(r.Frame, &trailer, http7.Client)
	fr.Next([]byte("0\r\nX-User: root\r\nETag: a\r\nX-Use: b\r\nYY: c\r\nY: d\r\n\r\n"))
	if got, want := showFields(&trailer), "X-Use: b;YY: c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
