package config

import (
	"strings"
	"testing"
	"time"

	"weir/internal/certs"
	"weir/internal/conf"
)

// safe is a certificate that rules may name: tls.certificates = safe.
const safe = `{ cert = "/safe.pem", key = "/safe.key" }`

// withPair is follow with files /safe.pem and /safe.key that are good.
func withPair(t *testing.T, frame string, rules []rule) {
	t.Helper()
	cert, key := pair(t, time.Now().Add(30*time.Minute))
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) {
		switch path {
		case "/safe.pem":
			return cert, nil
		case "/safe.key":
			return key, nil
		}
		return conf.ReadFile(path)
	}
	followWith(t, frame, o, rules)
}

func TestRulesOfProtocols(t *testing.T) {
	const tls = "\ntls.certificates = " + safe
	withPair(t, strings.Replace(listenerFrame, "%s", "address = \":443\"\n%s", 1), []rule{
		{text: `protocols = "h1"`},
		{text: `protocols = "h2"`},
		{text: `protocols = ["h2", "h1"]`},
		{text: `protocols = ["h1", "h2", "h3"]` + tls},
		{text: `protocols = ["h2", "h3"]` + tls},
		{text: `protocols = []`, want: `listeners.web.protocols: an empty list speaks with nobody`},
		{text: `protocols = "spdy"`, want: `listeners.web.protocols[0]: "spdy" is not a version of HTTP`},
		{text: `protocols = "HTTP/1.1"`, want: `listeners.web.protocols[0]: "HTTP/1.1" is not how a version of HTTP is written here`},
		{text: `protocols = ["h1", "http2"]`, want: `listeners.web.protocols[1]: "http2" is not how a version of HTTP is written here`},
		{text: `protocols = ["h1", "h1"]`, want: `listeners.web.protocols[1]: "h1" is written twice`},
		{text: `protocols = ["h1", "h3"]`, want: `listeners.web.protocols: h3 is never without TLS, and this listener has none`},
		{text: `protocols = "h3"` + tls, want: `listeners.web.protocols: clients learn of h3 from an answer over TCP`},
		{text: "protocols = [\"h1\", \"h3\"]\naccept_proxy_protocol = \"10.0.0.1\"" + tls, want: `warning: listeners.web.protocols: a PROXY protocol header comes over TCP alone`},
		{text: `accept_proxy_protocol = ["10.0.0.0/8", "::1"]`},
		{text: `accept_proxy_protocol = []`},
		{text: `accept_proxy_protocol = "::/0"`, want: `warning: listeners.web.accept_proxy_protocol[0]: every client says by itself who it is`},
		{text: `accept_proxy_protocol = "10.0.0.1/8"`, want: `listeners.web.accept_proxy_protocol[0]: "10.0.0.1/8"`},
		{text: `accept_proxy_protocol = true`, want: `listeners.web.accept_proxy_protocol`},
	})
	withPair(t, strings.Replace(listenerFrame, "%s", "address = \"unix:/run/x\"\n%s", 1), []rule{
		{text: `protocols = ["h1", "h3"]` + tls, want: `listeners.web.protocols: h3 is spoken over UDP, and this listener has only sockets`},
	})
}

// An endpoint of gRPC without protocol was said to be good, its probe said that it was ready, and every
// call failed.
func TestWhatEndpointsSeemToSpeakIsWarnedOf(t *testing.T) {
	const frame = "[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"u\"\n[upstreams.u]\n%s\n"
	const text = `warning: upstreams.u.health.grpc: the probe speaks gRPC, which is HTTP/2, and requests are sent by HTTP/1`
	const https = `warning: upstreams.u.endpoints[0]: port 443 is that of https, and requests are sent without TLS`
	withPair(t, frame, []rule{
		{text: "endpoints = \"a:1\"\nhealth.grpc = {}", want: text},
		{text: "endpoints = \"a:1\"\nhealth.grpc = {}\nprotocol = \"h1\"", want: text},
		{text: "endpoints = \"a:1\"\nhealth.grpc = {}\nprotocol = \"h2c\""},
		{text: "endpoints = \"a:1\"\nhealth.grpc = {}\ntls = {}"},
		{text: "endpoints = \"a:1\"\nhealth.tcp = {}"},
		{text: "endpoints = [\"a:443\", \"b:443\"]", want: https},
		{text: "endpoints = \"a:443\"\ntls = {}"},
	})
	withPair(t, "[listeners.db]\nkind = \"tcp\"\naddress = \":80\"\nupstream = \"u\"\n[upstreams.u]\n%s\n", []rule{
		{text: "endpoints = \"a:443\"\nhealth.grpc = {}"}, // sessions go on as they are
	})
}

