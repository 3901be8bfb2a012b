package serve

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// requestCase is raw bytes from a client and what becomes of them. In send and seen "|" stands for
// CR LF; bare CR and LF are written as such.
type requestCase struct {
	name string
	// send is what the client sends; with "<fin>" at its end it then closes its sending side.
	send string
	// want are the statuses of the answers, each with its method if that is HEAD: "200 HEAD:200 400".
	want string
	// seen is what the origin gets, without the lines that Weir adds to every request; "=" is what
	// was sent, "" nothing at all, "~" nothing whole.
	seen string
	// kept says that the connection takes another request.
	kept bool
}

const (
	kept   = true
	closed = false
	same   = "="
)

var requestTables = map[string][]requestCase{
	"lines": lineCases, "hosts": hostCases, "fields": fieldCases, "framing": framingCases,
	"chunks": chunkCases, "hops": hopCases, "persistence": persistenceCases, "limits": limitCases,
}

func TestRawRequestsAreForwardedOrRefused(t *testing.T) {
	t.Parallel()
	for theme, cases := range requestTables {
		for i := range cases {
			t.Run(theme+"/"+cases[i].name, func(t *testing.T) {
				t.Parallel()
				cases[i].run(t)
			})
		}
	}
}

func TestTheTableHasAtLeast200RawRequestsWithNamesOfTheirOwn(t *testing.T) {
	n := 0
	for theme, cases := range requestTables {
		names := map[string]bool{}
		for _, c := range cases {
			if names[c.name] {
				t.Errorf("%s/%s stands twice", theme, c.name)
			}
			names[c.name] = true
			n++
		}
	}
	if n < 200 {
		t.Fatalf("%d raw requests, want 200", n)
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "|", "\r\n") }

func (c *requestCase) run(t *testing.T) {
	o := newRecorder(t, okFor)
	r := newRig(t, o.addr)
	cl := r.client()
	raw, fin := strings.CutSuffix(crlf(c.send), "<fin>")
	cl.send(raw)
	if fin {
		_ = cl.Conn.(*net.TCPConn).CloseWrite()
	}
	for want := range strings.FieldsSeq(c.want) {
		cl.wantStatus(want)
	}
	if c.kept {
		cl.send("GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
		cl.want(200, "hello")
	}
	cl.ends()
	c.compare(t, o, raw)
}

// okFor answers any request with 200.
func okFor(request string) string {
	head, _, _ := strings.Cut(hello, "\r\n\r\n")
	if strings.HasPrefix(request, "HEAD ") {
		return head + "\r\n\r\n"
	}
	return hello
}

// wantStatus reads an answer and compares its status. One of Weir's own must be a problem.
func (c *client) wantStatus(want string) {
	c.t.Helper()
	method := "GET"
	if m, rest, found := strings.Cut(want, ":"); found {
		method, want = m, rest
	}
	status, h, body, err := c.answer(method)
	if err != nil || strconv.Itoa(status) != want {
		c.t.Fatalf("status %d, %v; want %s", status, err, want)
	}
	if status >= 400 {
		wantProblem(c.t, method, status, h, body)
	}
}

// wantProblem demands what every refusal carries.
func wantProblem(t testing.TB, method string, status int, h http.Header, body string) {
	t.Helper()
	if got := h.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := h.Get("Proxy-Status"); !strings.HasPrefix(got, "weir; error=") {
		t.Errorf("Proxy-Status %q", got)
	}
	if h.Get("Date") == "" {
		t.Errorf("no Date")
	}
	if method == "HEAD" {
		return
	}
	var problem struct {
		Status        int
		Title, Detail string
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Status != status || problem.Title == "" || problem.Detail == "" {
		t.Errorf("body %q is no problem of %d: %v", body, status, err)
	}
}

func (c *requestCase) compare(t *testing.T, o *recorder, sent string) {
	t.Helper()
	whole, conns := o.seen()
	if c.kept {
		if len(whole) == 0 || !strings.HasPrefix(whole[len(whole)-1], "GET /probe HTTP/1.1\r\n") {
			t.Fatalf("the probe did not reach the origin: %q", whole)
		}
		whole = whole[:len(whole)-1]
	}
	var got strings.Builder
	for _, request := range whole {
		got.WriteString(withoutOwn(t, request))
	}
	want := strings.Replace(crlf(c.seen), "{endpoint}", o.addr, 1)
	switch c.seen {
	case same:
		want = sent
	case "~":
		want = ""
	case "":
		if conns > 0 && !c.kept {
			t.Errorf("%d connections reached the origin", conns)
		}
	}
	if got.String() != want {
		t.Errorf("the origin saw %q, want %q", got.String(), want)
	}
}

// ownLines are what Weir adds to every request.
var ownLines = regexp.MustCompile(`^X-Forwarded-For: 127\.0\.0\.1$|^X-Forwarded-Proto: http$|^X-Forwarded-Host: .*$|^Via: 1\.[01] weir-[0-9a-f]{8}$`)

// withoutOwn removes the lines that Weir adds and demands that each is there once.
func withoutOwn(t testing.TB, request string) string {
	t.Helper()
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	var rest []string
	own := 0
	for line := range strings.SplitSeq(head, "\r\n") {
		if ownLines.MatchString(line) {
			own++
			continue
		}
		rest = append(rest, line)
	}
	want := 4
	if !strings.Contains(head, "X-Forwarded-Host: ") {
		want = 3 // HTTP/1.0 without Host
	}
	if own != want {
		t.Errorf("%d lines of Weir's own in %q", own, request)
	}
	return strings.Join(rest, "\r\n") + "\r\n\r\n" + body
}
