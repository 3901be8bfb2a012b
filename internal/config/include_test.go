package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files below a fresh directory and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// loaded loads main.toml of a tree and returns the report without the tree's directory.
func loaded(t *testing.T, files map[string]string) (*Config, string) {
	t.Helper()
	dir := tree(t, files)
	c, r := Load(filepath.Join(dir, "main.toml"), testOptions())
	return c, strings.ReplaceAll(r.String(), dir+"/", "")
}

const (
	mainText  = "[listeners.web]\naddress = \":80\"\n[[routes]]\nupstream = \"a\"\n"
	upstreamA = "[upstreams.a]\nendpoints = \"a:1\"\n"
	upstreamB = "[upstreams.b]\nendpoints = \"b:1\"\n"
)

func TestWhatIsIncludedIsAsIfItWereWrittenHere(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
	}{
		{"one file", map[string]string{
			"main.toml": "include = \"a.toml\"\n" + mainText,
			"a.toml":    upstreamA,
		}},
		{"a pattern", map[string]string{
			"main.toml":       "include = \"conf.d/*.toml\"\n" + mainText,
			"conf.d/a.toml":   upstreamA,
			"conf.d/b.ignore": "not toml",
		}},
		{"a pattern that matches nothing", map[string]string{
			"main.toml": "include = \"conf.d/*.toml\"\n" + mainText + upstreamA,
		}},
		{"an empty list", map[string]string{
			"main.toml": "include = []\n" + mainText + upstreamA,
		}},
		{"an empty file", map[string]string{
			"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA,
			"a.toml":    "# nothing yet\n",
		}},
		{"a file that includes another beside it", map[string]string{
			"main.toml":  "include = \"sub/a.toml\"\n" + mainText,
			"sub/a.toml": "include = \"b.toml\"\n",
			"sub/b.toml": upstreamA,
		}},
		{"tables with one name each in two files", map[string]string{
			"main.toml": "include = [\"a.toml\", \"b.toml\"]\n" + mainText,
			"a.toml":    upstreamA + "[log]\nlevel = \"warn\"\n",
			"b.toml":    "[policies.p.headers.response]\nremove = \"Server\"\n[[routes]]\nmatch.path = \"/b\"\npolicies = \"p\"\nupstream = \"a\"\n",
		}},
		{"defaults of two kinds in two files", map[string]string{
			"main.toml": "include = [\"a.toml\", \"b.toml\"]\n" + mainText,
			"a.toml":    upstreamA + "[defaults.upstreams]\nbalance = \"ewma\"\n",
			"b.toml":    "[defaults.routes]\ntimeout = \"1s\"\n",
		}},
		{"routes written in one line", map[string]string{
			"main.toml": "include = \"a.toml\"\nroutes = { upstream = \"a\" }\n[listeners.web]\naddress = \":80\"\n",
			"a.toml":    "routes = [{ upstream = \"a\", match = { path = \"/b\" } }]\n" + upstreamA,
		}},
	} {
		if got, report := loaded(t, c.files); got == nil || report != "" || got.Upstreams["a"] == nil {
			t.Errorf("%s: %v\n%s", c.name, got, report)
		}
	}
}

