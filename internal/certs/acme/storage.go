package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// authority is an issuer with the storage for what it issues.
type authority struct {
	*issuer
	cache  *certmagic.Cache
	config *certmagic.Config
}

// newAuthority reads and starts nothing but the roots.
func newAuthority(c *Config, dir string, answers *answers, log *slog.Logger) (*authority, error) {
	i, err := newIssuer(c, &certmagic.FileStorage{Path: dir}, answers, log)
	if err != nil {
		return nil, err
	}
	return &authority{issuer: i}, nil
}

// begin makes what obtain needs, close ends it. certmagic's cache stays empty, since its own watch
// over what lies in it knows another schedule than ours; a config must have one.
func (a *authority) begin() {
	var config *certmagic.Config
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil },
		Logger:           zap.NewNop(),
	})
	config = certmagic.New(a.cache, certmagic.Config{
		Storage:            a.storage,
		Issuers:            []certmagic.Issuer{a.issuer},
		KeySource:          certmagic.StandardKeyGenerator{KeyType: keyTypes[a.issuer.config.KeyType]},
		RenewalWindowRatio: 1.0 / 3,
		OCSP:               certmagic.OCSPConfig{DisableStapling: true},
		DisableARI:         true,         // the issuer asks
		Logger:             zap.NewNop(), // the keeper tells
	})
	a.config = config
}

func (a *authority) close() {
	a.cache.Stop()
	a.client.CloseIdleConnections()
}

var keyTypes = map[string]certmagic.KeyType{
	ECDSAP256: certmagic.P256, ECDSAP384: certmagic.P384, RSA2048: certmagic.RSA2048, RSA4096: certmagic.RSA4096,
}

// obtain puts a new certificate for name into the storage. old is the one that lies there, nil if
// none does; force says that it is replaced whatever its age.
func (a *authority) obtain(ctx context.Context, name string, old *tls.Certificate, force bool) error {
	if old == nil {
		return a.config.ObtainCertSync(ctx, name)
	}
	return a.config.RenewCertSync(replacing(ctx, old.Leaf), name, force)
}

// load returns the certificate in the storage, nil if there is none. What lies there and can't be
// used, such as after a crash between two writes, is removed: it would count as obtained.
func (a *authority) load(name string) (*tls.Certificate, error) {
	ctx, keys, folder := context.Background(), certmagic.StorageKeys, a.IssuerKey()
	chain, err := a.storage.Load(ctx, keys.SiteCert(folder, name))
	if err == nil {
		var key []byte
		if key, err = a.storage.Load(ctx, keys.SitePrivateKey(folder, name)); err == nil {
			return a.pair(ctx, name, chain, key)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, fmt.Errorf("acme: %w", err)
}

func (a *authority) pair(ctx context.Context, name string, chain, key []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(chain, key)
	if err == nil {
		err = c.Leaf.VerifyHostname(probe(name))
	}
	if err == nil {
		return &c, nil
	}
	a.log.Error("a stored certificate can't be used and is dropped", "host", name, "error", err)
	if err := a.storage.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(a.IssuerKey(), name)); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	return nil, nil
}

// probe returns a host that a certificate for name must hold for.
func probe(name string) string {
	if name[0] == '*' {
		return "any" + name[1:]
	}
	return name
}
