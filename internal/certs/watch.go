package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// stamp is what tells that a file is another one than before. Its zero value is that of no file.
type stamp struct {
	info fs.FileInfo
	size int64
	at   time.Time
}

// stampOf follows symbolic links.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info, info.Size(), info.ModTime()}
}

func (a stamp) equal(b stamp) bool {
	if a.info == nil || b.info == nil {
		return a.info == b.info
	}
	return a.size == b.size && a.at.Equal(b.at) && os.SameFile(a.info, b.info)
}

// watchedFile is a file, or two that belong together, with what was seen of it.
type watchedFile struct {
	paths []string
	// Whoever looks has these.
	read []stamp // when it was last read, with success or without
	seen []stamp // at the last look
	// The store's lock guards these.
	broken error // why what was read last is not served; nil: it is
	since  time.Time
}

func watch(paths ...string) *watchedFile {
	w := &watchedFile{paths: paths}
	w.read = w.stamps()
	w.seen = w.read
	return w
}

func (w *watchedFile) stamps() []stamp {
	out := make([]stamp, len(w.paths))
	for i, p := range w.paths {
		out[i] = stampOf(p)
	}
	return out
}

// due reports whether the files are to be read: they have changed since they were, and not since the
// last look. Files that could not be read at all are due at every look: a mode or an owner that is
// repaired, or a descriptor that is free again, does not show in them; nor does that their day has come.
func (w *watchedFile) due() bool {
	now := w.stamps()
	still := same(now, w.seen)
	w.seen = now
	if !still || same(now, w.read) && !w.mayMend() {
		return false
	}
	w.read = now
	return true
}

// mayMend reports whether files that are broken may be good without a change: the system would not give
// what they hold, or it was not valid at the time. Only who looks may ask.
func (w *watchedFile) mayMend() bool {
	var refused *fs.PathError
	var dates datesError
	return errors.As(w.broken, &refused) || errors.As(w.broken, &dates)
}

func same(a, b []stamp) bool {
	for i := range a {
		if !a[i].equal(b[i]) {
			return false
		}
	}
	return true
}

// watchedPair is a certificate with its files.
type watchedPair struct {
	*watchedFile
	cert *tls.Certificate // served; the store's lock guards it
}

// open reads all files for the first time.
func (s *Store) open() error {
	var errs []error
	for _, p := range s.config.Certificates {
		w := &watchedPair{watchedFile: watch(p.Cert, p.Key)}
		var err error
		if w.cert, err = s.read(p); err != nil {
			errs = append(errs, err)
		}
		s.pairs = append(s.pairs, w)
	}
	var pool *x509.CertPool
	var text string
	if a := s.config.ClientAuth; a != nil {
		s.ca = watch(a.CA)
		var err error
		if pool, text, err = s.readCA(a.CA); err != nil {
			errs = append(errs, err)
		}
	}
	if len(s.pairs) == 0 && s.options.Source == nil {
		errs = append(errs, errors.New("certificates: there is none"))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := s.choose(); err != nil {
		return err
	}
	s.face(pool, text)
	return nil
}

// choose makes the choice among the certificates anew.
func (s *Store) choose() error {
	all := make([]*tls.Certificate, len(s.pairs))
	for i, p := range s.pairs {
		all[i] = p.cert
	}
	c, err := newChoice(all)
	if err != nil {
		return err
	}
	s.choice.Store(c)
	return nil
}

// look takes up files that have changed. Nobody else looks meanwhile.
func (s *Store) look() {
	swapped := false
	var before []string // the names of what was replaced
	for i, p := range s.pairs {
		if !p.due() {
			continue
		}
		c, err := s.read(s.config.Certificates[i])
		if err == nil && dates(p.cert.Leaf, s.keeper.now()) == nil {
			err = dates(c.Leaf, s.keeper.now()) // a wrong file, most likely
		}
		if err != nil {
			s.note(p.watchedFile, err)
		} else {
			s.note(p.watchedFile, nil, "names", strings.Join(names(c.Leaf), " "), "expires", c.Leaf.NotAfter.UTC())
			before = append(before, names(p.cert.Leaf)...)
			s.mu.Lock()
			p.cert, swapped = c, true
			s.mu.Unlock()
		}
	}
	if swapped {
		if err := s.choose(); err != nil { // read has looked at each
			s.keeper.log.Error("certificates stay as they were", "listener", s.options.Listener, "cause", err)
		}
		s.miss(before)
	}
	if s.ca == nil || !s.ca.due() {
		return
	}
	pool, text, err := s.readCA(s.config.ClientAuth.CA)
	s.note(s.ca, err)
	if err == nil {
		s.face(pool, text)
	}
}

// miss warns of names that there was a certificate for before a change, and is none any more.
func (s *Store) miss(before []string) {
	gone := slices.DeleteFunc(before, s.named)
	if len(gone) > 0 {
		s.keeper.log.Warn("names have lost their certificate by a change of TLS files; clients that ask for them refuse the one that they get",
			"listener", s.options.Listener, "names", strings.Join(gone, " "))
	}
}

// datesError is what is wrong with a certificate at one time, and may not be at another.
type datesError struct{ error }

// dates returns a datesError unless a certificate is valid now.
func dates(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return datesError{fmt.Errorf("the certificate has expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))}
	case now.Before(leaf.NotBefore):
		return datesError{fmt.Errorf("the certificate is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))}
	}
	return nil
}

// note counts and logs what came of files that have changed, and not again what is still the matter. served are
// attributes for what is good.
func (s *Store) note(w *watchedFile, err error, served ...any) {
	k := s.keeper
	if err != nil && w.broken != nil && err.Error() == w.broken.Error() {
		return
	}
	s.mu.Lock()
	w.broken, w.since = err, k.now()
	s.mu.Unlock()
	if err != nil {
		k.Broken.Add(1)
		k.log.Error("TLS files have changed and can't be used, what was read before keeps serving", "listener", s.options.Listener, "cause", err)
		return
	}
	k.Swaps.Add(1)
	k.log.Info("TLS files have changed and are served", append([]any{"listener", s.options.Listener, "files", w.paths}, served...)...)
}

func (s *Store) read(p Pair) (*tls.Certificate, error) {
	chain, err := s.keeper.file(p.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := s.keeper.file(p.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate's key: %w", err)
	}
	c, err := keyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.Cert, p.Key, err)
	}
	return c, nil
}

// readCA reads the authorities of clients; the text is what they are told apart by.
func (s *Store) readCA(path string) (pool *x509.CertPool, text string, err error) {
	b, err := s.keeper.file(path)
	if err != nil {
		return nil, "", fmt.Errorf("clients' authorities: %w", err)
	}
	all, err := authorities(b)
	if err != nil {
		return nil, "", fmt.Errorf("clients' authorities %s: %w", path, err)
	}
	pool = x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
		text += string(c.Raw)
	}
	return pool, text, nil
}
