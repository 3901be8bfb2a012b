package tcp4

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// BenchmarkHandshake is a whole TLS 1.3 handshake with ECDSA P-256 and X25519, not resumed, and a byte there and back;
// the client's half of the work included.
func BenchmarkHandshake(b *testing.B) {
	hand, err := NewTLS(TLSConfig{Config: selfSigned(b), Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	serve := hand.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) })
	l := listenOn(b, serve, "127.0.0.1:0")
	client := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}}
	room := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		raw, err := net.Dial("tcp", l.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		c := tls.Client(raw, client)
		if _, err = c.Write(room); err == nil {
			_, err = io.ReadFull(c, room)
		}
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}
