package filewatch

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAStampTellsStatesOfAFileApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	none := Stamp(path)
	seen := map[string]string{none: "no file"}
	for _, text := range []string{"", "a", "b", "longer"} {
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		s := Stamp(path)
		if other, twice := seen[s]; twice {
			t.Errorf("%q has the stamp of %q", text, other)
		}
		if seen[s] = text; Stamp(path) != s {
			t.Errorf("%q has two stamps", text)
		}
	}
	if err := os.Remove(path); err != nil || Stamp(path) != none {
		t.Errorf("no file has another stamp than before (%v)", err)
	}
}
