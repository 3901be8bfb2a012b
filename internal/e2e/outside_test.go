//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/testkit"
)

// outside runs a program to its end and returns what it says.
func outside(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testkit.Require(t, program), args...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %q: %v\n%.2000s", program, args, err, out)
	}
	return string(out)
}

func TestCurlOverEveryProtocolThatItSpeaks(t *testing.T) {
	t.Parallel()
	c, _, _ := crossed(t)
	ca := findCA(t, c)
	file := filepath.Join(t.TempDir(), "up")
	if err := os.WriteFile(file, []byte(strings.Repeat("0123456789", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := []string{"--cacert", ca, "--connect-to", "weir.test:8443:" + c.at(8443)}
	plain := []string{"--connect-to", "weir.test:8080:" + c.at(8080)}
	for _, way := range []struct {
		name, base, version string
		args                []string
	}{
		{"HTTP/1.0", "http://weir.test:8080", "1.1", append([]string{"--http1.0"}, plain...)},
		{"HTTP/1.1", "http://weir.test:8080", "1.1", append([]string{"--http1.1"}, plain...)},
		{"HTTP/2 with prior knowledge", "http://weir.test:8080", "2", append([]string{"--http2-prior-knowledge"}, plain...)},
		{"HTTP/2 asked for by Upgrade", "http://weir.test:8080", "1.1", append([]string{"--http2"}, plain...)},
		{"HTTPS", "https://weir.test:8443", "1.1", append([]string{"--http1.1"}, secure...)},
		{"HTTP/2 by ALPN", "https://weir.test:8443", "2", append([]string{"--http2"}, secure...)},
	} {
		t.Run(strings.ReplaceAll(way.name, "/", "-"), func(t *testing.T) {
			for _, kind := range endpointKinds {
				args := append([]string{"-sS", "--max-time", "60", "-w", "\n%{http_version} %{http_code}"}, way.args...)
				up := outside(t, "curl", append(args, "--data-binary", "@"+file, "-H", "Expect: 100-continue", way.base+"/"+kind+"/sink")...)
				if !strings.HasPrefix(up, "1000000 ") || !strings.HasSuffix(up, "\n"+way.version+" 200") {
					t.Errorf("up to %s: %.300q", kind, up)
				}
				down := outside(t, "curl", append(args, way.base+"/"+kind+"/source?n=1000000")...)
				if want := "\n" + way.version + " 200"; len(down) != 1_000_000+len(want) || !strings.HasSuffix(down, want) {
					t.Errorf("down from %s: %d bytes, %q", kind, len(down), down[max(0, len(down)-20):])
				}
			}
		})
	}
}

// findCA returns the certificate that c's listener shows.
func findCA(t *testing.T, c *child) string {
	t.Helper()
	text := slurp(t, c.file)
	_, rest, _ := strings.Cut(text, `cert = "`)
	path, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no certificate in\n%s", text)
	}
	return path
}

func TestH2loadGetsEveryAnswer(t *testing.T) {
	t.Parallel()
	c, _, _ := crossed(t)
	few, many := "100", "200"
	if raceDetector {
		few, many = "20", "50"
	}
	for name, args := range map[string][]string{
		"over TLS":       {"-n", "2000", "-c", "10", "-m", "20", "https://" + c.at(8443) + "/h1/source?n=1000"},
		"plain":          {"-n", "2000", "-c", "10", "-m", "20", "http://" + c.at(8080) + "/h2c/source?n=1000"},
		"large":          {"-n", few, "-c", "4", "-m", "5", "https://" + c.at(8443) + "/h1/source?n=1000000"},
		"uploads":        {"-n", "200", "-c", "4", "-m", "5", "-d", c.file, "https://" + c.at(8443) + "/h2/sink"},
		"small windows":  {"-n", many, "-c", "2", "-m", "5", "-w", "10", "-W", "12", "https://" + c.at(8443) + "/h1/source?n=100000"},
		"HTTP/1.1":       {"--h1", "-n", "500", "-c", "10", "https://" + c.at(8443) + "/tls/source?n=1000"},
		"no huffman use": {"-n", "500", "-c", "5", "-m", "10", "--header-table-size", "0", "--encoder-header-table-size", "0", "https://" + c.at(8443) + "/h1/source?n=10"},
	} {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			said := outside(t, "h2load", args...)
			n := args[1]
			if args[0] == "--h1" {
				n = args[2]
			}
			if want := fmt.Sprintf("status codes: %s 2xx, 0 3xx, 0 4xx, 0 5xx", n); !strings.Contains(said, want) {
				t.Errorf("no %q in\n%s", want, said)
			}
		})
	}
}

func TestOpenSSLAgreesOnTheProtocol(t *testing.T) {
	t.Parallel()
	c, _, _ := crossed(t)
	ca := findCA(t, c)
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"-alpn", "h2,http/1.1"}, []string{"ALPN protocol: h2", "TLSv1.3", "Verify return code: 0 (ok)"}},
		{[]string{"-alpn", "http/1.1"}, []string{"ALPN protocol: http/1.1"}},
		{[]string{"-tls1_2"}, []string{"TLSv1.2", "ECDHE-ECDSA", "Secure Renegotiation IS supported"}},
	} {
		said := outside(t, "openssl", append([]string{"s_client", "-connect", c.at(8443), "-servername", "weir.test", "-CAfile", ca}, test.args...)...)
		for _, want := range test.want {
			if !strings.Contains(said, want) {
				t.Errorf("%q: no %q in\n%.3000s", test.args, want, said)
			}
		}
	}
}
