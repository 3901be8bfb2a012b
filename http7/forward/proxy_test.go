package forward

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/certs"
	"weir/internal/conf"
	"weir/internal/proxyproto"
	"weir/internal/tlsto"
)

// introduced answers each connection's requests with what it was introduced by.
func introduced(t *testing.T, secure *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // accepts; ends with the listener
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go serveIntroduced(nc, secure)
		}
	}()
	return l.Addr().String()
}

func serveIntroduced(nc net.Conn, secure *tls.Config) {
	defer nc.Close()
	b := make([]byte, 0, 4096)
	var h proxyproto.Header
	for {
		var n int
		var err error
		if h, n, err = proxyproto.Parse(b); err == nil {
			if n != len(b) {
				return
			}
			break
		}
		if err != proxyproto.ErrMore {
			return
		}
		one := b[len(b) : len(b)+1] // no byte more than the header has
		if _, err := io.ReadFull(nc, one); err != nil {
			return
		}
		b = b[:len(b)+1]
	}
	if secure != nil {
		nc = tls.Server(nc, secure)
	}
	says := h.Source.String() + " " + h.Authority
	if h.Local() {
		says = "nobody"
	}
	r := bufio.NewReader(nc)
	for {
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+string("0123456789abcdef"[len(says)/16])+string("0123456789abcdef"[len(says)%16])+"\r\n"+says+"\r\n0\r\n\r\n")
	}
}

func client(port string) *http7.Conn {
	return &http7.Conn{Peer: netip.MustParseAddrPort("192.0.2.1:" + port), Local: netip.MustParseAddrPort("192.0.2.9:443"), SNI: "shop.test"}
}

func TestEndpointsAreToldTheClientByAPROXYHeader(t *testing.T) {
	t.Parallel()
	pair, err := certs.SelfSigned("orders.internal")
	if err != nil {
		t.Fatal(err)
	}
	ca := writePEM(t, "CERTIFICATE", pair.Certificate[0])
	for _, test := range []struct {
		name    string
		version string
		secure  *tls.Config
		from    *http7.Conn
		want    string
	}{
		{"version 1", ProxyV1, nil, client("1000"), "192.0.2.1:1000 "},
		{"version 2", ProxyV2, nil, client("1000"), "192.0.2.1:1000 shop.test"},
		{"version 2 before TLS", ProxyV2, &tls.Config{Certificates: []tls.Certificate{pair}}, client("1000"), "192.0.2.1:1000 shop.test"},
		{"a request of our own", ProxyV2, nil, nil, "nobody"},
		{"a request of our own by version 1", ProxyV1, nil, nil, "nobody"},
		{"a client on a unix socket", ProxyV2, nil, new(http7.Conn), "nobody"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := before(t, introduced(t, test.secure), func(c *Config) {
				c.SendProxyProtocol = test.version
				if test.secure != nil {
					c.TLS = &tlsto.Config{ServerName: "orders.internal", CA: ca}
				}
			})
			c, f, cause := s.tr.Acquire(s.endpoint, false, 0, test.from)
			if f != nil {
				t.Fatal(f, cause)
			}
			c.Begin(s.tr, 0)
			if got := s.askOn(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != test.want {
				t.Errorf("got %q, %v, %v", got.body, got.fault, got.cause)
			}
		})
	}
}

// The version was told as Go writes it, "TLS 1.3", which receivers don't know.
func TestEndpointsAreToldTheTLSOfTheClient(t *testing.T) {
	t.Parallel()
	tr := &Transport{way: way{proxy: 2}}
	from := client("1")
	from.TLS, from.Version, from.Cipher, from.Resumed, from.ALPN = true, tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, true, "h2"
	from.ClientCert = &x509.Certificate{Subject: pkix.Name{CommonName: "app"}}
	h, _, err := proxyproto.Parse([]byte(tr.proxyHeader(from)))
	want := proxyproto.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", InSession: true, Verified: true, CommonName: "app"}
	if err != nil || h.TLS == nil || *h.TLS != want || h.ALPN != "h2" {
		t.Errorf("%+v with %+v, %v, want %+v", h, h.TLS, err, want)
	}
}

func TestAConnectionWithAPROXYHeaderServesOneClient(t *testing.T) {
	t.Parallel()
	s := before(t, introduced(t, nil), func(c *Config) { c.SendProxyProtocol = ProxyV2 })
	for _, step := range []struct {
		port   string
		reused bool
	}{{"1", false}, {"1", true}, {"2", false}, {"1", true}, {"2", true}, {"3", false}} {
		c, f, cause := s.tr.Acquire(s.endpoint, false, 0, client(step.port))
		if f != nil {
			t.Fatal(f, cause)
		}
		c.Begin(s.tr, 0)
		if c.Reused() != step.reused {
			t.Errorf("port %s: reused is %v", step.port, c.Reused())
		}
		if got := s.askOn(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); !strings.HasPrefix(got.body, "192.0.2.1:"+step.port+" ") {
			t.Errorf("port %s: the endpoint was told %q, %v", step.port, got.body, got.fault)
		}
	}
	s.stats(3, 3)
}

func TestWhatIsWrongWithTheWayToEndpoints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing", func(c *Config) {}, ""},
		{"h2 with TLS", func(c *Config) { c.Protocol, c.TLS = ProtocolH2, new(tlsto.Config) }, ""},
		{"h2 without TLS", func(c *Config) { c.Protocol = ProtocolH2 }, `protocol: "h2" is HTTP/2 over TLS, and the upstream has no tls`},
		{"h2c with TLS", func(c *Config) { c.Protocol, c.TLS = ProtocolH2C, new(tlsto.Config) }, `protocol: "h2c" is HTTP/2 without TLS, and the upstream has tls`},
		{"h3", func(c *Config) { c.Protocol = "h3" }, `protocol: "h3" is not a protocol for endpoints`},
		{"gRPC", func(c *Config) { c.Protocol = "grpc" }, `protocol: "grpc" is not a protocol for endpoints`},
		{"a PROXY header of version 3", func(c *Config) { c.SendProxyProtocol = "v3" }, `send_proxy_protocol: "v3" is not a version of the PROXY protocol`},
		{"a PROXY header with h2c", func(c *Config) { c.Protocol, c.SendProxyProtocol = ProtocolH2C, ProxyV2 }, `send_proxy_protocol: a connection of h2c serves many clients, and its header could name one`},
		{"a wildcard for a name", func(c *Config) { c.TLS = &tlsto.Config{ServerName: "*.a"} }, `tls.server_name: "*.a" is not a name`},
		{"a cert without key", func(c *Config) { c.TLS = &tlsto.Config{Cert: "/a"} }, `tls.cert: cert is nothing without its key`},
		{"a CA for nothing", func(c *Config) { c.TLS = &tlsto.Config{Insecure: true, CA: "/a"} }, `tls.insecure: any certificate is taken, so ca has no use`},
		{"a CA that is not there", func(c *Config) { c.TLS = &tlsto.Config{CA: "/nowhere"} }, `tls.ca: "/nowhere" can't be read: no such file or directory`},
	} {
		c := Default()
		test.change(&c)
		p := conf.NewProblems()
		c.Check(p)
		got := ""
		if all := p.List(); len(all) > 0 {
			got = all[0].Path.String() + ": " + all[0].Text
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}
