package tomlfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	toml "github.com/pelletier/go-toml/v2"

	"weir/internal/conf"
)

// parsed parses a text that must have no fault of its own.
func parsed(t *testing.T, text string) (*Node, *Report) {
	t.Helper()
	r := &Report{}
	root := Parse(NewFile("x.toml", []byte(text), 1), r)
	if r.Failed() {
		t.Fatalf("%q does not parse: %v", text, r.Findings())
	}
	return root, r
}

// decode decodes a text into dst and returns all findings as one text.
func decode(t *testing.T, text string, dst any) string {
	t.Helper()
	r := &Report{}
	root := Parse(NewFile("x.toml", []byte(text), 1), r)
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"PORT": "8080", "TOKEN": "hunter2hunter2", "EMPTY": "", "ODD": "\xff"}[name]
		return v, ok
	}
	root.Expand(r, env)
	Decode(root, dst, Sources{Lookup: env, Read: os.ReadFile}, r)
	return all(r)
}

func all(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings() {
		b.WriteString(f.String())
	}
	return b.String()
}

// shelf has one field of every shape that a config has.
type shelf struct {
	Name    string              `toml:"name"`
	Count   int                 `toml:"count"`
	Small   int8                `toml:"small"`
	On      bool                `toml:"on"`
	Ratio   float64             `toml:"ratio"`
	Timeout conf.Duration       `toml:"timeout"`
	Max     *conf.Limit         `toml:"max"`
	Tags    []string            `toml:"tags"`
	Blocks  []conf.Prefix       `toml:"blocks"`
	Set     map[string]string   `toml:"set"`
	Add     map[string][]string `toml:"add"`
	Token   conf.Secret         `toml:"token"`
	Inner   inner               `toml:"inner"`
	Maybe   *inner              `toml:"maybe"`
	Boxes   map[string]*box     `toml:"boxes"`
	Rows    []*box              `toml:"rows"`
	Either  []either            `toml:"either"`
	Path    conf.Path           `toml:"-"`
}

type inner struct {
	Size conf.Size `toml:"size"`
	Mode conf.Mode `toml:"mode"`
}

type box struct {
	Embedded
	Label string `toml:"label"`
}

// Embedded is part of a box; its keys are the box's.
type Embedded struct {
	Weight int         `toml:"weight"`
	Secret conf.Secret `toml:"secret"`
}

const wholeShelf = `
name = "a\tb"
count = 0x1F
small = -5
on = true
ratio = 2
timeout = "1m"
max = 7
tags = "one"
blocks = ["10.0.0.0/8", "::1"]
set = { "X Y" = "1", z = "" }
token = { env = "TOKEN" }
either = ["a", { name = "b" }]
[add]
x = "1"
y = ["2", "3"]
[inner]
size = "1KiB"
[maybe]
[boxes.a]
weight = 3
label = "la"
[boxes.b]
secret = "${TOKEN}"
[[rows]]
label = "r0"
[[rows]]
weight = 1
`

func TestEveryShapeOfFieldDecodes(t *testing.T) {
	var s shelf
	if got := decode(t, wholeShelf, &s); got != "" {
		t.Fatal(got)
	}
	tag, x, y := []string{"one"}, []string{"1"}, []string{"2", "3"}
	switch {
	case s.Name != "a\tb", s.Count != 31, s.Small != -5, !s.On, s.Ratio != 2, s.Timeout.String() != "1m", s.Max.Value() != 7:
		t.Errorf("scalars are %+v", s)
	case !reflect.DeepEqual(s.Tags, tag), len(s.Blocks) != 2, s.Set["X Y"] != "1", !reflect.DeepEqual(s.Add, map[string][]string{"x": x, "y": y}):
		t.Errorf("lists and maps are %+v", s)
	case s.Inner.Size.Value() != 1024, s.Maybe == nil, s.Boxes["a"].Weight != 3, s.Boxes["a"].Label != "la", len(s.Rows) != 2, s.Rows[1].Weight != 1:
		t.Errorf("tables are %+v", s)
	case s.Token.Reveal() != "hunter2hunter2", s.Boxes["b"].Secret.Reveal() != "hunter2hunter2", s.Boxes["b"].Secret.Env != "TOKEN":
		t.Error("secrets are not read")
	}
}

// What a variable is in a text may differ from what it is in a secret: a config that is not trusted may use the one
// and not see the other.
func TestVariablesInSecretsAreLookedUpAsSecrets(t *testing.T) {
	r := &Report{}
	root := Parse(NewFile("x.toml", []byte("name = \"${A}\"\ntoken = \"Bearer ${A}\"\n[boxes.b]\nsecret = \"${A}\"\n[boxes.c]\nsecret = \"${B}!\""), 1), r)
	root.Expand(r, func(string) (string, bool) { return "hidden", true })
	var s shelf
	Decode(root, &s, Sources{Lookup: func(name string) (string, bool) { return "the secret", name == "A" }}, r)
	if s.Name != "hidden" || s.Token.Reveal() != "Bearer the secret" || s.Boxes["b"].Secret.Reveal() != "the secret" {
		t.Errorf("got %q, %q and %q", s.Name, s.Token.Reveal(), s.Boxes["b"].Secret.Reveal())
	}
	if got := all(r); !strings.Contains(got, "x.toml:6:10: boxes.c.secret: the environment variable B is not set") {
		t.Errorf("the findings are %s", got)
	}
}

