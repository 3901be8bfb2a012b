package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// versed is an endpoint that answers with the protocol it was asked in: h1 and h2c, or over TLS h1 and h2.
func versed(t *testing.T, secure bool) (address, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		word := q.Proto
		if q.TLS != nil {
			word += " as " + q.TLS.ServerName
		}
		_, _ = io.WriteString(w, word)
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	if !secure {
		s.Start()
		t.Cleanup(s.Close)
		return s.Listener.Addr().String(), ""
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca = t.TempDir() + "/ca.pem"
	if err := os.WriteFile(ca, pemOf(s.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.Listener.Addr().String(), ca
}

// How endpoints are spoken to changes under requests that never end, none of which fails.
func TestReloadsOfHowEndpointsAreSpokenToLoseNoRequest(t *testing.T) {
	plain, _ := versed(t, false)
	secure, ca := versed(t, true)
	config := func(upstream string) string {
		return "[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"api\"\n[upstreams.api]\n" + upstream + "\n"
	}
	over := func(words string) string { return config("endpoints = \"" + secure + "\"\n" + words) }
	r := start(t, config("endpoints = \""+plain+"\""))
	var served atomic.Int64
	var failed atomic.Bool
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { // ends with done
			for {
				select {
				case <-done:
					return
				default:
				}
				if status, body, err := try(r, "web"); err != nil || status != 200 {
					t.Errorf("after %d answers: %d %q, %v", served.Load(), status, body, err)
					failed.Store(true)
					return
				}
				served.Add(1)
			}
		})
	}
	for _, c := range []struct{ config, want string }{
		{config("endpoints = \"" + plain + "\"\nprotocol = \"h2c\""), "HTTP/2.0"},
		{config("endpoints = \"" + plain + "\"\nprotocol = \"h1\""), "HTTP/1.1"},
		{over("tls = { server_name = \"example.com\", ca = \"" + ca + "\" }"), "HTTP/2.0 as example.com"},
		{over("protocol = \"h1\"\ntls = { server_name = \"example.com\", ca = \"" + ca + "\" }"), "HTTP/1.1 as example.com"},
		{over("protocol = \"h2\"\ntls = { ca = \"" + ca + "\" }"), "HTTP/2.0 as "}, // an address is no name to ask for
		{over("tls = { insecure = true }"), "HTTP/2.0 as "},
		{config("endpoints = \"" + plain + "\""), "HTTP/1.1"},
	} {
		r.reload(c.config)
		if status, body, err := try(r, "web"); err != nil || status != 200 || body != c.want {
			t.Errorf("%d %q, %v; want %q", status, body, err, c.want)
		}
		from := served.Load()
		until(t, "traffic goes on", func() bool { return served.Load() > from+5 || failed.Load() })
	}
	close(done)
	clients.Wait()
}

// try asks once and returns the status and the body.
func try(r *rig, listener string) (status int, body string, err error) {
	res, err := r.client.Get(r.url(listener, "/"))
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func TestAnEndpointThatIsNotWhoItShouldBeIsRefusedWithTheReason(t *testing.T) {
	secure, ca := versed(t, true)
	config := func(words string) string {
		return "[listeners.web]\n" + any0 + "[[routes]]\nupstream = \"api\"\n[upstreams.api]\nendpoints = \"" + secure + "\"\n" + words + "\nretry.attempts = 0\n"
	}
	r := start(t, config("tls.ca = \""+ca+"\""))
	for _, c := range []struct {
		words  string
		status int
		log    string
	}{
		{"tls.ca = \"" + ca + "\"", 200, ""},
		{"tls = { ca = \"" + ca + "\", server_name = \"else.test\" }", 502, "else.test"},
		{"tls.ca = \"" + ca + "\"", 200, ""}, // trouble is logged once until it is over
		{"tls = {}", 502, "unknown authority"},
		{"", 400, ""}, // Go answers plain HTTP so
	} {
		r.reload(config(c.words))
		status, body, err := try(r, "web")
		if err != nil || status != c.status || status == 502 && !strings.Contains(body, `"fault":"upstream_tls"`) {
			t.Errorf("%s: %d %q, %v; want %d", c.words, status, body, err, c.status)
		}
		if c.log != "" {
			until(t, fmt.Sprintf("%q in the log", c.log), func() bool { return strings.Contains(r.log.String(), c.log) })
		}
	}
}
