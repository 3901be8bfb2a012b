package fetch_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/tlsto"
)

// serve is a server that answers by h, and ends with the test.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// raw is a server that sends text to everybody who has sent a head, and closes.
func raw(t testing.TB, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with its listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096)) // the head comes in one piece
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	return "http://" + ln.Addr().String()
}

func client(t testing.TB, c fetch.Config) *fetch.Client {
	t.Helper()
	f := fetch.New(c)
	t.Cleanup(f.Close)
	return f
}

// kindOf is the kind of an error that every failed call has.
func kindOf(t testing.TB, err error) fetch.Kind {
	t.Helper()
	var e *fetch.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no *fetch.Error", err, err)
	}
	return e.Kind
}

func TestACallSendsWhatItWasGivenAndReturnsTheAnswer(t *testing.T) {
	type seen struct{ method, path, host, body, token, agent string }
	got := make(chan seen, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.URL.RequestURI(), r.Host, string(b), r.Header.Get("X-Token"), r.UserAgent()}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, "short")
	})
	a, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{
		Method: "POST", URL: url + "/a?b=c", Body: []byte("x=1"), Header: http.Header{"x-token": {"t"}, "Host": {"inner.example"}},
	})
	if err != nil || a.Status != 418 || string(a.Body) != "short" || a.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %+v, %v", a, err)
	}
	if s, want := <-got, (seen{"POST", "/a?b=c", "inner.example", "x=1", "t", "weir"}); s != want {
		t.Errorf("the server saw %+v, want %+v", s, want)
	}
}

func TestARedirectIsAnAnswer(t *testing.T) {
	var calls atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	f := client(t, fetch.Config{})
	if a, err := f.Do(t.Context(), &fetch.Request{URL: url}); err != nil || a.Status != 302 || a.Header.Get("Location") != "/elsewhere" {
		t.Errorf("got %+v, %v", a, err)
	}
	if a, err := f.HTTP().Get(url); err != nil || a.StatusCode != 302 {
		t.Errorf("through net/http: got %+v, %v", a, err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func TestAnAnswerThatIsTooLongIsNone(t *testing.T) {
	const most = 1000
	for _, c := range []struct {
		what    string
		size    int
		chunked bool
		want    fetch.Kind
	}{
		{"as long as it may be", most, false, ""},
		{"as long as it may be, in chunks", most, true, ""},
		{"one byte longer", most + 1, false, fetch.TooLarge},
		{"one byte longer, in chunks", most + 1, true, fetch.TooLarge},
		{"without an end", 1 << 22, true, fetch.TooLarge},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if c.chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, strings.Repeat("a", c.size)) // the client may have had enough
		})
		a, err := client(t, fetch.Config{MaxBody: most}).Do(t.Context(), &fetch.Request{URL: url})
		switch {
		case c.want == "" && (err != nil || len(a.Body) != c.size):
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && kindOf(t, err) != c.want:
			t.Errorf("%s: got %v, want %s", c.what, err, c.want)
		}
	}
}

func TestAHeadThatIsTooLongIsNone(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Long", strings.Repeat("a", 1<<18)) })
	if _, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{URL: url}); kindOf(t, err) != fetch.TooLarge {
		t.Errorf("got %v", err)
	}
}

// A compressed answer is passed as it is: a small one could be gigabytes.
func TestNothingIsDecompressed(t *testing.T) {
	asked := make(chan string, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "\x1f\x8bnot really")
	})
	a, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{URL: url})
	if err != nil || string(a.Body) != "\x1f\x8bnot really" || <-asked != "" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestBadAnswersAreErrors(t *testing.T) {
	for what, text := range map[string]string{
		"cut within the length":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"cut between two chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"no HTTP":                 "SSH-2.0-OpenSSH_9.2\r\n",
		"nothing":                 "",
		"two lengths":             "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a length that is no one": "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
	} {
		if a, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{URL: raw(t, text)}); err == nil || kindOf(t, err) != fetch.BadAnswer {
			t.Errorf("%s: got %+v, %v", what, a, err)
		}
	}
}

// The first answer is followed by one that nobody asked for: it must not be taken for the answer to the next call, which
// may be about somebody else.
func TestAnAnswerThatNobodyAskedForIsNotGivenToTheNextCall(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	go func() { // ends with its listener
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			text := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
			if n == 0 {
				text += "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra"
			}
			_, _ = io.WriteString(c, text)
		}
	}()
	f := client(t, fetch.Config{})
	for range 2 {
		a, err := f.Do(t.Context(), &fetch.Request{URL: "http://" + ln.Addr().String()})
		if err != nil || string(a.Body) != "first" {
			t.Fatalf("got %+v, %v", a, err)
		}
	}
}

func TestACallEndsInTime(t *testing.T) {
	leave := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { <-leave })
	defer close(leave)
	if _, err := client(t, fetch.Config{Timeout: 20 * time.Millisecond}).Do(t.Context(), &fetch.Request{URL: url}); kindOf(t, err) != fetch.Timeout {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := client(t, fetch.Config{}).Do(ctx, &fetch.Request{URL: url}); kindOf(t, err) != fetch.Timeout {
		t.Errorf("by the context's end: got %v", err)
	}
}

