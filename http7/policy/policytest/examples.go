package policytest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Site is what a whole config needs besides a policy: a listener, a route with the bundles of an example, and its upstream.
const Site = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"api\", policies = [%] }]\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"

// Examples parses the TOML examples of README.md in the folder of the test, each behind rest, in which % stands for the
// names of the example's bundles. It fails t unless there are want of them and each is a config without problems, and
// without warnings but those that have a text of warned. parse is config.Parse: who is tested in its own package must not
// import that.
func Examples[C any, R fmt.Stringer, O any](t testing.TB, want int, rest string, parse func(string, []byte, O) (*C, R), options O, warned ...string) []*C {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := cut(string(text))
	if len(examples) != want {
		t.Fatalf("%d examples, want %d", len(examples), want)
	}
	var all []*C
	for i, e := range examples {
		c, report := parse("README.md", []byte(strings.Replace(rest, "%", bundles(e), 1)+e), options)
		if said := report.String(); c == nil || warns(said, warned) {
			t.Fatalf("example %d:\n%s", i+1, said)
		}
		all = append(all, c)
	}
	return all
}

// warns reports whether a report has a warning without a text of but.
func warns(report string, but []string) bool {
	for line := range strings.Lines(report) {
		if strings.Contains(line, ": warning: ") && !slices.ContainsFunc(but, func(b string) bool { return strings.Contains(line, b) }) {
			return true
		}
	}
	return false
}

// cut returns the blocks of a Markdown text that are TOML.
func cut(text string) []string {
	blocks := strings.Split(text, "```toml\n")[1:]
	for i := range blocks {
		blocks[i], _, _ = strings.Cut(blocks[i], "```")
	}
	return blocks
}

var bundle = regexp.MustCompile(`(?m)^\[\[?policies\.([\w-]+)`)

// bundles lists the bundles of an example as TOML does, each once.
func bundles(example string) string {
	list := ""
	for _, m := range bundle.FindAllStringSubmatch(example, -1) {
		if name := strconv.Quote(m[1]); !strings.Contains(list, name) {
			list += name + ", "
		}
	}
	return strings.TrimSuffix(list, ", ")
}
