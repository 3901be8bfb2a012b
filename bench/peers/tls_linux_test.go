package peers

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tlsEnd is a server with the certificate of a run; answer is called for each request.
type tlsEnd struct {
	port        int
	connections atomic.Int64
}

func newTLSEnd(t *testing.T, cfg *tls.Config, answer func(*http.Request, net.Conn) bool) *tlsEnd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &tlsEnd{port: l.Addr().(*net.TCPAddr).Port}
	go func() { // accepts until the test closes the listener
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			e.connections.Add(1)
			go func() { // serves one connection until answer or the client ends it
				defer raw.Close()
				conn := tls.Server(raw, cfg)
				in := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(in)
					if err != nil || !answer(request, conn) {
						return
					}
				}
			}()
		}
	}()
	return e
}

func fine(_ *http.Request, c net.Conn) bool {
	_, err := io.WriteString(c, small)
	return err == nil
}

func newShown(t *testing.T) (*certificate, *tls.Config) {
	t.Helper()
	c, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c, &tls.Config{Certificates: []tls.Certificate{c.pair}}
}

// serve runs a crew of two until it has so many answers, or a failure.
func serve(t *testing.T, w *crew, answers int64) {
	t.Helper()
	for range 2 {
		w.all.Go(w.work)
	}
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := false; !late && w.answers.Load() < answers && w.failed.Load() == 0; {
		select {
		case <-limit:
			late = true
			t.Error("not within ten seconds")
		case <-tick.C:
		}
	}
	w.stop.Store(true)
	w.all.Wait()
}

func TestTheCertificateIsWrittenAsEveryProxyReadsIt(t *testing.T) {
	c, _ := newShown(t)
	at := setup{Dir: t.TempDir()}
	if err := c.write(at); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][2]string{{at.Cert(), at.Key()}, {at.Both(), at.Both()}} {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		if err != nil || string(pair.Certificate[0]) != string(c.pair.Certificate[0]) {
			t.Errorf("%v: %v, or another certificate", files, err)
		}
		if info, err := os.Stat(files[1]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key %s may be read by others: %v, %v", files[1], info.Mode(), err)
		}
	}
	if err := c.write(setup{Dir: "/nowhere"}); err == nil {
		t.Error("it is written into no folder")
	}
}

func TestClientsOverTLSKeepTheirConnectionOrMakeANewOne(t *testing.T) {
	for what, c := range map[string]struct {
		kind        Kind
		close       bool
		most, least int64 // connections for a hundred answers
	}{
		"kept": {TLS, false, 2, 1}, // one of the two may have had them all before the other is there
		"anew": {Handshake, true, 110, 100},
	} {
		shown, cfg := newShown(t)
		var closes atomic.Int64
		e := newTLSEnd(t, cfg, func(r *http.Request, conn net.Conn) bool {
			if r.Close {
				closes.Add(1)
			}
			return fine(r, conn) && !r.Close
		})
		w := newCrew(e.port, &Scenario{Kind: c.kind}, shown, time.Minute)
		w.counting.Store(true)
		serve(t, w, 100)
		if w.failed.Load() != 0 {
			t.Fatalf("%s: %v", what, *w.why.Load())
		}
		if n := e.connections.Load(); n < c.least || n > c.most || (closes.Load() > 0) != c.close {
			t.Errorf("%s: %d connections, %d requests asked to close; want %d to %d", what, n, closes.Load(), c.least, c.most)
		}
		if n := w.latency.TotalCount(); n != w.answers.Load() {
			t.Errorf("%s: %d latencies of %d answers", what, n, w.answers.Load())
		}
	}
}

