package clients

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"weir/bench"
)

func TestATargetOfAnotherProtocolIsRefusedInWords(t *testing.T) {
	for _, d := range []struct {
		make func(Config) (Protocol, error)
		cfg  Config
		says string
	}{
		{HTTP2, Config{Target: "tcp://host:1"}, "HTTP/2 needs http:// or https://"},
		{HTTP2, Config{Target: "http:///path"}, "lacks a host"},
		{HTTP2, Config{Target: "://"}, "target"},
		{HTTP2, Config{Target: "http://user:secret@host/"}, "http://user:xxxxx@host/"},
		{HTTP2, Config{Target: "http://host", Connections: -1}, "negative"},
		{HTTP2, Config{Target: ""}, "needs"},
		{HTTP3, Config{Target: "http://host"}, "HTTP/3 needs https://"},
		{GRPC, Config{Target: "https://host:1/a.B/C"}, "gRPC needs grpc:// or grpcs://"},
		{GRPC, Config{Target: "grpc://host/a.B/C"}, "lacks a port"},
		{GRPC, Config{Target: "grpc://host:1/nonsense"}, "/package.Service/Method"},
		{WebSocket, Config{Target: "http://host"}, "WebSocket needs ws:// or wss://"},
		{TCPConnect, Config{Target: "http://host"}, "needs tcp:// or tls://"},
		{TCPConnect, Config{Target: "tcp://host"}, "lacks a port"},
		{TCPBulk, Config{Target: "ws://host:1"}, "bulk needs tcp:// or tls://"},
		{TCPBulk, Config{Target: "tcp://host:1", Block: -1}, "negative"},
		{TCPBulk, Config{Way: 9, Target: "tcp://host:1"}, "no way 9"},
	} {
		_, err := d.make(d.cfg)
		if !errors.Is(err, bench.ErrConfig) || !strings.Contains(err.Error(), d.says) {
			t.Errorf("%+v: %v; want ErrConfig that says %q", d.cfg, err, d.says)
		}
	}
}

func TestThePortsOfASchemeAreFilledIn(t *testing.T) {
	for _, d := range []struct{ target, plain, secure, address string }{
		{"http://host", "http", "https", "host:80"},
		{"https://host/x", "http", "https", "host:443"},
		{"https://[::1]:8443/x", "http", "https", "[::1]:8443"},
		{"wss://host", "ws", "wss", "host:443"},
	} {
		got, err := check(Config{Target: d.target}, "it", d.plain, d.secure)
		if err != nil || got.address != d.address {
			t.Errorf("%s: %+v, %v; want %s", d.target, got, err, d.address)
		}
	}
}

func TestServerNameComesFromTheTargetUnlessGiven(t *testing.T) {
	for _, d := range []struct {
		given *tls.Config
		want  string
	}{
		{nil, "host"},
		{&tls.Config{}, "host"},
		{&tls.Config{ServerName: "other"}, "other"},
	} {
		to, err := check(Config{Target: "https://host:1", TLS: d.given}, "it", "http", "https")
		if err != nil {
			t.Fatal(err)
		}
		if got := to.tlsFor("h2"); got.ServerName != d.want || got.NextProtos[0] != "h2" || got.InsecureSkipVerify {
			t.Errorf("%+v: name %q, protocols %v", d.given, got.ServerName, got.NextProtos)
		}
	}
}
