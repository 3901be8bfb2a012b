package serve

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
)

// answerCase is what an origin answers with, and what the client gets of it. "|" stands for CR LF.
type answerCase struct {
	name string
	// ask is the request; "" is a plain GET of HTTP/1.1.
	ask string
	// answer is what the origin sends; with "<close>" at its end it then closes, else it waits.
	answer string
	// got is what the client gets: "=" is what the origin sent, "502" a refusal with that status,
	// "cut" that too if nothing has left, else an answer whose end can't be taken for one.
	got string
	// kept says that the origin's connection serves the next request.
	kept bool
}

const (
	ok200  = "HTTP/1.1 200 OK|"
	date   = "Date: x|"
	refuse = "502"
	cut    = "cut"
)

func TestRawAnswersPassOrAreRefused(t *testing.T) {
	t.Parallel()
	n := 0
	for theme, cases := range map[string][]answerCase{"good": goodAnswers, "bad": badAnswers} {
		n += len(cases)
		for i := range cases {
			t.Run(theme+"/"+cases[i].name, func(t *testing.T) {
				t.Parallel()
				cases[i].run(t)
			})
		}
	}
	if n < 60 {
		t.Fatalf("%d raw answers, want 60", n)
	}
}

func (c *answerCase) run(t *testing.T) {
	first := true
	o := newRecorder(t, func(request string) string {
		if !first || strings.HasPrefix(request, "GET /probe") {
			return hello
		}
		first = false
		return crlf(c.answer)
	})
	r := newRigWith(t, once, o.addr)
	ask := c.ask
	if ask == "" {
		ask = "GET / HTTP/1.1|Host: a||"
	}
	got, err := r.ask(crlf(ask))
	c.compare(t, got, err)
	if answer := r.say("GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(answer, "hello") {
		t.Fatalf("the next request got %q", answer)
	}
	if _, conns := o.seen(); (conns == 1) != c.kept {
		t.Errorf("%d connections to the origin; want it kept: %v", conns, c.kept)
	}
}

// ask sends a request on a connection of its own and closes its sending side, so that the
// connection ends with the answer. It returns all that comes, and how it ended.
func (r *rig) ask(request string) (string, error) {
	c := r.dial()
	_, _ = io.WriteString(c, request)
	_ = c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	return string(b), err
}

