package arch

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite imports.txt")

// allowedTop is the root folder of docs/architecture.md.
var allowedTop = []string{
	"cmd", "lb", "http7", "tcp4", "health", "bench", "internal", "docs", "deploy",
	"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md",
	".ci", ".editorconfig", ".git", ".gitignore", ".github",
}

var vague = []string{"util", "utils", "manager", "helper", "helpers", "common", "types", "misc", "base"}

// arrows are the one-way streets of docs/architecture.md. Leaves know nobody: every package of
// internal that is no room (config, gateway, admin) or test aid is one.
var arrows = []Arrow{
	{
		From: []string{"..."}, To: []string{"github.com/pelletier/go-toml/v2/..."}, Except: []string{"internal/tomlfile"}, Tests: true,
		Why: "only internal/tomlfile knows go-toml",
	},
	{
		From: []string{"..."}, To: []string{"github.com/VictoriaMetrics/metrics/..."}, Except: []string{"internal/obs"}, Tests: true,
		Why: "only internal/obs knows the metrics library",
	},
	{
		From: []string{"lb/..."}, To: []string{"net", "net/http/...", "http7/...", "tcp4/...", "health/...", "syscall", "golang.org/x/sys/unix"},
		Why: "lb knows no protocol and no socket",
	},
	{
		From:   []string{"internal/..."},
		To:     []string{"cmd/...", "lb/...", "http7/...", "tcp4/...", "health/...", "bench/...", "internal/..."},
		Except: []string{"internal/config", "internal/gateway", "internal/admin", "internal/discover", "internal/testkit", "internal/sock -> internal/deadline", "internal/certs -> internal/certs/acme", "internal/explain -> internal/term", "internal/plan -> internal/term", "internal/gcra -> internal/keyed", "internal/fetch -> internal/tlsto", "internal/tally -> internal/keyed"},
		Why:    "a leaf knows nobody but internal/conf",
	},
	{
		From: []string{"http7/policy/..."}, To: []string{"http7/policy/...", "http7/serve/...", "http7/forward/...", "http7/match/...", "internal/gateway/..."},
		Why: "a policy knows http7, http7/policy and leaves",
	},
	{
		From: []string{"http7/...", "tcp4/...", "health/...", "lb/...", "internal/..."}, To: []string{"internal/gateway/...", "cmd/...", "bench/..."},
		Why: "the gateway stands above the rooms",
	},
	{
		From: []string{"http7/..."}, To: []string{"internal/config/...", "internal/admin/...", "tcp4/..."},
		Why: "http7 is handed what it needs",
	},
	{
		From: []string{"http7"}, To: []string{"http7/..."},
		Why: "the vocabulary knows none of those who speak it",
	},
	{
		From: []string{"http7/wire"}, To: []string{"net", "net/http/...", "os", "http7/serve/...", "http7/forward/..."},
		Why: "the codec does no I/O",
	},
	{
		From: []string{"http7/...", "tcp4/...", "health/..."}, To: []string{"internal/testkit/...", "http7/policy/policytest/..."},
		Why: "testkit and policytest are for tests",
	},
}

func TestRepository(t *testing.T) {
	tree, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	exceptions := readExceptions(t)
	figures := tree.Measure()
	t.Log(figures)

	for _, rule := range []struct {
		name     string
		problems []string
	}{
		{"imports are the checked-in list; make arch rewrites it", compareImports(t, tree)},
		{"arrows go one way", tree.Forbidden(allMayUseTheirOwn(arrows, tree))},
		{"the longest chain of imports is at most 8", longerThan(8, tree.LongestChain())},
		{"the root folder holds what the architecture names", tree.TopLevel(allowedTop)},
		{"package names say something", tree.PackageNames(vague)},
		{"there is no func init", tree.Inits()},
		{"nothing is put off in a comment", tree.Unfinished()},
		{"every exported name and every config key is documented", tree.Undocumented()},
		{"a function over 60 lines has a reason", tree.LongFunctions(exceptions)},
		{"tests wait for events, not for time", tree.TestCalls("sleep", []string{"time.Sleep"}, exceptions)},
		{"tests skip only for a missing outside program", tree.TestCalls("skip", skips(), exceptions)},
		{"sizes stay within limits", figures.Problems()},
		{"exceptions are needed", exceptions.Unused()},
	} {
		t.Run(rule.name, func(t *testing.T) {
			for _, p := range rule.problems {
				t.Error(p)
			}
		})
	}
}

func skips() []string {
	var out []string
	for _, recv := range []string{"t", "b", "f", "tb"} {
		out = append(out, recv+".Skip", recv+".Skipf", recv+".SkipNow")
	}
	return out
}

// own is what all packages of a rule may use: leaves the value types, policies what they have in common.
var own = map[string]string{"a leaf": "internal/conf", "a policy": "http7/policy"}

// allMayUseTheirOwn adds "leaf -> internal/conf" to the rule about leaves, and "policy -> http7/policy" to that about
// policies.
func allMayUseTheirOwn(rules []Arrow, tree *Tree) []Arrow {
	rules = slices.Clone(rules)
	for i := range rules {
		for who, what := range own {
			if !strings.HasPrefix(rules[i].Why, who+" ") {
				continue
			}
			rules[i].Except = slices.Clone(rules[i].Except)
			for _, p := range tree.Packages {
				rules[i].Except = append(rules[i].Except, p.Path+" -> "+what)
			}
		}
	}
	return rules
}

func compareImports(t *testing.T, tree *Tree) []string {
	t.Helper()
	graph := tree.Graph()
	if *update {
		text := "# Who imports whom: written by `make arch`, reviewed as a diff.\n" + strings.Join(graph, "\n") + "\n"
		if err := os.WriteFile("imports.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadFile("imports.txt")
	if err != nil {
		t.Fatal(err)
	}
	return CompareGraph(string(list), graph)
}

func longerThan(most int, chain []string) []string {
	if len(chain) <= most {
		return nil
	}
	return []string{strings.Join(chain, " -> ")}
}

func readExceptions(t *testing.T) *Exceptions {
	t.Helper()
	list, err := os.ReadFile("exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseExceptions(string(list))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
