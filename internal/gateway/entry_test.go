package gateway

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/proxyproto"
)

// speaker is a client that speaks one version of HTTP: "h1", "h2", "h2c" or, over TLS, "any".
func speaker(t testing.TB, protocol string, roots *x509.CertPool, host string) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(protocol == "h1" || protocol == "any")
	p.SetHTTP2(protocol == "h2" || protocol == "any")
	p.SetUnencryptedHTTP2(protocol == "h2c")
	tr := &http.Transport{Protocols: p, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// fetched returns the version and the body of an answer, or the error.
func fetched(c *http.Client, url, host string) string {
	q, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err.Error()
	}
	q.Host = host
	res, err := c.Do(q)
	if err != nil {
		return "error: " + err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "error: " + err.Error()
	}
	return res.Proto + " " + string(body)
}

func TestAListenerSpeaksTheProtocolsThatItsConfigNames(t *testing.T) {
	table, roots := pair(t, "web.test")
	const route = "[[routes]]\nrespond.body = \"ok\"\n"
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n[listeners.plain]\n"+any0+route)
	for _, c := range []struct{ protocols, client, want string }{
		{"", "any", "HTTP/2.0 ok"},
		{"", "h1", "HTTP/1.1 ok"},
		{"", "h2", "HTTP/2.0 ok"},
		{`["h1"]`, "any", "HTTP/1.1 ok"},
		{`["h1"]`, "h2", "error: "},
		{`["h2"]`, "any", "HTTP/2.0 ok"},
		{`["h2", "h1"]`, "any", "HTTP/2.0 ok"},
		{"", "h2c", "HTTP/2.0 ok"},
		{`["h1"]`, "h2c", "error: "},
		{`["h2"]`, "h2c", "HTTP/2.0 ok"},
	} {
		protocols := ""
		if c.protocols != "" {
			protocols = "protocols = " + c.protocols + "\n"
		}
		r.reload("[listeners.web]\n" + any0 + protocols + "tls.certificates = " + table + "\n[listeners.plain]\n" + any0 + protocols + route)
		url := "https://" + r.g.Addr("web").String() + "/"
		if c.client == "h2c" {
			url = "http://" + r.g.Addr("plain").String() + "/"
		}
		if got := fetched(speaker(t, c.client, roots, "web.test"), url, "web.test"); !strings.HasPrefix(got, c.want) {
			t.Errorf("protocols = %s and a client of %s: %q, want %q", c.protocols, c.client, got, c.want)
		}
	}
}

func TestAHostThatTheCertificateDoesNotCoverIsMisdirected(t *testing.T) {
	first, roots := pair(t, "web.test")
	second, _ := pair(t, "*.shop.test")
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = ["+first+", "+second+"]\n[[routes]]\nrespond.body = \"ok\"\n")
	for _, protocol := range []string{"h1", "h2"} {
		c := speaker(t, protocol, roots, "web.test")
		for host, want := range map[string]string{
			"web.test": " ok", "WEB.test:443": " ok", "a.shop.test": "misdirected", "else.test": "misdirected", "192.0.2.1": "misdirected",
		} {
			if got := fetched(c, "https://"+r.g.Addr("web").String()+"/", host); !strings.Contains(got, want) {
				t.Errorf("%s: a client that asked for web.test wants %s: %q, want %q", protocol, host, got, want)
			}
		}
	}
}

func TestPlainHTTPOnATLSPortIsAnsweredThatItIsOne(t *testing.T) {
	table, _ := pair(t, "web.test")
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n[[routes]]\nrespond.body = \"ok\"\n")
	status, body := r.get("web", "/")
	if status != 400 || !strings.Contains(body, "plain_on_tls") {
		t.Errorf("got %d %q, want 400 with the reason", status, body)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_tls_handshake_failures_total{listener="web",reason="not_tls"} 1`) {
		t.Error("it is not counted as what it is")
	}
}

func TestARedirectToHTTPSKeepsHostPathAndQuery(t *testing.T) {
	table, _ := pair(t, "web.test")
	at := free(t)
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, "access_log.path = \"-\"\n[listeners.plain]\n"+any0+"redirect_to_https = true\n[listeners.web]\naddress = \""+at+"\"\ntls.certificates = "+table+
		"\n[[routes]]\nrespond.body = \"ok\"\n")
	for _, c := range []struct{ method, host, path, want string }{
		{"GET", "shop.test", "/", "https://shop.test:" + port + "/"},
		{"GET", "shop.test:8080", "/a/b?x=1&y=%2F", "https://shop.test:" + port + "/a/b?x=1&y=%2F"},
		{"POST", "SHOP.test", "/a%20b", "https://shop.test:" + port + "/a%20b"},
		{"OPTIONS", "[::1]:80", "/x", "https://[::1]:" + port + "/x"},
	} {
		q, err := http.NewRequest(c.method, r.url("plain", c.path), nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = c.host
		res, err := speaker(t, "h1", nil, "").Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Get("Location"); res.StatusCode != 308 || got != c.want {
			t.Errorf("%s %s%s: %d to %q, want 308 to %q", c.method, c.host, c.path, res.StatusCode, got, c.want)
		}
	}
	until(t, "a line", func() bool { return strings.Contains(r.access.String(), `"route":"redirect_to_https"`) })
}

// database is a TLS server that sends back what it gets, and the name of the certificate that it has.
func database(t testing.TB, host string) (address string, roots *x509.CertPool) {
	t.Helper()
	table, roots := pair(t, host)
	file := strings.Split(table, `"`)[1]
	cert, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"postgresql", "h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String(), roots
}