func (c *answerCase) compare(t *testing.T, got string, err error) {
	t.Helper()
	want, _ := strings.CutSuffix(crlf(c.answer), "<close>")
	switch c.got {
	case "=":
	case refuse:
		if !strings.HasPrefix(got, "HTTP/1.1 502 Bad Gateway\r\n") || !strings.Contains(got, "Proxy-Status: weir; error=") ||
			!strings.Contains(got, "application/problem+json") || strings.Count(got, "HTTP/1.1 ") != 1 {
			t.Errorf("got %q, want a 502", got)
		}
		return
	case cut:
		if !strings.HasPrefix(got, "HTTP/1.1 502 ") && !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || strings.HasSuffix(got, "0\r\n\r\n") {
			t.Errorf("got %q, want a 502 or a 200 without its end", got)
		}
		return
	default:
		want = crlf(c.got)
	}
	got = dateLines.ReplaceAllString(got, "Date: now")
	if got != want || err != nil {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

var dateLines = regexp.MustCompile(`Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)

// goodAnswers pass, byte for byte where the framing allows it.
var goodAnswers = []answerCase{
	{"known length", "", ok200 + date + "Content-Length: 5||hello", "=", kept},
	{"order, spelling and repeats stay", "", ok200 + "sEt-cOoKiE: a=1; x|Server: o|" + date + "Set-Cookie: b|X:y|X:  z |content-length: 0||", "=", kept},
	{"an own reason", "", "HTTP/1.1 200 Fine by me|" + date + "Content-Length: 0||", "=", kept},
	{"a reason above ASCII", "", "HTTP/1.1 200 \xfc|" + date + "Content-Length: 0||", "=", kept},
	{"an empty reason gets the usual one", "", "HTTP/1.1 200 |" + date + "Content-Length: 0||", ok200 + date + "Content-Length: 0||", kept},
	{"an unknown status", "", "HTTP/1.1 299 Odd|" + date + "Content-Length: 0||", "=", kept},
	{"404", "", "HTTP/1.1 404 Not Found|" + date + "Content-Length: 2||no", "=", kept},
	{"500 is the origin's own", "", "HTTP/1.1 500 Oh|" + date + "Content-Length: 2||no", "=", kept},
	{"502 is the origin's own", "", "HTTP/1.1 502 Oh|" + date + "Content-Length: 2||no", "=", kept},
	{"503 is the origin's own", "", "HTTP/1.1 503 Oh|" + date + "Retry-After: 1|Content-Length: 2||no", "=", kept},
	{"a redirect", "", "HTTP/1.1 302 Found|" + date + "Location: /x|Content-Length: 0||", "=", kept},
	{"206", "", "HTTP/1.1 206 Partial Content|" + date + "Content-Range: bytes 0-1/2|Content-Length: 2||no", "=", kept},
	{"205 with nothing", "", "HTTP/1.1 205 Reset Content|" + date + "Content-Length: 0||", "=", kept},
	{"names with underscores", "", ok200 + date + "X_Y: z|Content-Length: 0||", "=", kept},
	{"a value above ASCII", "", ok200 + date + "X: \xfc|Content-Length: 0||", "=", kept},
	{"Date is added where it lacks", "", ok200 + "Content-Length: 0||", ok200 + "Content-Length: 0|Date: now||", kept},
	{"another's Via and Proxy-Status stay", "", ok200 + date + "Via: 1.1 x|Proxy-Status: y|Content-Length: 0||", "=", kept},
	{"20 KiB of head", "", ok200 + date + "X: " + strings.Repeat("x", 20<<10) + "|Content-Length: 0||", "=", kept},
	{"100 KiB of body", "", ok200 + date + "Content-Length: 102400||" + strings.Repeat("x", 100<<10), "=", kept},
	{"chunked", "", ok200 + date + "Transfer-Encoding: chunked||5|hello|0||", "=", kept},
	{"chunked without a chunk", "", ok200 + date + "Transfer-Encoding: chunked||0||", "=", kept},
	{"chunks of any make become Weir's", "", ok200 + "Transfer-Encoding: Chunked|" + date + "|00A;x=y|0123456789|0;z||", ok200 + date + "Transfer-Encoding: chunked||a|0123456789|0||", kept},
	{"a trailer", "", ok200 + date + "Transfer-Encoding: chunked||1|x|0|X-Sum: 1||", "=", kept},
	{"trailers that have no place there", "", ok200 + date + "Transfer-Encoding: chunked||1|x|0|Content-Length: 1|Set-Cookie: a|X-Sum: 1||", ok200 + date + "Transfer-Encoding: chunked||1|x|0|X-Sum: 1||", kept},
	{"delimited by the end", "", ok200 + date + "|hello<close>", ok200 + date + "Transfer-Encoding: chunked||5|hello|0||", false},
	{"delimited by the end, empty", "", ok200 + date + "|<close>", ok200 + date + "Transfer-Encoding: chunked||0||", false},
	{"delimited by the end, to HTTP/1.0", "GET / HTTP/1.0|Host: a||", ok200 + date + "|hello<close>", ok200 + date + "Connection: close||hello", false},
	{"chunked to HTTP/1.0", "GET / HTTP/1.0|Host: a||", ok200 + date + "Transfer-Encoding: chunked||2|he|3|llo|0|X: y||", ok200 + date + "Connection: close||hello", kept},
	{"chunked to HTTP/1.0 with keep-alive", "GET / HTTP/1.0|Host: a|Connection: keep-alive||", ok200 + date + "Transfer-Encoding: chunked||5|hello|0||", ok200 + date + "Connection: close||hello", kept},
	{"known length to HTTP/1.0 with keep-alive", "GET / HTTP/1.0|Host: a|Connection: keep-alive||", ok200 + date + "Content-Length: 5||hello", ok200 + date + "Content-Length: 5|Connection: keep-alive||hello", kept},
	{"of HTTP/1.0, known length", "", "HTTP/1.0 200 OK|" + date + "Content-Length: 5||hello", ok200 + date + "Content-Length: 5||hello", false},
	{"of HTTP/1.0, keep-alive", "", "HTTP/1.0 200 OK|" + date + "Connection: keep-alive|Content-Length: 5||hello", ok200 + date + "Content-Length: 5||hello", kept},
	{"of HTTP/1.0, delimited by the end", "", "HTTP/1.0 200 OK|" + date + "|hello<close>", ok200 + date + "Transfer-Encoding: chunked||5|hello|0||", false},
	{"Connection: close", "", ok200 + date + "Connection: close|Content-Length: 5||hello", ok200 + date + "Content-Length: 5||hello", false},
	{"hop-by-hop fields end here", "", ok200 + date + "Keep-Alive: timeout=5|Proxy-Connection: x|Upgrade: h2c|TE: x|Trailer: y|Connection: X-Hop|X-Hop: 1|Content-Length: 0||", ok200 + date + "Content-Length: 0||", kept},
	{"to HEAD, with a length", "HEAD / HTTP/1.1|Host: a||", ok200 + date + "Content-Length: 5||", "=", kept},
	{"to HEAD, chunked", "HEAD / HTTP/1.1|Host: a||", ok200 + date + "Transfer-Encoding: chunked||", ok200 + date + "|", kept},
	{"to HEAD, without either", "HEAD / HTTP/1.1|Host: a||", ok200 + date + "|", "=", kept},
	{"to HEAD of HTTP/1.0", "HEAD / HTTP/1.0|Host: a||", ok200 + date + "Content-Length: 5||", ok200 + date + "Content-Length: 5|Connection: close||", kept},
	{"204", "", "HTTP/1.1 204 No Content|" + date + "|", "=", kept},
	{"204 that says zero", "", "HTTP/1.1 204 No Content|" + date + "Content-Length: 0||", "HTTP/1.1 204 No Content|" + date + "|", kept},
	{"304 with the length of another", "", "HTTP/1.1 304 Not Modified|" + date + "ETag: \"x\"|Content-Length: 5||", "=", kept},
	{"304 that says chunked", "", "HTTP/1.1 304 Not Modified|" + date + "Transfer-Encoding: chunked||", "HTTP/1.1 304 Not Modified|" + date + "|", kept},
	{"100 is swallowed", "", "HTTP/1.1 100 Continue||" + ok200 + date + "Content-Length: 0||", ok200 + date + "Content-Length: 0||", kept},
	{"103 passes", "", "HTTP/1.1 103 Early Hints|Link: </a>|Connection: x|X: y||" + ok200 + date + "Content-Length: 0||", "HTTP/1.1 103 Early Hints|Link: </a>||" + ok200 + date + "Content-Length: 0||", kept},
	{"several 1xx pass", "", "HTTP/1.1 102 Processing||HTTP/1.1 103 Early Hints|A: b||" + ok200 + date + "Content-Length: 0||", "=", kept},
	{"103 is nothing for HTTP/1.0", "GET / HTTP/1.0|Host: a||", "HTTP/1.1 103 Early Hints|Link: </a>||" + ok200 + date + "Content-Length: 0||", ok200 + date + "Content-Length: 0|Connection: close||", kept},
	{"a byte behind a length is dropped", "", ok200 + date + "Content-Length: 5||hello!", ok200 + date + "Content-Length: 5||hello", false},
	{"an answer behind an answer is dropped", "", ok200 + date + "Content-Length: 0||" + ok200 + "Content-Length: 4||evil", ok200 + date + "Content-Length: 0||", false},
	{"an answer behind a chunked one is dropped", "", ok200 + date + "Transfer-Encoding: chunked||0||" + ok200 + "Content-Length: 4||evil", ok200 + date + "Transfer-Encoding: chunked||0||", false},
	{"a body to HEAD is dropped", "HEAD / HTTP/1.1|Host: a||", ok200 + date + "Content-Length: 5||hello", ok200 + date + "Content-Length: 5||", false},
	{"a body of 304 is dropped", "", "HTTP/1.1 304 Not Modified|" + date + "Content-Length: 5||hello", "HTTP/1.1 304 Not Modified|" + date + "Content-Length: 5||", false},
	{"a body of 204 is dropped", "", "HTTP/1.1 204 No Content|" + date + "|hello", "HTTP/1.1 204 No Content|" + date + "|", false},
}

// badAnswers are refused as long as nothing has gone to the client, and cut later.
var badAnswers = []answerCase{
	{"nothing", "", "<close>", refuse, false},
	{"half a status line", "", "HTTP/1.1 2<close>", refuse, false},
	{"half a head", "", ok200 + "X: y|<close>", refuse, false},
	{"a head without its last LF", "", ok200 + "Content-Length: 0|\r<close>", refuse, false},
	{"103 and then nothing", "GET / HTTP/1.0|Host: a||", "HTTP/1.1 103 Early Hints||<close>", refuse, false},
	{"Content-Length with Transfer-Encoding", "", ok200 + "Content-Length: 5|Transfer-Encoding: chunked||0||", refuse, false},
	{"Transfer-Encoding with Content-Length", "", ok200 + "Transfer-Encoding: chunked|Content-Length: 5||0||", refuse, false},
	{"both, to HEAD", "HEAD / HTTP/1.1|Host: a||", ok200 + "Content-Length: 5|Transfer-Encoding: chunked||", refuse, false},
	{"unequal Content-Lengths", "", ok200 + "Content-Length: 5|Content-Length: 4||hello", refuse, false},
	{"equal Content-Lengths", "", ok200 + "Content-Length: 5|Content-Length: 5||hello", refuse, false},
	{"a list of lengths", "", ok200 + "Content-Length: 5, 5||hello", refuse, false},
	{"a signed length", "", ok200 + "Content-Length: +5||hello", refuse, false},
	{"a negative length", "", ok200 + "Content-Length: -1||hello", refuse, false},
	{"an empty length", "", ok200 + "Content-Length:||hello", refuse, false},
	{"a length that wraps", "", ok200 + "Content-Length: 18446744073709551621||hello", refuse, false},
	{"an unknown coding", "", ok200 + "Transfer-Encoding: gzip, chunked||0||", refuse, false},
	{"a coding that is not chunked", "", ok200 + "Transfer-Encoding: gzip||x<close>", refuse, false},
	{"identity", "", ok200 + "Transfer-Encoding: identity||x<close>", refuse, false},
	{"chunked, then gzip", "", ok200 + "Transfer-Encoding: chunked, gzip||0||", refuse, false},
	{"chunked twice", "", ok200 + "Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||", refuse, false},
	{"chunked of HTTP/1.0", "", "HTTP/1.0 200 OK|Transfer-Encoding: chunked||0||", refuse, false},
	{"204 with a length", "", "HTTP/1.1 204 No Content|Content-Length: 5||hello", refuse, false},
	{"204 chunked", "", "HTTP/1.1 204 No Content|Transfer-Encoding: chunked||0||", refuse, false},
	{"103 with a length", "", "HTTP/1.1 103 Early Hints|Content-Length: 5||hello" + ok200 + "||", refuse, false},
	{"101 that nobody asked for", "", "HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: h2c||", refuse, false},
	{"101 to something else than the client asked for", "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket||", "HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: h2c||", refuse, false},
	{"a status of two digits", "", "HTTP/1.1 20 OK||", refuse, false},
	{"a status of four digits", "", "HTTP/1.1 2000 OK||", refuse, false},
	{"a status that is no number", "", "HTTP/1.1 2x0 OK||", refuse, false},
	{"status 000", "", "HTTP/1.1 000 OK||", refuse, false},
	{"status 600", "", "HTTP/1.1 600 OK||", refuse, false},
	{"no space behind the status", "", "HTTP/1.1 200|Content-Length: 0||", refuse, false},
	{"a tab behind the version", "", "HTTP/1.1\t200 OK|Content-Length: 0||", refuse, false},
	{"HTTP/2.0", "", "HTTP/2.0 200 OK|Content-Length: 0||", refuse, false},
	{"ICY", "", "ICY 200 OK||", refuse, false},
	{"no status line", "", "hello<close>", refuse, false},
	{"an empty line first", "", "|" + ok200 + "Content-Length: 0||", refuse, false},
	{"a bare LF behind the status line", "", "HTTP/1.1 200 OK\nContent-Length: 0||", refuse, false},
	{"a bare LF behind a field", "", ok200 + "X: y\nContent-Length: 0||", refuse, false},
	{"a bare CR in a value", "", ok200 + "X: y\rz|Content-Length: 0||", refuse, false},
	{"LF LF ends the head", "", ok200 + "Content-Length: 0\n\n", refuse, false},
	{"a NUL in a value", "", ok200 + "X: \x00|Content-Length: 0||", refuse, false},
	{"a NUL in the reason", "", "HTTP/1.1 200 \x00|Content-Length: 0||", refuse, false},
	{"obs-fold", "", ok200 + "X: y| z|Content-Length: 0||", refuse, false},
	{"a space before a colon", "", ok200 + "Content-Length : 0||", refuse, false},
	{"a space in a name", "", ok200 + "X Y: z|Content-Length: 0||", refuse, false},
	{"no name", "", ok200 + ": z|Content-Length: 0||", refuse, false},
	{"no colon", "", ok200 + "X|Content-Length: 0||", refuse, false},
	{"a head over 64 KiB", "", ok200 + "X: " + strings.Repeat("x", 64<<10) + "|Content-Length: 0||", refuse, false},
	{"a head of 300 fields", "", ok200 + strings.Repeat("X: y|", 300) + "Content-Length: 0||", refuse, false},
	{"a bad chunk size", "", ok200 + "Transfer-Encoding: chunked||x||", cut, false},
	{"a bad chunk size later", "", ok200 + "Transfer-Encoding: chunked||5|hello|z||", cut, false},
	{"a chunk longer than its size", "", ok200 + "Transfer-Encoding: chunked||5|hello!|0||", cut, false},
	{"a chunk with bare LF", "", ok200 + "Transfer-Encoding: chunked||5\nhello|0||", cut, false},
	{"a trailer without a colon", "", ok200 + "Transfer-Encoding: chunked||5|hello|0|X||", cut, false},
	{"a trailer over 16 KiB", "", ok200 + "Transfer-Encoding: chunked||0|X: " + strings.Repeat("x", 17<<10) + "||", cut, false},
	{"the end before the last chunk", "", ok200 + "Transfer-Encoding: chunked||5|hello|<close>", cut, false},
	{"the end within the last chunk", "", ok200 + "Transfer-Encoding: chunked||5|hello|0|<close>", cut, false},
	{"the end before the length", "", ok200 + "Content-Length: 50||hello<close>", cut, false},
}
