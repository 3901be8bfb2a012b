package paths_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"weir/http7/paths"
	"weir/internal/config"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheTableOfTheReadmeIsWhatHappens(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\| (?:`([^`]*)`|(refused)) \\|").FindAllStringSubmatch(readme(t), -1)
	if len(rows) != 15 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		var r paths.Rules
		got, _, f := r.Canonical(nil, []byte(row[1]))
		if (f != nil) != (row[3] != "") || string(got) != row[2] {
			t.Errorf("%s: got %q, %v", row[1], got, f)
		}
	}
}

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []map[string]string{
		{"//a%2fb": "/a%2Fb", "/a/..": ""},
		{"/a/../b": "/b", "/a//b": ""},
	}
	examples := strings.Split(readme(t), "```toml\n")[1:]
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, want %d", len(examples), len(wants))
	}
	for i, e := range examples {
		e, _, _ = strings.Cut(e, "```")
		if !strings.Contains(e, "address") {
			e += "[listeners.web]\naddress = \":8080\"\n"
		}
		c, report := config.Parse("README.md", []byte(e+rest), config.Options{})
		if c == nil {
			t.Fatalf("example %d:\n%s", i+1, report)
		}
		l := c.Listeners["web"]
		r, err := paths.Compile(&l.Paths)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range wants[i] {
			if got, _, f := r.Canonical(nil, []byte(path)); string(got) != want || (f != nil) != (want == "") {
				t.Errorf("example %d: %s: got %q, %v", i+1, path, got, f)
			}
		}
	}
}

// rest is what a whole config needs besides a listener.
const rest = "[[routes]]\nupstream = \"api\"\n[upstreams.api]\nendpoints = [\"127.0.0.1:1\"]\n"