func TestWhatCannotBeMergedIsShownInBothPlaces(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			"an upstream in both", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA,
				"a.toml":    upstreamA,
			},
			[]string{"a.toml:1:12: upstreams.a: it is defined in two files", "hint: the other is at main.toml:6:12;"},
		},
		{
			"an upstream in two of the included", map[string]string{
				"main.toml": "include = [\"a.toml\", \"b.toml\"]\n" + mainText,
				"a.toml":    upstreamA,
				"b.toml":    upstreamB + upstreamA,
			},
			[]string{"b.toml:3:12: upstreams.a: it is defined in two files", "hint: the other is at a.toml:1:12;"},
		},
		{
			"a table of the whole file", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA + "[shutdown]\ngrace = \"1s\"\n",
				"a.toml":    "[shutdown]\ndelay = \"1s\"\n",
			},
			[]string{"a.toml:1:2: shutdown: it is defined in two files", "hint: the other is at main.toml:8:2;"},
		},
		{
			"defaults of one kind", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA + "[defaults.routes]\ntimeout = \"1s\"\n",
				"a.toml":    "[defaults.routes]\npriority = 1\n",
			},
			[]string{"a.toml:1:11: defaults.routes: it is defined in two files"},
		},
		{
			"tables of two kinds", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA,
				"a.toml":    "listeners = 5\n",
			},
			[]string{"a.toml:1:1: listeners: it is defined in two files"},
		},
		{
			"a file that includes itself", map[string]string{
				"main.toml": "include = \"*.toml\"\n" + mainText + upstreamA,
			},
			[]string{"main.toml:1:11: include: main.toml includes itself", "hint: the chain is main.toml → main.toml"},
		},
		{
			"a chain that comes back", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText,
				"a.toml":    "include = \"b.toml\"\n" + upstreamA,
				"b.toml":    "include = \"a.toml\"\n",
			},
			[]string{"b.toml:1:11: include: a.toml includes itself", "hint: the chain is a.toml → b.toml → a.toml"},
		},
		{
			"one file by two names", map[string]string{
				"main.toml": "include = [\"a.toml\", \"./a.toml\"]\n" + mainText,
				"a.toml":    upstreamA,
			},
			[]string{"main.toml:1:22: include: a.toml is included twice", "hint: the first time at main.toml:1:12"},
		},
		{
			"a file that is not there", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText + upstreamA,
			},
			[]string{"main.toml:1:11: include: a.toml can't be read: no such file or directory"},
		},
		{
			"a directory", map[string]string{
				"main.toml":   "include = \"sub\"\n" + mainText + upstreamA,
				"sub/x.other": "",
			},
			[]string{"main.toml:1:11: include: sub can't be read: is a directory"},
		},
		{
			"a pattern that is none", map[string]string{
				"main.toml": "include = \"[\"\n" + mainText + upstreamA,
			},
			[]string{`main.toml:1:11: include: "[" is not a pattern of file names`},
		},
		{
			"what is no name", map[string]string{
				"main.toml": "include = { file = \"a.toml\" }\n" + mainText + upstreamA,
			},
			[]string{"main.toml:1:11: include: an include is the name of a file"},
		},
		{
			"errors of syntax in two files", map[string]string{
				"main.toml": "include = [\"a.toml\", \"b.toml\"]\n" + mainText,
				"a.toml":    "[upstreams.a\n",
				"b.toml":    "x = \n",
			},
			[]string{"a.toml:1:13: ", "b.toml:1:5: ", "2 problems"},
		},
		{
			"a wrong value in an included file", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText,
				"a.toml":    upstreamA + "timeouts.connect = 5\n",
			},
			[]string{"a.toml:3:20: upstreams.a.timeouts.connect: 5 is not a duration", "1 problem"},
		},
		{
			"a wrong route in an included file", map[string]string{
				"main.toml": "include = \"a.toml\"\n" + mainText,
				"a.toml":    upstreamA + "[[routes]]\nupstream = \"c\"\n",
			},
			[]string{`a.toml:4:12: routes[1].upstream: there is no upstream "c"`},
		},
	} {
		got, report := loaded(t, c.files)
		if got != nil {
			t.Errorf("%s gave a Config", c.name)
		}
		for _, want := range c.want {
			if !strings.Contains(report, want) {
				t.Errorf("%s gave\n%s\nwant %s", c.name, report, want)
			}
		}
	}
}

func TestAVariableMayNameAnInclude(t *testing.T) {
	dir := tree(t, map[string]string{"main.toml": "include = \"${SITE:-a}.toml\"\n" + mainText, "a.toml": upstreamA, "b.toml": upstreamA})
	for site, want := range map[string]string{"": "a.toml", "b": "b.toml"} {
		o := testOptions()
		o.Env = func(string) (string, bool) { return site, site != "" }
		c, r := Load(filepath.Join(dir, "main.toml"), o)
		if c == nil || filepath.Base(r.Files()[1]) != want {
			t.Errorf("SITE=%q read %v\n%s", site, r.Files(), r)
		}
	}
}

func TestALinkIsTheFileThatItNames(t *testing.T) {
	dir := tree(t, map[string]string{"main.toml": "include = [\"a.toml\", \"link.toml\"]\n" + mainText, "a.toml": upstreamA})
	if err := os.Symlink(filepath.Join(dir, "a.toml"), filepath.Join(dir, "link.toml")); err != nil {
		t.Fatal(err)
	}
	if _, r := Load(filepath.Join(dir, "main.toml"), testOptions()); !strings.Contains(r.String(), "link.toml is included twice") {
		t.Errorf("the report is\n%s", r)
	}
}
