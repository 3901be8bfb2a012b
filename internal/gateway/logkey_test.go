package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/config"
)

// keyIn asks for the key of a config whose state directory is dir, as an operator would write it.
func keyIn(t *testing.T, g *Gateway, dir string) ([]byte, error) {
	t.Helper()
	return g.keyOfLog(&config.Config{StateDir: dir})
}

func TestTheKeyOfTheLogIsMadeOnceAndKept(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	dir := filepath.Join(t.TempDir(), "state")
	first, err := keyIn(t, r.g, dir)
	if err != nil || len(first) != 32 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	if again, err := keyIn(t, r.g, dir); err != nil || !bytes.Equal(again, first) {
		t.Errorf("another key, %v", err)
	}
	if other, err := keyIn(t, r.g, t.TempDir()); err != nil || bytes.Equal(other, first) {
		t.Errorf("another directory has the same key, %v", err)
	}
}

func TestAKeyFileThatIsNoneIsAnErrorAndNeverReplaced(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"", 0o600, "holds no key"},
		{"c2hvcnQ", 0o600, "holds no key"},
		{"!!!", 0o600, "holds no key"},
		{strings.Repeat("A", 43), 0o644, "can be read or written by others"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, logKeyFile)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keyIn(t, r.g, dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with mode %v: %v, want %s", c.text, c.mode, err, c.want)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != c.text {
			t.Errorf("%q became %q, %v", c.text, text, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, logKeyFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := keyIn(t, r.g, dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

// A directory that an operator has named must do; the default one need not.
func TestWithoutADirectoryTheKeyIsInMemory(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyIn(t, r.g, filepath.Join(blocked, "state")); err == nil {
		t.Error("a named directory that can't be made is no error")
	}
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", filepath.Join(blocked, "state"))
	first, err := keyIn(t, r.g, "")
	again, err2 := keyIn(t, r.g, "")
	if err != nil || err2 != nil || len(first) != 32 || !bytes.Equal(first, again) {
		t.Errorf("%d bytes, then %d: %v, %v", len(first), len(again), err, err2)
	}
	if n := strings.Count(r.log.String(), "a key that a restart forgets"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
}
