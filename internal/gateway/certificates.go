package gateway

import (
	"context"
	"strings"
	"time"

	"weir/internal/admin"
	"weir/internal/certs"
	"weir/internal/obs"
)

// expiresSoon is how long before its end a certificate is warned of, at most a quarter of its lifetime: whoever renews
// by hand needs days, and what lives for a week is renewed by a machine, which does so earlier.
const expiresSoon = 14 * 24 * time.Hour

func soon(s *certs.Status) time.Duration { return min(expiresSoon, s.NotAfter.Sub(s.NotBefore)/4) }

// expiryEvery is how often certificates are looked at. A warning is repeated after warnAgain.
const (
	expiryEvery = time.Hour
	warnAgain   = 24 * time.Hour
)

// certificates are what is told of the certificates that are served.
type certificates struct {
	warned map[string]time.Time // by listener and files; the watcher's goroutine alone has it
}

// watchCertificates warns of certificates that are about to expire, at once and then every day.
func (g *Gateway) watchCertificates(ctx context.Context) {
	tick := time.NewTicker(expiryEvery)
	defer tick.Stop()
	var c certificates
	for {
		c.warn(g, time.Now())
		select {
		case <-tick.C:
		case <-g.renewed:
		case <-ctx.Done():
			return
		}
	}
}

// lookAtCertificates makes the watcher look at those of another generation.
func (g *Gateway) lookAtCertificates() {
	select {
	case g.renewed <- struct{}{}:
	default: // it is about to
	}
}

// warn logs each certificate that has expired or will soon, at most once a day.
func (c *certificates) warn(g *Gateway, now time.Time) {
	warned := map[string]time.Time{}
	for _, o := range g.current.Load().listeners {
		if o.store == nil {
			continue
		}
		for _, s := range o.store.Status() {
			key := o.name + "\x00" + strings.Join(s.Files, "\x00")
			left := s.NotAfter.Sub(now)
			if s.NotAfter.IsZero() || left > soon(&s) {
				continue
			}
			warned[key] = now
			if last, before := c.warned[key]; before && now.Sub(last) < warnAgain {
				warned[key] = last
				continue
			}
			text := "a certificate expires soon"
			if left <= 0 {
				text = "a certificate has expired; clients refuse it"
			}
			g.log.Warn(text, "listener", o.name, "certificate", strings.Join(s.Names, " "), "files", s.Files, "expires", s.NotAfter.UTC())
		}
	}
	c.warned = warned
}

// certificateStatus lists what a listener serves, as the admin API shows it.
func (o *offer) certificateStatus() (list []admin.CertificateStatus) {
	if o.store == nil {
		return nil
	}
	for _, s := range o.store.Status() {
		list = append(list, admin.CertificateStatus{
			Names: s.Names, Files: s.Files, NotBefore: s.NotBefore, Expires: s.NotAfter, Trouble: s.Trouble, Since: s.Since,
		})
	}
	for s := range o.obtained {
		list = append(list, obtainedStatus(&s))
	}
	return list
}

// certificateReadings yields the certificates that are served as a scrape wants them.
func (g *Gateway) certificateReadings(yield func(obs.CertificateReading) bool) {
	for _, o := range g.current.Load().listeners {
		if o.store == nil {
			continue
		}
		for _, s := range o.store.Status() {
			if !yield(obs.CertificateReading{Listener: o.name, Certificate: nameOf(&s), Expiry: s.NotAfter, Broken: s.Trouble != ""}) {
				return
			}
		}
		for s := range o.obtained {
			if !yield(obtainedReading(o.name, &s)) {
				return
			}
		}
	}
}

// nameOf returns what a certificate is called in metrics: its first name, or its file if it has none.
func nameOf(s *certs.Status) string {
	if len(s.Names) > 0 {
		return s.Names[0]
	}
	return s.Files[0]
}
