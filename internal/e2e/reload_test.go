//go:build linux

package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// reloading is the config of the reload tests: variant says what differs between generations. The
// probe of unfit is so slow that a reload which forgot the endpoint's state could not learn it anew.
const reloading = webAndRelay + `
[upstreams.probed]
endpoints = ["{fit}", "{unfit}"]
balance = "round_robin"
health = { http = { path = "/healthz" }, interval = "3s", timeout = "2500ms", fall = 1, rise = 1 }
[[routes]]
name = "probed"
match = { path = "/probed" }
upstream = "probed"
[[routes]]
name = "variant"
match = { path = "/variant" }
policies = ["marked"]
respond = { body = "{variant}" }
[policies.marked.headers]
response = { set = { X-Variant = "{variant}" } }
`

// stage is a child under load with what must live through its reloads.
type stage struct {
	*child
	t          *testing.T
	unfit      *origin
	load       *load
	session    *wire
	download   *wire
	lines      int
	downloaded chan string
}

// newStage starts child and load; the slow download takes about as long as the test.
func newStage(t *testing.T, takes time.Duration) *stage {
	t.Helper()
	unfit := newOrigin(t, "unfit")
	unfit.fit.Store(false)
	s := &stage{t: t, unfit: unfit, lines: int(takes / (10 * time.Millisecond)), downloaded: make(chan string, 1)}
	s.child = startSecure(t, strings.ReplaceAll(reloading, "{variant}", "0"),
		"origin", newOrigin(t, "one").addr, "echo", newEcho(t), "fit", newOrigin(t, "fit").addr, "unfit", unfit.addr)
	eventually(t, "the unfit endpoint is found", func() bool { return s.endpointStates("probed")[unfit.addr] == "down" })
	s.session, s.download = dial(t, s.at(7000)), dial(t, s.at(8080))
	for _, w := range []*wire{s.session, s.download} {
		if err := w.SetDeadline(time.Now().Add(2*takes + time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	go s.read() // ends with the answer or the connection
	s.load = newLoad(t)
	s.load.gets(4, s.at(8080), "/")
	s.load.gets(2, s.at(8080), "/probed")
	s.load.gets(1, s.at(8080), "/big?n=100000")
	s.load.gets(1, "tls:"+s.at(8443), "/")
	s.load.echoes(2, s.at(7000))
	s.load.sessions(1, s.at(7000))
	return s
}

// read is the client of the slow download; what goes wrong is told in place of the body.
func (s *stage) read() {
	_, err := fmt.Fprintf(s.download, "GET /drip?n=%d&ms=10 HTTP/1.1\r\nHost: weir.test\r\n\r\n", s.lines)
	body, err2 := readAnswer(s.download.r)
	if err := errors.Join(err, err2); err != nil {
		body = err.Error()
	}
	s.downloaded <- body
}

// change reloads into the variant, by SIGHUP or by the admin API, and checks what it left.
func (s *stage) change(variant int) {
	s.t.Helper()
	misled := s.unfit.requests.Load()
	s.write(strings.ReplaceAll(reloading, "{variant}", fmt.Sprint(variant)))
	if variant%2 == 0 {
		s.hangUp()
	} else {
		s.mustReload()
	}
	if status, body := get(s.t, s.at(8080), "/variant"); status != 200 || body != fmt.Sprint(variant) {
		s.t.Errorf("after reload %d /variant answers %d %q", variant, status, body)
	}
	s.session.echo(fmt.Sprintf("message %d of the old session\n", variant))
	if state := s.endpointStates("probed")[s.unfit.addr]; state != "down" {
		s.t.Errorf("after reload %d the unfit endpoint is %s", variant, state)
	}
	if n := s.unfit.requests.Load() - misled; n > 0 {
		s.t.Errorf("during reload %d the unfit endpoint got %d requests", variant, n)
	}
}

// finish ends the load and checks that nothing failed, and that no count was lost.
func (s *stage) finish(reloads int) {
	s.t.Helper()
	s.load.stop()
	s.load.clean(s.t)
	if got := <-s.downloaded; got != dripped(s.lines) {
		s.t.Errorf("the slow download ended with %d bytes: %.100q", len(got), got)
	}
	s.counts(float64(reloads), "weir_http_requests_total", `route="variant"`) // no reload lost any
	m := s.metrics()
	if n := m.value("weir_config_generation"); n != float64(reloads+1) {
		s.t.Errorf("generation %v after %d reloads", n, reloads)
	}
	if n := m.sum("weir_http_requests_total", `class="5xx"`) + m.sum("weir_http_requests_total", `class="none"`) + m.value("weir_panics_total"); n != 0 {
		s.t.Errorf("%v requests failed or panicked", n)
	}
	if err := s.session.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		s.t.Error(err)
	}
	s.session.ended()
}

// every calls do n times, one each d.
func every(d time.Duration, n int, do func(i int)) {
	pace := time.NewTicker(d)
	defer pace.Stop()
	for i := range n {
		do(i + 1)
		<-pace.C
	}
}

func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3*time.Second)
	every(300*time.Millisecond, 10, s.change)
	s.load.await(t, 1000-s.load.uses.Load())
	s.finish(10)
}

