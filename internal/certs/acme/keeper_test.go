package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// fake is an authority with its storage; all of it guarded by mu.
type fake struct {
	mu       sync.Mutex
	life     time.Duration
	takes    time.Duration // an attempt
	trouble  error
	window   window
	until    time.Time
	deaf     error
	stored   map[string]*tls.Certificate
	forced   []bool
	tries    []time.Duration // since the beginning
	began    time.Time
	asked    int
	running  int
	together int // the most attempts that ran at once
}

func newFake() *fake {
	return &fake{life: 90 * day, takes: time.Second, stored: map[string]*tls.Certificate{}, began: time.Now()}
}

// issue makes a certificate that begins now.
func (f *fake) issue(name string) *tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	form := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotBefore: time.Now(), NotAfter: time.Now().Add(f.life)}
	der, _ := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	leaf, _ := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (f *fake) load(name string) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stored[name], nil
}

func (f *fake) obtain(ctx context.Context, name string, _ *tls.Certificate, force bool) error {
	f.mu.Lock()
	f.tries = append(f.tries, time.Since(f.began))
	f.forced = append(f.forced, force)
	f.running++
	f.together = max(f.together, f.running)
	takes := f.takes
	f.mu.Unlock()
	t := time.NewTimer(takes)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.trouble == nil {
		f.stored[name] = f.issue(name)
	}
	return f.trouble
}

func (f *fake) look(context.Context, *x509.Certificate) (window, time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.window, f.until, f.deaf
}

// change changes f while a keeper uses it.
func (f *fake) change(by func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by()
}

// keeper returns one that asks f.
func (f *fake) keeper(t *testing.T, c *Config) *Keeper {
	t.Helper()
	k := &Keeper{config: c, log: slog.New(slog.NewTextHandler(t.Output(), nil)), wake: make(chan struct{}, 1)}
	k.calls = calls{load: f.load, obtain: f.obtain, window: f.look, share: func() float64 { return 0 }}
	if err := k.read(); err != nil {
		t.Fatal(err)
	}
	return k
}

func listing(names ...string) *Config { return &Config{Hosts: names} }

func TestManyHostsAreObtainedAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("h%d.example.com", i))
		}
		k := f.keeper(t, listing(names...))
		run(t, k)
		time.Sleep(5*time.Second + time.Millisecond) // of the fake clock: 20 attempts of 1 s, 4 at once
		synctest.Wait()
		if !has(k, names...)() || f.together != parallel {
			t.Errorf("%d certificates, %d at once", k.Obtained.Load(), f.together)
		}
	})
}

func TestACertificateIsRenewedAllItsLifeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf = errSilent
		k := f.keeper(t, listing("h"))
		run(t, k)
		time.Sleep(365 * day)
		synctest.Wait()
		if n := k.Obtained.Load(); n != 7 { // every 60 days
			t.Errorf("%d certificates in a year, at %v", n, f.tries)
		}
		for i, forced := range f.forced {
			if forced {
				t.Errorf("renewal %d was forced", i)
			}
		}
	})
}

func TestTheAuthoritysWindowIsFollowedEvenWhenItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k := f.keeper(t, listing("h"))
		in := func(d time.Duration) window {
			at := time.Now().Add(d)
			return window{at, at.Add(time.Hour), at}
		}
		f.window = in(50 * day)
		ask := k.calls.window
		k.calls.window = func(ctx context.Context, leaf *x509.Certificate) (w window, until time.Time, err error) {
			w, until, err = ask(ctx, leaf)
			if leaf.NotBefore.Sub(f.began) > day {
				w = in(60 * day) // for the second certificate
			}
			return w, until, err
		}
		run(t, k)
		time.Sleep(10 * day)
		f.change(func() { f.window = in(day) }) // such as before a revocation
		time.Sleep(2 * day)
		synctest.Wait()
		if n := k.Obtained.Load(); n != 2 || !f.forced[1] {
			t.Errorf("%d certificates, forced %v", n, f.forced)
		}
		if f.asked < 40 || f.asked > 60 { // every 6 hours
			t.Errorf("the authority was asked %d times in 12 days", f.asked)
		}
	})
}

func TestAnAuthorityThatWantsRenewalAtOnceGetsItOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.window = window{time.Now().Add(-time.Hour), time.Now().Add(-time.Minute), time.Now().Add(-time.Minute)}
		k := f.keeper(t, listing("h"))
		run(t, k)
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if n := k.Obtained.Load(); n < 4 || n > 6 {
			t.Errorf("%d certificates in 5 hours", n)
		}
	})
}

func TestHowOftenToAskIsTheAuthoritysWordWithinBounds(t *testing.T) {
	for until, want := range map[time.Duration][2]int{time.Second: {50, 70}, 10 * time.Minute: {5, 8}, 1000 * time.Hour: {1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			k := f.keeper(t, listing("h"))
			ask := k.calls.window
			k.calls.window = func(ctx context.Context, leaf *x509.Certificate) (w window, at time.Time, err error) {
				w, _, err = ask(ctx, leaf)
				return w, time.Now().Add(until), err
			}
			run(t, k)
			time.Sleep(time.Hour)
			synctest.Wait()
			if f.asked < want[0] || f.asked > want[1] {
				t.Errorf("asked again after %v: %d times in an hour, want %v", until, f.asked, want)
			}
		})
	}
}

