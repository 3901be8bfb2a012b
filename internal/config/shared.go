package config

import (
	"crypto/tls"

	"weir/internal/conf"
	"weir/internal/shared"
	"weir/internal/tlsto"
)

// Shared says where nodes keep what they share. Without the table each node is for itself.
type Shared struct {
	shared.Config
	// TLS says whom to trust, for rediss. Default: the system's authorities, and the host of the address.
	TLS tlsto.Config `toml:"tls"`
}

// Check notes what is wrong with s.
func (s *Shared) Check(p *conf.Problems) {
	s.Config.Check(p)
	if s.TLS == (tlsto.Config{}) {
		return
	}
	if _, secure := s.Host(); !secure {
		p.AddKey("tls", "the address is one without TLS", "write rediss:// in redis, or leave tls out")
	}
	s.TLS.Check(p.In("tls"))
}

// Secure returns how the server is spoken to over TLS, and what is equal for equal words and files; nil without TLS.
func (s *Shared) Secure() (*tls.Config, tlsto.Sum, error) {
	host, secure := s.Host()
	if !secure {
		return nil, tlsto.Sum{}, nil
	}
	compiled, wrong := s.TLS.Compile(conf.ReadFile)
	if wrong != nil {
		return nil, tlsto.Sum{}, wrong
	}
	return compiled.For(host), compiled.Sum, nil
}
