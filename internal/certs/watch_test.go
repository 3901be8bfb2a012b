package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// watched returns a store of one certificate in files, its keeper and what the keeper logs.
func watched(t *testing.T, c tls.Certificate) (*Store, *Keeper, Pair, *bytes.Buffer) {
	t.Helper()
	var logged bytes.Buffer
	k, err := NewKeeper(slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, k, nil, c)
	k.Keep(s)
	return s, k, s.config.Certificates[0], &logged
}

// serves returns what a store serves for want of a name.
func serves(s *Store) string {
	c, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || c == nil {
		return ""
	}
	return string(c.Certificate[0])
}

func TestChangedFilesAreServedOnceTheyAreStill(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	s, k, p, logged := watched(t, a)
	k.Look()
	write(t, p.Cert, certPEM(b))
	k.Look() // sees the first file only
	if serves(s) != string(a.Certificate[0]) {
		t.Error("a half-written pair is served")
	}
	write(t, p.Key, keyPEM(t, b))
	k.Look() // the key has just changed
	if serves(s) != string(a.Certificate[0]) || logged.Len() > 0 {
		t.Errorf("files that were not still were taken, or told of: %s", logged)
	}
	k.Look()
	if serves(s) != string(b.Certificate[0]) {
		t.Error("the new pair is not served")
	}
	k.Look()
	if n, broken := k.Swaps.Load(), k.Broken.Load(); n != 1 || broken != 0 {
		t.Errorf("%d swaps, %d broken, want 1 and 0", n, broken)
	}
	if got, _ := s.GetCertificate(&tls.ClientHelloInfo{ServerName: "b"}); got == nil || s.named("a") || !s.named("b") {
		t.Error("the names are those of before")
	}
	for _, want := range []string{"level=INFO", "listener=web", "names=b", "expires="} {
		if first, _, _ := strings.Cut(logged.String(), "\n"); !strings.Contains(first, want) {
			t.Errorf("the log lacks %s:\n%s", want, logged)
		}
	}
}

// A certificate for other names took the place of the right one, and nothing said so.
func TestNamesThatLoseTheirCertificateAreWarnedOf(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new []string
		beside   string // a certificate that stays
		want     string
	}{
		{"the same", []string{"a.test"}, []string{"a.test"}, "x.test", ""},
		{"more", []string{"a.test"}, []string{"a.test", "b.test"}, "x.test", ""},
		{"another", []string{"a.test"}, []string{"b.test"}, "x.test", `names=a.test`},
		{"fewer", []string{"a.test", "b.test", "c.test"}, []string{"b.test"}, "x.test", `names="a.test c.test"`},
		{"a wildcard in its place", []string{"a.shop.test"}, []string{"*.shop.test"}, "x.test", ""},
		{"another one has it", []string{"a.test"}, []string{"b.test"}, "a.test", ""},
	} {
		var logged bytes.Buffer
		k, err := NewKeeper(slog.New(slog.NewTextHandler(&logged, nil)))
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, k, nil, selfSigned(t, c.old...), selfSigned(t, c.beside))
		k.Keep(s)
		next := selfSigned(t, c.new...)
		write(t, s.config.Certificates[0].Cert, certPEM(next))
		write(t, s.config.Certificates[0].Key, keyPEM(t, next))
		k.Look()
		k.Look()
		_, warning, warned := strings.Cut(logged.String(), "level=WARN")
		if k.Swaps.Load() != 1 || warned != (c.want != "") || !strings.Contains(warning, c.want) {
			t.Errorf("%s: logged\n%swant a warning of %q", c.name, &logged, c.want)
		}
	}
}