// dial shakes hands with a listener, asking for host and offering a protocol.
func (r *rig) dial(listener, host, protocol string, roots *x509.CertPool) (*session, error) {
	r.t.Helper()
	cfg := &tls.Config{ServerName: host, RootCAs: roots}
	if protocol != "" {
		cfg.NextProtos = []string{protocol}
	}
	c, err := tls.Dial("tcp", r.g.Addr(listener).String(), cfg)
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return &session{r.t, c}, nil
}

func TestOnePortEndsTLSAndPassesOtherNamesThrough(t *testing.T) {
	table, webRoots := pair(t, "web.test")
	db, dbRoots := database(t, "db.test")
	r := start(t, "access_log.path = \"-\"\n[listeners.web]\n"+any0+"tls.certificates = "+table+
		"\n[[listeners.web.passthrough]]\nsni = [\"DB.test\", \"*.raw.test\"]\nupstream = \"db\"\n"+
		"[[listeners.web.passthrough]]\nalpn = \"postgresql\"\nupstream = \"db\"\n"+
		"[[routes]]\nrespond.body = \"ok\"\n[upstreams.db]\nendpoints = \""+db+"\"\n")
	if got := fetched(speaker(t, "any", webRoots, "web.test"), "https://"+r.g.Addr("web").String()+"/", "web.test"); got != "HTTP/2.0 ok" {
		t.Errorf("the name that ends here: %q", got)
	}
	for _, c := range []struct{ sni, alpn, verify string }{
		{"db.test", "", "db.test"},
		{"db.test", "h2", "db.test"},
		{"web.test", "postgresql", "db.test"},
		{"a.raw.test", "", "db.test"},
	} {
		raw, err := net.Dial("tcp", r.g.Addr("web").String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		cfg := &tls.Config{ServerName: c.sni, InsecureSkipVerify: true}
		if c.alpn != "" {
			cfg.NextProtos = []string{c.alpn}
		}
		s := tls.Client(raw, cfg)
		if err := s.Handshake(); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if _, err := s.ConnectionState().PeerCertificates[0].Verify(x509.VerifyOptions{Roots: dbRoots, DNSName: c.verify}); err != nil {
			t.Errorf("%+v is not passed through: %v", c, err)
		}
		(&session{t, s}).echoes("inside")
		_ = s.Close()
	}
	until(t, "lines for the sessions", func() bool { return strings.Count(r.access.String(), `"proto":"tcp"`) == 4 })
	for _, want := range []string{`"host":"db.test"`, `"host":"a.raw.test"`, `"upstream":"db"`, `"endpoint":"` + db + `"`} {
		if !strings.Contains(r.access.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, r.access)
		}
	}
	if m := r.metrics(); strings.Contains(m, `weir_listener_bytes_in_total{listener="web"} 0`) {
		t.Error("the bytes of the sessions are not counted")
	}
}

func TestATCPListenerSendsSessionsByTheirHelloAlone(t *testing.T) {
	db, dbRoots := database(t, "db.test")
	other := echo(t)
	config := func(more string) string {
		return "[listeners.raw]\nkind = \"tcp\"\n" + any0 + more + "passthrough = { sni = \"db.test\", upstream = \"db\" }\n" +
			"[upstreams.db]\nendpoints = \"" + db + "\"\n[upstreams.other]\nendpoints = \"" + other + "\"\n"
	}
	r := start(t, config(""))
	s, err := r.dial("raw", "db.test", "", dbRoots)
	if err != nil {
		t.Fatal(err)
	}
	s.echoes("by name")
	if _, err := r.dial("raw", "else.test", "", dbRoots); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a name that nobody takes: %v, want the alert unrecognized name", err)
	}
	if want := `weir_listener_tls_handshake_failures_total{listener="raw",reason="unknown_name"} 1`; !strings.Contains(r.metrics(), want) {
		t.Errorf("the metrics lack %s", want)
	}
	r.reload(config("upstream = \"other\"\n"))
	s.echoes("still there")
	plain := r.session("raw")
	plain.echoes("no hello at all")
}

