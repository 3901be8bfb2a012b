package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"weir/internal/admin"
	"weir/internal/certs"
	"weir/internal/certs/acme"
	"weir/internal/config"
	"weir/internal/obs"
)

// acmeKeeper obtains the certificates of one acme table. Listeners with the same table share it, and it
// stays over reloads while the table and the state directory do.
type acmeKeeper struct {
	*acme.Keeper
	dir string
	end context.CancelFunc // nil: it has not been started
}

// openACME gives an offer whose listener has an acme table its keeper.
func (g *Gateway) openACME(o *offer, c *config.Listener, next *generation) (err error) {
	if c.TLS == nil || c.TLS.ACME == nil {
		return nil
	}
	if o.keeper, err = g.keeperOf(next, answerable(c.TLS.ACME, next.Config)); err != nil {
		return &listenerError{o.name, err}
	}
	return nil
}

// answerable leaves out http-01 where nobody has said how to prove names and no listener of cfg could
// answer: an authority that is asked to look there would count a failure.
func answerable(c *acme.Config, cfg *config.Config) *acme.Config {
	plain := func(l *config.Listener) bool { return l.Kind == config.KindHTTP && l.TLS == nil }
	for _, l := range cfg.Listeners {
		if plain(l) || len(c.Challenges) > 0 || c.DNS != nil {
			return c
		}
	}
	alone := *c
	alone.Challenges = []string{acme.TLSALPN01}
	return &alone
}

// keeperOf returns the keeper for c: one that next has already, or that serves, or a new one that
// does not run yet.
func (g *Gateway) keeperOf(next *generation, c *acme.Config) (*acmeKeeper, error) {
	dir, err := acmeDir(next.Config)
	if err != nil {
		return nil, err
	}
	wanted := func(k *acmeKeeper) bool { return k.dir == dir && k.Config().Same(c) }
	if i := slices.IndexFunc(next.keepers, wanted); i >= 0 {
		return next.keepers[i], nil
	}
	k := &acmeKeeper{dir: dir}
	if old := g.current.Load(); old != nil && slices.ContainsFunc(old.keepers, wanted) {
		k = old.keepers[slices.IndexFunc(old.keepers, wanted)]
	} else if k.Keeper, err = acme.New(c, dir, g.log.Logger); err != nil {
		return nil, err
	} else {
		k.Attempted = g.catalogue.Obtained
	}
	next.keepers = append(next.keepers, k)
	return k, nil
}

// acmeDir returns the directory for keys and certificates, and makes it.
func acmeDir(cfg *config.Config) (string, error) {
	state, _ := cfg.State(os.Getenv)
	if state == "" {
		return "", errors.New("acme has no place for keys and certificates: set state_dir")
	}
	dir := filepath.Join(state, "acme")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("acme has no place for keys and certificates: %w; set state_dir", err)
	}
	return dir, nil
}

// source is what a store asks for names that the keeper handles; nil without one.
func (k *acmeKeeper) source() *certs.Source {
	if k == nil {
		return nil
	}
	return &certs.Source{Handles: k.Handles, GetCertificate: k.GetCertificate, Certificate: k.Certificate, Challenged: k.Challenged}
}

// answerChallenges lets every http listener answer authorities that check.
func (gen *generation) answerChallenges() {
	if len(gen.keepers) == 0 {
		return
	}
	for _, o := range gen.listeners {
		if o.site != nil {
			o.site.Challenge = gen.challenge
		}
	}
}

// challenge asks all keepers for the answer to http-01.
func (gen *generation) challenge(host, path string) (body string, ok bool) {
	for _, k := range gen.keepers {
		if body, ok = k.Challenge(host, path); ok {
			return body, true
		}
	}
	return "", false
}

// keepNames starts the keepers that only next has, and ends those that only old had. Call it with mu
// held.
func (g *Gateway) keepNames(old, next *generation) {
	for _, k := range old.keepers {
		if k.end != nil && !slices.Contains(next.keepers, k) {
			k.end()
		}
	}
	for _, k := range next.keepers {
		if k.end != nil {
			continue
		}
		var ctx context.Context
		ctx, k.end = context.WithCancel(g.back)
		g.work.Go(func() { k.Run(ctx) }) // gateway.acme: ends when no generation has it, or with the gateway
	}
}

// obtained yields how the hosts of a listener's acme table fare.
func (o *offer) obtained(yield func(acme.Status) bool) {
	if o.keeper == nil {
		return
	}
	for _, s := range o.keeper.Hosts() {
		if !yield(s) {
			return
		}
	}
}

// obtainedStatus is how a host fares as the admin API shows it.
func obtainedStatus(s *acme.Status) admin.CertificateStatus {
	c := admin.CertificateStatus{Names: []string{s.Host}, Trouble: s.Trouble, Since: s.Since}
	if s.Leaf != nil {
		c.NotBefore, c.Expires = s.Leaf.NotBefore, s.Leaf.NotAfter
	} else if s.Trouble == "" {
		c.Trouble = "there is none yet"
	}
	return c
}

// obtainedReading is how a host fares as a scrape wants it.
func obtainedReading(listener string, s *acme.Status) obs.CertificateReading {
	r := obs.CertificateReading{Listener: listener, Certificate: s.Host, Broken: s.Trouble != ""}
	if s.Leaf != nil {
		r.Expiry = s.Leaf.NotAfter
	}
	return r
}
