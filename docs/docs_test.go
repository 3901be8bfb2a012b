// Package docs holds the manual's text against the program: what a page shows is run here.
package docs

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/config"
)

// pages returns every Markdown page that a reader of the repository opens, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, root := range []string{"../README.md", "../CHANGELOG.md", ".", "../deploy", "../http7"} {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ".md") {
				out[p] = read(t, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is one fenced code block.
type block struct{ language, name, text string }

// blocks finds the fenced code blocks of a page. What follows the language is the block's name.
func blocks(page string) []block {
	var out []block
	var open *block
	for line := range strings.Lines(page) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open != nil:
			out = append(out, *open)
			open = nil
		case isFence:
			language, name, _ := strings.Cut(fence, " ")
			open = &block{language: language, name: name}
		case open != nil:
			open.text += line
		}
	}
	return out
}

func TestBlocksAreFoundWithTheirNames(t *testing.T) {
	got := blocks("text\n```toml a.toml\nx = 1\n\ny = 2\n```\nmore\n```\nplain\n```\n")
	want := []block{{"toml", "a.toml", "x = 1\n\ny = 2\n"}, {"", "", "plain\n"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// One with "refused" behind its name has a problem; the test of the guides in internal/e2e holds what is
// said of it.
func TestNamedConfigurationsPassTheCheck(t *testing.T) {
	configs := map[string]string{"../deploy/weir.example.toml": read(t, "../deploy/weir.example.toml")}
	files := map[string]string{} // the other named blocks, by the name of the file
	for path, page := range pages(t) {
		for _, b := range blocks(page) {
			if b.language == "toml" && b.name != "" && !strings.HasSuffix(b.name, " refused") {
				configs[path+" "+b.name] = b.text
			} else if b.name != "" {
				files[b.name] = b.text
			}
		}
	}
	if len(configs) < 5 {
		t.Errorf("only %d configurations found", len(configs))
	}
	secure := pair(t)
	readFile := func(path string) ([]byte, error) {
		if text, ok := files[filepath.Base(path)]; ok {
			return []byte(text), nil
		}
		return secure(path)
	}
	for name, text := range configs {
		t.Run(name, func(t *testing.T) {
			if _, report := config.Parse(name, []byte(text), config.Options{ReadFile: readFile}); report.Failed() {
				t.Error(report.String())
			}
		})
	}
}

// pair returns a reader of files to which every .pem is one certificate, and every .key its key.
func pair(t *testing.T) func(path string) ([]byte, error) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return func(path string) ([]byte, error) {
		switch filepath.Ext(path) {
		case ".pem":
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
		case ".key":
			return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), nil
		}
		return os.ReadFile(path)
	}
}

// A block without a name is a part of a file; it stands behind this one.
const minimal = "[listeners.minimal]\naddress = \":8080\"\n[[routes]]\nrespond = { body = \"ok\" }\n"

func TestPartsOfConfigurationsPassTheCheckBesideAMinimalOne(t *testing.T) {
	t.Setenv("STICKY_KEY", "the secret of an example")
	readFile := pair(t)
	for path, page := range pages(t) {
		if strings.HasPrefix(path, "../http7") {
			continue // rooms and policies test their own pages
		}
		for _, b := range blocks(page) {
			if b.language != "toml" || b.name != "" {
				continue
			}
			if _, report := config.Parse(path, []byte(minimal+b.text), config.Options{ReadFile: readFile}); report.Failed() {
				t.Errorf("%s:\n%s\n%s", path, b.text, report.String())
			}
		}
	}
}

var makeTarget = regexp.MustCompile("(?m)(?:`|^)make ([a-z]+)")

func TestMakeTargetsThatPagesNameExist(t *testing.T) {
	makefile := read(t, "../Makefile")
	seen := map[string]bool{}
	for path, page := range pages(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(page, -1) {
			seen[m[1]] = true
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which the Makefile lacks", path, m[1])
			}
		}
	}
	for _, target := range []string{"run", "test", "check"} {
		if !seen[target] {
			t.Errorf("no page names make %s", target)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	for path, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
	}
}

var family = regexp.MustCompile("`(weir_[a-z_]+)`")

func TestMetricsThatPagesNameAreInTheCatalogue(t *testing.T) {
	catalogue := read(t, "metrics.md")
	for path, page := range pages(t) {
		for _, m := range family.FindAllStringSubmatch(page, -1) {
			if m[1] != "weir_oidc" && !strings.Contains(catalogue, "| `"+m[1]+"` |") { // that one is a cookie
				t.Errorf("%s names %s, which metrics.md lacks", path, m[1])
			}
		}
	}
}

var (
	required = regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) (v\S+)( // indirect)?$`)
	listed   = regexp.MustCompile("(?m)^\\| `(\\S+)` \\| (v\\S+) \\| (?:MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2.0) \\|")
)

func TestDependenciesListsEveryDirectOneAtItsVersion(t *testing.T) {
	page := map[string]string{}
	for _, m := range listed.FindAllStringSubmatch(read(t, "dependencies.md"), -1) {
		page[m[1]] = m[2]
	}
	module := map[string]string{}
	for _, m := range required.FindAllStringSubmatch(read(t, "../go.mod"), -1) {
		module[m[1]] = m[2]
		if direct := m[3] == ""; direct && page[m[1]] == "" {
			t.Errorf("dependencies.md lacks %s", m[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(page)) {
		if page[name] != module[name] {
			t.Errorf("%s: dependencies.md has %s, go.mod has %q", name, page[name], module[name])
		}
	}
	if len(page) < 5 {
		t.Errorf("dependencies.md lists %d modules", len(page))
	}
}

func TestLintToolsOfTheMakefileAreListed(t *testing.T) {
	page := read(t, "dependencies.md")
	tools := regexp.MustCompile(`(?m)^[A-Z]+ += (\S+)@(v\S+)$`).FindAllStringSubmatch(read(t, "../Makefile"), -1)
	if len(tools) < 2 {
		t.Fatalf("the Makefile pins %d tools", len(tools))
	}
	for _, m := range tools {
		if !strings.Contains(page, "`"+m[1]+"` "+m[2]) {
			t.Errorf("dependencies.md lacks `%s` %s", m[1], m[2])
		}
	}
}

func TestArchitectureNamesEveryRoom(t *testing.T) {
	page := read(t, "architecture.md")
	entries, err := os.ReadDir("../internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !regexp.MustCompile(`\b` + e.Name() + `\b`).MatchString(page) {
			t.Errorf("architecture.md does not name internal/%s", e.Name())
		}
	}
}

func TestEveryDecisionHasItsPartsAndAPlaceInTheIndex(t *testing.T) {
	index := read(t, "README.md")
	files, err := filepath.Glob("decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d decisions, %v", len(files), err)
	}
	for _, f := range files {
		if !strings.Contains(index, "("+f+")") {
			t.Errorf("the index does not link %s", f)
		}
		text := read(t, f)
		for _, part := range []string{"State: ", "## Question", "## Options", "## Choice", "## What would change our mind"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q", f, part)
			}
		}
	}
}