func TestATCPListenerEndsTLS(t *testing.T) {
	table, roots := pair(t, "db.test")
	r := start(t, "access_log.path = \"-\"\n[listeners.db]\nkind = \"tcp\"\n"+any0+"upstream = \"echo\"\ntls.certificates = "+table+
		"\n[upstreams.echo]\nendpoints = \""+echo(t)+"\"\n")
	s, err := r.dial("db", "db.test", "", roots)
	if err != nil {
		t.Fatal(err)
	}
	s.echoes("inside TLS")
	next, again := pair(t, "db.test")
	r.reload("[listeners.db]\nkind = \"tcp\"\n" + any0 + "upstream = \"echo\"\ntls.certificates = " + next + "\n[upstreams.echo]\nendpoints = \"" + echo(t) + "\"\n")
	s.echoes("under the old certificate")
	t2, err := r.dial("db", "db.test", "", again)
	if err != nil {
		t.Fatal(err)
	}
	t2.echoes("under the new one")
	_ = s.Close()
	until(t, "the metrics of handshakes", func() bool {
		return strings.Contains(r.metrics(), `weir_listener_tls_handshakes_total{listener="db",version="1.3"} 2`)
	})
}

// proxied dials a listener and sends a PROXY header before everything else.
func (r *rig) proxied(listener string, header []byte) net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.g.Addr(listener).String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write(header); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// header is a PROXY header of a client at 203.0.113.7.
func header(version int, authority string) []byte {
	return proxyproto.Append(nil, version, &proxyproto.Header{
		Source: netip.MustParseAddrPort("203.0.113.7:4711"), Destination: netip.MustParseAddrPort("192.0.2.1:443"), Authority: authority,
	})
}

// get asks on a connection and returns the answer's body, or "closed".
func get(t testing.TB, c net.Conn, request string) string {
	t.Helper()
	_, _ = io.WriteString(c, request) // it may be closed already
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "closed"
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return string(body)
}

func TestPROXYHeadersAreTakenFromThoseWhoMayAndRefusedFromOthers(t *testing.T) {
	config := func(from string) string {
		return "[listeners.web]\n" + any0 + "accept_proxy_protocol = \"" + from + "\"\n" +
			"[[routes]]\nmatch.clients = \"203.0.113.0/24\"\nrespond.body = \"believed\"\n[[routes]]\nrespond.body = \"yourself\"\n"
	}
	r := start(t, config("127.0.0.0/8"))
	const request = "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"
	for _, c := range []struct {
		from, header, want string
	}{
		{"127.0.0.0/8", string(header(1, "")), "believed"},
		{"127.0.0.0/8", string(header(2, "a.test")), "believed"},
		{"127.0.0.0/8", "", "closed"},
		{"127.0.0.0/8", "PROXY UNKNOWN\r\n", "yourself"},
		{"127.0.0.0/8", "PROXY TCP4 300.0.0.1 192.0.2.1 1 2\r\n", "closed"},
		{"10.0.0.0/8", "", "yourself"},
	} {
		r.reload(config(c.from))
		if got := get(t, r.proxied("web", []byte(c.header)), request); got != c.want {
			t.Errorf("from %s with %q: %q, want %q", c.from, c.header, got, c.want)
		}
	}
	for _, h := range [][]byte{header(1, ""), header(2, "a.test")} {
		if got := get(t, r.proxied("web", h), request); strings.Contains(got, "believed") || strings.Contains(got, "yourself") {
			t.Errorf("a stranger with a header was answered %q", got)
		}
	}
	if m := r.metrics(); !strings.Contains(m, `weir_defences_total{listener="web",kind="proxy_header"} 2`) {
		t.Error("headers that were refused are not counted")
	}
}

func TestPROXYHeadersGoBeforeTLSAndHellos(t *testing.T) {
	table, roots := pair(t, "web.test")
	db, dbRoots := database(t, "db.test")
	r := start(t, "[listeners.web]\n"+any0+"accept_proxy_protocol = \"127.0.0.1\"\ntls.certificates = "+table+
		"\npassthrough = { sni = \"db.test\", upstream = \"db\" }\n"+
		"[[routes]]\nmatch.clients = \"203.0.113.0/24\"\nrespond.body = \"believed\"\n[[routes]]\nrespond.body = \"yourself\"\n"+
		"[upstreams.db]\nendpoints = \""+db+"\"\n")
	secure := tls.Client(r.proxied("web", header(2, "")), &tls.Config{ServerName: "web.test", RootCAs: roots})
	if got := get(t, secure, "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"); got != "believed" {
		t.Errorf("inside TLS: %q, want believed", got)
	}
	s := &session{t, tls.Client(r.proxied("web", header(1, "")), &tls.Config{ServerName: "db.test", RootCAs: dbRoots})}
	s.echoes("passed through behind a header")
}

