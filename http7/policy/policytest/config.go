package policytest

import (
	"encoding"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/conf"
)

// Said writes the problems of a config, one per line as "key: text"; those that are warnings begin with "warning ".
func Said(p *conf.Problems) string {
	var lines []string
	for _, one := range p.List() {
		line := one.Path.String() + ": " + one.Text
		if one.Warning {
			line = "warning " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Hinted fails t for each problem that tells no way out.
func Hinted(t testing.TB, p *conf.Problems) {
	t.Helper()
	for _, one := range p.List() {
		if one.Hint == "" {
			t.Errorf("%s: %s: no hint", one.Path, one.Text)
		}
	}
}

// Values reads what a config writes as texts: Values[conf.Selector]("client"). It panics if one is wrong.
func Values[V any, P interface {
	*V
	encoding.TextUnmarshaler
}](texts ...string) []V {
	all := make([]V, len(texts))
	for i, text := range texts {
		if err := P(&all[i]).UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return all
}

// Write puts a file where nobody sees half of it.
func Write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// File writes a file in a folder of its own and returns its path.
func File(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	Write(t, path, text)
	return path
}
