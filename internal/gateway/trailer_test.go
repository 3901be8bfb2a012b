package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a route takes out of a request's header came to the endpoint in its trailer section.
func TestAnIdentityIsNotSpoofedInTheTrailer(t *testing.T) {
	saw := make(chan http.Header, 2)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		h := req.Trailer.Clone()
		for _, name := range []string{"X-User", "X-Role", "X-Request-Id"} {
			if v := req.Header.Get(name); v != "" {
				h.Set(name, "header: "+v)
			}
		}
		saw <- h
	}))
	defer endpoint.Close()
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
policies = ["edge"]
[policies.edge]
request_id = {}
require_identity = "none"
api_key = { keys_file = "`+keysOf(t, map[string]string{"ann": "the-key-of-ann"})+`" }
headers.request = { set = { X-Role = "guest" }, remove = ["X-User"] }
[[routes]]
name = "all"
upstream = "u"
[upstreams.u]
endpoints = ["`+strings.TrimPrefix(endpoint.URL, "http://")+`"]
`)
	for range 2 { // at hand with the head, or behind it
		req, err := http.NewRequest("PUT", r.url("web", "/"), io.MultiReader(strings.NewReader("hello")))
		if err != nil {
			t.Fatal(err)
		}
		names := []string{"X-User", "X-Role", "X-Request-Id", "X-Api-Key", "X-Sum"}
		req.Trailer = http.Header{}
		for _, name := range names {
			req.Trailer.Set(name, "spoofed")
			req.Header.Set(name, "spoofed")
		}
		req.Header.Del("X-Sum")
		req.Header.Set("X-Api-Key", "the-key-of-ann")
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		h := <-saw
		if id := h.Get("X-Request-Id"); !strings.HasPrefix(id, "header: ") || strings.Contains(id, "spoofed") {
			t.Errorf("the endpoint is told the id %q", id)
		}
		h.Del("X-Request-Id")
		if len(h) != 2 || h.Get("X-Role") != "header: guest" || h.Get("X-Sum") != "spoofed" {
			t.Errorf("the endpoint is told %q", h)
		}
	}
}
