package cmd

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// eachCommand calls f with every command of the program, subcommands included.
func eachCommand(f func(c *cobra.Command)) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		f(c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(quiet().root())
}

// words returns how a command is called, without the program's name.
func words(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// line is words as an operator would type them.
func line(c *cobra.Command, more ...string) []string { return append(words(c), more...) }

func TestTheHelpOfEveryCommandHasItsExample(t *testing.T) {
	eachCommand(func(c *cobra.Command) {
		got := inProcess(nil, line(c, "--help")...)
		if got.code != Fine || got.err != "" {
			t.Errorf("%s --help: code %d, stderr %q", c.CommandPath(), got.code, got.err)
		}
		for _, want := range []string{"Usage:\n  " + c.CommandPath(), "Examples:\n  weir "} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s --help is\n%s\nwant %q in it", c.CommandPath(), got.out, want)
			}
		}
	})
}

func TestHelpOfACommandIsItsFlagHelp(t *testing.T) {
	eachCommand(func(c *cobra.Command) {
		long := inProcess(nil, append([]string{"help"}, words(c)...)...)
		short := inProcess(nil, line(c, "-h")...)
		if long.code != Fine || long.out != short.out {
			t.Errorf("help for %s:\n%s\nby -h:\n%s", c.CommandPath(), long.out, short.out)
		}
	})
}

// Every line of an example must be one that the program understands: a command that exists, with
// flags that it has.
func TestEveryExampleIsACommandThatExists(t *testing.T) {
	eachCommand(func(c *cobra.Command) {
		for text := range strings.Lines(c.Example) {
			text, _, _ = strings.Cut(strings.TrimSpace(text), " >")
			args := strings.Fields(text)
			if len(args) < 2 || args[0] != "weir" {
				t.Errorf("%s: the example %q does not call weir", c.CommandPath(), text)
				continue
			}
			found, rest, err := quiet().root().Find(args[1:])
			if err != nil || !strings.HasPrefix(found.CommandPath(), c.CommandPath()) {
				t.Errorf("%s: the example %q calls %s, %v", c.CommandPath(), text, found.CommandPath(), err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: the example %q: %v", c.CommandPath(), text, err)
			} else if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: the example %q: %v", c.CommandPath(), text, err)
			}
		}
	})
}

func TestEveryFlagSaysWhatItDoes(t *testing.T) {
	eachCommand(func(c *cobra.Command) {
		help := inProcess(nil, line(c, "--help")...).out
		_, flags, _ := strings.Cut(help, "Flags:\n")
		for text := range strings.Lines(flags) {
			if text = strings.TrimSpace(text); !strings.HasPrefix(text, "-") {
				break // the flags have ended
			}
			if _, does, ok := strings.Cut(text, "   "); !ok || strings.TrimSpace(does) == "" {
				t.Errorf("%s: the flag %q is not explained", c.CommandPath(), text)
			}
		}
	})
}

func TestAnUnknownFlagIsWrongUsageOfEveryCommand(t *testing.T) {
	eachCommand(func(c *cobra.Command) {
		got := inProcess(nil, line(c, "--nonsense")...)
		want := "weir: unknown flag: --nonsense\n  hint: see " + c.CommandPath() + " --help\n"
		if got.code != WrongUsage || got.err != want || got.out != "" {
			t.Errorf("%s --nonsense: %+v, want code %d and %q", c.CommandPath(), got, WrongUsage, want)
		}
	})
}

