package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"weir/internal/conf"
)

// chainError is what is wrong with a chain whose leaf can be used.
type chainError struct{ error }

// keyPair is [tls.X509KeyPair] for a chain that must be whole: that looks at the leaf alone, and passes
// over the rest of a file that is cut.
func keyPair(chain, key []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	if err := conf.WholePEM(chain); err != nil {
		return nil, chainError{err}
	}
	for i, der := range c.Certificate[1:] {
		if _, err := x509.ParseCertificate(der); err != nil {
			return nil, chainError{fmt.Errorf("certificate %d: %w", i+2, err)}
		}
	}
	return &c, nil
}

// authorities reads every certificate of a PEM file; none is an error, as is a file that is cut. Blocks
// of another kind are passed over.
func authorities(text []byte) (all []*x509.Certificate, err error) {
	if err := conf.WholePEM(text); err != nil {
		return nil, err
	}
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return all, nil
}
