package arch

import (
	"fmt"
	"go/ast"
	"slices"
)

// Figures are the sizes that docs/architecture.md sets limits to. Lines count as an editor
// shows them; a function counts from "func" to its closing brace; functions of tests don't count.
type Figures struct {
	Files, FileP90, FileMax int
	Funcs, FuncMedian       int
	FuncP90, FuncOver60     int
	CodeLines, TestLines    int
	LongFiles, LongFuncs    []string
}

// Limits of a Figures.
const (
	maxFileP90    = 400
	maxFile       = 600
	maxFuncMedian = 10
	maxFuncP90    = 35
	longFunc      = 60
	maxLongShare  = 0.03
	minTestRatio  = 1.2
)

// Measure takes the figures of the tree.
func (t *Tree) Measure() Figures {
	var m Figures
	var files, funcs []int
	t.eachFile(func(_ *Package, f *File) {
		files = append(files, f.Lines)
		if f.Lines > maxFile {
			m.LongFiles = append(m.LongFiles, fmt.Sprintf("%s has %d lines", f.Path, f.Lines))
		}
		if f.Test {
			m.TestLines += f.Lines
			return
		}
		m.CodeLines += f.Lines
		for _, fn := range functions(f) {
			n := t.length(fn)
			funcs = append(funcs, n)
			if n > longFunc {
				m.FuncOver60++
				m.LongFuncs = append(m.LongFuncs, funcPlace(f, fn))
			}
		}
	})
	m.Files, m.Funcs = len(files), len(funcs)
	m.FileP90, m.FileMax = quantile(files, 0.9), quantile(files, 1)
	m.FuncMedian, m.FuncP90 = quantile(funcs, 0.5), quantile(funcs, 0.9)
	return m
}

// Ratio is test lines per line of code.
func (m Figures) Ratio() float64 {
	if m.CodeLines == 0 {
		return 0
	}
	return float64(m.TestLines) / float64(m.CodeLines)
}

// Problems says which limits are broken.
func (m Figures) Problems() []string {
	out := slices.Clone(m.LongFiles)
	limit := func(what string, is, most int) {
		if is > most {
			out = append(out, fmt.Sprintf("%s is %d lines, at most %d", what, is, most))
		}
	}
	limit("p90 of files", m.FileP90, maxFileP90)
	limit("median of functions", m.FuncMedian, maxFuncMedian)
	limit("p90 of functions", m.FuncP90, maxFuncP90)
	if float64(m.FuncOver60) > maxLongShare*float64(m.Funcs) {
		out = append(out, fmt.Sprintf("%d of %d functions have over %d lines, at most 3 %%", m.FuncOver60, m.Funcs, longFunc))
	}
	if r := m.Ratio(); r < minTestRatio {
		out = append(out, fmt.Sprintf("%.2f lines of test per line of code, at least %.1f", r, minTestRatio))
	}
	return out
}

// String is one line for the log.
func (m Figures) String() string {
	return fmt.Sprintf("%d files: p90 %d, longest %d lines; %d functions: median %d, p90 %d, %d over %d lines; %d lines of code, %d of tests: %.2f",
		m.Files, m.FileP90, m.FileMax, m.Funcs, m.FuncMedian, m.FuncP90, m.FuncOver60, longFunc, m.CodeLines, m.TestLines, m.Ratio())
}

func (t *Tree) eachFile(do func(*Package, *File)) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			do(p, f)
		}
	}
}

func functions(f *File) []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			out = append(out, fn)
		}
	}
	return out
}

// funcPlace names a function for the list of exceptions: "http7/wire/head.go parseHead".
func funcPlace(f *File, fn *ast.FuncDecl) string {
	name := fn.Name.Name
	if fn.Recv != nil && len(fn.Recv.List) == 1 {
		name = receiver(fn.Recv.List[0].Type) + "." + name
	}
	return f.Path + " " + name
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// quantile is the smallest value that at least the share q of all values does not exceed.
func quantile(v []int, q float64) int {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	i := int(q*float64(len(v))+0.999999) - 1
	return v[max(0, min(i, len(v)-1))]
}
