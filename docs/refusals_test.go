package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// guardSections are the sections of the table of refusals, in its order, by the folder whose faults they are.
var guardSections = [][2]string{
	{"../internal/gateway", "of a bundle"},
	{"ipfilter", "`ip_filter`"}, {"geo", "`geo`"}, {"apikey", "`api_key`"}, {"basic", "`basic`"}, {"jwt", "`jwt`"}, {"introspect", "`introspect`"},
	{"clientcert", "`client_cert`"}, {"forwardauth", "`forward_auth`"}, {"oidc", "`oidc`"}, {"authorise", "`authorise`"},
	{"ratelimit", "`rate_limit`"}, {"quota", "`quota`"}, {"concurrency", "`concurrency`"}, {"validate", "`validate`"}, {"waf", "`waf`"},
}

// TestTheGuideHasEveryRefusalOfAPolicy keeps the table in guide/guard.md equal to the code: WEIR_UPDATE=1 go test ./docs
// rewrites it.
func TestTheGuideHasEveryRefusalOfAPolicy(t *testing.T) {
	const file, head = "guide/guard.md", "| section | refusals |\n|---|---|\n"
	page := read(t, file)
	before, rest, ok := strings.Cut(page, head)
	if !ok {
		t.Fatalf("%s has no table of refusals", file)
	}
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + head + refusalTable(t) + "\n" + after
	if os.Getenv("WEIR_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		page = want
	}
	if page != want {
		t.Errorf("the table is not that of the code: write it with WEIR_UPDATE=1 go test ./docs\n%s", refusalTable(t))
	}
}

func refusalTable(t *testing.T) string {
	dirs, err := filepath.Glob("../http7/policy/*")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	var b strings.Builder
	for _, s := range guardSections {
		dir := filepath.Join("../http7/policy", s[0])
		if strings.HasPrefix(s[0], "..") {
			dir = s[0]
		}
		listed[dir] = true
		b.WriteString("| " + s[1] + " | " + row(faultsOf(t, dir)) + " |\n")
	}
	for _, dir := range dirs {
		if !listed[dir] && len(faultsOf(t, dir)) > 0 {
			t.Errorf("%s has faults, and the table no section for it: add it to guardSections", dir)
		}
	}
	return b.String()
}

// row writes names by status: "401 `a`, `b`; 500, 503 `c`".
func row(faults map[[2]string]bool) string {
	named := map[string][]string{}
	for f := range faults {
		named[f[0]] = append(named[f[0]], "`"+f[1]+"`")
	}
	var parts []string
	last := ""
	for _, status := range slices.Sorted(maps.Keys(named)) {
		slices.Sort(named[status])
		names := " " + strings.Join(named[status], ", ")
		if names == last {
			parts[len(parts)-1] = strings.TrimSuffix(parts[len(parts)-1], names) + ", " + status + names
		} else {
			parts = append(parts, status+names)
		}
		last = names
	}
	return strings.Join(parts, "; ")
}

func TestARowIsWrittenByStatus(t *testing.T) {
	for want, faults := range map[string]map[[2]string]bool{
		"":                                {},
		"401 `a`, `b`; 403 `c`":           {{"403", "c"}: true, {"401", "b"}: true, {"401", "a"}: true},
		"301, 302, 308 `r`; 401 `r`, `x`": {{"301", "r"}: true, {"308", "r"}: true, {"302", "r"}: true, {"401", "r"}: true, {"401", "x"}: true},
	} {
		if got := row(faults); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// source is a package as far as its faults go.
type source struct {
	t      *testing.T
	dir    string
	calls  map[string][]call
	faults []literal
}

// function is one that has faults or calls of others in it; nil stands for what is outside of functions.
type function struct {
	name   string
	params []string
}

type call struct {
	args []ast.Expr
	in   *function
}

// literal is a fault as it is written: its status and its name.
type literal struct {
	values []ast.Expr
	in     *function
}

// faultsOf returns status and name of the faults that the code of a folder makes.
func faultsOf(t *testing.T, dir string) map[[2]string]bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := &source{t: t, dir: dir, calls: map[string][]call{}}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.walk(f, nil)
	}
	found := map[[2]string]bool{}
	for _, l := range s.faults {
		for _, v := range s.texts(l.values, l.in) {
			found[[2]string{v[0], v[1]}] = true
		}
	}
	return found
}

// walk finds faults and calls below a node that is in a function.
func (s *source) walk(n ast.Node, in *function) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				s.walk(n.Body, &function{n.Name.Name, names(n.Type)})
			}
			return false
		case *ast.AssignStmt:
			if f, is := n.Rhs[0].(*ast.FuncLit); is {
				if name, is := n.Lhs[0].(*ast.Ident); is {
					s.walk(f.Body, &function{name.Name, names(f.Type)})
					return false
				}
			}
		case *ast.CallExpr:
			if name, is := n.Fun.(*ast.Ident); is {
				s.calls[name.Name] = append(s.calls[name.Name], call{n.Args, in})
			}
		case *ast.CompositeLit:
			if status, name := key(n, "Status"), key(n, "Name"); status != nil && name != nil {
				s.faults = append(s.faults, literal{[]ast.Expr{status, name}, in})
			}
		}
		return true
	})
}

func names(f *ast.FuncType) (list []string) {
	for _, field := range f.Params.List {
		for _, n := range field.Names {
			list = append(list, n.Name)
		}
	}
	return list
}

// key returns the value of a field of a literal, nil if it has none.
func key(l *ast.CompositeLit, name string) ast.Expr {
	for _, e := range l.Elts {
		if kv, is := e.(*ast.KeyValueExpr); is {
			if k, is := kv.Key.(*ast.Ident); is && k.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

// texts returns what expressions in a function come to, together: once for each of its calls if they have its parameters.
func (s *source) texts(list []ast.Expr, in *function) (all [][]string) {
	var used []int
	for i := range params(in) {
		if slices.ContainsFunc(list, func(e ast.Expr) bool { return mentions(e, in.params[i]) }) {
			used = append(used, i)
		}
	}
	if len(used) == 0 {
		return [][]string{s.evaluate(list, nil)}
	}
	for _, c := range s.calls[in.name] {
		var args []ast.Expr
		for _, i := range used {
			args = append(args, c.args[i])
		}
		for _, values := range s.texts(args, c.in) {
			env := map[string]string{}
			for n, i := range used {
				env[in.params[i]] = values[n]
			}
			all = append(all, s.evaluate(list, env))
		}
	}
	return all
}

func params(f *function) []string {
	if f == nil {
		return nil
	}
	return f.params
}

func mentions(e ast.Expr, name string) (does bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		id, is := n.(*ast.Ident)
		does = does || is && id.Name == name
		return true
	})
	return does
}

func (s *source) evaluate(list []ast.Expr, env map[string]string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = s.text(e, env)
	}
	return out
}

// text returns what a literal, a parameter or a sum of them comes to.
func (s *source) text(e ast.Expr, env map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
		return e.Value
	case *ast.BinaryExpr:
		return s.text(e.X, env) + s.text(e.Y, env)
	case *ast.Ident:
		if text, is := env[e.Name]; is {
			return text
		}
	}
	s.t.Errorf("%s: a fault's name or status is no literal, so that nobody can list it", s.dir)
	return ""
}