func TestAValueIsWrittenAndDecodesToItself(t *testing.T) {
	var s, again shelf
	if got := decode(t, wholeShelf, &s); got != "" {
		t.Fatal(got)
	}
	type written struct {
		Ratio  float64           `toml:"ratio"`
		Whole  float64           `toml:"whole"`
		Name   string            `toml:"name"`
		Tags   []string          `toml:"tags"`
		Set    map[string]string `toml:"set"`
		Empty  []string          `toml:"empty"`
		Max    *conf.Limit       `toml:"max"`
		Boxes  map[string]*box   `toml:"boxes"`
		Rows   []*box            `toml:"rows"`
		Inner  inner             `toml:"inner"`
		Token  conf.Secret       `toml:"token"`
		Either []either          `toml:"either"`
	}
	v := written{s.Ratio, 2, s.Name, s.Tags, s.Set, []string{}, s.Max, s.Boxes, s.Rows, s.Inner, s.Token, []either{{"a", 1}}}
	text := string(Write(FromValue(v)))
	if strings.Contains(text, "hunter2") {
		t.Fatalf("a secret is written:\n%s", text)
	}
	var back written
	if got := decode(t, text, &back); got != "" || !reflect.DeepEqual(v, back) {
		t.Fatalf("%s\ndecodes to\n%+v\nwant\n%+v\n%s", text, back, v, got)
	}
	_ = again
}

func TestWhatDoesNotFitIsPlacedAndTheRestDecodes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"name = 5", `1:8: name: 5 is not a text`},
		{"count = \"5\"", `1:9: count: "5" is not a whole number`},
		{"count = 1.5", `1:9: count: 1.5 is not a whole number`},
		{"small = 300", `1:9: small: 300 is not a number that fits here`},
		{"on = \"true\"", `1:6: on: "true" is not true or false`},
		{"ratio = \"1\"", `1:9: ratio: "1" is not a number`},
		{"timeout = \"x\"", `1:11: timeout: "x" is not a duration`},
		{"max = \"x\"", `1:7: max: "x" is not a limit`},
		{"tags = [\"a\", 5]", `1:14: tags[1]: 5 is not a text`},
		{"blocks = [\"10.0.0.0/8\", \"x\", \"y\"]", `1:30: blocks[2]: "y" is not a block`},
		{"set = \"x\"", `1:7: set: "x" is not a table`},
		{"set = { a = 5 }", `1:13: set.a: 5 is not a text`},
		{"inner = 5", `1:9: inner: 5 is not a table`},
		{"inner = { size = 5 }", `1:18: inner.size: 5 is not a size`},
		{"inner.sise = \"1B\"", `1:7: inner.sise: there is no key "sise" in inner`},
		{"size = \"1B\"", "hint: did you mean inner.size?"},
		{"[rows]\nlabel = \"x\"", `1:1: rows: a list of tables is written in double brackets`},
		{"[[boxes]]\nlabel = \"x\"", `hint: write [boxes.name] in single brackets`},
		{"[boxes.a]\nname = \"x\"", "hint: name stands at the top of a file"},
		{"[boxes.a]\nweight = true", `2:10: boxes.a.weight: true is not a whole number`},
		{"either = [5]", `1:11: either[0]: 5 is not a text`},
		{"token = 5", `1:9: token: 5 is not a secret`},
		{"token = { env = \"NONE\" }", `1:9: token: the environment variable NONE is not set`},
		{"[boxes.a]\nsecret = { file = \"/no/such\" }", `2:10: boxes.a.secret: the secret can't be read`},
	} {
		s := shelf{}
		text := c.text + "\n"
		if got := decode(t, text, &s); !strings.Contains(got, c.want) {
			t.Errorf("%q gave\n%swant %s", c.text, got, c.want)
		}
	}
}

