package peers

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newH2End is a server of the standard library with the certificate of a run.
func newH2End(t *testing.T, shown *certificate, protocols []string, answer http.HandlerFunc) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: answer, TLSConfig: &tls.Config{Certificates: []tls.Certificate{shown.pair}, NextProtos: protocols}}
	if !slices.Contains(protocols, "h2") {
		s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	t.Cleanup(func() { s.Close() })
	go s.ServeTLS(l, "", "") // ends with Close
	return l.Addr().(*net.TCPAddr).Port
}

// serveH2 runs one connection of a crew until it has so many answers, or a failure.
func serveH2(t *testing.T, w *crew, answers int64) {
	t.Helper()
	w.counting.Store(true)
	w.all.Go(w.workH2)
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.answers.Load() < answers && w.failed.Load() == 0 {
		select {
		case <-limit:
			t.Fatal("not within ten seconds")
		case <-tick.C:
		}
	}
	w.stop.Store(true)
	w.all.Wait()
}

func TestClientsOverHTTP2HaveSeveralRequestsUnderWay(t *testing.T) {
	shown, _ := newShown(t)
	var now, most atomic.Int64
	full := make(chan struct{})
	port := newH2End(t, shown, []string{"h2"}, func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n == streamsEach && most.Swap(n) < n {
			close(full)
		}
		defer now.Add(-1)
		<-full
		if r.ProtoMajor != 2 || r.Host != hostName || r.RequestURI != target || r.Header.Get("X-Tenant") != "acme" {
			w.WriteHeader(400)
		}
		io.WriteString(w, strings.Repeat("x", oneKiB))
	})
	w := newCrew(port, &Scenario{Kind: H2, Fields: []string{"X-Tenant: acme"}}, shown, time.Minute)
	serveH2(t, w, 20_000) // more than the first windows hold
	if w.failed.Load() != 0 {
		t.Fatal(*w.why.Load())
	}
	if n := w.latency.TotalCount(); n != w.answers.Load() {
		t.Errorf("%d latencies of %d answers", n, w.answers.Load())
	}
}

func TestWhatIsNoAnswerOverHTTP2IsAFailure(t *testing.T) {
	shown, _ := newShown(t)
	for what, c := range map[string]struct {
		protocols []string
		answer    http.HandlerFunc
		want      string
	}{
		"another protocol": {[]string{"http/1.1"}, nil, "no application protocol"},
		"an error":         {[]string{"h2"}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, `status "502"`},
		"a reset":          {[]string{"h2"}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "RST_STREAM"},
	} {
		w := newCrew(newH2End(t, shown, c.protocols, c.answer), &Scenario{Kind: H2}, shown, 5*time.Second)
		serveH2(t, w, 1)
		if why := w.why.Load(); why == nil || !strings.Contains((*why).Error(), c.want) {
			t.Errorf("%s: %v; want %q", what, *why, c.want)
		}
	}
}

func TestHTTP2IsAskedOfProxiesThatHaveIt(t *testing.T) {
	at := setupFor(&Scenario{Kind: H2}, 0, 8)
	at.Dir, at.Origins = t.TempDir(), []int{1}
	for _, p := range append(rivals(), weirPeer("weir", "weir")) {
		if p.lacks["h2"] != "" {
			continue
		}
		path, err := p.configure(at)
		if err != nil {
			t.Fatal(err)
		}
		text := read(t, path)
		want := map[string]string{"nginx": "ssl http2", "haproxy": "alpn h2,http/1.1", "caddy": "protocols h1 h2", "weir": "tls ="}[p.name]
		if !strings.Contains(text, want) || p.name == "weir" && strings.Contains(text, "protocols") {
			t.Errorf("%s: no %q in\n%s", p.name, want, text)
		}
	}
}
