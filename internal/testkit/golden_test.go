package testkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAGoldenFileIsComparedAndRewrittenWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	for _, c := range []struct {
		what, got string
		rewrite   bool
		said      string // begins what the test says, behind the path
	}{
		{"no file", "a\n", false, " differs (open "},
		{"written", "a\n", true, ""},
		{"the same", "a\n", false, ""},
		{"another", "b\n", false, " differs (<nil>; -update rewrites it):\n--- got\nb\n\n--- want\na\n"},
		{"rewritten", "b\n", true, ""},
		{"the new one", "b\n", false, ""},
	} {
		r := failing(func(t testing.TB) { golden(t, path, c.got, c.rewrite) })
		if said := strings.TrimPrefix(r.errors, path); !strings.HasPrefix(said, c.said) || (c.said == "") != (said == "") {
			t.Errorf("%s: the test said %q, want %q", c.what, r.errors, c.said)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "b\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	r := failing(func(t testing.TB) { golden(t, filepath.Join(path, "b"), "", true) })
	if !strings.Contains(r.errors, "not a directory") {
		t.Errorf("a file that can't be written: the test said %q", r.errors)
	}
}
