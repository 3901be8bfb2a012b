package certs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/internal/testkit"
)

// sClient shakes hands with openssl s_client and returns what it prints.
func sClient(t *testing.T, address string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Require(t, "openssl"), append([]string{"s_client", "-connect", address, "-ign_eof"}, arguments...)...)
	cmd.Stdin = strings.NewReader("x") // answered with a byte, after which the server ends the connection
	out, _ := cmd.CombinedOutput()     // it fails where the handshake does, and says so
	return string(out)
}

func TestOpenSSLAgrees(t *testing.T) {
	c := selfSigned(t, "h")
	s := open(t, keeper(t), nil, selfSigned(t, "first.test"), c)
	address := serve(t, s)
	trusted := files(t, c).Cert
	for _, tc := range []struct {
		arguments string
		want      []string // regular expressions
	}{
		{"-servername h -tls1_3 -alpn h2,http/1.1", []string{`TLSv1\.3, Cipher is TLS_`, `ALPN protocol: h2`, `Verify return code: 0`}},
		{"-servername h -tls1_2 -alpn http/1.1", []string{`TLSv1\.2, Cipher is ECDHE-ECDSA-AES\d+-GCM`, `ALPN protocol: http/1.1`, `Verify return code: 0`}},
		{"-servername h -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", []string{`Cipher is ECDHE-ECDSA-CHACHA20-POLY1305`}},
		{"-servername h -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", []string{`Cipher is \(NONE\)`}},
		{"-servername h -tls1_1", []string{`Cipher is \(NONE\)`}},
		{"-noservername -tls1_3", []string{`Verify return code: [1-9]`}},
		{"-servername h -tls1_2 -reconnect", []string{`(?s)(Reused, TLSv1\.2.*){3}`}},
	} {
		out := sClient(t, address, append(strings.Fields(tc.arguments), "-CAfile", trusted)...)
		for _, want := range tc.want {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("openssl s_client %s: no %s in\n%s", tc.arguments, want, out)
			}
		}
	}
}

func TestOpenSSLResumesASessionOfTLS13OnceAndOnlyUnderTheSameAuthority(t *testing.T) {
	ca := newAuthority(t, "ca")
	app := files(t, ca.client(t, "app"))
	k := keeper(t)
	s := open(t, k, asking(t, Require, ca), selfSigned(t, "h"))
	k.Keep(s)
	address := serve(t, s)
	ticket := filepath.Join(t.TempDir(), "session")
	base := []string{"-servername", "h", "-tls1_3", "-cert", app.Cert, "-key", app.Key}
	first := sClient(t, address, append(base, "-sess_out", ticket)...)
	if _, err := os.Stat(ticket); err != nil {
		t.Fatalf("no session was kept: %v\n%s", err, first)
	}
	if out := sClient(t, address, append(base, "-sess_in", ticket)...); !strings.Contains(out, "Reused, TLSv1.3") {
		t.Errorf("not resumed:\n%s", out)
	}
	write(t, s.config.ClientAuth.CA, append(certPEM(newAuthority(t, "next").Certificate), certPEM(ca.Certificate)...))
	k.Look()
	k.Look()
	if out := sClient(t, address, append(base, "-sess_in", ticket)...); !strings.Contains(out, "New, TLSv1.3") {
		t.Errorf("after a swap of the authorities, not a whole handshake:\n%s", out)
	}
}