func TestABrokenPairKeepsTheOldOneAndSaysSo(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	for name, spoil := range map[string]func(p Pair){
		"the key of another":   func(p Pair) { write(t, p.Key, keyPEM(t, b)) },
		"the cert of another":  func(p Pair) { write(t, p.Cert, certPEM(b)) },
		"no certificate in it": func(p Pair) { write(t, p.Cert, []byte("hello")) },
		"cut short":            func(p Pair) { write(t, p.Key, keyPEM(t, a)[:80]) },
		"the chain is cut":     func(p Pair) { write(t, p.Cert, append(certPEM(a), certPEM(b)[:200]...)) },
		"empty":                func(p Pair) { write(t, p.Cert, nil) },
		"gone":                 func(p Pair) { _ = os.Remove(p.Key) },
		"a directory":          func(p Pair) { _, _ = os.Remove(p.Key), os.Mkdir(p.Key, 0o700) },
	} {
		s, k, p, logged := watched(t, a)
		spoil(p)
		for range 4 {
			k.Look()
		}
		if serves(s) != string(a.Certificate[0]) {
			t.Errorf("%s: the old certificate is not served", name)
		}
		st := s.Status()[0]
		if st.Trouble == "" || st.Since.IsZero() || !strings.Contains(st.Trouble, p.Cert) && !strings.Contains(st.Trouble, p.Key) || st.Names[0] != "a" {
			t.Errorf("%s: the status is %+v", name, st)
		}
		if n := strings.Count(logged.String(), "level=ERROR"); n != 1 || k.Broken.Load() != 1 {
			t.Errorf("%s: %d errors are logged, %d counted, want 1:\n%s", name, n, k.Broken.Load(), logged)
		}
		_ = os.Remove(p.Key)
		write(t, p.Cert, certPEM(b))
		write(t, p.Key, keyPEM(t, b))
		k.Look()
		k.Look()
		if st := s.Status()[0]; serves(s) != string(b.Certificate[0]) || st.Trouble != "" || !st.Since.IsZero() {
			t.Errorf("%s: mended, but %+v", name, st)
		}
	}
}

// A key that could not be read once was never tried again when only its mode was repaired, since that
// changes neither its size nor its time; nor was one after EMFILE.
func TestFilesThatCouldNotBeReadAreTriedAgainThoughTheyStayAsTheyAre(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	s, k, p, logged := watched(t, a)
	readable := k.file
	refuse := func(cause error) func(string) ([]byte, error) {
		return func(path string) ([]byte, error) {
			if path == p.Key {
				return nil, &fs.PathError{Op: "open", Path: path, Err: cause}
			}
			return readable(path)
		}
	}
	k.file = refuse(syscall.EMFILE)
	write(t, p.Cert, certPEM(b))
	write(t, p.Key, keyPEM(t, b))
	for range 5 {
		k.Look()
	}
	k.file = refuse(syscall.EACCES) // another cause is told, once
	for range 5 {
		k.Look()
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 2 || k.Broken.Load() != 2 || serves(s) != string(a.Certificate[0]) {
		t.Errorf("%d errors are logged, %d counted, want one for each cause, and the old certificate:\n%s", n, k.Broken.Load(), logged)
	}
	k.file = readable
	k.Look()
	if st := s.Status()[0]; serves(s) != string(b.Certificate[0]) || st.Trouble != "" || k.Swaps.Load() != 1 {
		t.Errorf("it can be read again, but the status is %+v, with %d swaps", st, k.Swaps.Load())
	}
}

// A pair that had expired took the place of a good one, with a line that all was well.
func TestAPairThatIsOutOfItsDatesDoesNotReplaceAGoodOne(t *testing.T) {
	now := time.Now()
	dated := func(from, to time.Duration) tls.Certificate {
		return signed(t, &x509.Certificate{NotBefore: now.Add(from), NotAfter: now.Add(to), DNSNames: []string{"a"}}, nil)
	}
	const day = 24 * time.Hour
	s, k, p, logged := watched(t, dated(-day, day))
	put := func(c tls.Certificate) tls.Certificate {
		write(t, p.Cert, certPEM(c))
		write(t, p.Key, keyPEM(t, c))
		for range 4 {
			k.Look()
		}
		return c
	}
	good := serves(s)
	put(dated(-2*day, -day))
	if st := s.Status()[0]; serves(s) != good || !strings.Contains(st.Trouble, "has expired on") {
		t.Errorf("one that has expired is served, or the status does not say so: %+v", st)
	}
	early := put(dated(time.Hour, 3*day))
	if st := s.Status()[0]; serves(s) != good || !strings.Contains(st.Trouble, "is not valid before") {
		t.Errorf("one that is not valid yet is served, or the status does not say so: %+v", st)
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors are logged, want one for each file:\n%s", n, logged)
	}
	k.now = func() time.Time { return now.Add(2 * time.Hour) }
	k.Look()
	if st := s.Status()[0]; serves(s) != string(early.Certificate[0]) || st.Trouble != "" {
		t.Errorf("its day has come, but %+v", st)
	}
	k.now = func() time.Time { return now.Add(4 * day) } // what is served has expired: another can't be worse
	if old := put(dated(-day, 2*day)); serves(s) != string(old.Certificate[0]) {
		t.Error("a change is not taken up though what is served has expired")
	}
}

func TestAuthoritiesThatCouldNotBeReadAreTriedAgain(t *testing.T) {
	k, ca := keeper(t), files(t, newAuthority(t, "one").Certificate).Cert
	s := open(t, k, func(c *Config, _ *Options) { c.ClientAuth = &ClientAuth{CA: ca, Mode: Require} }, selfSigned(t, "a"))
	k.Keep(s)
	readable := k.file
	k.file = func(path string) ([]byte, error) { return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EIO} }
	write(t, ca, certPEM(newAuthority(t, "two").Certificate))
	for range 3 {
		k.Look()
	}
	if st := s.Status()[1]; !strings.Contains(st.Trouble, ca) {
		t.Fatalf("the status is %+v", st)
	}
	k.file = readable
	k.Look()
	if st := s.Status()[1]; st.Trouble != "" || k.Swaps.Load() != 1 {
		t.Errorf("it can be read again, but the status is %+v", st)
	}
}

