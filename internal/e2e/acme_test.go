//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"weir/internal/certs/acme/pebble"
)

// The ports that authorities check, on the child's own address.
const (
	acmeHTTP  = 8080
	acmeHTTPS = 8443
)

// issuance is how long a test waits for a certificate: some calls, checks and signatures, on a busy
// machine.
const issuance = 60 * time.Second

// acmeConfig serves TLS beside a listener that redirects to it; {acme} is the rest of the acme table.
const acmeConfig = `
state_dir = "{dir}/state"
[listeners.plain]
address = "{ip}:8080"
redirect_to_https = true
[listeners.web]
address = "{ip}:8443"
[listeners.web.tls.acme]
directory = "{directory}"
ca = "{ca}"
{acme}
[[routes]]
respond = { status = 200, body = "served\n" }
`

// certified prepares a weir and starts an authority that checks it.
func certified(t *testing.T, o pebble.Options, acme string) (*child, *pebble.Authority) {
	t.Helper()
	c := prepare(t, "")
	o.IP, o.HTTPPort, o.TLSPort = c.ip, acmeHTTP, acmeHTTPS
	a := pebble.Start(t, o)
	c.vars = []string{"directory", a.Directory, "ca", a.CA, "acme", acme, "hook", quoted(a.Hook())}
	c.write(strings.Replace(acmeConfig, "{acme}", acme, 1))
	return c, a
}

// quoted writes a list as TOML does.
func quoted(list []string) string {
	text, _ := json.Marshal(list) // strings marshal
	return string(text)
}

// run starts the child and waits until it serves, whatever its certificates do.
func (c *child) run() {
	c.t.Helper()
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
}

// shown does one handshake for host and returns what the child shows, checked against roots unless
// those are nil.
func (c *child) shown(host string, roots *x509.CertPool) (*x509.Certificate, error) {
	config := &tls.Config{ServerName: host, RootCAs: roots, InsecureSkipVerify: roots == nil}
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	nc, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", c.at(acmeHTTPS))
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	return nc.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// awaitCertified returns when all hosts are shown certificates for them.
func (c *child) awaitCertified(roots *x509.CertPool, hosts ...string) {
	c.t.Helper()
	for _, h := range hosts {
		eventuallyIn(c.t, issuance, "a certificate for "+h, func() bool {
			_, err := c.shown(h, roots)
			return err == nil
		})
	}
}

// client is one of a host at the child's HTTPS port.
func (c *child) httpsClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			ForceAttemptHTTP2: true,
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, _ := net.SplitHostPort(address) // it comes from a URL with a port
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(c.ip, port))
			},
		},
	}
}

// fetched returns status, protocol and body of what a URL answers.
func fetched(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Proto, strings.TrimSpace(string(body)))
}

func TestACMEHostsAreServedOnceTheirCertificatesCome(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		t.Run(challenge, func(t *testing.T) {
			hosts := []string{"one.weir.test", "two.weir.test", "three.weir.test"}
			c, a := certified(t, pebble.Options{}, fmt.Sprintf("hosts = %s\nchallenges = %q", quoted(hosts), challenge))
			c.run()
			roots := a.Roots()
			c.awaitCertified(roots, hosts...)
			client := c.httpsClient(roots)
			for _, h := range hosts {
				// The plain port leads here, to the same host, and answers nothing else.
				if got := fetched(t, client, fmt.Sprintf("http://%s:%d/a?b=c", h, acmeHTTP)); got != "200 HTTP/2.0 served" {
					t.Errorf("%s answers %q", h, got)
				}
			}
			if _, err := c.shown("other.weir.test", nil); err == nil {
				t.Error("a host that is not listed gets a certificate")
			}
			c.hostsFare(hosts, func(s hostStatus) bool { return s.Trouble == "" && time.Until(s.Expires) > 24*time.Hour })
			for _, h := range hosts {
				series := fmt.Sprintf(`weir_certificate_expiry_timestamp_seconds{listener="web",certificate=%q}`, h)
				if at := time.Unix(int64(c.metrics()[series]), 0); time.Until(at) < 24*time.Hour {
					t.Errorf("%s is %v", series, at)
				}
			}
		})
	}
}

