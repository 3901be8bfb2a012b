package forward

import (
	"crypto/tls"
	"net/http"
	"testing"

	"weir/http7"
	"weir/internal/tlsto"
)

func TestWhatCantBeAskedOverH2IsAFaultAtOnce(t *testing.T) {
	t.Parallel()
	at := speaking(t, func(http.ResponseWriter, *http.Request) { t.Error("the endpoint was asked") }, unencryptedH2)
	s := before(t, at, h2c)
	for _, test := range []struct {
		request string
		fault   *http7.Fault
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", http7.NoUpgrade},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", http7.HandlerError},
	} {
		for range 2 { // also on a connection that was used before
			c, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
			if f != nil {
				t.Fatal(f, cause)
			}
			c.Begin(s.tr, 0)
			c.MaySwitch([]byte("foo"))
			if got := s.askOn(c, test.request); got.fault != test.fault {
				t.Errorf("%q: %v, %v", test.request, got.fault, got.cause)
			}
		}
	}
}

func TestATunnelGoesTheWayThatItsEndpointTakes(t *testing.T) {
	t.Parallel()
	only := func(protocols ...string) func(*tls.Config) {
		return func(c *tls.Config) { c.NextProtos = protocols }
	}
	for _, test := range []struct {
		what, protocol string
		h2             bool
		offers         func(*tls.Config)
		fault          *http7.Fault
	}{
		{"both are spoken", ProtocolAuto, true, only("h2", "http/1.1"), nil},
		{"HTTP/1 alone", ProtocolAuto, false, nil, nil},
		{"HTTP/2 alone", ProtocolAuto, true, only("h2"), http7.NoUpgrade},
		{"HTTP/2 is demanded", ProtocolH2, true, nil, http7.NoUpgrade},
		{"HTTP/1 is demanded", ProtocolH1, true, nil, nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			at, ca := origin(t, test.h2, test.offers)
			s := before(t, at, func(c *Config) {
				c.Protocol, c.TLS = test.protocol, &tlsto.Config{ServerName: "orders.internal", CA: ca}
			})
			for _, resumed := range []string{"false", "false", "true"} { // the last is a fresh one
				c, f, cause := s.tr.AcquireTunnel(s.endpoint, resumed == "true", 0, nil)
				if f != test.fault {
					t.Fatal(f, cause)
				}
				if f != nil {
					continue
				}
				c.Begin(s.tr, 0)
				got := s.askOn(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if want := "HTTP/1.1 for orders.internal, resumed " + resumed; got.body != want {
					t.Errorf("%q, %v, %v; want %q", got.body, got.fault, got.cause, want)
				}
			}
		})
	}
}
