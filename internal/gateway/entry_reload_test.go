package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keeper asks again and again on one connection until stop, and counts what did not go well.
type keeper struct {
	name         string
	ask          func() error
	served       atomic.Int64
	failed, stop atomic.Bool
}

func (k *keeper) run(t *testing.T) {
	for !k.stop.Load() {
		if err := k.ask(); err != nil {
			t.Errorf("%s after %d answers: %v", k.name, k.served.Load(), err)
			k.failed.Store(true)
			return
		}
		k.served.Add(1)
	}
}

// keptHTTP asks over and over by a client whose first connection must last: a dial after the first is an error.
func keptHTTP(t *testing.T, c *http.Client, url, host string) func() error {
	t.Helper()
	tr := c.Transport.(*http.Transport)
	if tr.Protocols.HTTP1() {
		return keptWire(t, tr.TLSClientConfig, url, host)
	}
	var dials atomic.Int64
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if n := dials.Add(1); n > 1 {
			return nil, fmt.Errorf("the connection was lost: dial %d", n)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return func() error {
		q, err := http.NewRequest("GET", url, nil)
		if err != nil {
			return err
		}
		q.Host = host
		res, err := c.Do(q)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
			return fmt.Errorf("status %d, %v", res.StatusCode, err)
		}
		return nil
	}
}

// keptWire does the same for HTTP/1.1, on a connection of its own: the library's client gives one up whose request it has
// not seen written within 50 ms, which is nothing to a busy machine.
func keptWire(t *testing.T, secure *tls.Config, url, host string) func() error {
	t.Helper()
	address := strings.Trim(url[strings.Index(url, "//")+2:], "/")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if strings.HasPrefix(url, "https:") {
		conn = tls.Client(conn, secure)
	}
	back := bufio.NewReader(conn)
	return func() error {
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(back, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 || res.Close {
			return fmt.Errorf("status %d, close %v, %v", res.StatusCode, res.Close, err)
		}
		return nil
	}
}

// keptSession echoes over and over on one session.
func keptSession(c net.Conn) func() error {
	back := bufio.NewReader(c)
	return func() error {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "and back\n"); err != nil {
			return err
		}
		line, err := back.ReadString('\n')
		if err == nil && line != "and back\n" {
			err = fmt.Errorf("got %q back", line)
		}
		return err
	}
}

// What connections are offered, where they are passed through to and who must say a PROXY header changes under
// connections of every kind, none of which notices.
func TestReloadsOfWhatAPortSpeaksLoseNoConnection(t *testing.T) {
	table, roots := pair(t, "web.test")
	other, _ := pair(t, "other.test")
	db, dbRoots := database(t, "db.test")
	raw := echo(t)
	web, plain, tcp := free(t), free(t), free(t)
	const route = "[[routes]]\nrespond.body = \"ok\"\n"
	config := func(web1, plain1, tcp1 string) string {
		return "shutdown.grace = \"20s\"\n[listeners.web]\naddress = \"" + web + "\"\n" + web1 + "\n[listeners.plain]\naddress = \"" + plain + "\"\n" + plain1 +
			"\n[listeners.raw]\nkind = \"tcp\"\naddress = \"" + tcp + "\"\n" + tcp1 + "\n" + route +
			"[upstreams.db]\nendpoints = \"" + db + "\"\n[upstreams.raw]\nendpoints = \"" + raw + "\"\n"
	}
	const passes = "\npassthrough = { sni = \"db.test\", upstream = \"db\" }"
	base := config("tls.certificates = "+table+passes, "", "upstream = \"raw\"\ntls.certificates = "+table)
	r := start(t, base)
	secure, err := r.dial("raw", "web.test", "", roots)
	if err != nil {
		t.Fatal(err)
	}
	passed, err := r.dial("web", "db.test", "", dbRoots)
	if err != nil {
		t.Fatal(err)
	}
	keepers := []*keeper{
		{name: "h1 over TLS", ask: keptHTTP(t, speaker(t, "h1", roots, "web.test"), "https://"+web+"/", "web.test")},
		{name: "h2", ask: keptHTTP(t, speaker(t, "h2", roots, "web.test"), "https://"+web+"/", "web.test")},
		{name: "h2c", ask: keptHTTP(t, speaker(t, "h2c", nil, ""), "http://"+plain+"/", "web.test")},
		{name: "h1", ask: keptHTTP(t, speaker(t, "h1", nil, ""), "http://"+plain+"/", "web.test")},
		{name: "a session inside TLS", ask: keptSession(secure)},
		{name: "a session passed through", ask: keptSession(passed)},
	}
	var all sync.WaitGroup
	for _, k := range keepers {
		all.Go(func() { k.run(t) }) // ends with stop
	}
	tlsWeb := func(more string) string { return "tls.certificates = " + table + more }
	tcpTLS := "upstream = \"raw\"\ntls.certificates = " + table
	for _, c := range []struct{ name, config string }{
		{"no passthrough", config(tlsWeb(""), "", tcpTLS)},
		{"another passthrough", config(tlsWeb("\npassthrough = { sni = \"db.test\", upstream = \"raw\" }"), "", tcpTLS)},
		{"other certificates", config("tls.certificates = ["+table+", "+other+"]"+passes, "", "upstream = \"raw\"\ntls.certificates = "+other)},
		{"another version", config(tlsWeb("\ntls.min_version = \"1.3\"\ntls.handshakes_per_client = 5"), "", tcpTLS+"\ntls.handshake_timeout = \"1s\"")},
		{"h1 alone", config(tlsWeb("\nprotocols = \"h1\""), "protocols = \"h1\"", tcpTLS)},
		{"h2 alone", config(tlsWeb("\nprotocols = \"h2\""), "protocols = \"h2\"", tcpTLS)},
		{"h3 as well", config(tlsWeb("\nprotocols = [\"h1\", \"h2\", \"h3\"]"), "", tcpTLS)},
		{"PROXY headers", config(tlsWeb("\naccept_proxy_protocol = \"127.0.0.1\""), "accept_proxy_protocol = \"127.0.0.1\"", tcpTLS+"\naccept_proxy_protocol = \"127.0.0.1\"")},
		{"sessions without TLS", config(tlsWeb(passes), "", "upstream = \"raw\"")},
		{"requests without TLS", config("", "", tcpTLS)},
		{"as before", base},
	} {
		r.reload(c.config)
		for _, k := range keepers {
			from := k.served.Load()
			until(t, k.name+" goes on under "+c.name, func() bool { return k.served.Load() > from+2 || k.failed.Load() })
		}
	}
	for _, k := range keepers {
		k.stop.Store(true)
	}
	all.Wait()
}