// hostStatus is how the admin API shows a certificate.
type hostStatus struct {
	Names   []string
	Expires time.Time
	Trouble string
}

// hostsFare fails the test unless what status says of just these hosts is as it should be.
func (c *child) hostsFare(hosts []string, well func(hostStatus) bool) {
	c.t.Helper()
	_, body := c.admin("GET", "/status")
	var status struct {
		Listeners []struct{ Certificates []hostStatus }
	}
	if err := json.Unmarshal(body, &status); err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
	left := map[string]bool{}
	for _, h := range hosts {
		left[h] = true
	}
	for _, l := range status.Listeners {
		for _, s := range l.Certificates {
			if !well(s) {
				c.t.Errorf("status says %+v", s)
			}
			delete(left, s.Names[0])
		}
	}
	if len(left) > 0 {
		c.t.Errorf("status says nothing of %v:\n%s", left, body)
	}
}

// One port takes hosts of an authority, over TCP and QUIC, and passes others through.
func TestACMESharesItsPortWithHTTP3AndPassthrough(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, "")
	own := certificate(t, c.dir, "raw.weir.test")
	behind, err := tls.LoadX509KeyPair(filepath.Join(c.dir, "cert.pem"), filepath.Join(c.dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	raw := httptest.NewUnstartedServer(http.NotFoundHandler())
	raw.TLS = &tls.Config{Certificates: []tls.Certificate{behind}}
	raw.StartTLS()
	defer raw.Close()
	text := strings.Replace(acmeConfig, "{acme}", `hosts = "one.weir.test"`+"\nchallenges = \"tls-alpn-01\"", 1)
	text = strings.Replace(text, "[listeners.web.tls.acme]", "protocols = [\"h1\", \"h2\", \"h3\"]\npassthrough = [{ sni = \"raw.weir.test\", upstream = \"raw\" }]\n[listeners.web.tls.acme]", 1)
	c.write(text + "[upstreams.raw]\nendpoints = [\"" + raw.Listener.Addr().String() + "\"]\n")
	c.run()
	roots := a.Roots()
	c.awaitCertified(roots, "one.weir.test")
	if _, err := c.shown("raw.weir.test", own.RootCAs); err != nil {
		t.Error("what is passed through:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	q, err := quic.DialAddr(ctx, c.at(acmeHTTPS), &tls.Config{ServerName: "one.weir.test", RootCAs: roots, NextProtos: []string{"h3"}}, nil)
	if err != nil {
		t.Fatal("over QUIC:", err)
	}
	_ = q.CloseWithError(0, "") // it was only to see
}

func TestACMERenewsUnderHandshakesOfWhichNoneFails(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{Lifetime: 15 * time.Second}, `hosts = "one.weir.test"`)
	c.run()
	roots := a.Roots()
	c.awaitCertified(roots, "one.weir.test")
	serials := map[string]bool{}
	shaken, failed := 0, 0
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for deadline := time.Now().Add(issuance); len(serials) < 3 && time.Now().Before(deadline); {
		<-pace.C
		leaf, err := c.shown("one.weir.test", roots)
		if shaken++; err != nil {
			failed++
			t.Log(err)
			continue
		}
		serials[leaf.SerialNumber.String()] = true
	}
	t.Logf("%d handshakes, %d certificates", shaken, len(serials))
	if len(serials) < 3 || failed > 0 {
		t.Errorf("%d of %d handshakes failed, %d certificates were seen", failed, shaken, len(serials))
	}
}

func TestACMEWithoutAnAuthorityServesWhatThereIs(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, `hosts = "one.weir.test"`)
	c.run()
	roots := a.Roots()
	c.awaitCertified(roots, "one.weir.test")
	first, err := c.shown("one.weir.test", roots)
	if err != nil {
		t.Fatal(err)
	}
	a.Kill()

	// A restart serves from the storage; a new host waits and keeps nobody from serving.
	c.signal(syscall.SIGTERM)
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("weir ended with %d", code)
	}
	c.write(strings.Replace(acmeConfig, "{acme}", `hosts = ["one.weir.test", "two.weir.test"]`, 1))
	c.run()
	if again, err := c.shown("one.weir.test", roots); err != nil || !again.Equal(first) {
		t.Errorf("after a restart the old certificate is gone: %v", err)
	}
	eventually(t, "the log tells", func() bool { return strings.Contains(c.stderr.String(), "certificate can't be obtained") })
	if _, err := c.shown("two.weir.test", nil); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("a host without a certificate gets %v", err)
	}
	c.hostsFare([]string{"one.weir.test", "two.weir.test"}, func(s hostStatus) bool {
		return (s.Trouble == "") == (s.Names[0] == "one.weir.test")
	})

	// When it comes back, without knowing us, the new host gets its certificate.
	a.Revive()
	c.awaitCertified(a.Roots(), "two.weir.test")
}

