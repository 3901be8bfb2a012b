package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// Exceptions are the places where a rule is broken on purpose, read from a list of lines
// "rule place: reason". An entry that nothing needs any more is itself a problem.
type Exceptions struct {
	reason map[string]string
	used   map[string]bool
}

// ParseExceptions reads the list; empty lines and lines that begin with # are comments.
func ParseExceptions(list string) (*Exceptions, error) {
	e := &Exceptions{reason: map[string]string{}, used: map[string]bool{}}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		place, reason, ok := strings.Cut(line, ": ")
		if !ok || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("%q is not \"rule place: reason\"", line)
		}
		e.reason[place] = reason
	}
	return e, nil
}

// Allow reports whether the list has the place for the rule.
func (e *Exceptions) Allow(rule, place string) bool {
	key := rule + " " + place
	_, ok := e.reason[key]
	if ok {
		e.used[key] = true
	}
	return ok
}

// Unused lists the entries that Allow was never asked for.
func (e *Exceptions) Unused() []string {
	var out []string
	for k := range e.reason {
		if !e.used[k] {
			out = append(out, "exception no longer needed: "+k)
		}
	}
	slices.Sort(out)
	return out
}

// TopLevel compares the root folder with what is allowed there.
func (t *Tree) TopLevel(allowed []string) []string {
	var out []string
	for _, name := range t.Top {
		if !slices.Contains(allowed, name) {
			out = append(out, name+" does not belong in the root folder")
		}
	}
	return out
}

// PackageNames finds names that say nothing about what a package is for.
func (t *Tree) PackageNames(vague []string) []string {
	var out []string
	for _, p := range t.Packages {
		if slices.Contains(vague, p.Name) {
			out = append(out, fmt.Sprintf("%s: package %s says nothing", p.Path, p.Name))
		}
	}
	return out
}

// Inits finds func init.
func (t *Tree) Inits() []string {
	var out []string
	t.eachFile(func(_ *Package, f *File) {
		for _, fn := range functions(f) {
			if fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, t.place(f, fn)+": func init runs unasked; call it from a constructor")
			}
		}
	})
	return out
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

// Unfinished finds comments that put work off.
func (t *Tree) Unfinished() []string {
	var out []string
	t.eachFile(func(_ *Package, f *File) {
		for _, g := range f.AST.Comments {
			for _, c := range g.List {
				if word := unfinished.FindString(c.Text); word != "" {
					out = append(out, t.place(f, c)+": "+word)
				}
			}
		}
	})
	return out
}

// LongFunctions finds functions over 60 lines that the exceptions give no reason for.
func (t *Tree) LongFunctions(e *Exceptions) []string {
	var out []string
	for _, place := range t.Measure().LongFuncs {
		if !e.Allow("long", place) {
			out = append(out, fmt.Sprintf("%s has over %d lines and no reason", place, longFunc))
		}
	}
	return out
}

// TestCalls finds calls in test files of a method or function by its written name, such as
// "time.Sleep" or "t.Skip", outside the files that the exceptions allow under the rule's name.
// Time that is slept inside a synctest.Test does not pass, so a time.Sleep there is not found.
func (t *Tree) TestCalls(rule string, names []string, e *Exceptions) []string {
	var out []string
	t.eachFile(func(_ *Package, f *File) {
		if !f.Test {
			return
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && rule == "sleep" && qualified(call.Fun) == "synctest.Test" {
				return false
			}
			name := qualified(n)
			if slices.Contains(names, name) && !e.Allow(rule, f.Path) {
				out = append(out, t.place(f, n)+": "+name)
			}
			return true
		})
	})
	return out
}

// qualified writes a selector on a plain name, such as "time.Sleep"; "" for anything else.
func qualified(n ast.Node) string {
	if sel, ok := n.(*ast.SelectorExpr); ok {
		if x, ok := sel.X.(*ast.Ident); ok {
			return x.Name + "." + sel.Sel.Name
		}
	}
	return ""
}

// Undocumented finds exported names without a comment: functions, methods of exported types,
// types, constants, variables, and the fields of a struct that carry a toml tag (their comment is
// the manual). One comment on a group of constants or variables is enough.
func (t *Tree) Undocumented() []string {
	var out []string
	t.eachFile(func(p *Package, f *File) {
		if f.Test || p.Name == "main" {
			return
		}
		for _, d := range f.AST.Decls {
			for _, id := range undocumented(d) {
				out = append(out, fmt.Sprintf("%s: %s has no comment", t.place(f, id), id.Name))
			}
		}
	})
	return out
}

func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		owned := d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))
		if owned && d.Name.IsExported() && d.Doc == nil {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Tok != token.IMPORT {
			return undocumentedSpecs(d)
		}
	}
	return nil
}

func undocumentedSpecs(d *ast.GenDecl) []*ast.Ident {
	var out []*ast.Ident
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				out = append(out, s.Name)
			}
			if st, ok := s.Type.(*ast.StructType); ok {
				out = append(out, undocumentedKeys(st)...)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

func undocumentedKeys(st *ast.StructType) []*ast.Ident {
	var out []*ast.Ident
	for _, field := range st.Fields.List {
		isKey := field.Tag != nil && strings.Contains(field.Tag.Value, `toml:"`) && !strings.Contains(field.Tag.Value, `toml:"-"`)
		if isKey && field.Doc == nil && field.Comment == nil {
			out = append(out, field.Names...)
		}
	}
	return out
}
