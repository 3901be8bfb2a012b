package health

import (
	"reflect"

	"weir/internal/conf"
	"weir/internal/tlsto"
)

// TLSConfig says how a probe speaks TLS.
type TLSConfig = tlsto.Config

// Way says how traffic reaches an upstream's endpoints, and so how probes do unless their config says
// otherwise. The zero value is HTTP/1 in plain text.
type Way struct {
	// TLS makes connections speak TLS; nil: plain text.
	TLS *tlsto.Compiled
	// Protocol is "h1", "h2", "h2c" or "auto", as an upstream has it; "" is "auto".
	Protocol string
	// Proxy is the version of the PROXY protocol whose header connections begin with, for no client at
	// all (LOCAL); 0: none. Probes of another port send none.
	Proxy int
}

// method is a Config made ready: what the probes of one upstream's endpoints have in common. It
// never changes.
type method struct {
	config *Config
	way    Way
	broken error // a file that can't be read any more; every probe then fails with this
}

// newMethod returns old if it asks as c does on the same way and no file has changed, so that
// connections and sessions that probes keep outlive a reload. old may be nil.
func newMethod(c *Config, way Way, old *method) *method {
	m := &method{config: c, way: way}
	switch {
	case c.Plain:
		m.way.TLS = nil
	case c.TLS != nil:
		secure, wrong := c.TLS.Compile(conf.ReadFile)
		if wrong != nil {
			m.broken = wrong
		}
		m.way.TLS = secure
	}
	if old != nil && old.broken == nil && m.broken == nil &&
		reflect.DeepEqual(old.config, c) && old.way.same(m.way) {
		return old
	}
	return m
}

// same reports whether two ways are alike, files included.
func (w Way) same(as Way) bool {
	return w.Protocol == as.Protocol && w.Proxy == as.Proxy && w.sum() == as.sum()
}

func (w Way) sum() (s tlsto.Sum) {
	if w.TLS != nil {
		s = w.TLS.Sum
	}
	return s
}

// The values of Way.Protocol that matter here.
const (
	protocolH1  = "h1"
	protocolH2  = "h2" // as ALPN calls it, too
	protocolH2C = "h2c"
)

// alpn returns what a probe by request offers.
func (w Way) alpn() []string {
	switch w.Protocol {
	case protocolH1:
		return []string{"http/1.1"}
	case protocolH2:
		return []string{protocolH2}
	}
	return []string{protocolH2, "http/1.1"}
}