func TestACMEHostsComeAndGoWithReloads(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, `hosts = "one.weir.test"`)
	c.run()
	roots := a.Roots()
	c.awaitCertified(roots, "one.weir.test")
	first, err := c.shown("one.weir.test", roots)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ acme, gone string }{
		{`hosts = ["one.weir.test", "two.weir.test"]`, ""},
		{`hosts = ["two.weir.test", "three.weir.test"]`, "one.weir.test"},
	} {
		c.write(strings.Replace(acmeConfig, "{acme}", step.acme, 1))
		c.mustReload()
		c.awaitCertified(roots, strings.Split(strings.Trim(step.acme[len("hosts = "):], `[]"`), `", "`)...)
		if step.gone == "" {
			if again, err := c.shown("one.weir.test", roots); err != nil || !again.Equal(first) {
				t.Errorf("a host that stays got another certificate: %v", err)
			}
		} else if _, err := c.shown(step.gone, nil); err == nil {
			t.Errorf("%s is still served", step.gone)
		}
	}
	before := strings.Count(c.stderr.String(), "certificate obtained")
	for range 3 {
		c.mustReload()
	}
	if now := strings.Count(c.stderr.String(), "certificate obtained"); now != before || before != 3 {
		t.Errorf("%d certificates were obtained, %d before reloads that change nothing", now, before)
	}
}

func TestACMEObtainsWildcardsByADNSProgram(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, "")
	c.write(strings.Replace(acmeConfig, "{acme}", `hosts = ["*.weir.test", "weir.test"]
dns = { exec = {hook}, propagation = "0s" }`, 1))
	c.run()
	c.awaitCertified(a.Roots(), "any.weir.test", "weir.test")
}

// Killed in the middle, Weir leaves a lock in the storage and a record in the DNS; neither may keep
// the next one from obtaining.
func TestACMEGoesOnAfterItWasKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, "")
	write := func(propagation string) {
		table := fmt.Sprintf("hosts = \"one.weir.test\"\ndns = { exec = {hook}, propagation = %q }", propagation)
		c.write(strings.Replace(acmeConfig, "{acme}", table, 1))
	}
	write("1h")
	c.run()
	eventuallyIn(t, issuance, "an attempt is under way", func() bool {
		locks, err := filepath.Glob(filepath.Join(c.dir, "state", "acme", "locks", "issue_cert*"))
		return err == nil && len(locks) == 1
	})
	c.signal(syscall.SIGKILL)
	c.awaitExit(patience)
	write("0s")
	c.run()
	c.awaitCertified(a.Roots(), "one.weir.test")
}

func TestACMEOnDemandObtainsOnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	c, a := certified(t, pebble.Options{}, `on_demand = { hosts = "*.shop.test" }`)
	c.run()
	roots := a.Roots()
	for i, host := range []string{"evil.test", "shop.test", "a.b.shop.test", "shop.test.evil.test"} {
		if _, err := c.shown(host, nil); err == nil {
			t.Errorf("%d: %s gets a certificate", i, host)
		}
	}
	if strings.Contains(c.stderr.String(), "certificate obtained") {
		t.Error("a host that is not allowed was obtained")
	}
	for i := range 3 {
		host := "customer" + strconv.Itoa(i) + ".shop.test"
		if got := fetched(t, c.httpsClient(roots), fmt.Sprintf("https://%s:%d/", host, acmeHTTPS)); got != "200 HTTP/2.0 served" {
			t.Errorf("%s answers %q", host, got)
		}
	}
}
