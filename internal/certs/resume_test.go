package certs

import (
	"crypto/tls"
	"testing"
	"time"
)

// session is a client that keeps its tickets.
func session(version uint16, trusted ...tls.Certificate) *tls.Config {
	return &tls.Config{
		ServerName: "h", RootCAs: Pool(trusted...), MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
}

// resumes does a handshake that must succeed, and reports whether it resumed a session.
func resumes(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	seen, served, clientErr, serverErr := shake(server, client)
	if clientErr != nil || serverErr != nil || seen.DidResume != served.DidResume {
		t.Errorf("client %v, server %v", clientErr, serverErr)
	}
	return seen.DidResume
}

// versions are those whose sessions resume in different ways.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func TestSessionsResumeOverReloadsAndListeners(t *testing.T) {
	c := selfSigned(t, "h")
	for _, v := range versions {
		k := keeper(t)
		first := open(t, k, nil, c)
		k.Keep(first)
		client := session(v, c)
		if resumes(t, first.TCP(), client) {
			t.Fatal("there was nothing to resume")
		}
		reloaded := open(t, k, func(c *Config, o *Options) { o.ALPN = []string{"http/1.1"} }, c)
		k.Keep(reloaded)
		other := open(t, k, func(_ *Config, o *Options) { o.Listener = "other" }, selfSigned(t, "first.test"), c)
		for name, s := range map[string]*Store{"the same": first, "reloaded": reloaded, "of another listener": other} {
			if !resumes(t, s.TCP(), client) {
				t.Errorf("%s: the store %s does not resume", tls.VersionName(v), name)
			}
		}
		if stranger := open(t, keeper(t), nil, c); resumes(t, stranger.TCP(), client) {
			t.Errorf("%s: another process resumes", tls.VersionName(v))
		}
	}
}

func TestASessionIsNotResumedWhereItsNameIsUnknown(t *testing.T) {
	// A ticket got from one listener must not make another one, which has no certificate for the name,
	// look like it: whoever can lead connections astray would have a request for h answered there.
	c := selfSigned(t, "h")
	for _, v := range versions {
		k := keeper(t)
		client := session(v, c)
		client.InsecureSkipVerify = true
		resumes(t, open(t, k, nil, c).TCP(), client)
		if resumes(t, open(t, k, nil, selfSigned(t, "other.test")).TCP(), client) {
			t.Errorf("%s: a listener without the name resumes", tls.VersionName(v))
		}
	}
}

// asking returns an edit that asks clients for certificates of the authority.
func asking(t *testing.T, mode string, ca authority) func(*Config, *Options) {
	path := files(t, ca.Certificate).Cert
	return func(c *Config, _ *Options) { c.ClientAuth = &ClientAuth{CA: path, Mode: mode} }
}

func TestSessionsResumeOnlyWhereClientsAreAskedTheSame(t *testing.T) {
	c, one, two := selfSigned(t, "h"), newAuthority(t, "one"), newAuthority(t, "two")
	shown := one.client(t, "app")
	kinds := map[string]func(*Config, *Options){
		"nobody":      nil,
		"require one": asking(t, Require, one), "request one": asking(t, Request, one),
		"request two": asking(t, Request, two),
	}
	for _, v := range versions {
		for from, first := range kinds {
			for to, second := range kinds {
				k := keeper(t)
				client := session(v, c)
				client.Certificates = []tls.Certificate{shown} // not sent to those who ask for another authority's
				resumes(t, open(t, k, first, c).TCP(), client)
				seen, served, clientErr, serverErr := shake(open(t, k, second, c).TCP(), client)
				if clientErr != nil || serverErr != nil {
					t.Errorf("%s, from %s to %s: %v, %v", tls.VersionName(v), from, to, clientErr, serverErr)
				}
				if seen.DidResume != (from == to) {
					t.Errorf("%s, from %s to %s: resumed %v", tls.VersionName(v), from, to, seen.DidResume)
				}
				if proven := len(served.VerifiedChains) > 0; proven != (to == "require one" || to == "request one") {
					t.Errorf("%s, from %s to %s: the client has shown its certificate: %v", tls.VersionName(v), from, to, proven)
				}
			}
		}
	}
}