func TestWrongUsageEndsWithTwoAndAHint(t *testing.T) {
	for _, c := range []struct {
		line string
		want string // in stderr
	}{
		{"run weir.toml", `"weir.toml"`},
		{"run -c", "flag needs an argument"},
		{"run --json", "unknown flag: --json"},
		{"check a.toml b.toml", "accepts at most 1 arg(s), received 2"},
		{"check --json=maybe", `invalid argument "maybe"`},
		{"check --schema --json", "none of the others can be"},
		{"check --schema --effective", "none of the others can be"},
		{"check --schema a.toml", "--schema takes no file"},
		{"reload now", `"now"`},
		{"reload --config", "flag needs an argument"},
		{"reload --admin http://127.0.0.1/x/y", "--admin"},
		{"status all", `"all"`},
		{"status --admin 127.0.0.1:port", "--admin"},
		{"purge", "at least one of the flags in the group [key prefix tag all] is required"},
		{"purge all", `"all"`},
		{"purge --all --tag a", "none of the others can be"},
		{"purge --key /v1/orders", "is not a whole URL"},
		{"purge --prefix ftp://a/", "is not a whole URL"},
		{"purge --key https://a/ --prefix https://a/", "none of the others can be"},
		{"purge --tag a,b --tag", "flag needs an argument"},
		{"purge --all=false", "name what to purge"},
		{"key new", `required flag(s) "consumer" not set`},
		{"key new shop", `"shop"`},
		{"key new --consumer", "flag needs an argument"},
		{"key new --consumer shop --expires soon", `--expires: "soon" is not a moment`},
		{"key new --consumer shop --rate fast", `--rate: "fast" is not a rate`},
		{"key new --consumer shop --burst -1", "limits.burst: -1 is no number of requests"},
		{"key new --consumer shop --claim plan", "plan must be formatted as key=value"},
		{"key new --consumer shop --groups=b:c,", `can't be told in a list`},
		{"demo now", `"now"`},
		{"demo --duration soon", `invalid argument "soon"`},
		{"demo --port-base x", `invalid argument "x"`},
		{"bench nonsense", `"nonsense"`},
		{"bench peers now", `"now"`},
		{"bench peers --rounds many", `invalid argument "many"`},
		{"bench peers --max low", `invalid argument "low"`},
		{"version 1", `"1"`},
		{"version --json=x", `invalid argument "x"`},
		{"Run", `unknown command "Run"`},
		{"-c weir.toml", "unknown shorthand flag"},
	} {
		got := inProcess(nil, strings.Fields(c.line)...)
		if got.code != WrongUsage || got.out != "" {
			t.Errorf("weir %s: code %d, stdout %q; want code %d and nothing", c.line, got.code, got.out, WrongUsage)
		}
		if !strings.HasPrefix(got.err, "weir: ") || !strings.Contains(got.err, c.want) || !strings.Contains(got.err, "\n  hint: see weir") {
			t.Errorf("weir %s: stderr is %q, want %q and a hint in it", c.line, got.err, c.want)
		}
	}
}

// manyWrong is a config with one problem on each of three lines.
const manyWrong = `[listeners.web]
address = "nowhere"
[upstreams.orders]
balance = "ewmaa"
endpoints = []
`

func TestProblemsAsJSONHaveTheirPlaces(t *testing.T) {
	path := file(t, manyWrong)
	got := inProcess(nil, "check", "--json", path)
	var problems []struct {
		File, Path, Text, Hint string
		Line, Column           int
	}
	if err := json.Unmarshal([]byte(got.out), &problems); err != nil {
		t.Fatalf("%v in %s", err, got.out)
	}
	lines := make(map[int]bool)
	for _, p := range problems {
		lines[p.Line] = true
	}
	if got.code != Bad || got.err != "" || !lines[2] || !lines[4] || !lines[5] {
		t.Errorf("code %d, stderr %q, problems %+v; want code %d and problems in lines 2, 4 and 5", got.code, got.err, problems, Bad)
	}
}

func TestGoodConfigsHaveAnEmptyListOfProblems(t *testing.T) {
	got := inProcess(nil, "check", "--json", file(t, answers("x")))
	var problems []any
	if err := json.Unmarshal([]byte(got.out), &problems); err != nil || problems == nil || len(problems) != 0 || got.code != Fine {
		t.Errorf("%+v, %v; want an empty list", got, err)
	}
}

func TestTheEffectiveConfigHoldsWhatWasWrittenAndTheDefaults(t *testing.T) {
	path := file(t, answers("x")+"[upstreams.orders]\nendpoints = [\"127.0.0.1:1\"]\n")
	got := inProcess(nil, "check", "--effective", path)
	for _, want := range []string{`body = "x"`, `balance = "ewma"`, "weight = 1", `address = "127.0.0.1:9901"`} {
		if !strings.Contains(got.out, want) {
			t.Errorf("there is no %s in\n%s", want, got.out)
		}
	}
	again := inProcess(nil, "check", file(t, got.out))
	if got.code != Fine || again.code != Fine {
		t.Errorf("code %d, and %d when it is checked itself: %s", got.code, again.code, again.err)
	}
}

