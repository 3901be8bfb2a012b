package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// issuer asks an authority for certificates. certmagic's own issuer opens ports for the challenges
// where nobody listens; this one shows the answers to whoever serves.
type issuer struct {
	config  *Config
	storage certmagic.Storage
	answers *answers
	client  *http.Client
	log     *slog.Logger

	records     records    // of dns-01
	registering sync.Mutex // held while an account is looked for or made
}

const (
	// callTimeout bounds one call to the authority.
	callTimeout = 30 * time.Second
	// checkTimeout bounds the wait for a check or a signature of the authority.
	checkTimeout = 3 * time.Minute
)

// newIssuer reads the roots that c names and looks for its program.
func newIssuer(c *Config, storage certmagic.Storage, answers *answers, log *slog.Logger) (*issuer, error) {
	if c.DNS != nil {
		if _, err := exec.LookPath(c.DNS.Exec[0]); err != nil {
			return nil, fmt.Errorf("acme: the program of dns: %w", err)
		}
	}
	var roots *x509.CertPool
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("acme: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("acme: %s holds no certificate", c.CA)
		}
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: callTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:   callTimeout,
		ResponseHeaderTimeout: callTimeout,
		IdleConnTimeout:       callTimeout,
		ForceAttemptHTTP2:     true,
	}
	client := &http.Client{Transport: transport, Timeout: callTimeout}
	return &issuer{config: c, storage: storage, answers: answers, client: client, log: log}, nil
}

// IssuerKey implements [certmagic.Issuer]: the directory as the name of a folder.
func (i *issuer) IssuerKey() string {
	return (&certmagic.ACMEIssuer{CA: i.config.directory()}).IssuerKey()
}

// Issue implements [certmagic.Issuer]. A certificate in the context is what the new one replaces.
func (i *issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	client := i.solving()
	account, err := i.account(ctx, client.Client)
	if err != nil {
		return nil, err
	}
	order, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	order.Profile, order.Replaces = i.config.Profile, replaced(ctx)
	chains, err := client.ObtainCertificate(ctx, order)
	if kind := troubleOf(err); kind == acme.ProblemTypeAccountDoesNotExist {
		chains, err = i.again(ctx, client, order)
	} else if order.Replaces != nil && beforeChecks(err) && kind != acme.ProblemTypeRateLimited {
		// It may not know the old certificate, or not as this account's (RFC 9773 §5).
		order.Replaces = nil
		chains, err = client.ObtainCertificate(ctx, order)
	}
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errors.New("the authority has issued nothing")
	}
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: chains[0]}, nil
}

// again orders with a new account: the authority does not know the old one any more.
func (i *issuer) again(ctx context.Context, client *acmez.Client, order acmez.OrderParameters) ([]acme.Certificate, error) {
	if err := i.forgetAccount(ctx); err != nil {
		return nil, err
	}
	account, err := i.account(ctx, client.Client)
	if err != nil {
		return nil, err
	}
	order.Account, order.Replaces = account, nil
	return client.ObtainCertificate(ctx, order)
}

// basic returns a client for one purpose.
func (i *issuer) basic() *acme.Client {
	return &acme.Client{Directory: i.config.directory(), HTTPClient: i.client, UserAgent: "weir", PollTimeout: checkTimeout}
}

// solving returns a client that answers challenges.
func (i *issuer) solving() *acmez.Client {
	c := &acmez.Client{Client: i.basic(), ChallengeSolvers: map[string]acmez.Solver{}}
	for _, name := range i.config.challenges() {
		switch name {
		case HTTP01:
			c.ChallengeSolvers[acme.ChallengeTypeHTTP01] = byHTTP{i.answers}
		case TLSALPN01:
			c.ChallengeSolvers[acme.ChallengeTypeTLSALPN01] = byALPN{i.answers}
		case DNS01:
			c.ChallengeSolvers[acme.ChallengeTypeDNS01] = hook{*i.config.DNS, &i.records}
		}
	}
	return c
}

// window asks when the authority wants a certificate renewed, and until when that answer holds. An
// authority that does not say is errSilent.
func (i *issuer) window(ctx context.Context, leaf *x509.Certificate) (w window, until time.Time, err error) {
	info, err := i.basic().GetRenewalInfo(ctx, leaf)
	if errors.Is(err, acme.ErrUnsupported) {
		return w, until, errSilent
	}
	if err != nil {
		return w, until, err
	}
	w = window{info.SuggestedWindow.Start, info.SuggestedWindow.End, info.SelectedTime}
	if info.RetryAfter != nil {
		until = *info.RetryAfter
	}
	return w, until, nil
}

// errSilent is the error of an authority that has no renewal information.
var errSilent = errors.New("the authority does not say when to renew")

// replacing returns a context for a renewal of leaf.
func replacing(ctx context.Context, leaf *x509.Certificate) context.Context {
	return context.WithValue(ctx, replacedKey{}, leaf)
}

type replacedKey struct{}

func replaced(ctx context.Context) *x509.Certificate {
	leaf, _ := ctx.Value(replacedKey{}).(*x509.Certificate)
	return leaf
}

// troubleOf returns the kind of the problem that an authority told; "" for other errors.
func troubleOf(err error) string {
	var p acme.Problem
	if errors.As(err, &p) {
		return p.Type
	}
	return ""
}

// beforeChecks reports whether an authority has refused before it checked anything.
func beforeChecks(err error) bool {
	var p acme.Problem
	return errors.As(err, &p) && p.Resource == nil
}