func TestSwappingTheClientsAuthorityEndsItsSessionsAndItsClients(t *testing.T) {
	c, old, next := selfSigned(t, "h"), newAuthority(t, "old"), newAuthority(t, "next")
	for _, v := range versions {
		k := keeper(t)
		s := open(t, k, asking(t, Require, old), c)
		k.Keep(s)
		client := session(v, c)
		client.Certificates = []tls.Certificate{old.client(t, "app")}
		if resumes(t, s.TCP(), client) || !resumes(t, s.TCP(), client) {
			t.Errorf("%s: the session does not resume before the swap", tls.VersionName(v))
		}
		write(t, s.config.ClientAuth.CA, certPEM(next.Certificate))
		k.Look()
		k.Look()
		if _, _, _, err := shake(s.TCP(), client); err == nil {
			t.Errorf("%s: a client of the old authority is let in", tls.VersionName(v))
		}
		client = session(v, c)
		client.Certificates = []tls.Certificate{next.client(t, "app")}
		if resumes(t, s.TCP(), client) || !resumes(t, s.TCP(), client) {
			t.Errorf("%s: a client of the new authority is not served as it should be", tls.VersionName(v))
		}
		write(t, s.config.ClientAuth.CA, []byte("no authority"))
		k.Look()
		k.Look()
		if !resumes(t, s.TCP(), client) || s.Status()[1].Trouble == "" {
			t.Errorf("%s: a broken file has changed what is served, or nobody is told: %+v", tls.VersionName(v), s.Status()[1])
		}
	}
}

func TestAClientsCertificateMustBeGood(t *testing.T) {
	c, ca, stranger := selfSigned(t, "h"), newAuthority(t, "ca"), newAuthority(t, "stranger")
	for _, tc := range []struct {
		mode  string
		shown []tls.Certificate
		ok    bool
	}{
		{Require, []tls.Certificate{ca.client(t, "app")}, true},
		{Require, nil, false},
		{Require, []tls.Certificate{stranger.client(t, "app")}, false},
		{Require, []tls.Certificate{selfSigned(t, "app")}, false},
		{Request, []tls.Certificate{ca.client(t, "app")}, true},
		{Request, nil, true},
	} {
		s := open(t, keeper(t), asking(t, tc.mode, ca), c)
		client := &tls.Config{ServerName: "h", RootCAs: Pool(c)}
		if tc.shown != nil { // whoever the server says that it trusts
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tc.shown[0], nil }
		}
		_, served, _, err := shake(s.TCP(), client)
		if (err == nil) != tc.ok || tc.ok && (len(served.VerifiedChains) > 0) != (tc.shown != nil) {
			t.Errorf("%s, shown %d: %v, %d chains", tc.mode, len(tc.shown), err, len(served.VerifiedChains))
		}
	}
	s := open(t, keeper(t), asking(t, Request, ca), c)
	bad := stranger.client(t, "app")
	client := &tls.Config{ServerName: "h", RootCAs: Pool(c), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &bad, nil }}
	if _, _, _, err := shake(s.TCP(), client); err == nil {
		t.Error("requested: a stranger's certificate is let in")
	}
}

func TestTicketsOpenForADayAndNoLonger(t *testing.T) {
	c := selfSigned(t, "h")
	for _, v := range versions {
		k := keeper(t)
		now := time.Now()
		k.now = func() time.Time { return now }
		s := open(t, k, nil, c)
		k.Keep(s)
		client := session(v, c)
		resumes(t, s.TCP(), client)
		kept := client.ClientSessionCache
		old, _ := kept.Get("h")
		for range seedsKept - 1 {
			now = now.Add(seedLifetime)
			k.Look()
		}
		kept.Put("h", old)
		if !resumes(t, s.TCP(), client) {
			t.Errorf("%s: a ticket of %v before does not open", tls.VersionName(v), (seedsKept-1)*seedLifetime)
		}
		now = now.Add(seedLifetime)
		k.Look()
		kept.Put("h", old)
		if resumes(t, s.TCP(), client) {
			t.Errorf("%s: a ticket of %v before opens", tls.VersionName(v), seedsKept*seedLifetime)
		}
		now = now.Add(seedLifetime - 1)
		k.Look()
		if !resumes(t, s.TCP(), client) {
			t.Errorf("%s: a fresh ticket does not open", tls.VersionName(v))
		}
	}
}

func TestKeysOfTicketsDifferByScopeAndSeed(t *testing.T) {
	var a, b tickets
	now := time.Now()
	for _, of := range []*tickets{&a, &b} {
		if turned, err := of.turn(now); !turned || err != nil {
			t.Fatal(turned, err)
		}
	}
	if turned, _ := a.turn(now.Add(seedLifetime - 1)); turned {
		t.Error("it turns early")
	}
	seen := map[[32]byte]bool{}
	for _, of := range []*tickets{&a, &b} {
		for _, scope := range []string{"", "tcp ", "quic "} {
			for _, key := range of.keys(scope) {
				seen[key] = true
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d keys, want 6 different ones", len(seen))
	}
	if one, again := a.keys("x")[0], a.keys("x")[0]; one != again {
		t.Error("equal scopes have different keys")
	}
}
