package health

import (
	"crypto/tls"
	"reflect"

	"weir/internal/conf"
)

// method is a Config made ready: what the probes of one upstream's endpoints have in common. It
// never changes.
type method struct {
	config *Config
	files  material
	secure *tls.Config // nil: plain text
	broken error       // a file that can't be read any more; every probe then fails with this
}

// newMethod returns old if it asks as c does and no file has changed, so that connections and
// sessions that probes keep outlive a reload. old may be nil.
func newMethod(c *Config, old *method) *method {
	m := &method{config: c}
	if c.TLS != nil {
		m.secure, m.broken = m.load(c.TLS)
	}
	if old != nil && old.broken == nil && m.broken == nil &&
		reflect.DeepEqual(old.config, c) && reflect.DeepEqual(old.files, m.files) {
		return old
	}
	return m
}

func (m *method) load(c *TLSConfig) (*tls.Config, error) {
	files, wrong := c.read(conf.ReadFile)
	if wrong != nil {
		return nil, wrong
	}
	m.files = files
	secure, wrong := c.compile(files)
	if wrong != nil {
		return nil, wrong
	}
	return secure, nil
}