func TestUnequalWorkOverTLSIsAFailure(t *testing.T) {
	shown, good := newShown(t)
	_, another := newShown(t)
	old := good.Clone()
	old.MaxVersion = tls.VersionTLS12
	other := good.Clone()
	other.CurvePreferences = []tls.CurveID{tls.CurveP384}
	for what, c := range map[string]struct {
		cfg    *tls.Config
		answer func(*http.Request, net.Conn) bool
		want   string
	}{
		"another certificate": {another, fine, "another certificate than the one of this run"},
		"TLS 1.2":             {old, fine, "protocol version"},
		"another group":       {other, fine, "handshake failure"},
		"an error": {good, func(_ *http.Request, c net.Conn) bool {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return false
		}, "an answer of another kind"},
		"too much": {good, func(_ *http.Request, c net.Conn) bool {
			io.WriteString(c, small+"more")
			return false
		}, "an answer of another kind"},
		"half an answer": {good, func(_ *http.Request, c net.Conn) bool {
			io.WriteString(c, small[:len(small)-1])
			return false
		}, "EOF"},
		"nothing": {good, func(*http.Request, net.Conn) bool { return false }, "EOF"},
	} {
		e := newTLSEnd(t, c.cfg, c.answer)
		w := newCrew(e.port, &Scenario{Kind: TLS}, shown, 5*time.Second)
		serve(t, w, 1_000_000)
		why := w.why.Load()
		if w.failed.Load() == 0 || why == nil || !strings.Contains((*why).Error(), c.want) {
			t.Errorf("%s: %d failures, %v; want %q", what, w.failed.Load(), why, c.want)
		}
		if w.answers.Load() != 0 {
			t.Errorf("%s: %d answers", what, w.answers.Load())
		}
	}
}

func TestAnAnswerOverTLSMayComeInPieces(t *testing.T) {
	shown, cfg := newShown(t)
	e := newTLSEnd(t, cfg, func(_ *http.Request, c net.Conn) bool {
		for _, b := range []byte(small) {
			if _, err := c.Write([]byte{b}); err != nil { // a record each
				return false
			}
		}
		return true
	})
	w := newCrew(e.port, &Scenario{Kind: TLS}, shown, time.Minute)
	serve(t, w, 10)
	if w.failed.Load() != 0 || w.answers.Load() < 10 {
		t.Errorf("%d answers, %d failed", w.answers.Load(), w.failed.Load())
	}
}

func TestNobodyToShakeHandsWithIsAFailureAtOnce(t *testing.T) {
	shown, _ := newShown(t)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	w := newCrew(port, &Scenario{Kind: Handshake}, shown, time.Minute)
	serve(t, w, 1)
	if n := w.failed.Load(); n < 1 || n > 2 || !strings.Contains((*w.why.Load()).Error(), "refused") {
		t.Errorf("%d failures, %v; want at most one of each client, refused", n, w.why.Load())
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shown, _ := newShown(t)
	w := newCrew(l.Addr().(*net.TCPAddr).Port, &Scenario{Kind: TLS}, shown, 50*time.Millisecond)
	serve(t, w, 1)
	if w.failed.Load() == 0 || !strings.Contains((*w.why.Load()).Error(), "timeout") {
		t.Errorf("%d failures, %v", w.failed.Load(), w.why.Load())
	}
}

func TestARoundOverTLSCountsItsOwnPartAlone(t *testing.T) {
	h := openHarness(t, Options{Round: 100 * time.Millisecond, Warmup: 50 * time.Millisecond, Connections: 2}, peer{name: "none"})
	e := newTLSEnd(t, &tls.Config{Certificates: []tls.Certificate{h.shown.pair}}, fine)
	s := &Scenario{Name: "tls", Kind: TLS}
	st := h.stageOf(s, 0)
	h.origin.ports = append([]int{e.port}, h.origin.ports...) // stands in for a proxy's port: no process to weigh
	sample, err := st.byCrew(t.Context(), nil)
	if err != nil || sample.Requests == 0 || sample.Failed != 0 || sample.P50 <= 0 || sample.P99 < sample.P50 || sample.CPU != 0 {
		t.Errorf("got %+v, %v", sample, err)
	}
	if want := float64(sample.Requests) / 0.1; sample.PerSecond > want*1.01 || sample.PerSecond < want/10 {
		t.Errorf("%d answers are %.0f/s, want about %.0f", sample.Requests, sample.PerSecond, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if _, err := st.byCrew(ctx, nil); time.Since(begin) > 3*time.Second {
		t.Errorf("an interrupted round took %v (%v)", time.Since(begin), err)
	}
}

func ExampleScenario() {
	for _, s := range Scenarios()[:2] {
		fmt.Println(s.Name, len(s.Fields), s.AnswerBytes)
	}
	// Output:
	// small 0 1024
	// headers 10 1024
}