func TestFilesBehindLinksAreNoticed(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	dir := t.TempDir()
	for name, c := range map[string]tls.Certificate{"one": a, "two": b} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "tls.crt"), certPEM(c))
		write(t, filepath.Join(dir, name, "tls.key"), keyPEM(t, c))
	}
	link := func(to string) { // as Kubernetes mounts secrets
		if err := os.Symlink(to, filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now")); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	k := keeper(t)
	c := Default()
	c.Certificates = []Pair{{filepath.Join(dir, "now", "tls.crt"), filepath.Join(dir, "now", "tls.key")}}
	s, err := k.Open(&c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	k.Keep(s)
	link("two")
	k.Look()
	k.Look()
	if serves(s) != string(b.Certificate[0]) {
		t.Error("the certificate behind the new link is not served")
	}
}

func TestStoresThatAreNoLongerKeptStayAsTheyAre(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	s, k, p, _ := watched(t, a)
	k.Keep()
	write(t, p.Cert, certPEM(b))
	write(t, p.Key, keyPEM(t, b))
	k.Look()
	k.Look()
	if serves(s) != string(a.Certificate[0]) {
		t.Error("it has changed")
	}
}

func TestRunLooksEveryTwoSecondsUntilItsContextEnds(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	s, k, p, _ := watched(t, a)
	write(t, p.Cert, certPEM(b))
	write(t, p.Key, keyPEM(t, b))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { k.Run(ctx); close(ended) }() // ends with ctx
		time.Sleep(2*pollEvery + time.Millisecond)
		synctest.Wait()
		if serves(s) != string(b.Certificate[0]) {
			t.Error("two looks did not take the change up")
		}
		cancel()
		<-ended
	})
}

func TestTheStatusTellsWhatIsServed(t *testing.T) {
	ca := newAuthority(t, "Clients")
	k := keeper(t)
	c := selfSigned(t, "a.test", "192.0.2.1")
	s := open(t, k, func(c *Config, _ *Options) {
		c.ClientAuth = &ClientAuth{CA: files(t, ca.Certificate).Cert, Mode: Request}
	}, c, selfSigned(t, "b.test"))
	all := s.Status()
	if len(all) != 3 {
		t.Fatalf("%d entries, want 3", len(all))
	}
	if got := all[0]; strings.Join(got.Names, " ") != "a.test 192.0.2.1" || !got.NotAfter.Equal(c.Leaf.NotAfter) || !got.NotBefore.Equal(c.Leaf.NotBefore) || len(got.Files) != 2 || got.Trouble != "" {
		t.Errorf("got %+v", got)
	}
	if got := all[2]; len(got.Names) != 0 || got.Files[0] != s.config.ClientAuth.CA || !got.NotAfter.IsZero() {
		t.Errorf("got %+v", got)
	}
}
