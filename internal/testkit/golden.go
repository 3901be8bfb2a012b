package testkit

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Golden fails t unless the file at path holds got. With -update it writes the file first: the diff is for review.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	golden(t, path, got, *update)
}

func golden(t testing.TB, path, got string, rewrite bool) {
	t.Helper()
	if rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatalf("%v", err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (%v; -update rewrites it):\n--- got\n%s\n--- want\n%s", path, err, got, want)
	}
}