func TestAnAuthorityThatAsksWhereNobodyAnswersIsWarnedOf(t *testing.T) {
	const frame = "[listeners.web]\naddress = \":443\"\ntls.acme.hosts = \"a.example.com\"\n%s\n[[routes]]\nrespond = {}\n"
	const plain = "\n[listeners.plain]\naddress = \":80\"\n"
	const want = `warning: listeners.web.tls.acme.challenges[0]: the authority asks for "http-01" without TLS`
	withPair(t, frame, []rule{
		{text: ``},
		{text: `tls.acme.challenges = "tls-alpn-01"`},
		{text: `tls.acme.challenges = "http-01"`, want: want},
		{text: `tls.acme.challenges = ["http-01", "tls-alpn-01"]`, want: want},
		{text: "tls.acme.challenges = \"http-01\"\n[listeners.db]\nkind = \"tcp\"\naddress = \":80\"\nupstream = \"u\"\n[upstreams.u]\nendpoints = \"a:1\"", want: want},
		{text: `tls.acme.challenges = "http-01"` + plain},
		{text: `tls.acme.challenges = "http-01"` + plain + "redirect_to_https = true"},
	})
}

func TestRulesOfRedirectsToHTTPS(t *testing.T) {
	const frame = "[listeners.plain]\naddress = \":80\"\nredirect_to_https = true\n%s\n[[routes]]\nrespond.body = \"ok\"\n"
	const web = "[listeners.web]\ntls.certificates = " + safe + "\naddress = "
	withPair(t, frame, []rule{
		{text: web + `":443"`},
		{text: web + `":8443"`},
		{text: web + `[":8443", ":443"]`},
		{text: web + `[":8443", ":9443"]`, want: `warning: listeners.plain.redirect_to_https: listeners speak https on several ports; clients are sent to 8443`},
		{text: "[listeners.web]\naddress = \":8080\"", want: `warning: listeners.plain.redirect_to_https: no listener of this file speaks https`},
		{text: "tls.certificates = " + safe, want: `listeners.plain.redirect_to_https: the listener speaks https itself`},
		{text: web + "\":443\"\n[[routes]]\nname = \"x\"\nlisteners = \"plain\"\nrespond = {}", want: `routes[0].listeners[0]: listeners.plain redirects every request to https`},
		{text: web + "\":443\"\n[defaults.listeners]\npassthrough = [{ sni = \"a.test\", upstream = \"u\" }]\n[upstreams.u]\nendpoints = \"a:1\""},
		{text: web + "\":443\"\n[listeners.db]\nkind = \"tcp\"\nupstream = \"u\"\naddress = \":1\"\nredirect_to_https = true\n[upstreams.u]\nendpoints = \"a:1\"",
			want: `listeners.db.redirect_to_https: a tcp listener has no redirect_to_https`},
	})
}

func TestTheDefaultsOfTLSDoNotReachAListenerThatRedirects(t *testing.T) {
	cert, key := pair(t, time.Now().Add(time.Hour))
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) {
		return map[string][]byte{"/safe.pem": cert, "/safe.key": key}[path], nil
	}
	c, r := Parse("x", []byte("[defaults.listeners]\nredirect_to_https = true\ntls.certificates = "+safe+
		"\n[listeners.a]\naddress = \":80\"\nredirect_to_https = true\n[listeners.b]\naddress = \":443\"\ntls.min_version = \"1.3\"\n[[routes]]\nrespond = {}\n"), o)
	if c == nil || c.Listeners["a"].TLS != nil || !c.Listeners["a"].RedirectToHTTPS || c.Listeners["b"].TLS == nil || c.Listeners["b"].RedirectToHTTPS {
		t.Fatalf("got %+v\n%s", c, r)
	}
}

func TestTheDefaultOfH3DoesNotReachAListenerWithoutTLS(t *testing.T) {
	for protocols, want := range map[string]string{
		`["h1", "h2", "h3"]`: "h1 h2", `["h3", "h1"]`: "h1", `"h3"`: "h1 h2", `["h2"]`: "h2",
	} {
		cert, key := pair(t, time.Now().Add(30*time.Minute))
		o := testOptions()
		o.ReadFile = func(path string) ([]byte, error) {
			return map[string][]byte{"/safe.pem": cert, "/safe.key": key}[path], nil
		}
		c, r := Parse("x", []byte("[defaults.listeners]\nprotocols = "+protocols+"\n[listeners.a]\naddress = \":80\"\n"+
			"[listeners.b]\naddress = \":443\"\nprotocols = [\"h1\", \"h3\"]\ntls.certificates = "+safe+"\n[[routes]]\nrespond = {}\n"), o)
		if c == nil {
			t.Fatalf("%s: %s", protocols, r)
		}
		if got := strings.Join(c.Listeners["a"].Protocols, " "); got != want || !c.Listeners["b"].Speaks(ProtocolH3) {
			t.Errorf("%s: a plain listener speaks %s, want %s", protocols, got, want)
		}
	}
}

