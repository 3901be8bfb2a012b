package policytest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

func TestCountersAreOneByNameAndLevelsGoWithTheLastThatShowsThem(t *testing.T) {
	p := NewProcess()
	one, two := p.Needs(), p.Needs()
	one.Counted("edge.jwt", "failed").Add(1)
	two.Counted("edge.jwt", "failed").Add(2)
	if p.Count("edge.jwt failed") != 3 || p.Count("edge.jwt fetched") != 0 {
		t.Errorf("counted %d and %d, want 3 and 0", p.Count("edge.jwt failed"), p.Count("edge.jwt fetched"))
	}
	first := one.Gauged("edge.jwt", "keys", func() float64 { return 1 })
	second := two.Gauged("edge.jwt", "keys", func() float64 { return 2 })
	other := two.Gauged("edge.jwt", "failed_files", func() float64 { return 0 })
	for _, step := range []struct {
		do     func()
		keys   float64
		levels int
	}{{func() {}, 2, 2}, {first, 2, 2}, {other, 2, 1}, {second, -1, 0}} {
		step.do()
		if p.Level("edge.jwt keys") != step.keys || p.Levels() != step.levels {
			t.Errorf("%v keys, %d levels; want %v, %d", p.Level("edge.jwt keys"), p.Levels(), step.keys, step.levels)
		}
	}
	two.Log.Info("hello")
	if !strings.Contains(p.Log.String(), "msg=hello") {
		t.Errorf("logged %q", p.Log.String())
	}
}

func TestAChangedFileIsReadWhenItHasSettled(t *testing.T) {
	p, path, read := NewProcess(), File(t, "a.txt", "1"), ""
	load := func() error {
		text, err := os.ReadFile(path)
		read += string(text)
		return err
	}
	if _, err := p.Files.Watch("edge", path, load); err != nil {
		t.Fatal(err)
	}
	Write(t, path, "22")
	p.Settle()
	p.Settle()
	if read != "122" {
		t.Errorf("read %q, want 1 and 22", read)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("files are left: %q", left)
	}
}

func TestExamplesAreCutOutOfMarkdownWithTheirBundles(t *testing.T) {
	blocks := cut("# a\n```toml\nx = 1\n```\n```\nno = 1\n```\n\n```toml\n[policies.edge]\n[[policies.in-2.rate_limit]]\n[policies.edge.cors]\n```\n")
	if want := []string{"x = 1\n", "[policies.edge]\n[[policies.in-2.rate_limit]]\n[policies.edge.cors]\n"}; !slices.Equal(blocks, want) {
		t.Fatalf("got %q, want %q", blocks, want)
	}
	for i, want := range []string{"", `"edge", "in-2"`} {
		if got := bundles(blocks[i]); got != want {
			t.Errorf("example %d has %s, want %s", i+1, got, want)
		}
	}
}

// trial is a test that may fail.
type trial struct {
	testing.TB
	said []string
}

func (r *trial) Helper()                   {}
func (r *trial) Errorf(f string, _ ...any) { r.said = append(r.said, f) }
func (r *trial) Fatalf(f string, _ ...any) { panic(f) }
func (r *trial) Fatal(...any)              { panic("Fatal") }

// report is what a parser says.
type report string

func (r report) String() string { return string(r) }

func TestExamplesThatAreFewerOrWrongFail(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("README.md", []byte("```toml\n[policies.edge]\n```\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		want int
		said report
		none bool
		fail string
	}{
		{"one, as it should be", 1, "", false, ""},
		{"one, and two are wanted", 2, "", false, "%d examples, want %d"},
		{"a warning", 1, "a.toml:1:1: warning: a: is odd\n", false, "example %d:\n%s"},
		{"a warning that may be", 1, "a.toml:1:1: warning: a: is known\n", false, ""},
		{"no config", 1, "", true, "example %d:\n%s"},
	} {
		failed := ""
		func() {
			defer func() { failed, _ = recover().(string) }()
			Examples(&trial{}, c.want, "[%] ", func(name string, text []byte, n int) (*int, report) {
				if got := string(text); name != "README.md" || n != 7 || got != "[\"edge\"] [policies.edge]\n" {
					t.Errorf("%s: parsed %s %q with %d", c.what, name, got, n)
				}
				if c.none {
					return nil, c.said
				}
				return &n, c.said
			}, 7, "is known")
		}()
		if failed != c.fail {
			t.Errorf("%s: failed by %q, want %q", c.what, failed, c.fail)
		}
	}
}

func TestProblemsAreSaidInOrderAndMustHaveHints(t *testing.T) {
	p := conf.NewProblems()
	p.In("tls").Add("name", "is wrong", "write another")
	p.Warn("url", "is odd", "")
	if got, want := Said(p), "tls.name: is wrong\nwarning url: is odd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r := &trial{}
	if Hinted(r, p); len(r.said) != 1 {
		t.Errorf("%d problems have no hint, want 1", len(r.said))
	}
}

func TestValuesAreReadAsAConfigReadsThem(t *testing.T) {
	if got := Values[conf.Size]("1KiB", "2B"); len(got) != 2 || got[0].Value() != 1024 || got[1].Value() != 2 {
		t.Errorf("got %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("no size is one")
		}
	}()
	Values[conf.Size]("much")
}

func TestALineSaysWhoAsks(t *testing.T) {
	fault := &http7.Fault{Name: "gone", Status: 410}
	step := func(v http7.Verdict) http7.Step { return http7.Step{Request: saying{v}} }
	for _, c := range []struct {
		id    http7.Identity
		steps []http7.Step
		want  string
	}{
		{http7.Identity{}, []http7.Step{step(http7.Continue)}, "nobody"},
		{http7.Identity{Scheme: "basic", Consumer: "ann"}, []http7.Step{step(http7.Continue), step(http7.Continue)}, "basic ann"},
		{http7.Identity{Scheme: "jwt", Consumer: "ann", Groups: []string{"a", "b"}, Scopes: []string{"r", "w"}}, []http7.Step{step(http7.Continue)}, "jwt ann in a,b may r,w"},
		{http7.Identity{}, []http7.Step{step(http7.Refuse(fault)), step(http7.Continue)}, "410 gone: because"},
	} {
		x := &http7.Exchange{Cause: errors.New("because")}
		if c.id.Scheme != "" {
			x.Establish(c.id)
		}
		if got := Who(x, Pass(x, c.steps)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// saying says one thing of all requests.
type saying struct{ v http7.Verdict }

func (s saying) Request(*http7.Exchange) http7.Verdict { return s.v }