func TestOneLookFindsEverything(t *testing.T) {
	var s shelf
	got := decode(t, "name = 5\ncount = \"x\"\ntimeout = 1\nnope = 1\n[inner]\nsize = 1\n", &s)
	for _, want := range []string{"1:8: name", "2:9: count", "3:11: timeout", "4:1: nope", "6:8: inner.size"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

func TestElementsBehindAWrongOneKeepTheirIndex(t *testing.T) {
	// A room's check counts elements; an element that was left out would shift all places behind.
	var s shelf
	decode(t, `tags = [5, "b"]
either = [5, "b"]
rows = [{ label = 5 }, { label = "b" }]`, &s)
	if len(s.Tags) != 2 || s.Tags[1] != "b" || len(s.Either) != 2 || s.Either[1].Name != "b" || s.Rows[1].Label != "b" {
		t.Errorf("tags %v, either %v, rows %v", s.Tags, s.Either, s.Rows)
	}
}

func TestASecretInTheFileIsNeverShown(t *testing.T) {
	for _, text := range []string{
		"token = \"hunter2\"\ntoken = \"hunter2\"",
		"token = \"***\"\nx = { token = \"hunter2\" }",
		"secret_token = \"hunter2\"",
		"on = 1 # and token = \"hunter2\"",
		"token = hunter2",
		"token = \"hunter2",
		"token = 'hunter2",
		"boxes = { a = { secret = \"hunter2\", nope = 1 } }",
		"[boxes.a]\nsecret = \"hunter2\" x",
	} {
		var s shelf
		got := decode(t, text, &s)
		if strings.Contains(got, "hunter2") || got == "" {
			t.Errorf("%q gave\n%s", text, got)
		}
	}
}

func TestFindingsHaveAJSONForm(t *testing.T) {
	var s shelf
	r := &Report{}
	root := Parse(NewFile("x.toml", []byte("timeout = 5"), 1), r)
	Decode(root, &s, Sources{}, r)
	r.Note(Finding{Text: "elsewhere", Warning: true})
	b, err := json.Marshal(r.Findings())
	want := `[{"file":"","line":0,"column":0,"key":"","text":"elsewhere","hint":"","severity":"warning"},` +
		`{"file":"x.toml","line":1,"column":11,"key":"timeout","text":"5 is not a duration","hint":"write a number and a unit, such as \"500ms\", \"5s\" or \"1h30m\", or \"off\"","severity":"error"}]`
	if err != nil || string(b) != want {
		t.Errorf("got\n%s (%v)\nwant\n%s", b, err, want)
	}
}

// byLibrary decodes what the fitter has passed by go-toml, from its canonical text.
func byLibrary(t *testing.T, text string) (s shelf) {
	t.Helper()
	r := &Report{}
	root := Parse(NewFile("x.toml", []byte(text), 1), r)
	root.Expand(r, func(string) (string, bool) { return "8080", true })
	f := &fitter{report: r, root: root, top: fieldsOf(reflect.TypeFor[shelf]()), shapes: shapes{}}
	canonical := Write(f.fit(root, reflect.TypeFor[shelf]()))
	if err := toml.NewDecoder(bytes.NewReader(canonical)).DisallowUnknownFields().Decode(&s); err != nil {
		t.Fatalf("%q became\n%s\nwhich go-toml refuses: %v", text, canonical, err)
	}
	return s
}

// FuzzDecode: no text makes the loader panic, what the fitter passes is assigned, and as go-toml does it.
func FuzzDecode(f *testing.F) {
	f.Add(wholeShelf)
	f.Add("name = \"${PORT}\"\ntags = []\nset = {}\n[boxes.x]\n[[rows]]")
	f.Add("either = { name = \"a\" }\nrows = []\nboxes = {}\n")
	f.Add("token = \"${TOKEN}\"\nmax = \"off\"\ncount = 9223372036854775808\nratio = 1e999\n")
	f.Add("count = 0x1F\nsmall = -0o7\nratio = 1_0\non = false\nboxes.a.weight = 3\nadd = { a = \"b\", c = [] }")
	f.Fuzz(func(t *testing.T, text string) {
		r := &Report{}
		root := Parse(NewFile("x.toml", []byte(text), 1), r)
		root.Expand(r, func(string) (string, bool) { return "8080", true })
		var s shelf
		Decode(root, &s, Sources{Lookup: func(string) (string, bool) { return "", false }, Read: os.ReadFile}, r)
		if got := all(r); strings.Contains(got, "can't be decoded") {
			t.Fatalf("%q: %s", text, got)
		}
		want := byLibrary(t, text)
		s.Token, want.Token = conf.Secret{}, conf.Secret{} // read from their sources by Decode alone
		if fmt.Sprintf("%#v", deep(s)) != fmt.Sprintf("%#v", deep(want)) {
			t.Fatalf("%q is\n%#v\nand by go-toml\n%#v", text, deep(s), deep(want))
		}
	})
}

// deep follows the pointers of a shelf, so that two can be compared by their text, NaN included.
func deep(s shelf) []any {
	out := []any{s.Name, s.Count, s.Small, s.On, s.Ratio, s.Timeout, s.Tags, s.Blocks, s.Set, s.Add, s.Inner, s.Either, s.Path}
	if s.Max != nil {
		out = append(out, "max", *s.Max)
	}
	if s.Maybe != nil {
		out = append(out, "maybe", *s.Maybe)
	}
	for _, k := range slices.Sorted(maps.Keys(s.Boxes)) {
		out = append(out, k, *s.Boxes[k])
	}
	out = append(out, s.Rows == nil)
	for _, row := range s.Rows {
		out = append(out, *row)
	}
	return out
}