func TestSessionsBeginWithAPROXYHeaderWhereTheUpstreamWantsOne(t *testing.T) {
	r := start(t, "[listeners.raw]\nkind = \"tcp\"\n"+any0+"upstream = \"echo\"\n[upstreams.echo]\nendpoints = \""+echo(t)+"\"\nsend_proxy_protocol = \"v1\"\n")
	s := r.session("raw")
	line, err := bufio.NewReader(s).ReadString('\n')
	client, here := s.LocalAddr().(*net.TCPAddr), s.RemoteAddr().(*net.TCPAddr)
	want := strings.Join([]string{"PROXY TCP4", client.IP.String(), here.IP.String(), itoa(client.Port), itoa(here.Port)}, " ") + "\r\n"
	if err != nil || line != want {
		t.Errorf("the endpoint got %q, %v; want %q", line, err, want)
	}
}

func itoa(n int) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)).String()[len("0.0.0.0:"):]
}

func TestCertificatesAreToldOfWithTheirExpiry(t *testing.T) {
	table, _ := pair(t, "web.test") // for a week
	soon := newAuthority(t, "soon.test")
	key, err := x509.MarshalPKCS8PrivateKey(soon.key)
	if err != nil {
		t.Fatal(err)
	}
	late := filepath.Join(t.TempDir(), "late.key")
	if err := os.WriteFile(late, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = ["+table+", { cert = \""+soon.file+"\", key = \""+late+"\" }]\n[[routes]]\nrespond.body = \"ok\"\n")
	s := r.g.Status().Listeners[0]
	if len(s.Certificates) != 2 || s.Certificates[0].Names[0] != "web.test" || time.Until(s.Certificates[0].Expires) < time.Hour || len(s.Protocols) != 2 {
		t.Errorf("the status is %+v", s)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_certificate_expiry_timestamp_seconds{listener="web",certificate="web.test"} `) {
		t.Error("the metrics don't say when it expires")
	}
	now := time.Now()
	var c certificates
	for _, at := range []struct {
		when time.Duration
		want string // what is warned of, besides before
	}{
		{0, ""},
		{50 * time.Minute, "expires soon soon.test"},
		{51 * time.Minute, ""},
		{2 * time.Hour, ""}, // a day has not passed
		{26 * time.Hour, "has expired soon.test"},
		{6 * 24 * time.Hour, "expires soon web.test, has expired soon.test"},
	} {
		before := r.log.String()
		c.warn(r.g, now.Add(at.when))
		var got []string
		for line := range strings.Lines(strings.TrimPrefix(r.log.String(), before)) {
			for _, word := range []string{"expires soon", "has expired"} {
				for _, name := range []string{"web.test", "soon.test"} {
					if strings.Contains(line, word) && strings.Contains(line, name) {
						got = append(got, word+" "+name)
					}
				}
			}
		}
		if strings.Join(got, ", ") != at.want {
			t.Errorf("after %v: warned of %q, want %q", at.when, got, at.want)
		}
	}
}

func TestABrokenPairKeepsTheOldOneAndTheStatusSaysSo(t *testing.T) {
	table, roots := pair(t, "web.test")
	file := strings.Split(table, `"`)[1]
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n[[routes]]\nrespond.body = \"ok\"\n")
	if err := os.WriteFile(file, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "trouble in the status", func() bool {
		r.g.certs.Look() // does not wait for the next turn of its own
		c := r.g.Status().Listeners[0].Certificates
		return len(c) == 1 && c[0].Trouble != ""
	})
	if body, err := r.secure("web", "web.test", roots); err != nil || body != "ok" {
		t.Errorf("the old certificate: %q, %v", body, err)
	}
	if m := r.metrics(); !strings.Contains(m, `weir_certificate_broken{listener="web",certificate="web.test"} 1`) {
		t.Error("the metrics don't say that newer files are broken")
	}
}

func TestAPROXYHeaderSaysThatTheClientCameByTLS(t *testing.T) {
	r := start(t, "[listeners.web]\n"+any0+"accept_proxy_protocol = \"127.0.0.1\"\n[[routes]]\nmatch.sni = \"shop.test\"\nredirect.to = \"{scheme}://{host}/by/{tls.sni}\"\n"+
		"[[routes]]\nrespond.body = \"no name\"\n")
	c := r.proxied("web", proxyproto.Append(nil, 2, &proxyproto.Header{
		Source: netip.MustParseAddrPort("203.0.113.7:4711"), Destination: netip.MustParseAddrPort("192.0.2.1:443"), Authority: "Shop.test",
		TLS: &proxyproto.TLS{Version: "TLSv1.3"},
	}))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Location"); got != "https://shop.test/by/shop.test" {
		t.Errorf("sent to %q", got)
	}
}
