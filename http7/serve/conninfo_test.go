package serve

import (
	"net"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/proxyproto"
	"weir/internal/sock"
)

// announced is a connection whose PROXY header is believed.
type announced struct {
	net.Conn
	h proxyproto.Header
}

func (a *announced) Header() *proxyproto.Header { return &a.h }

func TestAPROXYHeaderSaysWhatWasBeforeWeir(t *testing.T) {
	for _, c := range []struct {
		says proxyproto.Header
		tls  bool
		sni  string
	}{
		{proxyproto.Header{}, false, ""},
		{proxyproto.Header{Authority: "A.test."}, false, "a.test"},
		{proxyproto.Header{TLS: &proxyproto.TLS{}}, true, ""},
		{proxyproto.Header{TLS: &proxyproto.TLS{ClientCert: true, Verified: true, CommonName: "ops"}, Authority: "a.test"}, true, "a.test"},
	} {
		a, b := net.Pipe()
		info := connInfo("web", &announced{a, c.says}, &sock.Conn{})
		if info.TLS != c.tls || info.SNI != c.sni || info.ClientCert != nil || info.ClientNames != nil || info.Listener != "web" {
			t.Errorf("%+v: %+v, want TLS %v and SNI %q, and nobody's identity", c.says, info, c.tls, c.sni)
		}
		_, _ = a.Close(), b.Close()
	}
	var plain http7.Conn
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if info := connInfo("", a, &sock.Conn{}); *info != plain {
		t.Errorf("a connection without a header: %+v", info)
	}
}

// Of a request whose head is not valid nobody is identified: it kept what the exchange's last request had come by.
func TestAnExchangeBeginsWithWhatItsConnectionSays(t *testing.T) {
	for _, tls := range []bool{true, false} {
		x := new(exchange)
		x.Secure = !tls
		x.begin(&conn{info: &http7.Conn{TLS: tls}}, time.Now())
		if x.Secure != tls {
			t.Errorf("secure is %v on a connection with TLS %v", x.Secure, tls)
		}
	}
}
