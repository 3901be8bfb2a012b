package acme

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/certs/acme/pebble"
	"weir/internal/conf"
)

func TestEveryChallengeIsAnswered(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{})
	dns := DefaultDNS()
	dns.Exec, dns.Propagation = a.Hook(), conf.Dur(0)
	for _, tc := range []struct {
		challenge string
		hosts     []string
	}{
		{HTTP01, []string{"one.weir.test", "two.weir.test", "Three.Weir.test"}},
		{TLSALPN01, []string{"four.weir.test", "five.weir.test"}},
		{DNS01, []string{"*.six.weir.test", "six.weir.test"}},
	} {
		t.Run(tc.challenge, func(t *testing.T) {
			c := config(a, tc.hosts...)
			c.Challenges, c.DNS = []string{tc.challenge}, &dns
			k, stop := p.keep(t, c, t.TempDir())
			until(t, "certificates for "+strings.Join(tc.hosts, ", "), has(k, tc.hosts...))
			for _, h := range tc.hosts {
				h = strings.Replace(h, "*", "any", 1)
				shown, err := p.ask(h)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := shown.Leaf.Verify(x509.VerifyOptions{DNSName: h, Roots: a.Roots(), Intermediates: between(k, h)}); err != nil {
					t.Error(err)
				}
			}
			stop()
			if n := k.answers.open.Load(); n != 0 {
				t.Errorf("%d answers are still shown", n)
			}
		})
	}
}

// between returns the rest of the chain that k has for a host.
func between(k *Keeper, host string) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, der := range k.Certificate(host).Certificate[1:] {
		c, _ := x509.ParseCertificate(der)
		pool.AddCert(c)
	}
	return pool
}

func TestIfOneChallengeFailsTheOtherIsTried(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{})
	p.http.Close()
	c := config(a, "one.weir.test")
	k, _ := p.keep(t, c, t.TempDir())
	until(t, "a certificate", has(k, "one.weir.test"))
}

func TestACertificateIsRenewedAfterTwoThirdsOfItsLife(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{Lifetime: 9 * time.Second})
	k, _ := p.keep(t, config(a, "one.weir.test"), t.TempDir())
	until(t, "a certificate", has(k, "one.weir.test"))
	// Each is renewed in its turn. On a slow machine a renewal takes longer than what is left of a life: the soonest of some
	// counts, and none may come before its time.
	renewals, soonest := 0, time.Duration(0)
	for ; renewals < 2 || renewals < 5 && soonest <= 0; renewals++ {
		last := k.Certificate("one.weir.test")
		until(t, "a renewal", func() bool { return !same(last, k.Certificate("one.weir.test")) })
		early := time.Until(expiry(last.Leaf))
		if early > 4*time.Second {
			t.Errorf("it came %v before the end of a life of 9s", early)
		}
		soonest = max(soonest, early)
	}
	if soonest <= 0 {
		t.Errorf("%d renewals came after the end of a life of 9s", renewals)
	}
}

func TestACertificateIsRenewedWhenTheAuthorityAsksForIt(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{})
	dir := t.TempDir()
	k, stop := p.keep(t, config(a, "one.weir.test"), dir)
	until(t, "a certificate", has(k, "one.weir.test"))
	stop()
	first := k.Certificate("one.weir.test")
	a.Suggest(first.Leaf, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))

	k, _ = p.keep(t, config(a, "one.weir.test"), dir)
	if !same(first, k.Certificate("one.weir.test")) {
		t.Fatal("the stored certificate is not served at once")
	}
	until(t, "a renewal", func() bool { return !same(first, k.Certificate("one.weir.test")) })
}