func TestPausesFollowFailuresAndEndWithThem(t *testing.T) {
	refusal := acme.Problem{Type: acme.ProblemTypeUnauthorized, Status: 403}
	for name, tc := range map[string]struct {
		trouble error
		within  time.Duration
		tries   int
	}{
		"dead, for a minute":      {errors.New("connection refused"), time.Minute, 5},
		"dead, for an hour":       {errors.New("connection refused"), time.Hour, 19},
		"refusing, for an hour":   {refusal, time.Hour, 4},
		"refusing, for two days":  {refusal, 2 * day, 13},
		"wrapped, for an hour":    {fmt.Errorf("obtain: %w", refusal), time.Hour, 4},
		"given up, for ten hours": {context.DeadlineExceeded, 10 * time.Minute, 9},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.trouble = tc.trouble
			k := f.keeper(t, listing("h"))
			run(t, k)
			time.Sleep(tc.within)
			synctest.Wait()
			if got := len(f.tries); got < tc.tries-1 || got > tc.tries+1 {
				t.Errorf("%s: %d tries, want %d: %v", name, got, tc.tries, f.tries)
			}
			s := k.Hosts()[0]
			if s.Trouble != tc.trouble.Error() || s.Leaf != nil || !s.Since.Equal(f.began.Add(time.Second)) || !s.Retry.After(time.Now()) {
				t.Errorf("%s: the status is %+v", name, s)
			}
			f.change(func() { f.trouble = nil })
			time.Sleep(7 * time.Hour)
			synctest.Wait()
			if s := k.Hosts()[0]; s.Trouble != "" || !s.Since.IsZero() || s.Leaf == nil {
				t.Errorf("%s: afterwards it is %+v", name, s)
			}
		})
	}
}

// What another process has put into the storage meanwhile is taken, and nobody asked.
func TestACertificateThatAnotherProcessHasObtainedIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf = errSilent
		k := f.keeper(t, listing("h"))
		run(t, k)
		time.Sleep(59 * day)
		f.change(func() { f.stored["h"] = f.issue("h") })
		time.Sleep(2 * day)
		synctest.Wait()
		if len(f.tries) != 1 || !same(k.Certificate("h"), f.stored["h"]) {
			t.Errorf("%d tries", len(f.tries))
		}
	})
}

func TestAnAttemptThatChangesNothingIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf = errSilent
		f.stored["h"] = f.issue("h")
		k := f.keeper(t, listing("h"))
		k.calls.obtain = func(context.Context, string, *tls.Certificate, bool) error { return nil }
		run(t, k)
		time.Sleep(60*day + time.Minute)
		synctest.Wait()
		if n := k.Failed.Load(); n < 3 || n > 8 || k.Certificate("h") == nil {
			t.Errorf("%d failures in a minute", n)
		}
	})
}

func TestTheEndGivesUpWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = 1000 * time.Hour
		k := f.keeper(t, listing("h"))
		stop := run(t, k)
		time.Sleep(time.Second)
		stop() // waits for the attempt
		if k.Failed.Load() != 0 || k.Hosts()[0].Trouble != "" {
			t.Errorf("it counts as a failure: %+v", k.Hosts()[0])
		}
	})
}

func TestAnAttemptThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.takes = 1000 * time.Hour
		k := f.keeper(t, listing("h"))
		run(t, k)
		time.Sleep(attemptTimeout + time.Millisecond)
		synctest.Wait()
		if k.Failed.Load() != 1 {
			t.Errorf("%d failures", k.Failed.Load())
		}
	})
}

func TestAStorageThatCantBeReadIsAnError(t *testing.T) {
	k := newFake().keeper(t, listing("h"))
	k.calls.load = func(string) (*tls.Certificate, error) { return nil, errors.New("no such disk") }
	if err := k.read(); err == nil {
		t.Error("no error")
	}
}

func TestHandshakesCostNoAllocation(t *testing.T) {
	f := newFake()
	f.stored["api.example.com"], f.stored["*.example.com"] = f.issue("api.example.com"), f.issue("*.example.com")
	k := f.keeper(t, listing("api.example.com", "*.example.com"))
	for name, want := range map[string]string{"api.example.com": "api.example.com", "www.example.com": "*.example.com"} {
		hello := &tls.ClientHelloInfo{ServerName: name}
		if c, err := k.GetCertificate(hello); err != nil || c.Leaf.DNSNames[0] != want {
			t.Errorf("%s gets %v, %v", name, c, err)
		}
		if n := testing.AllocsPerRun(1000, func() { _, _ = k.GetCertificate(hello) }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkGetCertificate(b *testing.B) {
	f := newFake()
	f.stored["*.example.com"] = f.issue("*.example.com")
	k := &Keeper{config: listing("*.example.com"), calls: calls{load: f.load}}
	if err := k.read(); err != nil {
		b.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "www.example.com"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.GetCertificate(hello); err != nil {
			b.Fatal(err)
		}
	}
}
