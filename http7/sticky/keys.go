package sticky

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Keys are secrets: the first seals cookies, all open them.
type Keys []string

// KeyFile is the name of the file of keys in the state directory: one key a line, the first seals,
// all open; empty lines and lines that begin with # count for nothing. To rotate, an operator puts a
// new line before the old one and reloads.
const KeyFile = "sticky.keys"

// Store hands out the keys of upstreams that have none in their configuration. It lives as long as
// the process, so that a key that could not be stored survives reloads. It is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	memory Keys
}

// Keys reads the keys stored in dir, or generates one and stores it there, readable by the user
// alone (mode 0600 in a directory of mode 0700). Of several processes that come at once all get the
// key of the one that was first.
//
// A directory that can't be used is an error if the operator has named it. If it is only the
// default, stickiness goes on with a key in memory, and warning, which is not empty, is to be
// logged: to serve without remembering clients across a restart is better than not to serve.
// A file that is there and makes no sense is always an error, never replaced.
func (s *Store) Keys(dir string, named bool) (keys Keys, warning string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, err = stored(dir)
	var bad *badFile
	switch {
	case err == nil && s.memory != nil: // cookies from before the directory could be used
		return append(keys, s.memory...), "", nil
	case err == nil:
		return keys, "", nil
	case named || errors.As(err, &bad):
		return nil, "", err
	}
	if s.memory == nil {
		s.memory = Keys{newKey()}
	}
	return s.memory, err.Error() + "; clients lose their endpoint when Weir restarts. Set state_dir, or a key for each sticky upstream", nil
}

// badFile is a file of keys that can be read and makes no sense.
type badFile struct{ path, trouble string }

// Error is the sentence for the operator.
func (e *badFile) Error() string { return "sticky keys: " + e.path + ": " + e.trouble }

// stored reads the keys, or makes the file.
func stored(dir string) (Keys, error) {
	if dir == "" {
		return nil, errors.New("sticky keys: there is no directory to keep them in")
	}
	path := filepath.Join(dir, KeyFile)
	keys, err := readKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := writeKey(dir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("sticky keys can't be stored: %w", err)
	}
	return readKeys(path)
}

// maxKeyFile is far more than any sensible number of keys.
const maxKeyFile = 64 << 10

func readKeys(path string) (Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("sticky keys can't be read: %w", err)
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, &badFile{path, "it is not a regular file"}
	case mode.Perm()&0o077 != 0:
		return nil, &badFile{path, fmt.Sprintf("others may read or write it (mode %#o): chmod 600 it", mode.Perm())}
	case info.Size() > maxKeyFile:
		return nil, &badFile{path, "it is too long to be a list of keys"}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("sticky keys can't be read: %w", err)
	}
	return parseKeys(path, string(b))
}

func parseKeys(path, text string) (keys Keys, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case len(line) < minSecret:
			return nil, &badFile{path, fmt.Sprintf("a key has fewer than %d characters", minSecret)}
		default:
			keys = append(keys, line)
		}
	}
	if len(keys) == 0 {
		return nil, &badFile{path, "it holds no key: remove it, and Weir makes one"}
	}
	return keys, nil
}

func newKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// writeKey makes the file with a fresh key: written whole under another name, then linked, so that
// nobody sees a part of it and none of two processes replaces the other's.
func writeKey(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+KeyFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString("# Weir made this key; see sticky.key in the manual.\n" + newKey() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes sure that the name of a file in dir survives a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
