package errorpages_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/http7/policy/errorpages"
	"weir/http7/policy/policytest"
	"weir/internal/config"
	"weir/internal/testkit"
)

const rest = "listeners.web.address = \":8080\"\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"

func TestTheExamplesOfTheReadmeDoWhatTheySay(t *testing.T) {
	wants := []map[string]string{ // status and Accept to page
		{"500 Oh|text/html": "sorry.html", "503 Busy|*/*": "sorry.html", "404 No|text/html": ""},
		{"404 No|text/html": "404.html", "404 No|application/json": "404.json", "503 Busy|text/html": "busy.html", "502 Bad|text/html": "sorry.html", "502 Bad|image/png": ""},
	}
	for i, c := range policytest.Examples(t, len(wants), rest, config.Parse, config.Options{ReadFile: func(string) ([]byte, error) { return nil, nil }}) {
		steps, err := errorpages.Compile(inFolder(t, c.Routes[0].ErrorPages), nil)
		if err != nil {
			t.Fatal(err)
		}
		for ask, want := range wants[i] {
			status, accept, _ := strings.Cut(ask, "|")
			r := testkit.Policy(t, steps, "GET / HTTP/1.1\nHost: h\nAccept: "+accept+"\n\n", "HTTP/1.1 "+status+"\nContent-Length: 0\n\n")
			if r.Body != want {
				t.Errorf("example %d, %s: got %q, want %q", i+1, ask, r.Body, want)
			}
		}
	}
}

// inFolder makes the files of a table, each with its name for content.
func inFolder(t *testing.T, table errorpages.Config) errorpages.Config {
	t.Helper()
	dir, moved := t.TempDir(), errorpages.Config{}
	for key, names := range table {
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
			moved[key] = append(moved[key], path)
		}
	}
	return moved
}
