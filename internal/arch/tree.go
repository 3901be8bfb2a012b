// Package arch measures the project's own source: who imports whom, how long files and functions
// are, what is documented. Its tests hold the result against the rules of docs/architecture.md.
//
// Only its tests use it. It reads source text and knows no other package of the project.
package arch

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Tree is the parsed source of one module.
type Tree struct {
	// Module is the module path of go.mod.
	Module string
	// Packages are ordered by path.
	Packages []*Package
	// Top names what lies in the root folder, ignored build products left out.
	Top  []string
	fset *token.FileSet
}

// Package is one folder with Go files, whatever their build tags.
type Package struct {
	// Path is the folder relative to the module: "http7/wire"; "." for the root.
	Path string
	// Name is the package clause of its first file that is no test.
	Name  string
	Files []*File
}

// File is one parsed Go file.
type File struct {
	// Path is relative to the module, with slashes.
	Path  string
	Lines int
	Test  bool
	AST   *ast.File
}

// Load parses every Go file under root, except in testdata and dot folders.
func Load(root string) (*Tree, error) {
	module, err := moduleName(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	t := &Tree{Module: module, fset: token.NewFileSet()}
	if t.Top, err = topLevel(root); err != nil {
		return nil, err
	}
	byDir := map[string]*Package{}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(root, p, d.Name())
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		return t.add(byDir, root, p)
	})
	for _, p := range byDir {
		t.Packages = append(t.Packages, p)
	}
	sort.Slice(t.Packages, func(i, j int) bool { return t.Packages[i].Path < t.Packages[j].Path })
	return t, err
}

func skipDir(root, p, name string) error {
	if p != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
		return filepath.SkipDir
	}
	return nil
}

func (t *Tree) add(byDir map[string]*Package, root, p string) error {
	src, err := os.ReadFile(p)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	dir := path.Dir(rel)
	pkg := byDir[dir]
	if pkg == nil {
		pkg = &Package{Path: dir}
		byDir[dir] = pkg
	}
	f := &File{Path: rel, Lines: strings.Count(string(src), "\n"), AST: syntax, Test: strings.HasSuffix(rel, "_test.go")}
	if pkg.Name == "" && !f.Test {
		pkg.Name = syntax.Name.Name
	}
	pkg.Files = append(pkg.Files, f)
	return nil
}

// Imports lists what f imports, as written.
func (f *File) Imports() []string {
	var out []string
	for _, s := range f.AST.Imports {
		// The parser accepts only valid string literals here.
		p, _ := strconv.Unquote(s.Path.Value)
		out = append(out, p)
	}
	return out
}

// place names a node as "file:line".
func (t *Tree) place(f *File, n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.Path, t.fset.Position(n.Pos()).Line)
}

// length is how many lines a node covers.
func (t *Tree) length(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

// local turns an import path into a folder of this module; ok is false for foreign paths.
func (t *Tree) local(importPath string) (dir string, ok bool) {
	if importPath == t.Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, t.Module+"/")
}

// thirdParty reports whether an import comes from neither this module nor the standard library.
func (t *Tree) thirdParty(importPath string) bool {
	if _, ok := t.local(importPath); ok {
		return false
	}
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

func moduleName(goMod string) (string, error) {
	f, err := os.Open(goMod)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if name, ok := strings.CutPrefix(sc.Text(), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s: no module line", goMod)
}

// topLevel lists the root folder without what the root's .gitignore names in the forms
// that it uses: "/name", "/name/", "/prefix.*" and "*.suffix".
func topLevel(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var top []string
	for _, e := range entries {
		if !matchesAny(e.Name(), strings.Fields(string(ignored))) {
			top = append(top, e.Name())
		}
	}
	return top, nil
}

func matchesAny(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(strings.Trim(p, "/"), name); ok {
			return true
		}
	}
	return false
}
