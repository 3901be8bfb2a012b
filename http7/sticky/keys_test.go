package sticky

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func keysOf(t *testing.T, s *Store, dir string) Keys {
	t.Helper()
	keys, warning, err := s.Keys(dir, true)
	if err != nil || warning != "" || len(keys) == 0 {
		t.Fatalf("got %d keys, warning %q, error %v", len(keys), warning, err)
	}
	return keys
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestAKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "weir")
	first := keysOf(t, new(Store), dir)
	if again := keysOf(t, new(Store), dir); len(first) != 1 || len(first[0]) < 43 || !slices.Equal(first, again) {
		t.Errorf("the first run had %d keys, the next has others", len(first))
	}
	if other := keysOf(t, new(Store), t.TempDir()); other[0] == first[0] {
		t.Error("two directories have the same key")
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, KeyFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are in the directory, want the keys alone", len(entries))
	}
}

func TestProcessesThatComeAtOnceGetOneKey(t *testing.T) {
	dir := t.TempDir()
	var all sync.Map
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			keys, _, err := new(Store).Keys(dir, true)
			if err != nil {
				t.Error(err)
				return
			}
			all.Store(keys[0], true)
		})
	}
	group.Wait()
	n := 0
	all.Range(func(any, any) bool { n++; return true })
	if entries, _ := os.ReadDir(dir); n != 1 || len(entries) != 1 {
		t.Errorf("%d keys were handed out and %d files are left, want one of each", n, len(entries))
	}
}

func TestAnOperatorsKeyFileIsRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, KeyFile)
	for _, c := range []struct {
		text  string
		want  Keys
		wrong string
	}{
		{text: "a key of some length\n", want: Keys{"a key of some length"}},
		{text: "# new\n  the new key of all\r\n\n# old\nthe old key of all", want: Keys{"the new key of all", "the old key of all"}},
		{text: "", wrong: "it holds no key"},
		{text: "# nothing\n", wrong: "it holds no key"},
		{text: "a key of some length\nshort\n", wrong: "a key has fewer than 16 characters"},
		{text: strings.Repeat("x", maxKeyFile+1), wrong: "too long"},
	} {
		write(t, path, c.text, 0o600)
		keys, warning, err := new(Store).Keys(dir, false)
		switch {
		case c.wrong == "" && (err != nil || warning != "" || !slices.Equal(keys, c.want)):
			t.Errorf("%.40q gave %q, %q, %v", c.text, keys, warning, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), path)):
			t.Errorf("%.40q gave %v, want %s: %s", c.text, err, path, c.wrong)
		}
		if b, _ := os.ReadFile(path); string(b) != c.text {
			t.Errorf("%.40q was changed", c.text)
		}
	}
}

func TestAKeyFileForAllEyesIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, KeyFile)
	for _, mode := range []os.FileMode{0o644, 0o640, 0o602, 0o666} {
		write(t, path, "a key of some length\n", mode)
		if _, _, err := new(Store).Keys(dir, false); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v gave %v", mode, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := new(Store).Keys(dir, false); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory gave %v", err)
	}
}

func TestADirectoryThatCannotBeUsedIsAnErrorOrAWarning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "", 0o600)
	for _, dir := range []string{"", filepath.Join(file, "below"), "/proc/weir-test"} {
		var s Store
		if keys, _, err := s.Keys(dir, true); err == nil || keys != nil {
			t.Errorf("the named directory %q gave %d keys, %v", dir, len(keys), err)
		}
		keys, warning, err := s.Keys(dir, false)
		if err != nil || len(keys) != 1 || !strings.Contains(warning, "lose their endpoint when Weir restarts. Set state_dir") {
			t.Errorf("the default directory %q gave %d keys, %q, %v", dir, len(keys), warning, err)
		}
		if again, _, _ := s.Keys(dir, false); !slices.Equal(keys, again) {
			t.Errorf("a reload with %q has another key", dir)
		}
		good := t.TempDir()
		later := keysOf(t, &s, good)
		if len(later) != 2 || later[1] != keys[0] {
			t.Errorf("when the directory can be used, cookies of the key in memory are lost")
		}
	}
}

// FuzzKeys: no file of keys panics, and those that are read are long enough.
func FuzzKeys(f *testing.F) {
	f.Add("# new\n  the new key of all\r\n\n# old\nthe old key of all")
	f.Add("short")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseKeys("path", text)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		for _, k := range keys {
			if len(k) < minSecret {
				t.Fatalf("%q is a key", k)
			}
		}
	})
}