// A listener that begins to redirect answers so from the next request on, also on connections that there are.
func TestAListenerBeginsToRedirectByAReload(t *testing.T) {
	table, _ := pair(t, "web.test")
	plain := free(t)
	config := func(more string) string {
		return "[listeners.plain]\naddress = \"" + plain + "\"\n" + more + "[listeners.web]\n" + any0 + "tls.certificates = " + table + "\n[[routes]]\nrespond.body = \"ok\"\n"
	}
	r := start(t, config(""))
	c := speaker(t, "h1", nil, "")
	for _, step := range []struct {
		config string
		want   int
	}{{config(""), 200}, {config("redirect_to_https = true\n"), 308}, {config(""), 200}} {
		r.reload(step.config)
		res, err := c.Get("http://" + plain + "/a?b")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != step.want {
			t.Errorf("status %d, want %d", res.StatusCode, step.want)
		}
	}
}

// A session that is passed through keeps a listener's place from nobody: it lives on when the listener is gone.
func TestASessionThatIsPassedThroughOutlivesItsListener(t *testing.T) {
	table, _ := pair(t, "web.test")
	db, dbRoots := database(t, "db.test")
	rest := "[listeners.other]\n" + any0 + "[[routes]]\nrespond.body = \"ok\"\n[upstreams.db]\nendpoints = \"" + db + "\"\n"
	web := "[listeners.web]\n" + any0 + "tls.certificates = " + table + "\npassthrough = { sni = \"db.test\", upstream = \"db\" }\n"
	r := start(t, web+rest)
	s, err := r.dial("web", "db.test", "", dbRoots)
	if err != nil {
		t.Fatal(err)
	}
	s.echoes("before")
	slots := func() (n int) {
		r.g.mu.Lock()
		defer r.g.mu.Unlock()
		for _, s := range r.g.slots {
			if s != nil {
				n++
			}
		}
		return n
	}
	r.reload(rest)
	until(t, "the listener's place is free", func() bool { return slots() == 1 })
	s.echoes("and after")
}

// A client that stays silent where a hello or a header is due does not keep Weir from stopping.
func TestConnectionsThatHaveNotBegunAreCutWithTheRest(t *testing.T) {
	table, _ := pair(t, "web.test")
	r := start(t, "shutdown.grace = \"100ms\"\n[listeners.web]\n"+any0+"tls = { certificates = "+table+", handshake_timeout = \"1h\" }\n"+
		"passthrough = { sni = \"db.test\", upstream = \"db\" }\n[listeners.raw]\nkind = \"tcp\"\n"+any0+"passthrough = { sni = \"db.test\", upstream = \"db\" }\n"+
		"[listeners.safe]\nkind = \"tcp\"\n"+any0+"upstream = \"db\"\ntls.certificates = "+table+
		"\n[[routes]]\nrespond.body = \"ok\"\n[upstreams.db]\nendpoints = \"127.0.0.1:1\"\n")
	for _, l := range []string{"web", "raw", "safe"} {
		r.session(l)
		c := r.session(l)
		_, _ = c.Write([]byte{22, 3, 1}) // half a record's head
	}
	until(t, "all are there", func() bool {
		n := int64(0)
		for _, s := range r.g.Status().Listeners {
			n += s.Connections
		}
		return n == 6
	})
	begun := time.Now()
	r.stop()
	<-r.ended
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v to stop", d)
	}
	if strings.Contains(r.log.String(), "did not end") {
		t.Error(r.log.String())
	}
}