func TestThePortOfARedirectIsThatOfAListenerWithTLS(t *testing.T) {
	address := func(list ...string) (out []conf.Address) {
		for _, s := range list {
			a, err := conf.ParseAddress(s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, a)
		}
		return out
	}
	for _, c := range []struct {
		of   map[string]*Listener
		want uint16
	}{
		{map[string]*Listener{}, 443},
		{map[string]*Listener{"a": {Kind: KindHTTP, Address: address(":8080")}}, 443},
		{map[string]*Listener{"a": {Kind: KindTCP, Address: address(":8443"), TLS: &certs.Config{}}}, 443},
		{map[string]*Listener{"a": {Kind: KindHTTP, Address: address("unix:/x"), TLS: &certs.Config{}}}, 443},
		{map[string]*Listener{"a": {Kind: KindHTTP, Address: address(":9443", ":8443"), TLS: &certs.Config{}}}, 8443},
		{map[string]*Listener{"a": {Kind: KindHTTP, Address: address(":80"), TLS: &certs.Config{}}, "b": {Kind: KindHTTP, Address: address(":443"), TLS: &certs.Config{}}}, 443},
	} {
		if got := (&Config{Listeners: c.of}).HTTPSPort(); got != c.want {
			t.Errorf("%v: port %d, want %d", c.of, got, c.want)
		}
	}
}

func TestRulesOfPassthrough(t *testing.T) {
	const frame = "[listeners.web]\naddress = \":443\"\ntls.certificates = " + safe + "\npassthrough = [%s]\n[[routes]]\nrespond.body = \"ok\"\n" +
		"[upstreams.db]\nendpoints = \"a:1\"\n"
	withPair(t, frame, []rule{
		{text: `{ sni = "db.test", upstream = "db" }`},
		{text: `{ sni = ["db.test", "*.raw.test"], alpn = ["postgresql"], upstream = "db" }`},
		{text: `{ alpn = "acme-tls/1", upstream = "db" }`},
		{text: `{ sni = "db.test", upstream = "db" }, { sni = "db.test", alpn = "h2", upstream = "db" }`},
		{text: `{ sni = "*.db.test", upstream = "db" }, { sni = "a.db.test", upstream = "db" }`},
		{text: `{ sni = "db.test" }`, want: `listeners.web.passthrough[0].upstream: the entry does not say who takes the connections`},
		{text: `{ upstream = "db" }`, want: `listeners.web.passthrough[0].sni: the entry names neither a server nor a protocol`},
		{text: `{ sni = "db.test", upstream = "bd" }`, want: `listeners.web.passthrough[0].upstream: there is no upstream "bd"`},
		{text: `{ sni = [], upstream = "db" }`, want: `listeners.web.passthrough[0].sni: an empty list matches nothing`},
		{text: `{ sni = "*", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "*" is not a server name`},
		{text: `{ sni = "a.*.test", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "a.*.test" has a * that is not its first label`},
		{text: `{ sni = "~^a", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "~^a" is not a server name`},
		{text: `{ sni = "192.0.2.1", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "192.0.2.1" is an address, and clients ask for names alone`},
		{text: `{ sni = "https://a.test", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "https://a.test" is not a server name`},
		{text: `{ sni = "a.test:443", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "a.test:443" is not a server name`},
		{text: `{ sni = "", upstream = "db" }`, want: `listeners.web.passthrough[0].sni[0]: "" is`},
		{text: `{ alpn = "", upstream = "db" }`, want: `listeners.web.passthrough[0].alpn[0]: "" is not a protocol`},
		{text: `{ alpn = "h1", upstream = "db" }`, want: `listeners.web.passthrough[0].alpn[0]: "h1" is not what clients offer`},
		{text: `{ alpn = "H2", upstream = "db" }`, want: `listeners.web.passthrough[0].alpn[0]: "H2" is not what clients offer`},
		{text: `{ alpn = "h3", upstream = "db" }`, want: `listeners.web.passthrough[0].alpn[0]: "h3" is spoken over QUIC`},
		{text: `{ sni = "db.test", upstream = "db" }, { sni = ["a.test", "DB.test."], upstream = "db" }`, want: `listeners.web.passthrough[1].sni: "db.test" is taken by passthrough[0]`},
		{text: `{ sni = "a.test", alpn = ["x", "y"], upstream = "db" }, { sni = "a.test", alpn = "y", upstream = "db" }`, want: `listeners.web.passthrough[1].sni: "a.test" with "y" is taken by passthrough[0]`},
		{text: `{ alpn = "y", upstream = "db" }, { alpn = ["x", "y"], upstream = "db" }`, want: `listeners.web.passthrough[1].alpn: "y" is taken by passthrough[0]`},
		{text: `{ sni = "db.test", upstream = "db", weight = 1 }`, want: `listeners.web.passthrough[0].weight: there is no key`},
	})
	withPair(t, "[listeners.web]\naddress = \":80\"\npassthrough = [%s]\n[[routes]]\nrespond = {}\n[upstreams.db]\nendpoints = \"a:1\"\n", []rule{
		{text: `{ sni = "db.test", upstream = "db" }`, want: `listeners.web.passthrough: the listener speaks no TLS`},
	})
}

