package explain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestAQuestionIsSentAsItWouldArrive(t *testing.T) {
	for _, c := range []struct {
		about string
		q     Question
		head  string
		sni   string
	}{
		{"a URL alone is a GET", Question{URL: "http://API.example.com"}, "GET / HTTP/1.1\nHost: API.example.com\n\n", "api.example.com"},
		{"escapes stay", Question{URL: "https://a.example:8443/%2e%2E//x;y?a=%zz&b"}, "GET /%2e%2E//x;y?a=%zz&b HTTP/1.1\nHost: a.example:8443\n\n", "a.example"},
		{"a query behind the host", Question{URL: "http://a?b=c"}, "GET /?b=c HTTP/1.1\nHost: a\n\n", "a"},
		{"a path alone", Question{Method: "PUT", URL: "/a"}, "PUT /a HTTP/1.1\nHost: localhost\n\n", "localhost"},
		{"a Host of its own", Question{URL: "http://127.0.0.1/a", Header: []Field{{"X-A", "1"}, {"host", "b.example"}, {"X-A", "2"}}},
			"GET /a HTTP/1.1\nHost: b.example\nX-A: 1\nX-A: 2\n\n", "b.example"},
		{"a body is framed", Question{Method: "POST", URL: "/a", Body: "hello"}, "POST /a HTTP/1.1\nHost: localhost\nContent-Length: 5\n\n", "localhost"},
		{"unless it is already", Question{Method: "POST", URL: "/a", Body: "0\r\n\r\n", Header: []Field{{"transfer-encoding", "chunked"}}},
			"POST /a HTTP/1.1\nHost: localhost\ntransfer-encoding: chunked\n\n", "localhost"},
		{"a fragment is not sent", Question{URL: "http://a/b#c?d"}, "GET /b HTTP/1.1\nHost: a\n\n", "a"},
		{"no scheme is http", Question{URL: "localhost:8080/x"}, "GET /x HTTP/1.1\nHost: localhost:8080\n\n", "localhost"},
		{"addresses are not asked for by name", Question{URL: "https://[::1]:443/"}, "GET / HTTP/1.1\nHost: [::1]:443\n\n", ""},
		{"nor without a port", Question{URL: "https://[::1]/"}, "GET / HTTP/1.1\nHost: [::1]\n\n", ""},
		{"OPTIONS of everything", Question{Method: "OPTIONS", URL: "*"}, "OPTIONS * HTTP/1.1\nHost: localhost\n\n", "localhost"},
	} {
		s, err := c.q.Send()
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		if want := strings.ReplaceAll(c.head, "\n", "\r\n"); string(s.Head) != want || s.SNI != c.sni || s.Peer.Addr().String() != "127.0.0.1" {
			t.Errorf("%s: got %q from %s for %q, want %q for %q", c.about, s.Head, s.Peer, s.SNI, want, c.sni)
		}
	}
}

func TestWhatCanNotBeSentIsRefusedInWords(t *testing.T) {
	for _, c := range []struct {
		q    Question
		word string
	}{
		{Question{URL: "ftp://a/"}, "neither http nor https"}, {Question{URL: "http:///a"}, "no host"}, {Question{URL: ""}, "no host"},
		{Question{URL: "http://me@a/"}, "a user before its host"}, {Question{URL: "/a\r\nX: y"}, "a line end"},
		{Question{URL: "/", Method: "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"}, "a line end"}, {Question{URL: "/", Header: []Field{{"A", "b\nC: d"}}}, "a line end"},
	} {
		if s, err := c.q.Send(); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%+v is sent as %v, %v; want %q", c.q, s, err, c.word)
		}
	}
}

func TestTheListenerIsTheOneThatFits(t *testing.T) {
	web, secure, other := Door{"web", []uint16{80, 8080}, false}, Door{"secure", []uint16{443}, true}, Door{"other", []uint16{8081}, false}
	for _, c := range []struct {
		q     Question
		doors []Door
		want  string
	}{
		{Question{URL: "http://a/"}, []Door{web, secure, other}, "web"},
		{Question{URL: "http://a:8080/"}, []Door{web, secure, other}, "web"},
		{Question{URL: "http://a:8081/"}, []Door{web, secure, other}, "other"},
		{Question{URL: "https://a/"}, []Door{web, secure, other}, "secure"},
		{Question{URL: "https://a:9443/"}, []Door{web, secure, other}, "secure"},
		{Question{URL: "http://a:99999/"}, []Door{web, secure}, "web"},
		{Question{URL: "https://a/"}, []Door{web}, "web"},
		{Question{URL: "/a"}, []Door{secure}, "secure"},
		{Question{URL: "/a", Listener: "other"}, []Door{web, secure, other}, "other"},
		{Question{URL: "/a"}, []Door{web, secure, other}, "!it is not plain to which listener the request comes; name it: web, secure, other"},
		{Question{URL: "http://a:1/"}, []Door{web, other}, "!it is not plain"},
		{Question{URL: "/a", Listener: "wbe"}, []Door{web, secure}, `!no http listener is called "wbe": web, secure`},
		{Question{URL: "/a"}, nil, "!there is no http listener"},
		{Question{URL: "ftp://a"}, []Door{web}, "!neither http nor https"},
	} {
		d, err := c.q.Choose(c.doors)
		word, bad := strings.CutPrefix(c.want, "!")
		if bad != (err != nil) || !bad && d.Listener != c.want || bad && !strings.Contains(err.Error(), word) {
			t.Errorf("%+v among %v comes to %q, %v; want %q", c.q, c.doors, d.Listener, err, c.want)
		}
	}
}

func TestContentTravelsAsJSONWhateverItsBytes(t *testing.T) {
	for _, content := range []string{"", "text é", "\xff\x00"} {
		q := Question{URL: "/", From: netip.MustParseAddr("2001:db8::1")}
		q.SetContent([]byte(content))
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var again Question
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, q) || string(again.Content()) != content {
			t.Errorf("%q travels as %s, read as %+v, %v", content, b, again, err)
		}
	}
}

// FuzzSend holds that a head is one head: its lines are those that were asked for, and nothing stands behind it.
func FuzzSend(f *testing.F) {
	f.Add("GET", "http://a/b?c", "X-A", "b", "body")
	f.Add("", "https://[::1]:1/%00", "Host", "c", "")
	f.Add("A B", "*", "Transfer-Encoding", "chunked", "0\r\n\r\n")
	f.Fuzz(func(t *testing.T, method, url, name, value, body string) {
		q := Question{Method: method, URL: url, Header: []Field{{name, value}}, Body: body}
		s, err := q.Send()
		if err != nil {
			return
		}
		head, behind, ok := bytes.Cut(s.Head, []byte("\r\n\r\n"))
		if !ok || len(behind) > 0 || bytes.Count(head, []byte("\n")) > 3 {
			t.Errorf("%+v is sent as %q", q, s.Head)
		}
		if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(s.Head))); err == nil && method != "" && r.Method != method {
			t.Errorf("%+v is read as %s", q, r.Method)
		}
	})
}