// A listener that moves to another port keeps the connections that it has.
func TestReloadMovesAListener(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.get("/")
	c.write(strings.Replace(web, "{ip}:8080", "{ip}:8090", 1))
	c.mustReload()
	if status, _ := w.get("/"); status != 200 {
		t.Errorf("the old connection got %d", status)
	}
	if status, _ := get(t, c.at(8090), "/"); status != 200 {
		t.Errorf("the new port answers %d", status)
	}
	if _, err := connect(c.at(8080)); err == nil {
		t.Error("the old port still accepts")
	}
}

// An endpoint that a reload removes finishes what it has, and gets nothing new.
func TestReloadRemovesAnEndpoint(t *testing.T) {
	t.Parallel()
	one, two := newOrigin(t, "one"), newOrigin(t, "two")
	c := start(t, web, "origin", one.addr)
	slow, w := dial(t, c.at(8080)), dial(t, c.at(8080))
	slow.send("GET /halves?n=50 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	if _, err := slow.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	w.get("/")
	c.vars = []string{"origin", two.addr}
	c.write(web)
	c.mustReload()
	for range 10 {
		if _, body := w.get("/"); body != "two" {
			t.Errorf("answered by %q", body)
		}
	}
	one.letGo()
	if _, body := slow.answer(); body != dripped(50) {
		t.Errorf("the slow answer has %d bytes", len(body))
	}
}

// A certificate that was renewed on disk is offered after a reload; who is connected stays.
func TestReloadRenewsACertificate(t *testing.T) {
	t.Parallel()
	c := startSecure(t, webAndRelay, "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	old := dial(t, "tls:"+c.at(8443))
	old.get("/")
	trust := certificate(t, c.dir, "renewed.test")
	c.mustReload()
	renewed := newWire(t, tls.Client(dial(t, c.at(8443)).Conn, trust))
	for name, w := range map[string]*wire{"new": renewed, "old": old} {
		if status, _ := w.get("/"); status != 200 {
			t.Errorf("the %s client got %d", name, status)
		}
	}
}

// Reloads that are asked for at once run one after the other, and each gets its own verdict.
func TestReloadsAtOnce(t *testing.T) {
	t.Parallel()
	const n = 20
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	verdicts := make(chan verdict, n)
	for range n {
		go func() { // ends with the answer
			_, v, err := c.tryReload()
			v.OK = v.OK && err == nil
			verdicts <- v
		}()
	}
	seen := map[uint64]bool{}
	for range n {
		v := <-verdicts
		if !v.OK || seen[v.Generation] {
			t.Errorf("verdict %+v", v)
		}
		seen[v.Generation] = true
	}
	if status, _ := get(t, c.at(8080), "/"); status != 200 || c.metrics().value("weir_config_generation") != n+1 {
		t.Errorf("status %d in generation %v", status, c.metrics().value("weir_config_generation"))
	}
}