func TestACallEndsWhenNobodyWantsItAnyMore(t *testing.T) {
	leave, begun := make(chan struct{}), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { close(begun); <-leave })
	defer close(leave)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }() // ends with the call's beginning
	if _, err := client(t, fetch.Config{}).Do(ctx, &fetch.Request{URL: url}); kindOf(t, err) != fetch.Cancelled {
		t.Errorf("got %v", err)
	}
}

func TestThereAreNoMoreConnectionsThanAllowed(t *testing.T) {
	const most, calls = 3, 20
	var open, highest atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			n := open.Add(1)
			for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
			}
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	defer s.Close()
	f := client(t, fetch.Config{Conns: most})
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			if _, err := f.Do(t.Context(), &fetch.Request{URL: s.URL}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := highest.Load(); n > most || n == 0 {
		t.Errorf("%d connections were open, want at most %d", n, most)
	}
}

func TestErrorsSayWhyAndTellNoSecrets(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for _, c := range []struct {
		url  string
		want fetch.Kind
	}{
		{"http://" + gone + "/path?token=s3cret", fetch.Connect},
		{secure.URL + "/path?token=s3cret", fetch.TLS},
		{"http://no-such-host.invalid/path?token=s3cret", fetch.Resolve},
		{"http://[::1/?token=s3cret", fetch.Unusable},
		{raw(t, "") + "/?token=s3cret", fetch.BadAnswer},
	} {
		_, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{URL: c.url, Header: http.Header{"Authorization": {"Bearer s3cret"}}, Body: []byte("s3cret")})
		if kindOf(t, err) != c.want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %q, want %s", c.url, err, c.want)
		}
	}
}

func TestTLSIsSpokenAsConfigured(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+" "+r.TLS.ServerName) }))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words tlsto.Config
		want  string // an answer
		kind  fetch.Kind
	}{
		{tlsto.Config{CA: ca, ServerName: "example.com"}, "HTTP/1.1 example.com", ""},
		{tlsto.Config{CA: ca}, "HTTP/1.1 ", ""}, // by its address, which is no name to ask for
		{tlsto.Config{CA: ca, ServerName: "other.example"}, "", fetch.TLS},
		{tlsto.Config{ServerName: "example.com"}, "", fetch.TLS},
		{tlsto.Config{Insecure: true, ServerName: "other.example"}, "HTTP/1.1 other.example", ""},
	} {
		compiled, wrong := c.words.Compile(conf.ReadFile)
		if wrong != nil {
			t.Fatal(wrong)
		}
		a, err := client(t, fetch.Config{TLS: compiled}).Do(t.Context(), &fetch.Request{URL: s.URL})
		switch {
		case c.kind == "" && (err != nil || string(a.Body) != c.want):
			t.Errorf("%+v: got %+v, %v", c.words, a, err)
		case c.kind != "" && kindOf(t, err) != c.kind:
			t.Errorf("%+v: got %v, want %s", c.words, err, c.kind)
		}
	}
}

func TestURLsThatCannotBeAsked(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"https://id.example.com/keys?a=b", ""},
		{"http://127.0.0.1:8080/", ""},
		{"http://[::1]:80", ""},
		{"", "it begins neither with https:// nor with http://"},
		{"id.example.com/keys", "it begins neither with https:// nor with http://"},
		{"file:///etc/passwd", "it begins neither with https:// nor with http://"},
		{"https:///keys", "the host is missing"},
		{"https://user:pw@host/", "a user in a URL is shown wherever the URL is"},
		{"https://host/#x", "a fragment is not sent"},
		{"https://host:70000/", `"70000" is not a port`},
		{"https://host:0/", `"0" is not a port`},
		{"https://h\x7f/", "it is no URL"},
	} {
		p := conf.NewProblems()
		u := fetch.CheckURL(p, "url", c.url)
		if (c.want == "") != (u != nil) || (c.want == "") == p.Failed() {
			t.Errorf("%q: got %v, %+v", c.url, u, p.List())
			continue
		}
		if c.want != "" && p.List()[0].Text != "it can't be asked: "+c.want {
			t.Errorf("%q: got %q, want %q", c.url, p.List()[0].Text, c.want)
		}
	}
}

func TestWhatCanBeReadOnItsWay(t *testing.T) {
	for _, c := range []struct {
		url  string
		open bool
		host string
	}{
		{"https://id.example.com/x", false, "id.example.com:443"},
		{"http://id.example.com/x", true, "id.example.com:80"},
		{"http://localhost:81", false, "localhost:81"},
		{"http://127.0.0.1", false, "127.0.0.1:80"},
		{"http://[::1]/", false, "[::1]:80"},
		{"http://192.0.2.1/", true, "192.0.2.1:80"},
	} {
		u, err := fetch.ParseURL(c.url)
		if err != nil || fetch.Open(u) != c.open || fetch.HostOf(c.url) != c.host {
			t.Errorf("%s: open %v, host %q, %v", c.url, fetch.Open(u), fetch.HostOf(c.url), err)
		}
	}
	if got := fetch.HostOf("nonsense"); got != "" {
		t.Errorf("got %q", got)
	}
}
