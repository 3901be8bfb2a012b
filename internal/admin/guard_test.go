package admin

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestHostsLoseTheirPort(t *testing.T) {
	for in, want := range map[string]string{
		"localhost": "localhost", "localhost:1": "localhost", "[::1]:1": "::1", "[::1]": "::1", "::1": "::1",
		"127.0.0.1:x": "127.0.0.1", "": "", ":1": "", "[": "", "[]": "", "a:b:c": "a:b:c",
	} {
		if got := hostOnly(in); got != want {
			t.Errorf("%q without port is %q, want %q", in, got, want)
		}
	}
}

func TestOriginsMustBeTheHostItself(t *testing.T) {
	for _, tc := range []struct {
		origins []string
		host    string
		ok      bool
	}{
		{nil, "localhost:9901", true},
		{[]string{"http://localhost:9901"}, "localhost:9901", true},
		{[]string{"HTTP://LOCALHOST:9901"}, "localhost:9901", true},
		{[]string{"http://localhost"}, "localhost:9901", false},
		{[]string{"http://localhost:9901/"}, "localhost:9901", false},
		{[]string{"null"}, "null", false},
		{[]string{""}, "", false},
		{[]string{"http://localhost:9901", "http://localhost:9901"}, "localhost:9901", false},
	} {
		var raw [][]byte
		for _, o := range tc.origins {
			raw = append(raw, []byte(o))
		}
		if got := sameOrigin(raw, tc.host); got != tc.ok {
			t.Errorf("%q at %q: %v, want %v", tc.origins, tc.host, got, tc.ok)
		}
	}
}

func TestMediaTypesMustBeJSON(t *testing.T) {
	for kind, want := range map[string]bool{
		"application/json": true, "Application/JSON": true, "application/json;charset=utf-8": true, " application/json ": true,
		"": false, "text/plain": false, "application/json5": false, "text/plain; application/json": false,
		"application/x-www-form-urlencoded, application/json": false, "application/json, text/plain": false,
	} {
		if got := isJSON(kind); got != want {
			t.Errorf("%q: %v, want %v", kind, got, want)
		}
	}
}

func TestHeadAnswersAsGetWithoutABody(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", ""), (&stub{}).gateway())
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, tc := range []struct {
		method string
		length int64
	}{{"HEAD", int64(len("weir_config_generation 3\n"))}, {"GET", int64(len("ok\n"))}} {
		res, err := http.ReadResponse(r, &http.Request{Method: tc.method})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 || res.ContentLength != tc.length || tc.method == "HEAD" && len(body) != 0 {
			t.Errorf("%s: %d, length %d, body %q", tc.method, res.StatusCode, res.ContentLength, body)
		}
	}
}

func TestOverASocketEveryHostIsRightButPagesAreStillForeign(t *testing.T) {
	st := &stub{verdict: Verdict{OK: true}}
	s := serve(t, config(t, "unix:"+filepath.Join(t.TempDir(), "s"), ""), st.gateway())
	for _, tc := range []struct {
		fields string
		status int
	}{
		{"Host: whatever\nContent-Type: application/json\n", 200},
		{"Host: whatever\n", 415},
		{"Host: whatever\nContent-Type: application/json\nOrigin: http://evil.example\n", 403},
	} {
		if res, body := ask(t, s.Addr(), "POST /reload HTTP/1.1\n"+tc.fields+"Content-Length: 2\n\n{}"); res.StatusCode != tc.status {
			t.Errorf("%q: %d %s, want %d", tc.fields, res.StatusCode, body, tc.status)
		}
	}
	if st.reloads.Load() != 1 {
		t.Errorf("%d reloads, want 1", st.reloads.Load())
	}
}

func TestProbesAreAnsweredWhileAReloadTakesItsTime(t *testing.T) {
	g, begun, release := (&stub{}).gateway(), make(chan struct{}), make(chan struct{})
	g.Reload = func(context.Context) Verdict {
		close(begun)
		<-release
		return Verdict{OK: true, Generation: 9}
	}
	s := serve(t, config(t, "127.0.0.1:0", ""), g)
	var all sync.WaitGroup
	all.Go(func() {
		if v, err := client(t, s, "").Reload(context.Background()); err != nil || v.Generation != 9 {
			t.Errorf("reload: %+v, %v", v, err)
		}
	})
	<-begun
	for range 3 {
		if res, _ := ask(t, s.Addr(), "GET /readyz HTTP/1.1\nHost: localhost\n\n"); res.StatusCode != 200 {
			t.Errorf("readyz: %d", res.StatusCode)
		}
	}
	close(release)
	all.Wait()
}

// FuzzReload sends requests of arbitrary method, target and fields to the handler: only one that
// names this machine, holds the token, comes from no foreign page and says JSON may reload.
func FuzzReload(f *testing.F) {
	const token = "0123456789abcdef"
	f.Add("POST", "/reload", "localhost", "Bearer "+token, "", "application/json")
	f.Add("POST", "/reload?x", "127.0.0.1:9901", "bearer "+token, "http://127.0.0.1:9901", "application/json; a=b")
	f.Add("POST", "//reload", "evil.example", "Bearer", "null", "text/plain")
	f.Add("GET", "/reload/../reload", "[::1]", "Basic "+token, "http://localhost", "application/json, x")
	a, st := Default(), &stub{verdict: Verdict{OK: true}}
	f.Fuzz(func(t *testing.T, method, target, host, authorization, origin, contentType string) {
		s, err := New(config(t, a.Address.String(), token), st.gateway(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		before := st.reloads.Load()
		var r fasthttp.RequestCtx
		r.Request.Header.SetMethod(method)
		r.Request.SetRequestURI(target)
		r.Request.Header.SetHost(host)
		r.Request.Header.Set("Authorization", authorization)
		r.Request.Header.SetContentType(contentType)
		if origin != "" {
			r.Request.Header.Set("Origin", origin)
		}
		s.handle(context.Background(), &r)
		status := r.Response.StatusCode()
		if status >= 400 && string(r.Response.Header.ContentType()) != "application/problem+json" {
			t.Errorf("a refusal with %d is no problem: %s", status, r.Response.Header.ContentType())
		}
		if st.reloads.Load() == before {
			return
		}
		local := strings.HasPrefix(strings.ToLower(host), "localhost") || strings.Contains(host, "127.") || strings.Contains(host, ":")
		if method != "POST" || !local || !strings.Contains(authorization, token) ||
			!strings.Contains(strings.ToLower(contentType), "application/json") ||
			origin != "" && !strings.HasPrefix(strings.ToLower(origin), "http://") {
			t.Errorf("reloaded by %q %q Host %q, %q, Origin %q, %q", method, target, host, authorization, origin, contentType)
		}
	})
}