func TestAWrongConfigHasNoEffectiveForm(t *testing.T) {
	got := inProcess(nil, "check", "--effective", file(t, manyWrong))
	if got.code != Bad || got.out != "" || !strings.Contains(got.err, ":4:") {
		t.Errorf("%+v, want code %d, nothing on stdout and the place of a problem", got, Bad)
	}
}

func TestTheSchemaIsJSONWhoseReferencesExist(t *testing.T) {
	got := inProcess(nil, "check", "--schema")
	var schema struct {
		Schema string `json:"$schema"`
		Root   string `json:"$ref"`
		Defs   map[string]*struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(got.out), &schema); err != nil || got.code != Fine || schema.Schema == "" {
		t.Fatalf("code %d, %v, $schema %q", got.code, err, schema.Schema)
	}
	root := schema.Defs[strings.TrimPrefix(schema.Root, "#/$defs/")]
	if root == nil {
		t.Fatalf("the schema of the whole is at %q, where nothing is", schema.Root)
	}
	for _, key := range []string{"listeners", "routes", "upstreams", "admin", "access_log", "shutdown"} {
		if root.Properties[key] == nil {
			t.Errorf("the schema has no %s", key)
		}
	}
	for i, part := range strings.Split(got.out, `"$ref": "#/$defs/`) {
		name, _, _ := strings.Cut(part, `"`)
		if i > 0 && schema.Defs[name] == nil {
			t.Errorf("the schema refers to %s, which is not there", name)
		}
	}
}

func TestEveryShellHasACompletionScript(t *testing.T) {
	for shell, want := range map[string]string{
		"bash":       "complete -o default -F __start_weir weir",
		"zsh":        "#compdef weir",
		"fish":       "complete -c weir",
		"powershell": "Register-ArgumentCompleter -CommandName 'weir'",
	} {
		if got := inProcess(nil, "completion", shell); got.code != Fine || got.err != "" || !strings.Contains(got.out, want) {
			t.Errorf("completion %s: code %d, stderr %q, %d bytes without %q", shell, got.code, got.err, len(got.out), want)
		}
	}
	if got := inProcess(nil, "__complete", ""); !strings.Contains(got.out, "check\tShow all problems") || !strings.Contains(got.out, "run\tServe") {
		t.Errorf("what a shell is told of the commands: %s", got.out)
	}
	if got := inProcess(nil, "__complete", "check", "--"); !strings.Contains(got.out, "--effective") || !strings.Contains(got.out, "--schema") {
		t.Errorf("what a shell is told of the flags of check: %s", got.out)
	}
}

func TestTheVersionIsToldInLinesAndInJSON(t *testing.T) {
	text, asJSON := inProcess(nil, "version"), inProcess(nil, "version", "--json")
	var v struct{ Version, Commit, Go, FastHTTP string }
	d := json.NewDecoder(bytes.NewReader([]byte(asJSON.out)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || v.Version != "devel" || v.Go != runtime.Version() {
		t.Errorf("%v in %s", err, asJSON.out)
	}
	lines := strings.Split(strings.TrimSuffix(text.out, "\n"), "\n")
	want := []string{"weir " + v.Version, "commit " + or(v.Commit, "unknown"), v.Go, "fasthttp " + or(v.FastHTTP, "unknown")}
	if text.code != Fine || text.err != "" || strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Errorf("the lines are %q, want %q", lines, want)
	}
}

func TestTheConfigThatIsNamedIsTheOneThatIsTaken(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.toml")
	for _, args := range [][]string{{"check", missing}, {"run", "-c", missing}, {"run", "--config=" + missing}} {
		if got := inProcess(nil, args...); got.code != Bad || !strings.Contains(got.err, missing) {
			t.Errorf("weir %v: %+v, want code %d and the file's name", args, got, Bad)
		}
	}
}