func TestADeadAuthorityTakesNothingAway(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{Lifetime: 5 * time.Second})
	dir := t.TempDir()
	k, stop := p.keep(t, config(a, "old.weir.test"), dir)
	until(t, "a certificate", has(k, "old.weir.test"))
	a.Kill()
	until(t, "failed attempts to renew", failedAt(k, 2))
	if _, err := p.ask("old.weir.test"); err != nil {
		t.Error("the old certificate is served no more:", err)
	}
	if s := k.Hosts()[0]; s.Trouble == "" || s.Retry.IsZero() || s.Leaf == nil {
		t.Errorf("the status is %+v", s)
	}
	stop()

	// A restart without an authority serves what is stored; new hosts have to wait.
	k, _ = p.keep(t, config(a, "old.weir.test", "new.weir.test"), dir)
	if _, err := p.ask("old.weir.test"); err != nil {
		t.Error("after a restart:", err)
	}
	until(t, "failed attempts", failedAt(k, 2))
	if _, err := p.ask("new.weir.test"); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("a host without a certificate gets %v", err)
	}

	// The authority that comes back does not know the account, nor the certificate to be replaced.
	a.Revive()
	until(t, "a new certificate", has(k, "new.weir.test"))
	until(t, "a renewal", func() bool { return k.Certificate("old.weir.test").Leaf.NotAfter.After(time.Now()) })
	for _, s := range k.Hosts() {
		if s.Trouble != "" {
			t.Errorf("%s still has trouble: %s", s.Host, s.Trouble)
		}
	}
}

func TestARefusalIsToldAndNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{Blocked: []string{"blocked.test"}})
	k, _ := p.keep(t, config(a, "www.blocked.test", "good.weir.test"), t.TempDir())
	until(t, "the other host's certificate", has(k, "good.weir.test"))
	until(t, "a failed attempt", failedAt(k, 1))
	s := k.Hosts()[1]
	if s.Host != "www.blocked.test" || !strings.Contains(s.Trouble, "rejectedIdentifier") || time.Until(s.Retry) < time.Minute {
		t.Errorf("the status is %+v", s)
	}
}

func TestAnAccountIsBoundAndKept(t *testing.T) {
	t.Parallel()
	p := serve(t)
	const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	a := p.authority(t, pebble.Options{EAB: map[string]string{"kid-1": key}})
	dir := t.TempDir()
	c := config(a, "one.weir.test")
	c.Email, c.EAB = "ops@weir.test", &EAB{KeyID: "kid-1", HMAC: conf.SecretText(key + "==")}
	k, stop := p.keep(t, c, dir)
	until(t, "a certificate", has(k, "one.weir.test"))
	stop()
	before := accounts(t, dir)

	c = config(a, "two.weir.test")
	c.Email = "ops@weir.test" // without the binding, a new account would be refused
	k, _ = p.keep(t, c, dir)
	until(t, "a certificate by the same account", has(k, "two.weir.test"))
	if after := accounts(t, dir); after != before || !strings.Contains(after, "ops@weir.test") {
		t.Errorf("the account was\n%s\nand is\n%s", before, after)
	}
}

// accounts returns the stored accounts.
func accounts(t *testing.T, dir string) (text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "accounts", "*", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("accounts are in %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatIsStoredIsForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{})
	dir := filepath.Join(t.TempDir(), "acme")
	k, stop := p.keep(t, config(a, "one.weir.test"), dir)
	until(t, "a certificate", has(k, "one.weir.test"))
	stop()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(path, ".lock") {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnDemandOnlyWhatIsAllowedIsObtained(t *testing.T) {
	t.Parallel()
	p := serve(t)
	a := p.authority(t, pebble.Options{Blocked: []string{"blocked.test"}})
	c := config(a)
	demand := DefaultOnDemand()
	demand.Hosts, demand.Max = []string{"*.shop.test", "shop.test", "www.blocked.test"}, 2
	c.OnDemand = &demand
	dir := t.TempDir()
	k, stop := p.keep(t, c, dir)
	for _, host := range []string{"evil.test", "a.b.shop.test", "shop.test.evil.test", ""} {
		if _, err := p.ask(host); err == nil {
			t.Errorf("%q gets a certificate", host)
		}
	}
	if n := k.Obtained.Load() + k.Failed.Load(); n != 0 {
		t.Errorf("the authority was asked %d times", n)
	}
	if _, err := p.ask("www.blocked.test"); err == nil {
		t.Error("a host that the authority refuses gets a certificate")
	}
	for _, host := range []string{"Shop.test", "one.shop.test", "one.shop.test"} { // a host that failed makes room
		if shown, err := p.ask(host); err != nil || shown.Leaf.VerifyHostname(host) != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := p.ask("two.shop.test"); err == nil {
		t.Error("more hosts than max get certificates")
	}
	if got := k.Obtained.Load(); got != 2 {
		t.Errorf("%d certificates were obtained", got)
	}
	stop()

	a.Kill()
	p.keep(t, c, dir)
	if _, err := p.ask("one.shop.test"); err != nil {
		t.Error("after a restart it is not taken from the storage:", err)
	}
}
