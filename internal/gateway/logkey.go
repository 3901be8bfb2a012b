package gateway

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

	"weir/internal/config"
)

// logKeyFile is the file in the state directory that holds the key of the access log's hashes.
const logKeyFile = "log.key"

// logKey is the key of the access log's hashes. It lives as long as the process.
type logKey struct {
	mu     sync.Mutex
	memory []byte
}

// keyOfLog returns the key that secrets in the access log are hashed with. Without a directory that
// can be used it is one in memory, unless an operator has named the directory: then lines of before and
// after a restart can't be compared, and plan can decide less.
func (g *Gateway) keyOfLog(cfg *config.Config) ([]byte, error) {
	dir, named := cfg.State(os.Getenv)
	key, err := storedLogKey(dir)
	if err == nil {
		return key, nil
	}
	var bad *badKey
	if named || errors.As(err, &bad) {
		return nil, fmt.Errorf("the key of the access log: %w", err)
	}
	g.logKey.mu.Lock()
	defer g.logKey.mu.Unlock()
	if g.logKey.memory == nil {
		g.logKey.memory = newLogKey()
		g.log.Warn("the access log hashes secrets with a key that a restart forgets; set state_dir", "error", err)
	}
	return g.logKey.memory, nil
}

// badKey is a file that is there and holds no key.
type badKey struct{ path, trouble string }

// Error is the sentence for the operator.
func (e *badKey) Error() string { return e.path + " " + e.trouble }

// storedLogKey reads the key in dir, or makes one there. Of several processes that come at once all get
// the key of the one that was first.
func storedLogKey(dir string) ([]byte, error) {
	if dir == "" {
		return nil, errors.New("there is no state directory")
	}
	key, err := readLogKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := writeLogKey(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readLogKey(dir)
}

func newLogKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

func readLogKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, logKeyFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, &badKey{path, "is not a regular file"}
	case mode.Perm()&0o077 != 0:
		return nil, &badKey{path, fmt.Sprintf("can be read or written by others (mode %#o): chmod 600 it", mode.Perm())}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < 32 {
		return nil, &badKey{path, "holds no key: remove it, and Weir makes one"}
	}
	return key, nil
}

// writeLogKey makes the file whole under another name and links it, so that nobody sees a part of it.
func writeLogKey(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+logKeyFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.RawStdEncoding.EncodeToString(newLogKey()) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), filepath.Join(dir, logKeyFile))
}