func TestACertificateThatNobodyIsShownIsWarnedOf(t *testing.T) {
	const frame = "[listeners.web]\naddress = \":443\"\ntls.acme.hosts = \"api.example.com\"\npassthrough = [%s]\n[[routes]]\nrespond.body = \"ok\"\n" +
		"[upstreams.db]\nendpoints = \"a:1\"\n"
	const warning = `warning: listeners.web.tls.acme.hosts[0]: "api.example.com" is passed through to "db" before a certificate is chosen`
	withPair(t, frame, []rule{
		{text: `{ sni = "db.example.com", upstream = "db" }`},
		{text: `{ sni = "api.example.com", alpn = "postgresql", upstream = "db" }`},
		{text: `{ sni = "api.example.com", upstream = "db" }`, want: warning},
		{text: `{ sni = "*.example.com", upstream = "db" }`, want: warning},
	})
}

// A session is known by its client alone, whatever port it came in by.
func TestRulesOfUpstreamsOfPassthrough(t *testing.T) {
	const frame = "[listeners.web]\naddress = \":443\"\ntls.certificates = " + safe + "\npassthrough = { sni = \"a.test\", upstream = \"db\" }\n[[routes]]\nrespond = {}\n" +
		"[upstreams.db]\nendpoints = \"a:1\"\n%s\n"
	withPair(t, frame, []rule{
		{text: "balance = \"maglev\"\nhash_on = \"client\""},
		{text: "balance = \"maglev\"\nhash_on = \"path\"", want: `upstreams.db.hash_on: path is known of requests only, and the passthrough of listener "web" sends sessions here`},
		{text: `send_proxy_protocol = "v2"`},
		{text: `tls = {}`, want: `upstreams.db.tls: sessions are relayed as they are, without a TLS of our own, and the passthrough of listener "web" sends some here`},
		{text: `sticky.cookie = "weir"`, want: `upstreams.db.sticky: a session has no cookie, and the passthrough of listener "web" sends sessions here`},
	})
}

func TestRulesOfTCPListenersWithTLS(t *testing.T) {
	const frame = "[listeners.db]\naddress = \":5432\"\nkind = \"tcp\"\n%s\n[upstreams.db]\nendpoints = \"a:1\"\n"
	const tls = "\ntls.certificates = " + safe
	withPair(t, frame, []rule{
		{text: `upstream = "db"` + tls},
		{text: "upstream = \"db\"\npassthrough = { sni = \"a.test\", upstream = \"db\" }" + tls},
		{text: `passthrough = { sni = "a.test", upstream = "db" }`},
		{text: "upstream = \"db\"\npassthrough = { sni = \"a.test\", upstream = \"db\" }"},
		{text: "upstream = \"db\"\naccept_proxy_protocol = \"10.0.0.0/8\""},
		{text: `passthrough = { sni = "a.test", upstream = "db" }` + tls, want: `listeners.db.upstream: it is not said who gets the sessions whose TLS ends here`},
		{text: `passthrough = []`, want: `listeners.db.upstream: a tcp listener needs an upstream`},
		{text: "upstream = \"db\"\nprotocols = \"h1\"", want: `listeners.db.protocols: a tcp listener has no protocols`},
		{text: "upstream = \"db\"\nlimits.h2_streams = 1", want: `listeners.db.limits.h2_streams: a tcp listener has no h2_streams`},
	})
}
