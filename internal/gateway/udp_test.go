package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// h3 is a client that speaks HTTP/3 with address.
func h3(t testing.TB, address string, roots *x509.CertPool, host string) *http.Client {
	t.Helper()
	tr := &http3.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host},
		Dial: func(ctx context.Context, _ string, c *tls.Config, q *quic.Config) (*quic.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			return quic.DialAddr(ctx, address, c, q)
		},
	}
	t.Cleanup(func() { _ = tr.Close() })
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

const saysOK = "[[routes]]\nrespond.body = \"ok\"\n"

// withH3 is a listener that speaks HTTP/3 too.
func withH3(name, address, table string) string {
	return "[listeners." + name + "]\naddress = \"" + address + "\"\nprotocols = [\"h1\", \"h2\", \"h3\"]\ntls.certificates = " + table + "\n"
}

func TestClientsOfTCPLearnOfHTTP3AndFindItAtTheSamePort(t *testing.T) {
	table, roots := pair(t, "web.test")
	r := start(t, withH3("web", "127.0.0.1:0", table)+saysOK)
	at := r.g.Addr("web").String()
	_, port, _ := net.SplitHostPort(at)
	for _, protocol := range []string{"h1", "h2"} {
		res, err := speaker(t, protocol, roots, "web.test").Do(toHost(t, "https://"+at+"/", "web.test"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got, want := res.Header.Get("Alt-Svc"), `h3=":`+port+`"; ma=86400`; got != want {
			t.Errorf("%s: Alt-Svc is %q, want %q", protocol, got, want)
		}
	}
	c := h3(t, at, roots, "web.test")
	if got := fetched(c, "https://web.test/", "web.test"); got != "HTTP/3.0 ok" {
		t.Errorf("over QUIC: %q", got)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_tls_handshakes_total{listener="web",version="1.3"} `) {
		t.Errorf("no handshake is counted in\n%s", m)
	}
}

func toHost(t testing.TB, url, host string) *http.Request {
	t.Helper()
	q, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = host
	return q
}

func TestWithoutH3NothingListensOnUDP(t *testing.T) {
	table, roots := pair(t, "web.test")
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n"+saysOK)
	if got := fetched(h3(t, r.g.Addr("web").String(), roots, "web.test"), "https://web.test/", "web.test"); !strings.HasPrefix(got, "error: ") {
		t.Errorf("over QUIC: %q", got)
	}
}

// A name that passthrough takes, such as one whose own listener asks for client certificates, was served
// over QUIC by the listener's own routes; and over TCP on a connection for another name of the certificate.
func TestANameThatIsPassedThroughIsServedOnNoOtherWay(t *testing.T) {
	table, roots := pair(t, "*.shop.test")
	listener := withH3("web", "127.0.0.1:0", table) + saysOK + "[upstreams.db]\nendpoints = \"127.0.0.1:1\"\n"
	r := start(t, listener)
	at := r.g.Addr("web").String()
	before := h3(t, at, roots, "partner.shop.test")
	if got := fetched(before, "https://partner.shop.test/", "partner.shop.test"); got != "HTTP/3.0 ok" {
		t.Fatalf("without a passthrough: %q", got)
	}
	r.reload(listener + "[[listeners.web.passthrough]]\nsni = \"partner.shop.test\"\nupstream = \"db\"\n")
	for _, c := range []struct {
		name            string
		client          *http.Client
		sni, host, want string
	}{
		{"h3 by its name", h3(t, at, roots, "partner.shop.test"), "partner.shop.test", "partner.shop.test", "error: "},
		{"h3 by another name", h3(t, at, roots, "www.shop.test"), "www.shop.test", "partner.shop.test", "misdirected"},
		{"h2 by another name", speaker(t, "h2", roots, "www.shop.test"), "", "partner.shop.test", "misdirected"},
		{"h3 for a name of ours", h3(t, at, roots, "www.shop.test"), "www.shop.test", "www.shop.test", "HTTP/3.0 ok"},
		{"h3 for two names of ours", h3(t, at, roots, "www.shop.test"), "www.shop.test", "api.shop.test", "HTTP/3.0 ok"},
	} {
		url := "https://" + c.sni + "/"
		if c.sni == "" {
			url = "https://" + at + "/"
		}
		if got := fetched(c.client, url, c.host); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestHTTP3ComesAndGoesWithReloads(t *testing.T) {
	table, roots := pair(t, "web.test")
	without := "[listeners.web]\n" + any0 + "tls.certificates = " + table + "\n" + saysOK
	r := start(t, without)
	at := r.g.Addr("web").String()
	r.reload(withH3("web", "127.0.0.1:0", table) + saysOK)
	stays := h3(t, at, roots, "web.test")
	if got := fetched(stays, "https://web.test/", "web.test"); got != "HTTP/3.0 ok" {
		t.Fatalf("a listener that has got h3 by a reload answers %q", got)
	}
	r.reload(withH3("web", "127.0.0.1:0", table) + strings.Replace(saysOK, "ok", "new", 1))
	if got := fetched(stays, "https://web.test/", "web.test"); got != "HTTP/3.0 new" {
		t.Errorf("a connection from before a reload gets %q", got)
	}
	if n := strings.Count(r.metrics(), `weir_listener_connections_total{listener="web"} 1`); n != 1 {
		t.Errorf("the client had to connect anew")
	}
	r.reload(without)
	if got := fetched(h3(t, at, roots, "web.test"), "https://web.test/", "web.test"); !strings.HasPrefix(got, "error: ") {
		t.Errorf("a listener that has lost h3 answers %q", got)
	}
	until(t, "the connection has gone", func() bool {
		return strings.Contains(r.metrics(), `weir_listener_connections_active{listener="web"} 0`)
	})
	pc, err := net.ListenPacket("udp4", at)
	if err != nil {
		t.Errorf("the port is not free: %v", err)
	} else {
		_ = pc.Close()
	}
}

func TestAUDPPortGoesOverToAListenerWithAnotherName(t *testing.T) {
	table, roots := pair(t, "web.test")
	at := free(t)
	r := start(t, withH3("web", at, table)+saysOK)
	if got := fetched(h3(t, at, roots, "web.test"), "https://web.test/", "web.test"); got != "HTTP/3.0 ok" {
		t.Fatalf("got %q", got)
	}
	r.reload(withH3("renamed", at, table) + saysOK)
	if got := fetched(h3(t, at, roots, "web.test"), "https://web.test/", "web.test"); got != "HTTP/3.0 ok" {
		t.Errorf("got %q", got)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_connections_total{listener="renamed"} 1`) {
		t.Errorf("the new connection is not the other listener's:\n%s", m)
	}
}

func TestAReloadWhoseUDPPortIsTakenIsRefusedAndChangesNothing(t *testing.T) {
	table, roots := pair(t, "web.test")
	r := start(t, withH3("web", "127.0.0.1:0", table)+saysOK)
	at := r.g.Addr("web").String()
	taken, err := net.ListenPacket("udp4", free(t))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.write(withH3("web", "127.0.0.1:0", table) + withH3("more", taken.LocalAddr().String(), table) + saysOK)
	v := r.g.Reload()
	if v.OK || len(v.Problems) != 1 || !strings.Contains(v.Problems[0].Text, "listener more: address "+taken.LocalAddr().String()+" over UDP: address already in use") {
		t.Errorf("the verdict is %+v", v)
	}
	if got := fetched(h3(t, at, roots, "web.test"), "https://web.test/", "web.test"); got != "HTTP/3.0 ok" {
		t.Errorf("got %q", got)
	}
}

func TestAStopLetsARequestOverHTTP3End(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	slow := slowEndpoint(t, arrived, answer)
	table, roots := pair(t, "web.test")
	r := start(t, withH3("web", "127.0.0.1:0", table)+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+slow+"\"\n")
	got := make(chan string, 1)
	go func() { // ends with the answer
		got <- fetched(h3(t, r.g.Addr("web").String(), roots, "web.test"), "https://web.test/", "web.test")
	}()
	<-arrived
	r.stop()
	until(t, "draining", func() bool { ok, _ := r.g.Ready(); return !ok })
	close(answer)
	if got := <-got; got != "HTTP/3.0 slow" {
		t.Errorf("the request that was under way got %q", got)
	}
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway does not end")
	}
}

// slowEndpoint is an endpoint whose answer waits for the test.
func slowEndpoint(t testing.TB, arrived chan<- struct{}, answer <-chan struct{}) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-answer
		_, _ = io.WriteString(w, "slow")
	})}
	go func() { _ = s.Serve(l) }() // ends with the test
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}
