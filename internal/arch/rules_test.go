package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source writes a module from "path: content" pairs and loads it.
func source(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"go.mod": "module m\n"}
	for p, content := range files {
		all[p] = content
	}
	for p, content := range all {
		full := filepath.Join(root, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

var house = map[string]string{
	"cmd/a.go":           "package cmd\nimport (\n\t\"os\"\n\t\"m/serve\"\n)\n",
	"serve/a.go":         "package serve\nimport (\n\t\"net\"\n\t\"m/lb\"\n\t\"example.com/toml/v2\"\n)\n",
	"serve/a_test.go":    "package serve\nimport (\n\t\"m/cmd\"\n\t\"example.com/toml/v2\"\n\t\"example.com/compare\"\n)\n",
	"lb/a.go":            "package lb\nimport \"m/internal/obs\"\n",
	"lb/b_linux.go":      "//go:build linux\n\npackage lb\nimport \"m/internal/obs\"\n",
	"internal/obs/a.go":  "package obs\n",
	"testdata/skip/a.go": "package not Go at all",
	".cache/a.go":        "neither",
}

func TestGraphListsOneArrowPerLineWithoutTheStandardLibrary(t *testing.T) {
	equal(t, source(t, house).Graph(),
		"cmd -> serve",
		"lb -> internal/obs",
		"serve -> example.com/compare (test)",
		"serve -> example.com/toml/v2",
		"serve -> lb",
	)
}

func TestCompareGraphNamesNewAndLostArrows(t *testing.T) {
	list := "# who imports whom\n\na -> b\nb -> c\n"
	equal(t, CompareGraph(list, []string{"a -> b", "b -> c"}))
	equal(t, CompareGraph(list, []string{"a -> b", "a -> c"}), "new arrow: a -> c", "arrow gone: b -> c")
}

func TestLongestChainFollowsImportsOfCodeOnly(t *testing.T) {
	equal(t, source(t, house).LongestChain(), "cmd", "serve", "lb", "internal/obs")
	equal(t, longerThan(4, []string{"a", "b", "c", "d"}))
	equal(t, longerThan(3, []string{"a", "b", "c", "d"}), "a -> b -> c -> d")
}

func TestForbiddenFindsImportsAgainstTheArrows(t *testing.T) {
	tree := source(t, house)
	for _, c := range []struct {
		name string
		rule Arrow
		want []string
	}{
		{"a package of this module", Arrow{From: []string{"serve"}, To: []string{"lb"}, Why: "no"}, []string{"serve/a.go imports lb: no"}},
		{"the standard library", Arrow{From: []string{"..."}, To: []string{"net"}, Why: "no"}, []string{"serve/a.go imports net: no"}},
		{"net alone, not net/http", Arrow{From: []string{"..."}, To: []string{"net/http"}}, nil},
		{"a whole family", Arrow{From: []string{"lb/..."}, To: []string{"internal/..."}, Why: "no"}, []string{"lb/a.go imports internal/obs: no", "lb/b_linux.go imports internal/obs: no"}},
		{"tests only when asked", Arrow{From: []string{"..."}, To: []string{"cmd"}}, nil},
		{"tests when asked", Arrow{From: []string{"..."}, To: []string{"cmd"}, Tests: true, Why: "no"}, []string{"serve/a_test.go imports cmd: no"}},
		{"a third party but for one package", Arrow{From: []string{"..."}, To: []string{"example.com/toml/v2"}, Except: []string{"serve"}}, nil},
		{"but for one arrow", Arrow{From: []string{"..."}, To: []string{"lb", "internal/..."}, Except: []string{"lb -> internal/obs"}, Why: "no"}, []string{"serve/a.go imports lb: no"}},
	} {
		t.Run(c.name, func(t *testing.T) { equal(t, tree.Forbidden([]Arrow{c.rule}), c.want...) })
	}
}

func TestLeavesMayUseConfAndNothingElse(t *testing.T) {
	tree := source(t, map[string]string{
		"internal/conf/a.go": "package conf\n",
		"internal/sock/a.go": "package sock\nimport (\n\t\"m/internal/conf\"\n\t\"m/internal/ring\"\n)\n",
		"internal/ring/a.go": "package ring\n",
	})
	equal(t, tree.Forbidden(allMayUseTheirOwn(arrows, tree)),
		"internal/sock/a.go imports internal/ring: a leaf knows nobody but internal/conf")
}

func TestTopLevelIgnoresWhatGitIgnores(t *testing.T) {
	tree := source(t, map[string]string{
		".gitignore": "/bin/\n/coverage.*\n*.test\n",
		"bin/weir":   "", "coverage.out": "", "lb.test": "", "lb/a.go": "package lb\n", "stray.txt": "",
	})
	equal(t, tree.TopLevel([]string{".gitignore", "go.mod", "lb"}), "stray.txt does not belong in the root folder")
}

func TestPackageNamesFindsVagueOnes(t *testing.T) {
	tree := source(t, map[string]string{"x/utils/a.go": "package utils\n", "x/a.go": "package x\n"})
	equal(t, tree.PackageNames([]string{"utils"}), "x/utils: package utils says nothing")
}

func TestInitsFindsFunctionsNotMethods(t *testing.T) {
	tree := source(t, map[string]string{
		"x/a.go": "package x\n\ntype T int\n\nfunc (T) init() {}\n\nfunc init() {}\n",
	})
	equal(t, tree.Inits(), "x/a.go:7: func init runs unasked; call it from a constructor")
}

func TestUnfinishedFindsMarksInComments(t *testing.T) {
	mark := "TO" + "DO"
	tree := source(t, map[string]string{
		"x/a.go": "package x\n\n// " + mark + ": later\nvar s = \"" + mark + "\" // a " + mark + "LIST is fine\n",
	})
	equal(t, tree.Unfinished(), "x/a.go:3: "+mark)
}

func TestUndocumentedWantsACommentOnEveryExportedNameAndKey(t *testing.T) {
	tree := source(t, map[string]string{
		"x/a.go": `package x

// Documented is.
type Documented struct {
	// Rate is documented.
	Rate int ` + "`toml:\"rate\"`" + `
	Burst int ` + "`toml:\"burst\"`" + `
	Skipped int ` + "`toml:\"-\"`" + `
	Plain int
}

type Bare struct{}

func (Documented) Method() {}

type hidden struct{}

func (hidden) Method() {}

// Both are documented by the group.
const (
	A = 1
	B = 2
)

var (
	C = 3 // C has a comment beside it.
	D = 4
)

func F[T any]() {}

func g() {}
`,
		"x/a_test.go":   "package x\n\nfunc Exported() {}\n",
		"x/cli/main.go": "package main\n\nfunc Exported() {}\n",
	})
	equal(t, tree.Undocumented(),
		"x/a.go:7: Burst has no comment",
		"x/a.go:12: Bare has no comment",
		"x/a.go:14: Method has no comment",
		"x/a.go:28: D has no comment",
		"x/a.go:31: F has no comment",
	)
}

func TestTestCallsFindsSleepsOutsideTheExceptions(t *testing.T) {
	tree := source(t, map[string]string{
		"x/a.go":       "package x\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n",
		"x/a_test.go":  "package x\n\nimport \"time\"\n\nfunc g() { time.Sleep(1) }\n",
		"x/b_test.go":  "package x\n\nimport \"time\"\n\nfunc h() { time.Sleep(1) }\n",
		"x/cc_test.go": "package x\n\nimport \"time\"\n\nvar wait = time.Sleep\n",
		"x/dd_test.go": "package x\n\nfunc i() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }\n",
	})
	e, err := ParseExceptions("# comment\nsleep x/b_test.go: a rate is measured\nsleep x/gone_test.go: was needed\n")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, tree.TestCalls("sleep", []string{"time.Sleep"}, e), "x/a_test.go:5: time.Sleep", "x/cc_test.go:5: time.Sleep")
	equal(t, e.Unused(), "exception no longer needed: sleep x/gone_test.go")
}

func TestAnExceptionNeedsAReason(t *testing.T) {
	for _, list := range []string{"sleep x/a_test.go", "sleep x/a_test.go: ", "sleep x/a_test.go:reason"} {
		if _, err := ParseExceptions(list); err == nil {
			t.Errorf("%q is accepted", list)
		}
	}
}

func TestLongFunctionsWantAReason(t *testing.T) {
	long := "{\n" + strings.Repeat("\t_ = 0\n", 60) + "}\n"
	tree := source(t, map[string]string{
		"x/a.go": "package x\n\ntype T[K any] struct{}\n\nfunc (*T[K]) step() " + long + "\nfunc table() " + long + "\nfunc short() {}\n",
	})
	e, err := ParseExceptions("long x/a.go T.step: one state per case\n")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, tree.LongFunctions(e), "x/a.go table has over 60 lines and no reason")
	equal(t, e.Unused())
}

func TestLoadReportsWhatItCannotRead(t *testing.T) {
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder without go.mod is loaded")
	}
	root := t.TempDir()
	for name, content := range map[string]string{"go.mod": "go 1.26\n", "a.go": "package a\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(root); err == nil || !strings.Contains(err.Error(), "no module line") {
		t.Errorf("a go.mod without a module line gives %v", err)
	}
}

func TestPoliciesMayUseWhatTheyHaveInCommonAndNoOther(t *testing.T) {
	tree := source(t, map[string]string{
		"http7/policy/policy.go": "package policy\n",
		"http7/policy/cors/a.go": "package cors\nimport (\n\t\"m/http7/policy\"\n\t\"m/http7/policy/jwt\"\n)\n",
		"http7/policy/jwt/a.go":  "package jwt\n",
	})
	equal(t, tree.Forbidden(allMayUseTheirOwn(arrows, tree)),
		"http7/policy/cors/a.go imports http7/policy/jwt: a policy knows http7, http7/policy and leaves")
}
