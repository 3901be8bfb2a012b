package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weir/internal/conf"
	"weir/internal/proxyproto"
	"weir/internal/tlsto"
)

// compiled returns a TLS config of traffic.
func compiled(t *testing.T, c tlsto.Config) *tlsto.Compiled {
	t.Helper()
	secure, wrong := c.Compile(conf.ReadFile)
	if wrong != nil {
		t.Fatal(wrong)
	}
	return secure
}

// askBy is ask for an upstream whose traffic goes that way.
func askBy(t *testing.T, at string, c *Config, way Way) string {
	t.Helper()
	p := newProbe(endpointAt(t, at), newMethod(c, way, nil))
	defer p.close()
	if err := p.run(context.Background()); err != nil {
		return err.Error()
	}
	return "fit"
}

// httpServer answers with the protocol that it was spoken to in, as the body and in the status: 200 for
// HTTP/1.1, 202 for HTTP/2, 404 for another path than /healthz.
func httpServer(t *testing.T, h2c bool, secure *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/healthz":
			w.WriteHeader(404)
		case r.ProtoMajor == 2:
			w.WriteHeader(202)
		}
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Proto, r.Host, r.Header.Get("X-Probe")) // the probe shows if it is gone
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if h2c {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	if secure == nil {
		s.Start()
	} else {
		s.EnableHTTP2 = len(secure.NextProtos) == 0
		s.TLS = secure
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestProbesByRequestSpeakAsTrafficDoes(t *testing.T) {
	t.Parallel()
	pair := selfSigned(t, "orders.internal")
	trusted := compiled(t, tlsto.Config{ServerName: "orders.internal", CA: pemOf(t, pair)})
	both := &tls.Config{Certificates: []tls.Certificate{pair}}
	old := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	for _, c := range []struct {
		what   string
		h2c    bool
		secure *tls.Config
		way    Way
		body   string
		want   string
	}{
		{"plain", false, nil, Way{}, "HTTP/1.1 orders:80 weir", "fit"},
		{"h2c", true, nil, Way{Protocol: "h2c"}, "HTTP/2.0 orders:80 weir", "fit"},
		{"h2c to an endpoint that speaks h1", false, nil, Way{Protocol: "h2c"}, "", "HTTP/2: "},
		{"TLS, both spoken", false, both, Way{TLS: trusted, Protocol: "auto"}, "HTTP/2.0 orders:80 weir", "fit"},
		{"TLS, h1 spoken", false, old, Way{TLS: trusted, Protocol: "auto"}, "HTTP/1.1 orders:80 weir", "fit"},
		{"TLS, h1 wanted", false, both, Way{TLS: trusted, Protocol: "h1"}, "HTTP/1.1 orders:80 weir", "fit"},
		{"TLS, h2 wanted", false, both, Way{TLS: trusted, Protocol: "h2"}, "HTTP/2.0 orders:80 weir", "fit"},
		{"TLS, h2 wanted of h1", false, old, Way{TLS: trusted, Protocol: "h2"}, "", "tls: "},
		{"TLS, another name", false, both, Way{TLS: compiled(t, tlsto.Config{ServerName: "x", CA: pemOf(t, pair)})}, "", "tls: failed to verify certificate"},
		{"another body", true, nil, Way{Protocol: "h2c"}, "HTTP/1.1", `the body does not contain "HTTP/1.1"`},
	} {
		t.Run(c.what, func(t *testing.T) {
			config := httpConfig(nil)
			config.HTTP.Path, config.HTTP.Host, config.HTTP.Body = "/healthz", "orders:80", c.body
			config.HTTP.Headers = map[string]string{"X-Probe": "weir"}
			if got := askBy(t, httpServer(t, c.h2c, c.secure), config, c.way); got != c.want && (c.want == "fit" || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAStatusOverH2IsJudged(t *testing.T) {
	t.Parallel()
	config := httpConfig(nil)
	config.HTTP.Path = "/elsewhere"
	if got := askBy(t, httpServer(t, true, nil), config, Way{Protocol: "h2c"}); got != "status 404, want 2xx" {
		t.Errorf("got %q", got)
	}
}

func TestAProbeMaySpeakOtherwiseThanTraffic(t *testing.T) {
	t.Parallel()
	pair := selfSigned(t, "orders.internal")
	at := httpServer(t, false, nil)
	traffic := Way{TLS: compiled(t, tlsto.Config{CA: pemOf(t, pair)}), Protocol: "auto"}
	config := httpConfig(nil)
	config.HTTP.Path = "/healthz"
	if got := askBy(t, at, config, traffic); !strings.HasPrefix(got, "tls: ") {
		t.Errorf("as traffic does: %q", got)
	}
	config.Plain = true
	if got := askBy(t, at, config, traffic); got != "fit" {
		t.Errorf("plain: %q", got)
	}
	config.TLS = new(TLSConfig)
	if got := found(config); !strings.HasPrefix(got, "plain: the probe speaks TLS by its own table") {
		t.Errorf("both: %q", got)
	}
}

func TestProbesAreIntroducedAsOurOwn(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2} {
		heads := make(chan []byte, 1)
		l := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
			b := make([]byte, len(proxyproto.AppendLocal(nil, version)))
			_, _ = io.ReadFull(c, b) // what is missing shows below
			heads <- b
			answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(c)
		})
		if got := askBy(t, l.Addr().String(), httpConfig(nil), Way{Proxy: version}); got != "fit" {
			t.Errorf("version %d: %q", version, got)
		}
		if h, _, err := proxyproto.Parse(<-heads); err != nil || !h.Local() || h.Version != version {
			t.Errorf("version %d: %+v, %v", version, h, err)
		}
	}
}

func TestAMethodOutlivesAReloadThatChangesNothing(t *testing.T) {
	t.Parallel()
	pair := selfSigned(t, "a")
	ca := pemOf(t, pair)
	config := httpConfig(nil)
	way := func(name string) Way { return Way{TLS: compiled(t, tlsto.Config{CA: ca, ServerName: name})} }
	one := newMethod(config, way("a"), nil)
	for _, c := range []struct {
		what string
		way  Way
		kept bool
	}{
		{"the same", way("a"), true},
		{"another name", way("b"), false},
		{"plain text", Way{}, false},
		{"another protocol", Way{TLS: one.way.TLS, Protocol: "h1"}, false},
		{"a PROXY header", Way{TLS: one.way.TLS, Proxy: 2}, false},
	} {
		if kept := newMethod(config, c.way, one) == one; kept != c.kept {
			t.Errorf("%s: kept is %v", c.what, kept)
		}
	}
}
