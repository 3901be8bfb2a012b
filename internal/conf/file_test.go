package conf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A config that named a pipe blocked the process that served for ever, and one that named /dev/zero was read until
// its memory was gone.
func TestOnlyRegularFilesOfABoundedSizeAreRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"empty": 0, "small": 5, "full": MaxFile, "over": MaxFile + 1} {
		if err := os.WriteFile(at(name), bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": "small", "pipelink": "pipe"} {
		if err := os.Symlink(at(to), at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path  string
		size  int
		wrong string
	}{
		{at("empty"), 0, ""},
		{at("small"), 5, ""},
		{at("link"), 5, ""},
		{at("full"), MaxFile, ""},
		{at("over"), 0, "it has more than 16MiB"},
		{at("pipe"), 0, "not a regular file"},
		{at("pipelink"), 0, "not a regular file"},
		{"/dev/zero", 0, "not a regular file"},
		{dir, 0, "is a directory"},
		{at("none"), 0, "no such file or directory"},
	} {
		text, err := ReadFile(c.path)
		if len(text) != c.size || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s gave %d bytes and %v; want %d and %q", c.path, len(text), err, c.size, c.wrong)
		}
	}
}

func TestFilesThatAreLargeByNatureAreReadUpToABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		most  int
		wrong string
	}{{MaxFile, "it has more than 16MiB"}, {MaxFile + 1, ""}, {1 << 10, "it has more than 1KiB"}} {
		text, err := ReadUpTo(path, c.most)
		switch {
		case c.wrong == "" && (err != nil || len(text) != MaxFile+1):
			t.Errorf("up to %d: %d bytes, %v", c.most, len(text), err)
		case c.wrong != "" && (!errors.Is(err, ErrTooLarge) || FileTrouble(err) != c.wrong):
			t.Errorf("up to %d: %v, want %q", c.most, err, c.wrong)
		}
	}
	if _, err := ReadUpTo(path+".none", 1); err == nil || errors.Is(err, ErrTooLarge) {
		t.Errorf("no file gives %v", err)
	}
}
