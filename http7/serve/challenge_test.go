package serve

import (
	"strings"
	"testing"
)

func TestAnAuthoritysChallengeIsAnsweredBeforeEverythingElse(t *testing.T) {
	r := newRigWith(t, func(r *rig) {
		r.site.Challenge = func(host, path string) (string, bool) {
			return "token.print", host == "api.example.com:80" && path == "/.well-known/acme-challenge/token"
		}
	}, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nendpoint"))
	for request, want := range map[string]string{
		"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: api.example.com:80":                "token.print",
		"GET /.well-known/acme-challenge/%74oken HTTP/1.1\r\nHost: api.example.com:80":              "token.print",
		"GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: api.example.com:80":                "endpoint",
		"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: other.example.com":                 "endpoint",
		"POST /.well-known/acme-challenge/token HTTP/1.1\r\nHost: api.example.com:80":               "endpoint",
		"GET /x/.well-known/acme-challenge/token HTTP/1.1\r\nHost: api.example.com:80":              "endpoint",
		"GET /.well-known/../.well-known/acme-challenge/token HTTP/1.1\r\nHost: api.example.com:80": "",
	} {
		answer := r.say(request + "\r\nConnection: close\r\n\r\n")
		if want == "" {
			if !strings.HasPrefix(answer, "HTTP/1.1 400") {
				t.Errorf("%s\n%s", request, answer)
			}
			continue
		}
		if !strings.HasSuffix(answer, "\r\n\r\n"+want) || want == "token.print" && !strings.Contains(answer, "Content-Type: application/octet-stream\r\n") {
			t.Errorf("%s\n%s", request, answer)
		}
	}
}
