package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/conf"
)

// update rewrites what the golden tests and the reference compare with: go test -update.
var update = flag.Bool("update", false, "rewrite golden files, the schema and the reference")

// compare checks got against the file at path, or writes it there.
func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (go test -update rewrites it):\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// testOptions is a surrounding without environment variables and with one handler.
func testOptions() Options {
	return Options{
		Memory:   func() int64 { return 64 << 30 },
		Handlers: []string{"hello", "echo"},
		Env:      func(string) (string, bool) { return "", false },
		ReadFile: func(path string) ([]byte, error) {
			if pages[path] {
				return []byte("sorry"), nil
			}
			return conf.ReadFile(path)
		},
	}
}

// pages are those that texts in tests name.
var pages = map[string]bool{"/4.html": true, "/5.html": true, "/a.html": true, "/b.html": true, "/b.json": true, "/c.txt": true}

func TestEveryWrongFileIsRefusedWithAllItsProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d wrong files (%v), want at least 40", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, r := Load(file, testOptions())
			if c != nil || !r.Failed() {
				t.Fatalf("a wrong file gave a Config; report:\n%s", r)
			}
			compare(t, strings.TrimSuffix(file, ".toml")+".golden", []byte(r.String()))
		})
	}
}
