package serve

import (
	"crypto/tls"
	"io"
	"strings"
	"testing"
)

func TestAClientThatSpeaksTLSOnAPlainPortGetsAnAlert(t *testing.T) {
	r := newRig(t, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	for _, c := range []*tls.Config{
		{InsecureSkipVerify: true},
		{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, ServerName: "a.test"},
		{InsecureSkipVerify: true, NextProtos: []string{strings.Repeat("x", 255), strings.Repeat("y", 255)}},
	} {
		err := tls.Client(r.dial(), c).Handshake()
		if err == nil || !strings.Contains(err.Error(), "unexpected message") {
			t.Errorf("%v, want the alert unexpected_message", err)
		}
	}
	becomes(t, "weir_defences_total", "3", func() string { return r.defended(tlsOnPlain) })
}

func TestWhatOnlyBeginsLikeTLSIsABadRequest(t *testing.T) {
	r := newRig(t, saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	for _, text := range []string{"\x16\x03\x09\r\n\r\n", "\x16GET / HTTP/1.1\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n"} {
		conn := r.dial()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 400 ") {
			t.Errorf("%q: %q", text, b)
		}
	}
	if n := r.defended(tlsOnPlain); n != "" && n != "0" {
		t.Errorf("counted %s", n)
	}
}
